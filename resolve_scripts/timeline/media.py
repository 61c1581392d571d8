"""From a clip's media reference to the file, or the numbered pictures, on this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import opentimelineio as otio

from resolve_scripts.errors import ClipNotSupportedError, MissingMediaError
from resolve_scripts.timeline.mapping import MediaFrames
from resolve_scripts.timeline.numbered import numbered_pictures
from resolve_scripts.timeline.paths import PathMap, is_foreign
from resolve_scripts.timeline.rates import exact_rate, frames_at
from resolve_scripts.timeline.versions import original_reference

# Single pictures that can be edited, and others that only tell a still from a movie.
EDITABLE_STILLS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx"}
STILL_SUFFIXES = EDITABLE_STILLS | {".exr", ".tga", ".bmp", ".webp"}
STILL_RATE = 24.0


@dataclass(frozen=True, kw_only=True)
class Movie:
    """One movie file, absolute."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class ImageSequence:
    """Numbered pictures in one folder; media frame 0 is the picture numbered `start_number`.

    Attributes:
        folder: absolute.
        prefix: file name before the number.
        suffix: file name after it, with the dot.
        start_number: number of the first picture.
        padding: fewest digits of a number, filled with zeros.
        count: pictures there should be.
        frame_rate: pictures a second, as the timeline says.
        missing: numbers of the pictures that are not there, ascending.
        is_single: one picture without a number, called `prefix` and `suffix` together.
    """

    folder: Path
    prefix: str
    suffix: str
    start_number: int
    padding: int
    count: int
    frame_rate: Fraction
    missing: tuple[int, ...] = ()
    is_single: bool = False

    @property
    def pattern(self) -> Path:
        """A name for all pictures such as "shot.####.png"; for people, there is no such file."""
        number = "" if self.is_single else "#" * max(1, self.padding)
        return self.folder / f"{self.prefix}{number}{self.suffix}"

    def path_of(self, frame: int) -> Path:
        """The file of a media frame."""
        if self.is_single:
            return self.pattern
        number = self.start_number + frame
        digits = f"{abs(number):0{self.padding}d}"
        return self.folder / f"{self.prefix}{'-' if number < 0 else ''}{digits}{self.suffix}"


Media = Movie | ImageSequence


def find_media(
    clip: otio.schema.Clip, timeline_folder: Path, path_map: PathMap | None = None
) -> Media:
    """The pictures of a clip, there on this machine.

    A target may be a file URL or a plain path, percent-encoded or not, absolute or relative to the
    timeline's folder; the first reading that names an existing file counts, mapped folders first.

    Raises:
        MissingMediaError: nothing lies where the timeline says.
        ClipNotSupportedError: the clip's pictures are neither a movie, nor numbered pictures, nor a
            single one of a kind that can be edited.
    """
    reference = original_reference(clip)
    paths = path_map or PathMap()
    if isinstance(reference, otio.schema.ImageSequenceReference):
        return _sequence(reference, timeline_folder, paths)
    if isinstance(reference, otio.schema.MissingReference) or reference is None:
        raise MissingMediaError("the clip has no media (MissingReference); relink it")
    if not isinstance(reference, otio.schema.ExternalReference):
        raise ClipNotSupportedError(
            f"its media is of kind {type(reference).__name__}, which has no pictures to edit; "
            "render it to a movie file first",
            reason="MEDIA_KIND_NOT_SUPPORTED",
        )
    if not reference.target_url:
        raise MissingMediaError("the clip's media reference is empty; relink it")
    for path in places_of(reference.target_url, timeline_folder, paths):
        if path.is_file():
            is_picture = path.suffix.lower() in STILL_SUFFIXES
            return _still(path, clip) if is_picture else Movie(path=path.resolve())
    sequence = numbered_pictures(reference)
    if sequence is not None:
        return _sequence(sequence, timeline_folder, paths)
    raise _not_found(reference.target_url, timeline_folder)


def named_media(clip: otio.schema.Clip) -> str:
    """The clip's media in the timeline's own words, there or not; empty when it names none."""
    reference = original_reference(clip)
    if isinstance(reference, otio.schema.ImageSequenceReference):
        base = reference.target_url_base.rstrip("/\\")
        hashes = "#" * max(1, reference.frame_zero_padding)
        name = f"{reference.name_prefix}{hashes}{reference.name_suffix}"
        return f"{base}/{name}" if base else name
    return str(getattr(reference, "target_url", None) or "")


def is_still(clip: otio.schema.Clip) -> bool:
    """Whether the clip's media is one picture, by its name or its available range."""
    reference = original_reference(clip)
    if not isinstance(reference, otio.schema.ExternalReference | otio.schema.MissingReference):
        return False
    if isinstance(reference, otio.schema.ExternalReference) and numbered_pictures(reference):
        return False
    suffix = PurePosixPath(named_media(clip) or clip.name).suffix.lower()
    available = reference.available_range
    is_picture = suffix in STILL_SUFFIXES
    return is_picture or (available is not None and available.duration.value == 1)


def check_pictures(sequence: ImageSequence, frames: MediaFrames) -> None:
    """Refuses frames whose pictures are not all there.

    Raises:
        MissingMediaError: some are missing; the message lists their numbers.
    """
    first = sequence.start_number + frames.start_frame
    after = sequence.start_number + frames.end_frame_exclusive
    gone = [number for number in sequence.missing if first <= number < after]
    if gone:
        raise MissingMediaError(
            f"{len(gone)} of {after - first} pictures are missing from {sequence.folder}: "
            f"{sequence.prefix}{_listed(gone)}{sequence.suffix}; put them there, or trim the clip"
        )


def has_relative_media(timeline: otio.schema.Timeline) -> bool:
    """Whether some media is named relative to the timeline's folder."""
    targets = [named_media(clip) for clip in timeline.find_clips()]
    return any(
        target and "://" not in target and not Path(target).is_absolute() and not is_foreign(target)
        for target in targets
    )


def _sequence(
    reference: otio.schema.ImageSequenceReference, timeline_folder: Path, paths: PathMap
) -> ImageSequence:
    if reference.frame_step != 1:
        raise ClipNotSupportedError(
            f"its pictures are numbered in steps of {reference.frame_step}, which is not "
            "supported; number them one by one",
            reason="MEDIA_KIND_NOT_SUPPORTED",
        )
    for folder in places_of(reference.target_url_base, timeline_folder, paths):
        if folder.is_dir():
            there = _numbers(folder, reference)
            if there:
                return _described(reference, folder.resolve(), there)
    pattern = f"{reference.name_prefix}*{reference.name_suffix}"
    raise _not_found(f"{reference.target_url_base.rstrip('/')}/{pattern}", timeline_folder)


def _still(path: Path, clip: otio.schema.Clip) -> ImageSequence:
    """A single picture as media of one frame, which lasts as the timeline counts it."""
    if path.suffix.lower() not in EDITABLE_STILLS:
        kinds = ", ".join(sorted(EDITABLE_STILLS))
        raise ClipNotSupportedError(
            f"its media {path.name} is a single picture of a kind that cannot be edited (those "
            f"that can: {kinds}); save it as one of them, or render the clip to a movie first",
            reason="STILL_NOT_SUPPORTED",
        )
    counted = original_reference(clip).available_range or clip.source_range
    rate = counted.duration.rate if counted is not None else STILL_RATE
    return ImageSequence(
        folder=path.resolve().parent,
        prefix=path.resolve().stem,
        suffix=path.resolve().suffix,
        start_number=0,
        padding=0,
        count=1,
        frame_rate=exact_rate(rate),
        is_single=True,
    )


def _described(
    reference: otio.schema.ImageSequenceReference, folder: Path, there: set[int]
) -> ImageSequence:
    available = reference.available_range
    rate = exact_rate(reference.rate or (available.duration.rate if available else 24.0))
    first = reference.start_frame
    count = round(frames_at(available.duration, rate)) if available else max(there) - first + 1
    return ImageSequence(
        folder=folder,
        prefix=reference.name_prefix,
        suffix=reference.name_suffix,
        start_number=first,
        padding=reference.frame_zero_padding,
        count=count,
        frame_rate=rate,
        missing=tuple(number for number in range(first, first + count) if number not in there),
    )


def _numbers(folder: Path, reference: otio.schema.ImageSequenceReference) -> set[int]:
    """Numbers of the sequence's pictures that lie in `folder`."""
    prefix, suffix = re.escape(reference.name_prefix), re.escape(reference.name_suffix)
    digits = max(1, reference.frame_zero_padding)
    named = re.compile(rf"{prefix}(-?\d{{{digits},}}){suffix}")
    return {int(found[1]) for path in folder.iterdir() if (found := named.fullmatch(path.name))}


def places_of(target: str, timeline_folder: Path, paths: PathMap) -> list[Path]:
    """Where a target may lie on this machine, the most likely first."""
    found = readings(target)
    mapped = [paths.here(reading) for reading in found]
    return [timeline_folder / reading for reading in (*mapped, *found)]


def readings(target_url: str) -> list[str]:
    """What the target may mean, the most literal first."""
    if not target_url.lower().startswith("file:"):
        return [target_url, unquote(target_url)]
    parts = urlsplit(target_url)
    path, decoded = parts.path, unquote(parts.path)
    if decoded[2:3] == ":":  # file:///C:/clip.mov
        path, decoded = path.lstrip("/"), decoded.lstrip("/")
    if parts.netloc not in {"", "localhost"}:  # file://host/share/clip.mov
        path, decoded = f"//{parts.netloc}{path}", f"//{parts.netloc}{decoded}"
    # A URL cut at "#" or "?" was a path with that letter, written without encoding.
    literal = target_url[len("file://") :] if target_url.lower().startswith("file://") else path
    return [decoded, path, literal]


def _not_found(target: str, timeline_folder: Path) -> MissingMediaError:
    step = "relink the clip or put the file there"
    if any(is_foreign(reading) for reading in readings(target)):
        step = "tell where its folder lies on this machine with --map FROM=TO, or relink the clip"
    return MissingMediaError(f"media not found: {target} (looked from {timeline_folder}); {step}")


def _listed(numbers: list[int]) -> str:
    """Ascending numbers in short: "[12, 20-31, 40]"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return f"[{', '.join(str(a) if a == b else f'{a}-{b}' for a, b in runs)}]"
