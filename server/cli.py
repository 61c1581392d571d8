"""`python -m server`: flags and environment to `ServerConfig`, signals, exit codes.

Prints one line of JSON when it is ready: {"address", "process_id", "started", "state_folder"}.
Exit codes: 0 stopped as asked, 1 failed, 2 wrong flags or settings refused, 3 another server uses
the state folder.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import platformdirs
import structlog

from server.app import serve
from server.config import ServerConfig
from server.errors import StartError, StateFolderBusyError, ViaServerError
from server.named_models import NamedModels
from via_engine.config import EngineConfig, VisionLanguageSettings
from via_engine.errors import ViaEngineError
from via_engine.models.catalog import ModelCatalog, load_catalog
from via_engine.models.library.manifest import Role

# Not a flag: process lists show those.
VLM_KEY = "VIA_VLM_API_KEY"
DTYPES = ("auto", "float32", "bfloat16", "float16")
MODEL = "NAME|PATH"
FOUND = "by its name in via models, or its path (default: what via models holds, else a small one)"
EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_BUSY = 0, 1, 2, 3
ENVIRONMENT_NOTE = (
    "Every option can be set in the environment instead: VIA_STATE_FOLDER for --state-folder, and "
    f"so on; what may be repeated is separated by {os.pathsep!r} there. Flags win."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a server; gives the exit code."""
    try:
        config = read_config(sys.argv[1:] if arguments is None else arguments, os.environ)
        asyncio.run(run(config, load_catalog(config.engine)))
    except (ViaServerError, ViaEngineError) as error:
        print(f"via server: {error}", file=sys.stderr)
        if isinstance(error, StateFolderBusyError):
            return EXIT_BUSY
        return EXIT_USAGE if isinstance(error, StartError) else EXIT_FAILED
    return EXIT_OK


def read_config(arguments: Sequence[str], environment: Mapping[str, str]) -> ServerConfig:
    """The settings that flags give, else the environment, else the defaults.

    Raises:
        StartError: a value cannot be used.
        SystemExit: argparse has told what is wrong with the flags, or printed its help.
    """
    given = _parser(environment).parse_args(arguments)
    models = NamedModels.of(given.models_folder.absolute())
    host, port = _listen_address(given.listen)
    listening = ServerConfig(
        listen_host=host, listen_port=port, state_folder=given.state_folder.absolute()
    )
    return ServerConfig(
        listen_host=host,
        listen_port=port,
        state_folder=listening.state_folder,
        media_roots=_media_roots(given.media_root, is_loopback=listening.is_loopback),
        token=None if given.token_file is None else _read_token(given.token_file),
        tls=_tls(given),
        is_clear_text_allowed=given.clear_text,
        max_queued_jobs=given.max_queued_jobs,
        max_upload_bytes=given.max_upload_bytes,
        idle_exit_s=given.idle_exit,
        grace_period_s=given.grace_period,
        probe_timeout_s=given.probe_timeout,
        engine=EngineConfig(
            device=given.device,
            dtype=given.dtype,
            models_folder=given.models_folder.absolute(),
            model_folders=models.editors([_named_folder(text, "--model") for text in given.model]),
            grounder_folder=models.chosen(given.grounder, Role.GROUNDER),
            segmenter_path=models.chosen(given.segmenter, Role.SEGMENTER),
            tracker_folder=models.chosen(given.tracker, Role.TRACKER),
            critic_folder=models.chosen(given.critic, Role.CRITIC),
            vision_language=_vision_language(given, environment),
        ),
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="via serve", description="Via's server.", epilog=ENVIRONMENT_NOTE
    )
    plain = ServerConfig(state_folder=platformdirs.user_state_path("via"))

    def add(flag: str, default: object, **described: object) -> None:
        name = "VIA_" + flag.strip("-").replace("-", "_").upper()
        found: object = environment.get(name) or default
        if described.get("action") == "append" and isinstance(found, str):
            found = [part for part in found.split(os.pathsep) if part]
        parser.add_argument(flag, default=found, **described)  # type: ignore[arg-type]

    add("--listen", "127.0.0.1:0", metavar="HOST:PORT", help="port 0: any (%(default)s)")
    add("--state-folder", plain.state_folder, type=Path, metavar="DIR", help="jobs and uploads")
    add("--model", [], action="append", metavar="NAME=FOLDER", help="a diffusers pipeline folder")
    add(
        "--media-root",
        [],
        action="append",
        metavar="ID=PATH",
        help="accept media below PATH (home=your home folder, unless other machines can call)",
    )
    add("--token-file", None, type=Path, metavar="FILE", help="callers must know its content")
    add("--tls-cert", None, type=Path, metavar="FILE", help="speak TLS: the certificate, PEM")
    add("--tls-key", None, type=Path, metavar="FILE", help="its private key, PEM")
    parser.add_argument(
        "--clear-text", action="store_true", help="other machines may call without TLS"
    )
    vlm = VisionLanguageSettings(base_url="", model="")
    library = platformdirs.user_data_path("via") / "models"
    add("--models-folder", library, type=Path, metavar="DIR", help="what via models keeps")
    add("--grounder", None, metavar=MODEL, help=f"a Grounding DINO that finds phrases; {FOUND}")
    add("--segmenter", None, metavar=MODEL, help=f"a Segment Anything that cuts masks; {FOUND}")
    add("--tracker", None, metavar=MODEL, help=f"a SAM 2 that follows masks; {FOUND}")
    add("--critic", None, metavar=MODEL, help=f"a CLIP model that judges edits; {FOUND}")
    add("--vlm-base-url", None, metavar="URL", help="OpenAI-compatible address of a vision model")
    add(
        "--vlm-model",
        None,
        metavar="NAME",
        help=f"its name there; it plans edits and judges roots. Its key stands in {VLM_KEY}",
    )
    add("--vlm-timeout", vlm.timeout_s, type=_seconds, metavar="SECONDS", help="for one answer")
    add("--vlm-calls", vlm.max_calls, type=_at_least_one, metavar="N", help="for one edit")
    add("--device", "auto", help="torch device (%(default)s)")
    add("--dtype", "auto", choices=DTYPES, help="precision of the editor (%(default)s)")
    add("--max-queued-jobs", plain.max_queued_jobs, type=_at_least_one, metavar="N")
    add("--max-upload-bytes", plain.max_upload_bytes, type=_at_least_one, metavar="N")
    add("--idle-exit", None, type=_seconds, metavar="SECONDS", help="stop when unused for so long")
    add("--grace-period", plain.grace_period_s, type=_seconds, metavar="SECONDS")
    add(
        "--probe-timeout",
        plain.probe_timeout_s,
        type=_seconds,
        metavar="SECONDS",
        help="for a media file to show its frames; long ones on slow disks take more (%(default)s)",
    )
    return parser


async def run(config: ServerConfig, catalog: ModelCatalog) -> None:
    """Serves until SIGINT or SIGTERM; says on standard output when it is ready.

    Raises:
        StartError, StateFolderError: the server cannot start.
    """
    set_up_logging()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopping.set))

    def tell(content: dict[str, object]) -> None:
        print(json.dumps({**content, "state_folder": str(config.state_folder)}), flush=True)

    await serve(config, catalog, stopping=stopping, on_ready=tell)


def set_up_logging() -> None:
    """Sends the log to standard error, a line for each event."""
    # Standard output belongs to the one line of JSON. The standard library's handlers outlive a
    # terminal that was closed; a server must not end because nobody reads its log.
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    structlog.configure(
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # The default shows local variables, a token among them.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ],
    )


def _listen_address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 1 << 16):
        raise StartError(f"--listen {text}: give HOST:PORT, such as 127.0.0.1:7860 or [::1]:0")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _media_roots(named: Sequence[str], *, is_loopback: bool) -> tuple[tuple[str, Path], ...]:
    if not named and is_loopback:
        return (("home", Path.home()),)
    return tuple(_named_folder(text, "--media-root") for text in named)


def _named_folder(text: str, flag: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if not (name and folder):
        raise StartError(f"{flag} {text}: give NAME=FOLDER")
    return name, Path(folder).absolute()


def _vision_language(
    given: argparse.Namespace, environment: Mapping[str, str]
) -> VisionLanguageSettings | None:
    if not given.vlm_base_url and not given.vlm_model:
        return None
    if not (given.vlm_base_url and given.vlm_model):
        raise StartError("--vlm-base-url and --vlm-model go together; give both or none")
    return VisionLanguageSettings(
        base_url=given.vlm_base_url,
        model=given.vlm_model,
        api_key=environment.get(VLM_KEY, ""),
        timeout_s=float(given.vlm_timeout),
        max_calls=int(given.vlm_calls),
    )


def _tls(given: argparse.Namespace) -> tuple[bytes, bytes] | None:
    if given.tls_cert is None and given.tls_key is None:
        return None
    if given.tls_cert is None or given.tls_key is None:
        raise StartError("--tls-cert and --tls-key go together; give both or none")
    return _read("--tls-cert", given.tls_cert), _read("--tls-key", given.tls_key)


def _read(flag: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartError(f"{flag} {path} cannot be read: {error}") from error


def _read_token(path: Path) -> str:
    try:
        return _read("--token-file", path).decode().strip()
    except UnicodeDecodeError as error:
        raise StartError(f"--token-file {path} is no text: {error}") from error


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no length of time")
    return seconds
