"""All variants on all clips: what of the method does what."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from via_engine.errors import SubjectNotFoundError
from via_engine.measure.metrics.fidelity import Clip
from via_engine.measure.quality.clips import BenchClip
from via_engine.measure.quality.figures import Figure, Figures, Ruler, Spread
from via_engine.measure.quality.run import Edited, Editor, Studio
from via_engine.measure.quality.variants import Variant
from via_engine.model_card import ModelCard
from via_engine.models.critic import Critic

SOURCE, TRUTH = "source", "truth"


@dataclass(frozen=True, kw_only=True)
class ClipFigures:
    """One clip's figures by name of the variant; those of the truth itself as `TRUTH`.

    A variant that did not find the subject is missing.
    """

    name: str
    text: str
    is_vague: bool
    by_variant: Mapping[str, Figures]


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """The figures of all clips under all variants."""

    variants: tuple[Variant, ...]
    clips: tuple[ClipFigures, ...]

    def values(self, variant: str, figure: Figure, *, only_vague: bool = False) -> list[float]:
        """The figure of every clip to which it applies, in the order of the clips."""
        return [
            clip.by_variant[variant][figure]
            for clip in self.clips
            if figure in clip.by_variant.get(variant, {}) and (clip.is_vague or not only_vague)
        ]

    def pairs(
        self, first: str, second: str, figure: Figure, *, only_vague: bool = False
    ) -> list[tuple[float, float]]:
        """The figure under two variants, of every clip that has it under both."""
        return [
            (clip.by_variant[first][figure], clip.by_variant[second][figure])
            for clip in self.clips
            if all(figure in clip.by_variant.get(name, {}) for name in (first, second))
            and (clip.is_vague or not only_vague)
        ]

    def spread(self, variant: str, figure: Figure) -> Spread | None:
        """Median and quartiles over the clips; None when the figure applies to none."""
        return Spread.of(self.values(variant, figure))

    @property
    def row_titles(self) -> Iterator[tuple[str, str]]:
        """Name and title of every row of a table: the variants, and the truth where it is known."""
        yield from ((variant.name, variant.title) for variant in self.variants)
        if any(TRUTH in clip.by_variant for clip in self.clips):
            yield TRUTH, "truth"


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """What measures, and with what.

    Attributes:
        editor: makes the edits with `card`'s model.
        card: model and its sampling.
        critic: gives the CLIP figures.
        seed: of the noise.
        adapt_steps: most steps of adaptation; None is the model's own default.
        advance: told after every variant of every clip.
    """

    editor: Editor
    card: ModelCard
    critic: Critic
    seed: int
    adapt_steps: int | None
    advance: Callable[[], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Gallery:
    """What became of one clip: its instruction, and frames by name of the variant."""

    text: str = ""
    frames: Mapping[str, Clip] = field(default_factory=dict)


class Shelf(Protocol):
    """Where the figures of clips outlive the run: `KeptFigures`."""

    def find(self, number: int) -> ClipFigures | None:
        """The figures of a clip measured earlier; None when it was not."""

    def keep(self, number: int, figures: ClipFigures) -> None:
        """Keeps the figures of a clip."""


def ablate(
    bench: Bench,
    variants: Sequence[Variant],
    clips: Iterable[tuple[int, Callable[[], BenchClip]]],
    folder: Path,
    shelf: Shelf | None = None,
) -> tuple[Ablation, Gallery]:
    """Runs every variant on every clip, which come with their numbers and are drawn when called.

    What the shelf holds is neither drawn nor run again. The gallery holds what became of the first
    clip that was run.
    """
    figures: list[ClipFigures] = []
    gallery = Gallery()
    for number, draw in clips:
        known = None if shelf is None else shelf.find(number)
        if known is not None:
            figures.append(known)
            for _ in variants:
                bench.advance()
            continue
        clip = draw()
        work_folder = folder / f"clip_{number:03d}"
        work_folder.mkdir()
        edits = dict(_edits(bench, variants, clip, work_folder, bench.seed + number))
        shutil.rmtree(work_folder)
        figures.append(_figures(bench, clip, edits))
        if shelf is not None:
            shelf.keep(number, figures[-1])
        if not gallery.frames:
            gallery = _gallery(clip, edits)
    return Ablation(variants=tuple(variants), clips=tuple(figures)), gallery


def _gallery(clip: BenchClip, edits: Mapping[str, Edited]) -> Gallery:
    found = {SOURCE: clip.frames} | {name: one.frames for name, one in edits.items()}
    truth = {TRUTH: clip.truth.answers[0]} if clip.truth else {}
    return Gallery(text=clip.text, frames=found | truth)


def _edits(
    bench: Bench, variants: Sequence[Variant], clip: BenchClip, folder: Path, seed: int
) -> Iterator[tuple[str, Edited]]:
    studio = Studio.open(
        bench.editor, bench.card, clip, folder, seed=seed, adapt_steps=bench.adapt_steps
    )
    for variant in variants:
        try:
            yield variant.name, studio.run(variant)
        except SubjectNotFoundError:
            # Nothing is rendered then: the variant has no figures of this clip.
            continue
        finally:
            bench.advance()


def _figures(bench: Bench, clip: BenchClip, edits: Mapping[str, Edited]) -> ClipFigures:
    ruler = Ruler.of(clip, bench.critic)
    by_variant: dict[str, Figures] = {}
    for name, edited in edits.items():
        by_variant[name] = ruler.measure(edited.frames) | {
            Figure.SECONDS: edited.seconds_per_frame,
            Figure.PREPARATION: edited.preparation_seconds,
        }
    if clip.truth is not None:
        by_variant[TRUTH] = ruler.measure(clip.truth.answers[0])
    return ClipFigures(
        name=clip.name,
        text=clip.text,
        is_vague=clip.truth is not None and clip.truth.is_vague,
        by_variant=by_variant,
    )
