"""`via bench quality`: what each part of the method contributes, by figures."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from functools import partial
from io import StringIO
from itertools import islice
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from via_engine.config import EngineConfig
from via_engine.editor import VideoEditor
from via_engine.errors import RequestError
from via_engine.half_products import has_half_products
from via_engine.measure.quality.ablation import SOURCE, Ablation, Bench, Gallery, ablate
from via_engine.measure.quality.clips import (
    BenchClip,
    footage,
    footage_identity,
    footage_paths,
    held_out_clips,
)
from via_engine.measure.quality.conditioned import conditioned_rows
from via_engine.measure.quality.drift import LONG_FRAMES, drift_rows
from via_engine.measure.quality.kept_figures import KeptFigures
from via_engine.measure.quality.pair import PAIR_FRAMES, pair_rows
from via_engine.measure.quality.plot import write_plot
from via_engine.measure.quality.report import AblationReport
from via_engine.measure.quality.sheet import variant_sheet
from via_engine.measure.quality.side_by_side import run_side_by_side
from via_engine.measure.quality.variants import SELF_ONLY, VARIANTS
from via_engine.measure.quality.verdicts import verdicts
from via_engine.measure.rows import Row
from via_engine.model_card import ModelCard
from via_engine.models.catalog import load_catalog
from via_engine.models.critic import load_critic
from via_engine.models.editors import load_editor
from via_engine.models.mgie import load_conditioner
from via_engine.models.placement import resolve_device, resolve_dtype
from via_engine.picture.durable_file import sha256_of
from via_engine.starter.bundle import RECORD_NAME, starter_folder

VARIANT_NAMES = tuple(variant.name for variant in VARIANTS)
QUICK_CLIPS, QUICK_FRAMES = 4, 8
FULL_CLIPS, FULL_FRAMES = 30, 48
MOST_PROCESSES = 4
# Of the first ones, those that are vague recolours are edited under the conditioner as well.
CONDITIONED_CLIPS = 8


@dataclass(frozen=True, kw_only=True)
class QualityOptions:
    """What `via bench quality` is asked for.

    Attributes:
        full: clips and frames for a table to publish, instead of a quick look.
        scenes: another number of clips.
        frames: another number of frames of each clip, of the long clip, or of the pair.
        variants: names of those to run.
        adapt_steps: most steps of adaptation; None is the model's own default.
        dtype: of the editor, as in `EngineConfig`; "auto" is bfloat16 wherever that is fast.
        clips: folder of footage to edit instead of held-out scenes; it has no truth.
        instruction: what is asked of the footage.
        pair: a source and an edit of it to measure; nothing is edited.
        long: edit one clip of a minute instead and look for drift.
        part: which part of how many equal ones, from 1, is measured now.
        processes: that measure side by side, sharing the cores; None is up to four on a processor,
            where several clips at once keep the cores busier than one does, and one on a GPU.
        keep: folder that keeps every clip's figures; those it holds are not measured again.
        plot: where to write the figures as PNG.
        sheet: where to write frames of the first clip measured now as PNG; none is written when
            `keep` holds them all.
    """

    full: bool = False
    scenes: int | None = None
    frames: int | None = None
    variants: Sequence[str] = VARIANT_NAMES
    adapt_steps: int | None = None
    dtype: str = "auto"
    clips: Path | None = None
    instruction: str = ""
    pair: Sequence[Path] = ()
    long: bool = False
    part: tuple[int, int] = (1, 1)
    processes: int | None = None
    keep: Path | None = None
    plot: Path | None = None
    sheet: Path | None = None

    @property
    def clip_count(self) -> int:
        """How many held-out clips are edited."""
        return self.scenes or (FULL_CLIPS if self.full else QUICK_CLIPS)

    @property
    def frame_count(self) -> int:
        """How many frames of each clip are edited."""
        return self.frames or (FULL_FRAMES if self.full else QUICK_FRAMES)


def quality(seed: int, options: QualityOptions) -> list[Row] | AblationReport:
    """The method with parts left out and whole, against the true answer.

    Raises:
        RequestError: footage without an instruction, or the other way round; a long clip that
            leaves nothing to compare its first window with.
        ViaEngineError: clips or models cannot be read, or an edit fails.
    """
    if (options.clips is None) != (not options.instruction):
        raise RequestError("--clips and --instruction go together: footage, and what to make of it")
    critic = load_critic(starter_folder("critic"), device=torch.device("cpu"))
    if options.pair:
        source, edit = options.pair
        return pair_rows(source, edit, critic, frame_count=options.frames or PAIR_FRAMES)
    config = _config(options)
    card = load_catalog(config).cards[0]
    if not options.long and _process_count(options, config, card, seed) > 1:
        return _measured_together(seed, options, config, card)
    editor = VideoEditor(config)
    editor.load(card.name)
    with tempfile.TemporaryDirectory() as folder, _progress("edits") as (expect, advance):
        bench = Bench(
            editor=editor,
            card=card,
            critic=critic,
            seed=seed,
            adapt_steps=options.adapt_steps,
            advance=advance,
        )
        if options.long:
            return drift_rows(bench, Path(folder), frame_count=options.frames or LONG_FRAMES)
        clips = _clips(options, card, seed)
        variants = [variant for variant in VARIANTS if variant.name in options.variants]
        part, parts = options.part
        expect(len(_numbers(options)) * len(variants))
        numbered = islice(enumerate(clips), part - 1, None, parts)
        shelf = _shelf(options, options.keep, config, card, seed) if options.keep else None
        found, gallery = ablate(bench, variants, numbered, Path(folder), shelf)
    rows = verdicts(found)
    if options.clips is None and SELF_ONLY in variants and parts == 1:
        rows += _conditioned(options, config, card, seed)
    if options.plot is not None:
        write_plot(found, options.plot)
    if options.sheet is not None and gallery.frames:
        _write_sheet(found, gallery, options.sheet)
    return AblationReport(ablation=found, rows=rows)


def _process_count(
    options: QualityOptions, config: EngineConfig, card: ModelCard, seed: int
) -> int:
    """As many as asked for, else as pay; never more than there are clips to measure."""
    left = len(_numbers(options))
    if options.keep is not None:
        left -= _known(options, _shelf(options, options.keep, config, card, seed))
    if options.processes is not None:
        return min(left, options.processes)
    if options.part != (1, 1) or resolve_device(config.device).type != "cpu":
        return 1
    return min(left, torch.get_num_threads(), MOST_PROCESSES)


def _numbers(options: QualityOptions) -> range:
    """Numbers of the clips to measure."""
    part, parts = options.part
    clips = options.clip_count if options.clips is None else len(footage_paths(options.clips))
    return range(part - 1, clips, parts)


def _known(options: QualityOptions, shelf: KeptFigures) -> int:
    return sum(shelf.find(number) is not None for number in _numbers(options))


def _shelf(
    options: QualityOptions, folder: Path, config: EngineConfig, card: ModelCard, seed: int
) -> KeptFigures:
    asked, noted = _asked(options, card, seed), {"dtype": _dtype_name(config)}
    return KeptFigures(folder=folder, asked=asked, noted=noted)


def _measured_together(
    seed: int, options: QualityOptions, config: EngineConfig, card: ModelCard
) -> list[Row] | AblationReport:
    """Every process measures a part and keeps its figures; then they are read together."""
    processes = _process_count(options, config, card, seed)
    part, parts = options.part
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        shelf = _shelf(options, folder, config, card, seed)
        alone = replace(options, processes=1, keep=folder, plot=None)
        split = [
            replace(
                alone,
                part=(part + parts * number, parts * processes),
                sheet=options.sheet if number == 0 else None,
            )
            for number in range(processes)
        ]
        with _progress("clips") as (expect, advance):
            expect(len(_numbers(options)))
            shown = 0

            def watch() -> None:
                nonlocal shown
                for _ in range(_known(options, shelf) - shown):
                    advance()
                    shown += 1

            run_side_by_side([partial(_measure_part, seed, one) for one in split], watch)
        return quality(seed, replace(alone, plot=options.plot, sheet=None))


def _measure_part(seed: int, options: QualityOptions) -> None:
    with redirect_stderr(StringIO()):
        quality(seed, options)


def _config(options: QualityOptions) -> EngineConfig:
    """A server keeps to float32 on a processor; here that would double the hours."""
    config = EngineConfig(dtype=options.dtype)
    if options.dtype == "auto" and has_half_products(resolve_device(config.device)):
        return replace(config, dtype="bfloat16")
    return config


def _clips(
    options: QualityOptions, card: ModelCard, seed: int
) -> Iterator[Callable[[], BenchClip]]:
    """All clips, whatever part is measured, each made when it is called."""
    frames = options.frame_count
    if options.clips is None:
        return held_out_clips(options.clip_count, frame_count=frames, seed=seed)
    paths = footage_paths(options.clips)
    return (partial(footage, path, options.instruction, card, frames) for path in paths)


def _dtype_name(config: EngineConfig) -> str:
    dtype = resolve_dtype(config.dtype, resolve_device(config.device))
    return str(dtype).removeprefix("torch.")


def _asked(options: QualityOptions, card: ModelCard, seed: int) -> dict[str, str]:
    """What decides a clip's figures, beside its number and the code.

    How the model was trained does not, once its weights are there. Nor does the machine: whoever
    leaves the dtype to it takes the figures of any.
    """
    weights = hashlib.sha256()
    for path in sorted(card.folder.rglob("*")):
        if path.is_file() and path.name != RECORD_NAME:
            weights.update(f"{path.relative_to(card.folder)} {sha256_of(path)}".encode())
    return {
        "model": f"{card.name} {weights.hexdigest()}",
        "seed": str(seed),
        "frames": str(options.frame_count),
        "variants": " ".join(options.variants),
        "adapt_steps": str(options.adapt_steps),
        "dtype": options.dtype,
        "clips": "" if options.clips is None else footage_identity(options.clips),
        "instruction": options.instruction,
    }


def _conditioned(
    options: QualityOptions, config: EngineConfig, card: ModelCard, seed: int
) -> Iterator[Row]:
    """What the row "self-attention only" cannot tell with a text encoder."""
    device = resolve_device(config.device)
    dtype = resolve_dtype(config.dtype, device)
    count = min(options.clip_count, CONDITIONED_CLIPS)
    clips = held_out_clips(count, frame_count=options.frame_count, seed=seed)
    yield from conditioned_rows(
        load_editor(card, device=device, dtype=dtype),
        load_conditioner(starter_folder("conditioner"), device=device, dtype=dtype),
        (draw() for draw in clips),
        seed=seed,
    )


def _write_sheet(found: Ablation, gallery: Gallery, path: Path) -> None:
    titles = {SOURCE: "source"} | dict(found.row_titles)
    shown = gallery.frames
    rows = [(title, shown[name]) for name, title in titles.items() if name in shown]
    variant_sheet(gallery.text, rows).save(path)


@contextmanager
def _progress(what: str) -> Iterator[tuple[Callable[[int], None], Callable[[], None]]]:
    """A bar on stderr; yields what is told how many edits come, and what is told of each."""
    with Progress(console=Console(stderr=True)) as shown:
        task = shown.add_task(what, total=None)
        yield (
            lambda total: shown.update(task, total=total),
            lambda: shown.advance(task),
        )
