"""The calls of the workstation process: their names, their arguments, what they do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from resolve_scripts.in_resolve.describe import describe
from resolve_scripts.in_resolve.errors import BridgeError, MessageError
from resolve_scripts.in_resolve.export import ROUTES, export_clip, export_still
from resolve_scripts.in_resolve.host import Host
from resolve_scripts.in_resolve.list_clips import list_clips
from resolve_scripts.in_resolve.open_timeline import open_timeline
from resolve_scripts.in_resolve.place import WAYS, place_clip
from resolve_scripts.in_resolve.placement import Placement
from resolve_scripts.in_resolve.resolve_api import explained
from resolve_scripts.in_resolve.tags import Tags

FINDING_WAYS = ("auto", "selection", "marks", "playhead", "color", "markers")
REQUIRED = object()


def answer(resolve: Any, call: str, arguments: dict[str, Any], host: Host) -> dict[str, Any]:
    """Carries out one call.

    Raises:
        BridgeError: the call is unknown, an argument is wrong, or it could not be carried out.
    """
    carry_out = _CALLS.get(call)
    if carry_out is None:
        raise MessageError(
            f"the bridge knows no call {call!r}",
            next_step="install Via's menu entries again: `via resolve install`",
            reason="UNKNOWN_CALL",
        )
    try:
        return carry_out(resolve, arguments, host)
    except BridgeError as error:
        raise explained(error, resolve) from error
    except Exception as error:  # Resolve's proxies fail in ways of their own, all of them visible
        raise explained(_unforeseen(error), resolve) from error


def _unforeseen(error: Exception) -> BridgeError:
    return BridgeError(
        f"Resolve did not do what Via expected ({type(error).__name__}: {error})",
        next_step="close any dialog in Resolve and try again; if it stays so, report it",
    )


def _describe(resolve: Any, _arguments: dict[str, Any], _host: Host) -> dict[str, Any]:
    return describe(resolve)


def _list_clips(resolve: Any, arguments: dict[str, Any], _host: Host) -> dict[str, Any]:
    by = _choice(arguments, "by", FINDING_WAYS, "auto")
    color = _text(arguments, "color", "")
    return list_clips(resolve, by=by, color=color)


def _export_clip(resolve: Any, arguments: dict[str, Any], host: Host) -> dict[str, Any]:
    return export_clip(
        resolve,
        clip_id=_text(arguments, "id"),
        folder=Path(_text(arguments, "folder")),
        frame_range=_range(arguments, "frame_range"),
        anchor_frame=_anchor(arguments),
        handles_frames=_frames(arguments, "handles_frames", 0),
        route=_choice(arguments, "route", ROUTES, "auto"),
        host=host,
    )


def _export_still(resolve: Any, arguments: dict[str, Any], _host: Host) -> dict[str, Any]:
    folder = Path(_text(arguments, "folder"))
    return export_still(resolve, frame=_frames(arguments, "frame"), folder=folder)


def _place_clip(resolve: Any, arguments: dict[str, Any], _host: Host) -> dict[str, Any]:
    clip_id = _text(arguments, "id")
    tags = _value(arguments, "tags", dict, {})
    placement = Placement(
        clip_id=clip_id,
        path=_text(arguments, "path"),
        record_start_frame=_frames(arguments, "record_start_frame"),
        frame_count=_frames(arguments, "frame_count", least=1),
        file_start_frame=_frames(arguments, "file_start_frame", 0),
        way=_choice(arguments, "as", WAYS, "track"),
        is_source_colour=_choice(arguments, "route", ROUTES, "auto") == "media",
        tags=Tags(
            job=_text(tags, "job", ""),
            instruction=_text(tags, "instruction", ""),
            seed=_frames(tags, "seed", 0),
            version=_frames(tags, "version", 1),
            clip_id=clip_id,
        ),
        anchor_frame=_anchor(arguments),
    )
    return place_clip(resolve, placement)


def _focus(resolve: Any, arguments: dict[str, Any], _host: Host) -> dict[str, Any]:
    frame, opened = _frames(arguments, "frame"), open_timeline(resolve)
    if not opened.move_playhead(frame):
        resolve.OpenPage("edit")
        opened.move_playhead(frame)
    return {}


def _say(_resolve: Any, arguments: dict[str, Any], host: Host) -> dict[str, Any]:
    host.say(_text(arguments, "message"))
    return {}


_CALLS: dict[str, Callable[[Any, dict[str, Any], Host], dict[str, Any]]] = {
    "describe": _describe,
    "list_clips": _list_clips,
    "export_clip": _export_clip,
    "export_still": _export_still,
    "place_clip": _place_clip,
    "focus": _focus,
    "say": _say,
}


def _value(arguments: dict[str, Any], name: str, kind: type, default: Any = REQUIRED) -> Any:
    value = arguments.get(name)
    if value is None and default is not REQUIRED:
        return default
    if isinstance(value, bool) or not isinstance(value, kind):
        raise MessageError(
            f"{name} must be a {kind.__name__}, not {type(value).__name__}",
            next_step="this is a fault of Via: please report it",
            reason="ARGUMENT_INVALID",
        )
    return value


def _text(arguments: dict[str, Any], name: str, default: Any = REQUIRED) -> str:
    return str(_value(arguments, name, str, default))


def _frames(
    arguments: dict[str, Any], name: str, default: Any = REQUIRED, *, least: int = 0
) -> int:
    value = int(_value(arguments, name, int, default))
    if not least <= value < 2**53:
        raise _invalid(f"{name} is {value}, out of its range")
    return value


def _anchor(arguments: dict[str, Any]) -> int | None:
    """Where a clip's media begins, which may lie before the timeline's frame 0."""
    is_told = arguments.get("anchor_frame") is not None
    return _frames(arguments, "anchor_frame", least=1 - 2**53) if is_told else None


def _range(arguments: dict[str, Any], name: str) -> tuple[int, int] | None:
    value = _value(arguments, name, list, None)
    if value is None:
        return None
    whole = [one for one in value if isinstance(one, int) and not isinstance(one, bool)]
    if len(value) != 2 or len(whole) != 2 or whole[0] >= whole[1]:
        raise _invalid(f"{name} must be two integers, the first below the second")
    return whole[0], whole[1]


def _choice(arguments: dict[str, Any], name: str, choices: tuple[str, ...], default: str) -> str:
    value = _text(arguments, name, default)
    if value not in choices:
        raise _invalid(f"{name} is {value!r}, but must be one of {', '.join(choices)}")
    return value


def _invalid(message: str) -> MessageError:
    return MessageError(
        message,
        next_step="this is a fault of Via: please report it",
        reason="ARGUMENT_INVALID",
    )
