"""The messages between the bridge (with Resolve) and the workstation process (the panel).

One JSON object a line, UTF-8, over the workstation process's stdin and stdout; what it writes to
stderr is for people and goes to a log. The workstation asks, the bridge answers:

    -> {"id": 7, "call": "list_clips", "arguments": {"by": "auto"}}
    <- {"id": 7, "result": {...}}
    <- {"id": 7, "error": {"reason": "TRACK_LOCKED", "message": "...", "next_step": "..."}}

The bridge speaks first, `{"event": "hello", "protocol": 1, "via": "in Resolve"}`, and last,
`{"event": "closing", "why": "..."}`. While a long call works it sends
`{"event": "progress", "id": 7, "stage": "rendering", "percent": 40}`. Answers come in the order of
the questions. A line that is no message is answered with `"id": null`. When its stdin ends, the
workstation process ends; jobs on the server go on without it.

Frames are integers, absolute timeline frames unless said otherwise (01:00:00:00 at 24 fps is frame
86400); ranges are half-open; rates are texts such as "24000/1001". `null` stands for "none".

describe {}
    -> {product, edition: "free"|"studio", version: [21, 0, 4, 5, ""], version_string, page,
        project, timeline, and where a timeline is open: frame_rate, drop_frame, start_frame,
        end_frame_exclusive, start_timecode, playhead_frame, width, height;
        can: {selection, marks, takes, third_party_metadata, insert_track, stills, render}}
        `project` and `timeline` are names, null when none is open.

list_clips {by: "auto"|"selection"|"marks"|"playhead"|"color"|"markers", color?}
    -> {by, clips: [{id, name, track_index, track_name, start_frame, end_frame_exclusive,
        anchor_frame, frame_range, start_timecode, media_path, media_frame_range,
        media_frame_rate, route: "media"|"render", route_reason, refusal, instruction, takes,
        versions}]}
        `by` is the way that was used in the end. `frame_range` is the part to edit: the clip, or
        what of it lies between the marks. `anchor_frame` is where the clip's media would begin; it
        may be negative, and says later how far the clip was moved. `media_frame_range` counts from
        the file's first picture at the media's own rate and covers `frame_range`; null where one
        file does not show it, as with a changed speed. `instruction` is the text of a "VIA:"
        marker. `versions` are results that lie on the timeline already:
        [{job, instruction, seed, version, item_id, take_index, is_shown}].

export_clip {id, folder, frame_range?, anchor_frame?, handles_frames?,
             route?: "auto"|"media"|"render"}
    -> {route, path, file_start_frame, frame_count, first_frame, frame_rate}
        Pictures `file_start_frame` … `+ frame_count` of the file at `path` are the timeline frames
        from `first_frame` on (handles included, as far as there is media for them). With route
        "media" and a media rate unlike the timeline's, `frame_count` counts media pictures.
        With `anchor_frame`, `frame_range` is where the pictures lay when that was told; they are
        read where they lie now, and CLIP_CHANGED says that the clip no longer shows them.

export_still {frame, folder} -> {path}
    A PNG of what the viewer shows at a frame, for a thumbnail.

place_clip {id, path, record_start_frame, frame_count, anchor_frame?, file_start_frame?,
            route?, as: "track"|"new_track"|"take",
            tags: {job, instruction, seed, version}}
    -> {track_index, track_name, start_frame, end_frame_exclusive, item_id, take_index, note}
        `frame_count` is the length on the timeline. With `anchor_frame`, `record_start_frame` is
        the place when that was told: the result follows its clip to where it lies now. A clip that
        does not show these frames any more is refused with CLIP_CHANGED. "track" uses the track VIA
        above the clip, a further one where an earlier version lies or something else lies between,
        and a result of the same job that lies there already is told again; "take" adds to the
        earlier version's takes. `note` says what a person should know, such as what the result
        hides. `route` is the way the pictures left; after "media" the result gets the clip's
        input colour space.

focus {frame} -> {}            moves the playhead
say {message} -> {}            writes into Resolve's console
cancel {id} -> {}              stops a running export, or takes back a call that still waits; that
                               one is answered with CANCELLED
close {} -> {}                 the bridge ends

Started for `VIA - repeat last edit on selection`, the workstation process gets `--repeat` besides
`--bridge`: it reads `last_edit.json` in Via's state folder, edits what `list_clips` by "auto"
finds, places the results, tells of it with `say` and ends with `close`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from resolve_scripts.in_resolve.errors import BridgeError, MessageError

PROTOCOL = 1
MAX_LINE_BYTES = 64 << 20


@dataclass(frozen=True)
class Request:
    """One question of the workstation process."""

    id: int
    call: str
    arguments: dict[str, Any]


def read_request(line: bytes) -> Request:
    """A line as a request.

    Raises:
        MessageError: it is no JSON object with `id`, `call` and `arguments` of the right kinds.
    """
    try:
        message = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"it is no JSON in UTF-8 ({type(error).__name__})") from error
    if not isinstance(message, dict):
        raise _unreadable("it is no JSON object")
    request_id, call = message.get("id"), message.get("call")
    arguments = message.get("arguments", {})
    if isinstance(request_id, bool) or not isinstance(request_id, int):
        raise _unreadable('its "id" is no integer')
    if not isinstance(call, str) or not isinstance(arguments, dict):
        raise _unreadable('"call" must be a text and "arguments" an object')
    return Request(request_id, call, arguments)


def result_line(request_id: int, result: dict[str, Any]) -> bytes:
    """The answer to a request that was carried out."""
    return _line({"id": request_id, "result": result})


def error_line(request_id: int | None, error: BridgeError) -> bytes:
    """The answer to a request that failed; `request_id` is None for a line that was none."""
    return _line({"id": request_id, "error": error.to_json()})


def event_line(event: str, **facts: Any) -> bytes:
    """Something the bridge says on its own."""
    return _line({"event": event, **facts})


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode("ascii") + b"\n"


def _unreadable(why: str) -> MessageError:
    return MessageError(
        f"a message could not be read: {why}",
        next_step="this is a fault of Via: please report it",
    )
