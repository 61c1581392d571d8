"""The map of the house, enforced: who may import whom, and that importing does nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OWN = {"via", "via_engine", "server", "resolve_scripts"}

# Package -> own packages it may import beside itself.
OWN_IMPORTS = {
    "via_engine": set[str](),
    "server": {"via", "via_engine"},
    "resolve_scripts": {"via"},
}

# Outside system -> the one place that may import it.
DOORS = {
    "av": ("via_engine/picture/",),
    "huggingface_hub": ("via_engine/models/library/hub.py",),
    "httpx2": ("via_engine/models/library/hub.py",),
    "openai": ("via_engine/models/vision_language.py",),
    "peft": ("via_engine/method/adaptation.py",),
    "segment_anything": ("via_engine/masks/", "via_engine/starter/"),
    "groundingdino": ("via_engine/masks/", "via_engine/starter/"),
    "scenedetect": ("via_engine/picture/shots.py",),
    "sqlite3": ("server/store.py",),
    "opentimelineio": ("resolve_scripts/",),
    "starlette": ("resolve_scripts/panel/",),
    "uvicorn": ("resolve_scripts/panel/serve.py",),
    "jinja2": ("resolve_scripts/panel/pages.py",),
    "pydantic": ("resolve_scripts/panel/",),
    "torch": ("via_engine/",),
    "diffusers": (
        "via_engine/models/",
        "via_engine/method/",
        "via_engine/starter/",
        "via_engine/measure/",
    ),
    "transformers": ("via_engine/models/", "via_engine/masks/", "via_engine/starter/"),
}
GRPC_DOORS = ("server/", "resolve_scripts/client.py")

# Inside a package, later rooms may import earlier ones, never the other way round.
ENGINE_ORDER: list[set[str]] = [
    {"errors"},
    {"media_types", "model_card", "config"},
    {"edit_settings"},
    {"edit_request"},
    {"edit_events"},
    {"weights", "half_products"},
    {"schedule", "starter"},
    {"picture", "models", "masks"},
    {"method"},
    {"editor"},
    {"measure", "demo"},
]
STARTER_ORDER: list[set[str]] = [
    {"bundle", "world"},
    {"networks"},
    {"training"},
    {"evaluation", "train"},
]
SERVER_ORDER: list[set[str]] = [
    {"errors"},
    {"config", "edit_spec"},
    {"json_values", "jobs", "child", "checking", "convert_source", "named_models"},
    {"convert_settings", "shared_look", "store", "worker_process"},
    {"access", "state_folder", "paging", "planning"},
    {"ledger", "worker", "probing", "uploads", "results"},
    {"recording", "watching", "attachments", "inline_pictures", "viewing", "estimating"},
    {"dispatch"},
    {"intake"},
    {"convert_edit"},
    {"convert", "interceptor", "root_sheet"},
    {"service", "model_service"},
    {"app"},
    {"cli"},
    {"__main__"},
]
BATCH_ORDER: list[set[str]] = [
    {"request", "kept_renders", "relink"},
    {"found_clip"},
    {"asked", "clip_plan"},
    {"renders", "report_pictures"},
    {"planned_batch", "overall_progress"},
    {"rendering"},
    {"outcomes"},
    {"dry_run", "report_page"},
    {"report_files"},
]
TIMELINE_ORDER: list[set[str]] = [
    {"mapping", "paths", "rates", "retime", "versions"},
    {"numbered", "record"},
    {"media"},
    {"adapters", "clip_edit"},
    {"formats", "need", "selection"},
    {"sheet", "via_clip"},
    {"conform"},
    {"place", "select"},
]
IN_RESOLVE_ORDER: list[set[str]] = [
    {"errors", "coordinates", "movie_frames", "host", "workstation"},
    {"messages", "resolve_api", "connection"},
    {"left_as_found", "open_timeline"},
    {"clips", "deliver"},
    {"routes", "tags", "isolate"},
    {"via_tracks", "placement"},
    {"find", "result_media", "render"},
    {"list_clips", "append", "export", "describe"},
    {"place"},
    {"calls"},
    {"bridge"},
    {"launch"},
    {"menu"},
]


def sources(package: str) -> Iterator[Path]:
    return (path for path in sorted((ROOT / package).rglob("*.py")) if "_pb2" not in path.name)


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("package", sorted(OWN_IMPORTS))
def test_own_packages_point_one_way(package: str) -> None:
    allowed = OWN_IMPORTS[package] | {package}
    wrong = [
        f"{name(path)} imports {module}"
        for path in sources(package)
        for module in imported_modules(path)
        if module.split(".")[0] in OWN - allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("package", sorted(OWN_IMPORTS))
def test_each_outside_system_has_one_door(package: str) -> None:
    doors = DOORS | {"grpc": GRPC_DOORS, "grpc_status": GRPC_DOORS}
    wrong = [
        f"{name(path)} imports {module}"
        for path in sources(package)
        for module in imported_modules(path)
        if not name(path).startswith(doors.get(module.split(".")[0], ("",)))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("package", "order"),
    [
        ("via_engine", ENGINE_ORDER),
        ("via_engine/starter", STARTER_ORDER),
        ("server", SERVER_ORDER),
        ("resolve_scripts/batch", BATCH_ORDER),
        ("resolve_scripts/timeline", TIMELINE_ORDER),
        ("resolve_scripts/in_resolve", IN_RESOLVE_ORDER),
    ],
)
def test_arrows_never_go_back(package: str, order: list[set[str]]) -> None:
    level = {room: number for number, rooms in enumerate(order) for room in rooms}
    wrong = []
    for path in sources(package):
        own = path.relative_to(ROOT / package).parts[0].removesuffix(".py")
        for module in imported_modules(path):
            prefix = f"{package.replace('/', '.')}."
            if module.startswith(prefix):
                other = module.removeprefix(prefix).split(".")[0]
                if other != own and level[other] >= level[own]:
                    wrong.append(f"{name(path)} imports {module}")
    assert wrong == []


def test_the_part_inside_resolve_needs_only_the_standard_library() -> None:
    folder = ROOT / "resolve_scripts" / "in_resolve"
    allowed = set(sys.stdlib_module_names) | {"resolve_scripts"}
    wrong = [
        f"{name(path)} imports {module}"
        for path in sorted(folder.rglob("*.py"))
        for module in imported_modules(path)
        if module.split(".")[0] not in allowed
    ]
    assert wrong == []


def run_isolated(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", ["server.app", "resolve_scripts.client", "resolve_scripts.cli"])
def test_light_modules_load_no_torch(module: str, tmp_path: Path) -> None:
    code = f"import sys, {module}; print('torch' in sys.modules)"
    assert run_isolated(code, tmp_path).strip() == "False"


@pytest.mark.parametrize("package", sorted(OWN))
def test_importing_writes_no_file_and_opens_no_socket(package: str, tmp_path: Path) -> None:
    code = f"""
import importlib, pkgutil, sys
touched = []
def watch(event, args):
    opened_to_write = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if opened_to_write or event in ("os.mkdir", "socket.connect", "socket.bind"):
        touched.append((event, str(args)[:200]))
import {package}
names = [found.name for found in pkgutil.walk_packages({package}.__path__, "{package}.")]
names = [one for one in names if not one.endswith("__main__")]
# Third-party packages may keep caches; only what our own modules do at import counts.
for one in names:
    importlib.import_module(one)
for one in [key for key in sys.modules if key.split(".")[0] == "{package}"]:
    if "_pb2" not in one:
        del sys.modules[one]
sys.addaudithook(watch)
sys.dont_write_bytecode = True
for one in names:
    importlib.import_module(one)
print(touched)
"""
    assert run_isolated(code, tmp_path).strip() == "[]"
    assert list(tmp_path.iterdir()) == []


def test_stubs_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "proto" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_package_is_installed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent for package in OWN_IMPORTS for path in sources(package)}
    assert {name(folder).replace("/", ".") for folder in folders} <= set(listed)
