"""Does an edit drift over a minute? Its later two-second windows against its first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from via_engine.errors import RequestError
from via_engine.measure.metrics.colour_spread import Lab, majority_share, mean_colours
from via_engine.measure.metrics.fidelity import Clip
from via_engine.measure.quality.ablation import Bench
from via_engine.measure.quality.clips import (
    LEAST_SHARE,
    SEEDS_PER_RUN,
    Question,
    Truth,
    next_question,
    read_clip,
)
from via_engine.measure.quality.figures import (
    Figure,
    Figures,
    Ruler,
    colour_names,
    nearest_answer,
)
from via_engine.measure.quality.run import FRAME_RATE, plain_request, run_to_end
from via_engine.measure.quality.variants import FULL
from via_engine.measure.rows import Bar, Row
from via_engine.measure.scratch import write_clip
from via_engine.media_types import FrameRange
from via_engine.schedule import chunk_ranges

WINDOW_FRAMES = 48
LONG_FRAMES = 1440
_COMPARED = (Figure.INSIDE, Figure.OUTSIDE, Figure.WARP_RATIO, Figure.CONSISTENCY)


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """Two seconds of the edit.

    Attributes:
        figures: those of the ablation.
        colour_names: the palette colour of the object in every frame that shows it well.
        colour_offset: (3,) Lab, the object's mean colour less its mean colour in the right answer
            nearest to the first window; what it is does not matter, that it stays does.
    """

    figures: Figures
    colour_names: Sequence[str | None]
    colour_offset: Lab


def drift_rows(bench: Bench, folder: Path, *, frame_count: int = LONG_FRAMES) -> list[Row]:
    """Edits one long held-out clip, a vague recolour, with the whole method.

    The medians of the later windows' figures must be within 5 % of the first window's, and so must
    those of the last third, where a drift shows most.

    Raises:
        RequestError: there is no later window.
        ViaEngineError: the edit fails.
    """
    if frame_count <= WINDOW_FRAMES:
        raise RequestError(
            f"later windows of {WINDOW_FRAMES} frames are compared with the first one, and "
            f"{frame_count} frames hold one only; give --frames a larger number"
        )
    attempts = count(bench.seed * SEEDS_PER_RUN)
    question = next_question("vague_recolour", attempts, frame_count)
    whole = FrameRange(0, frame_count)
    source = write_clip(
        folder / "source.mov",
        question.frames(whole),
        frame_count=frame_count,
        frame_rate=FRAME_RATE,
    )
    request = plain_request(source, whole, question.text, bench.card, folder, seed=bench.seed)
    result = run_to_end(bench.editor, FULL.of(request, adapt_steps=bench.adapt_steps))
    bench.advance()
    return window_rows(list(_windows(bench, question, result.path, whole)))


def window_rows(windows: Sequence[Window]) -> list[Row]:
    """How far the later windows are from the first one."""
    first, *later = windows
    figures = [figure for figure in _COMPARED if figure in first.figures]
    last = later[-max(1, len(later) // 3) :]
    return [
        *(_steady_row(figure, "later windows", first, later) for figure in figures),
        *(_steady_row(figure, "the last third of them", first, last) for figure in figures),
        Row(
            name="frames of the majority colour, whole clip",
            value=100 * majority_share([name for one in windows for name in one.colour_names]),
            unit="%",
            bar=Bar(comparison=">=", limit=99),
            cases=sum(len(one.colour_names) for one in windows),
        ),
        Row(
            name="object's colour, furthest window from the first",
            value=max(
                float(np.linalg.norm(one.colour_offset - first.colour_offset)) for one in later
            ),
            unit="ΔE76",
            cases=len(later),
        ),
    ]


def _steady_row(figure: Figure, which: str, first: Window, later: Sequence[Window]) -> Row:
    values = [one.figures[figure] for one in later if figure in one.figures]
    change = float(np.median(values)) / first.figures[figure] - 1
    return Row(
        name=f"{figure.title}: {which} against the first two seconds",
        value=100 * abs(change),
        unit="% apart",
        bar=Bar(comparison="<=", limit=5),
        cases=len(values),
    )


def _windows(bench: Bench, question: Question, path: Path, whole: FrameRange) -> Iterator[Window]:
    """Window after window, so that a minute never lies in memory at once."""
    answer: int | None = None
    for part in chunk_ranges(whole, WINDOW_FRAMES):
        clip, truth = question.drawn(part)
        edited = read_clip(path, part)
        if answer is None:
            answer, _ = nearest_answer(truth, edited)
        right = truth.answers[answer]
        yield Window(
            figures=Ruler.of(clip, bench.critic).measure(edited),
            colour_names=colour_names(truth, clip.frames, edited),
            colour_offset=_mean_colour(edited, truth) - _mean_colour(right, truth),
        )


def _mean_colour(frames: Clip, truth: Truth) -> Lab:
    colours = mean_colours(frames, truth.subject, least_share=LEAST_SHARE)
    return np.asarray(colours.mean(axis=0))
