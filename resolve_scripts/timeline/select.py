"""Which clips of a timeline ask for an edit, and which of them cannot have one yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import opentimelineio as otio

from resolve_scripts.errors import ClipNotSupportedError, UsageError, ViaClientError

MARKER_PREFIX = re.compile(r"\s*via:", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ClipEdit:
    """A clip of the timeline and what to change in it.

    Attributes:
        clip: the clip, still in its timeline.
        track_index: position of its track in the stack, from 0 at the bottom.
        instruction: what to change, in plain words.
    """

    clip: otio.schema.Clip
    track_index: int
    instruction: str

    @property
    def name(self) -> str:
        """The clip's name, with its record time for clips that share it."""
        return described(self.clip)


@dataclass(frozen=True, kw_only=True)
class ClipRefusal:
    """Something in the timeline that asks for an edit and cannot have it, by name."""

    name: str
    error: ViaClientError


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What asks for an edit, in timeline order, bottom track first."""

    edits: tuple[ClipEdit, ...]
    refusals: tuple[ClipRefusal, ...]


def clips_to_edit(
    timeline: otio.schema.Timeline, *, instruction: str | None = None, track: str | None = None
) -> Selection:
    """Finds the clips to edit.

    Without `instruction` these are the clips with a marker whose name, comment or Resolve note
    starts with "VIA:"; the rest of its text is the instruction. With it they are all clips of
    `track`, and markers are not read.

    Args:
        timeline: any timeline; it is only read.
        instruction: the edit of all clips of the track.
        track: name or number of a video track, from 1 at the bottom; without it, markers count
            on every video track, and `instruction` needs the timeline to have just one.

    Raises:
        UsageError: there is no such track, or the name is not unique, or none is named where
            there are several.
    """
    chosen = _chosen_tracks(timeline, instruction=instruction, track=track)
    edits: list[ClipEdit] = []
    refusals: list[ClipRefusal] = [] if instruction else list(_misplaced_markers(timeline))
    for index in chosen:
        for item in _items(timeline.tracks[index]):
            try:
                wanted = instruction or _marked_instruction(item)
                if wanted:
                    _check_editable(item)
                    edits.append(ClipEdit(clip=item, track_index=index, instruction=wanted))
            except ClipNotSupportedError as error:
                refusals.append(ClipRefusal(name=described(item), error=error))
    return Selection(edits=tuple(edits), refusals=tuple(refusals))


def described(item: otio.core.Item) -> str:
    """Name of an item with its record start on its track, such as "shot_010 at 00:00:03:00"."""
    name = item.name or type(item).__name__.lower()
    parent = item.parent()
    if not isinstance(parent, otio.schema.Track):
        return str(name)
    return f"{name} at {_time_text(parent.range_of_child(item).start_time)}"


def _time_text(time: otio.opentime.RationalTime) -> str:
    try:
        return str(otio.opentime.to_timecode(time))
    except ValueError:  # a rate without timecode, such as 12.5
        return f"{time.to_seconds():.3f} s"


def _chosen_tracks(
    timeline: otio.schema.Timeline, *, instruction: str | None, track: str | None
) -> list[int]:
    video = [
        index
        for index, one in enumerate(timeline.tracks)
        if isinstance(one, otio.schema.Track) and one.kind == otio.schema.TrackKind.Video
    ]
    names = [timeline.tracks[index].name for index in video]
    listed = ", ".join(f"{number} {name!r}" for number, name in enumerate(names, 1)) or "none"
    if track is None:
        if instruction and len(video) > 1:
            raise UsageError(
                f"--instruction needs --track: the timeline has several video tracks ({listed})"
            )
        return video
    named = [index for index, name in zip(video, names, strict=True) if name == track]
    if len(named) > 1:
        raise UsageError(f"several video tracks are named {track!r}; give a number ({listed})")
    if not named and track.isdecimal() and 1 <= int(track) <= len(video):
        named = [video[int(track) - 1]]
    if not named:
        raise UsageError(f"the timeline has no video track {track!r}; it has {listed}")
    return named


def _items(track: otio.schema.Track) -> Iterator[otio.core.Item]:
    """Clips and nested compositions of a track; gaps and transitions hold no pictures."""
    for child in track:
        if isinstance(child, otio.schema.Clip | otio.core.Composition):
            yield child


def _marked_instruction(item: otio.core.Item) -> str | None:
    """Instruction of the item's VIA markers; None when it, and what is nested in it, has none."""
    texts = {text for marker in item.markers if (text := _via_text(marker)) is not None}
    if isinstance(item, otio.core.Composition):
        nested = item.find_children(descended_from_type=otio.core.Item)
        texts |= {text for one in nested for m in one.markers if (text := _via_text(m)) is not None}
    if len(texts) > 1:
        listed = ", ".join(repr(text) for text in sorted(texts))
        raise ClipNotSupportedError(
            f"it carries several VIA: markers ({listed}), and one clip takes one instruction; "
            "cut the clip or remove all but one",
            reason="SEVERAL_INSTRUCTIONS",
        )
    if "" in texts:
        raise ClipNotSupportedError(
            "its marker says VIA: and nothing after it; write the instruction there",
            reason="INSTRUCTION_INVALID",
        )
    return next(iter(texts), None)


def _via_text(marker: otio.schema.Marker) -> str | None:
    """Text after "VIA:", lines joined; None when the marker is somebody else's."""
    # A marker's note box in Resolve is exported as metadata, not as the comment.
    note = marker.metadata.get("Resolve_OTIO", {}).get("Note", "")
    for text in (marker.name, marker.comment, note):
        found = MARKER_PREFIX.match(str(text or ""))
        if found:
            return " ".join(str(text)[found.end() :].split())
    return None


def _misplaced_markers(timeline: otio.schema.Timeline) -> Iterator[ClipRefusal]:
    """VIA markers on the timeline, on a video track or on a gap, where no clip is meant."""
    tracks = [one for one in timeline.tracks if isinstance(one, otio.schema.Track)]
    video = [one for one in tracks if one.kind == otio.schema.TrackKind.Video]
    gaps = [child for one in video for child in one if isinstance(child, otio.schema.Gap)]
    for owner in (timeline.tracks, *video, *gaps):
        if any(_via_text(marker) is not None for marker in owner.markers):
            kind = type(owner).__name__.lower()
            error = ClipNotSupportedError(
                f"the VIA: marker sits on a {kind}, not on a clip; put it on the clip to edit",
                reason="MARKER_NOT_ON_CLIP",
            )
            yield ClipRefusal(name=owner.name or kind, error=error)


def _check_editable(item: otio.core.Item) -> None:
    """Refuses what can be named but not yet be edited or placed exactly."""
    if isinstance(item, otio.core.Composition):
        raise ClipNotSupportedError(
            f"a nested {type(item).__name__.lower()} is not supported yet; "
            "open it as a timeline of its own, or decompose it in place",
            reason="NESTED_NOT_SUPPORTED",
        )
    for owner in (item, item.parent(), item.parent().parent()):
        for effect in owner.effects:
            if isinstance(effect, otio.schema.TimeEffect) and not _is_real_time(effect):
                raise ClipNotSupportedError(
                    f"it is retimed ({_effect_text(effect)}), which is not supported yet; "
                    "render the retime first, or edit the clip at normal speed",
                    reason="RETIME_NOT_SUPPORTED",
                )
    parent = item.parent()
    if parent.trimmed_range_of_child(item) != parent.range_of_child(item):
        raise ClipNotSupportedError(
            "its track trims it, which is not supported yet; trim the clip itself",
            reason="TRIMMED_BY_TRACK",
        )


def _is_real_time(effect: otio.schema.TimeEffect) -> bool:
    """Whether a time effect leaves the speed as it is."""
    warp = isinstance(effect, otio.schema.LinearTimeWarp)
    return warp and not isinstance(effect, otio.schema.FreezeFrame) and effect.time_scalar == 1.0


def _effect_text(effect: otio.schema.TimeEffect) -> str:
    if isinstance(effect, otio.schema.LinearTimeWarp):
        return f"{type(effect).__name__}, speed {effect.time_scalar:g}"
    return type(effect).__name__
