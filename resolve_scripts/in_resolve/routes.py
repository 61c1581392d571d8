"""Which way a clip's pictures leave Resolve: its media file as it is, or rendered."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from resolve_scripts.in_resolve.clips import Clip, Media
from resolve_scripts.in_resolve.errors import ClipRefusedError
from resolve_scripts.in_resolve.resolve_api import can

# The picture properties and the values that leave the picture as it is.
PLAIN_PROPERTIES = {
    "Pan": (0.0,),
    "Tilt": (0.0,),
    "ZoomX": (1.0,),
    "ZoomY": (1.0,),
    "RotationAngle": (0.0,),
    "Pitch": (0.0,),
    "Yaw": (0.0,),
    "FlipX": (0.0,),
    "FlipY": (0.0,),
    "CropLeft": (0.0,),
    "CropRight": (0.0,),
    "CropTop": (0.0,),
    "CropBottom": (0.0,),
    "Opacity": (100.0,),
    "Distortion": (0.0,),
}
ZOOMS = ("ZoomX", "ZoomY")
# Mirrored or enlarged, a picture still fills the frame.
STILL_FULL = (*ZOOMS, "FlipX", "FlipY")
BLENDING = "CompositeMode"
# Only Resolve develops these.
RAW_SUFFIXES = (".braw", ".r3d", ".ari", ".arx", ".crm", ".rmf", ".dng", ".nev", ".x3f")
# Less than a frame from end to end is no other speed; what Resolve rounds stays below it.
SPEED_SLACK_FRAMES = 0.9
# At unlike rates Resolve rounds to whole pictures, and may leave out the last one.
UNLIKE_RATES_SLACK_PICTURES = 1.1


@dataclass(frozen=True)
class Route:
    """The way out, "media" or "render", and why in the editor's words."""

    way: str
    why: str


def check_editable(clip: Clip, media: Media) -> None:
    """Refuses what has no pictures to edit.

    Raises:
        ClipRefusedError: it is a title or generator, or its media is offline.
    """
    if clip.pool_item is None:
        raise ClipRefusedError(
            f"{clip.name or 'this'} is a title, generator or adjustment clip and has no media",
            next_step="choose a clip with footage, or make a compound clip of it first",
            reason="CLIP_IS_TITLE",
        )
    if media.kind.lower() == "audio":
        raise ClipRefusedError(
            f"{clip.name} has no picture",
            next_step="choose a clip with footage",
            reason="CLIP_HAS_NO_PICTURE",
        )
    if media.is_offline:
        raise ClipRefusedError(
            f"the media of {clip.name} is offline: there is no file at {media.path}",
            next_step="relink the clip in the media pool, then try again",
            reason="MEDIA_OFFLINE",
        )


def route_of(clip: Clip, media: Media, timeline_rate: Fraction) -> Route:
    """The way that gives the editor what the viewer shows at this clip."""
    why = (
        _unreadable_file(media)
        or _other_rate(media, timeline_rate)
        or _changed(clip, media, timeline_rate)
    )
    return Route("render", why) if why else Route("media", "it shows its media file as it is")


def _unreadable_file(media: Media) -> str | None:
    """Why the media cannot be read as one movie file."""
    if media.path is None or media.is_compound:
        return "it is a compound clip, made of others"
    if media.is_sequence or media.kind.lower() == "still":
        return "its media is not one movie file"
    if media.path.lower().endswith(RAW_SUFFIXES):
        return "its media is camera raw"
    return None


def _other_rate(media: Media, timeline_rate: Fraction) -> str | None:
    if media.frame_rate is None:
        return "Resolve does not say the rate of its media"
    if media.frame_rate == timeline_rate:
        return None
    rates = f"{float(media.frame_rate):.6g} and {float(timeline_rate):.6g} fps"
    return f"its media and the timeline run at different rates ({rates})"


def _changed(clip: Clip, media: Media, timeline_rate: Fraction) -> str | None:
    """Why the viewer shows something else than the file."""
    if is_retimed(clip, media, timeline_rate):
        return "its speed is changed"
    if _is_transformed(clip.item):
        return "it is moved, scaled, cropped or flipped"
    if clip.item.GetFusionCompCount():
        return "it has a Fusion composition"
    if not can(clip.item, "GetNodeGraph"):
        return "this version of Resolve does not tell whether it is graded"
    return "it is graded" if _is_graded(clip.item) else None


def is_retimed(clip: Clip, media: Media, timeline_rate: Fraction) -> bool:
    """Whether it shows its media faster, slower or backwards."""
    if can(clip.item, "GetSpeed"):
        speed = clip.item.GetSpeed()
        if isinstance(speed, (int, float)) and not isinstance(speed, bool):
            return float(speed) not in (1.0, 100.0)
    if media.frame_rate is None:
        return False
    slack = _speed_slack(media.frame_rate, timeline_rate)
    if can(clip.item, "GetSourceStartTime"):
        start, end = clip.item.GetSourceStartTime(), clip.item.GetSourceEndTime()
        if start is not None and end is not None:
            shown = (float(end) - float(start)) * float(timeline_rate)
            return abs(shown - clip.frame_count) > slack
    if media.frame_count is None:
        return False
    known = clip.left_offset + clip.frame_count + clip.right_offset
    return abs(known - media.frame_count * timeline_rate / media.frame_rate) > slack


def _speed_slack(media_rate: Fraction, timeline_rate: Fraction) -> float:
    """Timeline frames that a clip at its own speed may seem too long or too short."""
    if media_rate == timeline_rate:
        return SPEED_SLACK_FRAMES
    return UNLIKE_RATES_SLACK_PICTURES * max(1.0, float(timeline_rate / media_rate))


def lets_through(item: Any) -> bool:
    """Whether the tracks below may be seen beside a clip or through it."""
    properties = item.GetProperty()
    if not isinstance(properties, dict):
        return False
    told = {name: _number(properties.get(name)) for name in (*PLAIN_PROPERTIES, BLENDING)}
    is_small = any((told[name] or 1.0) < 1 for name in ZOOMS)
    changed = (name for name, plain in PLAIN_PROPERTIES.items() if told[name] not in (None, *plain))
    return is_small or bool(told[BLENDING]) or any(name not in STILL_FULL for name in changed)


def _is_transformed(item: Any) -> bool:
    properties = item.GetProperty()
    if not isinstance(properties, dict):
        return False
    return any(
        name in properties and _number(properties[name]) not in plain
        for name, plain in PLAIN_PROPERTIES.items()
    )


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _is_graded(item: Any) -> bool:
    """Whether a node does something."""
    graph = item.GetNodeGraph()
    if graph is None:
        return False
    if (graph.GetNumNodes() or 1) > 1:
        return True
    return bool(graph.GetLUT(1)) or bool(graph.GetToolsInNode(1))
