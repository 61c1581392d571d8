"""Places in a clip as people type them: boxes, points and roots with an optional frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from resolve_scripts.edit_settings import Box, Clicks, RootChoice, RootImage
from resolve_scripts.errors import UsageError

MAX_FRAME_DIGITS = 9
UINT32_MAX = 2**32 - 1


def own_mask(
    path: Path | None, box: str | None, points: Sequence[str], not_points: Sequence[str]
) -> Path | Box | Clicks | None:
    """The mask that --mask, --box, --point and --not-point describe.

    Raises:
        UsageError: more than one kind of mask is given, or one cannot be read.
    """
    given = [path is not None, box is not None, bool(points or not_points)]
    if sum(given) > 1:
        raise UsageError("give one kind of mask: --mask, or --box, or --point")
    if path is not None:
        return path.absolute()
    if box is not None:
        return box_of(box)
    return clicks_of(points, not_points) if any(given) else None


def box_of(text: str) -> Box:
    """ "X0,Y0,X1,Y1[@FRAME]" as a box.

    Raises:
        UsageError: it is not four numbers with X0 below X1 and Y0 below Y1.
    """
    numbers, frame = _numbers(text, 4, "--box", "X0,Y0,X1,Y1")
    left, top, right, bottom = numbers
    if not (left < right and top < bottom):
        raise UsageError(f"--box {text} is empty; give its left, top, right and bottom edge")
    return Box(frame=frame, box_xyxy=(left, top, right, bottom))


def clicks_of(points: Sequence[str], not_points: Sequence[str]) -> Clicks:
    """ "X,Y[@FRAME]" each, as clicks on and off the subject.

    Raises:
        UsageError: none is on the subject, they are in several frames, or one cannot be read.
    """
    if not points:
        raise UsageError("--not-point alone shows nothing to edit; add a --point on the subject")
    on = [_numbers(text, 2, "--point", "X,Y") for text in points]
    off = [_numbers(text, 2, "--not-point", "X,Y") for text in not_points]
    frames = {frame for _, frame in [*on, *off] if frame is not None}
    if len(frames) > 1:
        told = ", ".join(str(frame) for frame in sorted(frames))
        raise UsageError(f"the points lie in frames {told}; give all of them in one frame")
    return Clicks(
        frame=frames.pop() if frames else None,
        on_subject=tuple((x, y) for (x, y), _ in on),
        off_subject=tuple((x, y) for (x, y), _ in off),
    )


def root_image(text: str) -> RootImage:
    """ "IMAGE[@FRAME]" as a root image; an @ in the name of an existing file is part of it.

    Raises:
        UsageError: what follows the @ is no frame.
    """
    if Path(text).is_file():
        return RootImage(frame=None, path=Path(text).absolute())
    name, _, frame = text.rpartition("@")
    if not name:
        return RootImage(frame=None, path=Path(text).absolute())
    return RootImage(frame=_frame(frame, f"--root {text}"), path=Path(name).absolute())


def root_choice(text: str) -> RootChoice:
    """ "FRAME:SEED:G:IG" as a chosen root.

    Raises:
        UsageError: it is not two whole numbers and two weights.
    """
    frame, *rest = text.split(":")
    try:
        seed, scale, image_scale = rest
        choice = RootChoice(
            frame=_frame(frame, f"--root-choice {text}"),
            seed=int(seed),
            guidance_scale=float(scale),
            image_guidance_scale=float(image_scale),
        )
    except ValueError as error:
        raise UsageError(
            f"--root-choice {text} is none; give FRAME:SEED:G:IG as --pick shows it"
        ) from error
    if not 0 <= choice.seed <= UINT32_MAX:
        raise UsageError(f"--root-choice {text}: the seed lies between 0 and {UINT32_MAX}")
    return choice


def _numbers(text: str, count: int, option: str, form: str) -> tuple[list[float], int | None]:
    coordinates, at, frame = text.partition("@")
    try:
        numbers = [float(each) for each in coordinates.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(math.isfinite(each) for each in numbers):
        raise UsageError(f"{option} {text!r} cannot be read; give {form} in pixels, and @FRAME")
    return numbers, _frame(frame, f"{option} {text}") if at else None


def _frame(text: str, where: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_FRAME_DIGITS):
        raise UsageError(f"{where}: {text!r} is no media frame; give a whole number from 0")
    return int(text)
