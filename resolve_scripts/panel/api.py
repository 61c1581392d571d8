"""What the page asks for, as JSON: one function a question, and the table of their addresses."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from resolve_scripts.errors import UsageError, ViaClientError
from resolve_scripts.outputs import file_stem
from resolve_scripts.panel.answering import Values, Work, answering, number, refused, text
from resolve_scripts.panel.clip_list import suggestions
from resolve_scripts.panel.clips import Clip
from resolve_scripts.panel.draft import draft_values, read_draft
from resolve_scripts.panel.edit_book import Material, PanelEdit, Way
from resolve_scripts.panel.last_edit import last_edit
from resolve_scripts.panel.looking import clip_material
from resolve_scripts.panel.panel import Panel
from resolve_scripts.panel.telling import clip_values

WAYS = ("track", "new_track", "take")
MAX_MATTE_BYTES = 8 << 30
MAX_SIDE_PX = 2048
THUMB_SIDE_PX = 240
JPEG, PNG = "image/jpeg", "image/png"


def routes(panel: Panel) -> list[Route]:
    """The addresses of the page's questions."""
    table: list[tuple[str, str, Work]] = [
        ("GET", "/api/state", _state),
        ("GET", "/api/paths", _paths),
        ("POST", "/api/server/start", _start_server),
        ("POST", "/api/clips/find", _find_clips),
        ("POST", "/api/clips/open", _open_file),
        ("GET", "/api/clips/{clip_id}/media", _clip_media),
        ("GET", "/api/clips/{clip_id}/frame", _clip_frame),
        ("GET", "/api/clips/{clip_id}/thumb", _thumb),
        ("POST", "/api/clips/{clip_id}/render", _render),
        ("POST", "/api/clips/{clip_id}/preview", _preview),
        ("POST", "/api/clips/{clip_id}/roots", _roots),
        ("GET", "/api/pictures/{number:int}", _picture),
        ("POST", "/api/edits", _begin),
        ("GET", "/api/edits/{edit_id}/frame", _edit_frame),
        ("POST", "/api/edits/{edit_id}/redo", _redo),
        ("POST", "/api/edits/{edit_id}/cancel", _cancel),
        ("POST", "/api/edits/{edit_id}/retry", _retry),
        ("POST", "/api/edits/{edit_id}/place", _place),
        ("POST", "/api/edits/{edit_id}/fetch", _fetch),
        ("POST", "/api/edits/{edit_id}/focus", _focus),
        ("POST", "/api/edits/{edit_id}/forget", _forget),
    ]
    answered = [Route(path, answering(panel, work), methods=[way]) for way, path, work in table]
    return [*answered, Route("/api/mattes/{name}", _matte_taker(panel), methods=["PUT"])]


def _state(panel: Panel, _request: Request, _values: Values) -> Any:
    remembered = last_edit(panel.state_folder)
    return panel.snapshot() | {
        "clips": _clips(panel),
        "last_edit": None if remembered is None else draft_values(remembered),
    }


def _paths(_panel: Panel, request: Request, _values: Values) -> Any:
    return {"paths": suggestions(request.query_params.get("typed", ""))}


def _start_server(panel: Panel, _request: Request, _values: Values) -> Any:
    panel.start_server()
    return panel.snapshot()


def _find_clips(panel: Panel, _request: Request, values: Values) -> Any:
    # The grade may have changed since, and results may have been taken off.
    panel.materials.forget_rendered()
    placed = panel.placing.placed()
    found = panel.clips.find(text(values, "by", "auto"), text(values, "color", ""))
    panel.placing.note_missing(placed, found)
    return _clips(panel)


def _open_file(panel: Panel, _request: Request, values: Values) -> Any:
    path = Path(text(values, "path").strip().strip("\"'")).expanduser()
    opened = panel.clips.open_file(path.absolute())
    return _clips(panel) | {"opened": opened.id}


def _clip_media(panel: Panel, request: Request, _values: Values) -> Any:
    clip, material = _clip(panel, request), _material(panel, request)
    if material is None:
        return {"media": None, "is_rendered": False}
    return {
        "media": asdict(panel.looking.media(material)),
        "is_rendered": clip.route == "render" and material.path != clip.media,
    }


def _clip_frame(panel: Panel, request: Request, _values: Values) -> Any:
    material = _material(panel, request)
    if material is None:
        return Response(status_code=404)
    frame = number(request, "frame")
    return Response(panel.looking.frame(material.path, frame, _side_px(request)), media_type=JPEG)


def _thumb(panel: Panel, request: Request, _values: Values) -> Any:
    material = _material(panel, request)
    if material is None:
        return Response(status_code=404)
    first = material.frame_range[0] if material.frame_range else 0
    return Response(panel.looking.frame(material.path, first, THUMB_SIDE_PX), media_type=JPEG)


def _render(panel: Panel, request: Request, _values: Values) -> Any:
    panel.materials.get(_clip(panel, request), ungraded=False)
    return _clip_media(panel, request, {})


def _preview(panel: Panel, request: Request, values: Values) -> Any:
    draft = read_draft(values.get("draft"))
    panel.looking.check(draft)
    material = panel.materials.get(_clip(panel, request), ungraded=draft.ungraded)
    first = material.frame_range[0] if material.frame_range else 0
    frame = values.get("frame")
    frame = frame if isinstance(frame, int) else first
    return panel.looking.preview(material, draft, frame, request.state.left)


def _roots(panel: Panel, request: Request, values: Values) -> Any:
    draft = read_draft(values.get("draft"))
    panel.looking.check(draft)
    material = panel.materials.get(_clip(panel, request), ungraded=draft.ungraded)
    return {"candidates": panel.looking.roots(material, draft, request.state.left)}


def _picture(panel: Panel, request: Request, _values: Values) -> Any:
    picture = panel.looking.shelf.get(request.path_params["number"])
    return Response(status_code=404) if picture is None else Response(picture, media_type=PNG)


def _begin(panel: Panel, _request: Request, values: Values) -> Any:
    clip = panel.clips.get(text(values, "clip"))
    edit = panel.editing.begin(clip, read_draft(values.get("draft")), _wish(values))
    return {"id": edit.id}


def _edit_frame(panel: Panel, request: Request, _values: Values) -> Any:
    edit = _edit(panel, request)
    job = panel.keeper.job(edit) or panel.server.client.get_job(edit.job)
    after = request.query_params.get("after") == "1"
    frame = number(request, "frame")
    picture = panel.looking.edit_frame(edit, job, frame, _side_px(request), after=after)
    return Response(picture, media_type=JPEG)


def _redo(panel: Panel, request: Request, values: Values) -> Any:
    seed = values.get("seed")
    seed = seed if isinstance(seed, int) else None
    edit = panel.editing.redo(_edit(panel, request), _wish(values), seed)
    return {"id": edit.id}


def _cancel(panel: Panel, request: Request, _values: Values) -> Any:
    panel.editing.cancel(_edit(panel, request))
    return {}


def _retry(panel: Panel, request: Request, _values: Values) -> Any:
    panel.editing.retry(_edit(panel, request))
    return {}


def _place(panel: Panel, request: Request, values: Values) -> Any:
    panel.placing.place(_edit(panel, request), _way(values, "as"))
    return {}


def _fetch(panel: Panel, request: Request, _values: Values) -> Any:
    return {"path": str(panel.placing.fetch(_edit(panel, request)).result)}


def _focus(panel: Panel, request: Request, _values: Values) -> Any:
    edit = _edit(panel, request)
    if panel.bridge is not None and edit.clip.spot is not None:
        panel.bridge.call("focus", {"frame": edit.clip.spot.start_frame})
    return {}


def _forget(panel: Panel, request: Request, _values: Values) -> Any:
    panel.book.forget(_edit(panel, request))
    return {}


def _matte_taker(panel: Panel) -> Callable[[Request], Any]:
    async def take(request: Request) -> Response:
        name = Path(request.path_params["name"])
        partial = panel.mattes_folder / f".{uuid.uuid4().hex}.partial"
        try:
            digest = await _received(request, partial)
            path = panel.mattes_folder / _matte_name(name, digest)
            partial.replace(path)
        except (OSError, ViaClientError) as error:
            return refused(ViaClientError(f"the matte could not be kept ({error})"))
        finally:
            partial.unlink(missing_ok=True)
        return JSONResponse({"path": str(path)})

    return take


def _matte_name(name: Path, digest: str) -> str:
    """A name that no other matte has: those of many shots are called the same."""
    suffix = name.suffix if re.fullmatch(r"\.\w{1,8}", name.suffix) else ""
    return f"{file_stem(name.stem)}-{digest[:12]}{suffix}"


async def _received(request: Request, path: Path) -> str:
    """Writes what the page sends; the digest of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size, digest = 0, hashlib.sha256()
    with path.open("wb") as file:
        async for piece in request.stream():
            size += len(piece)
            if size > MAX_MATTE_BYTES:
                raise UsageError("it is larger than 8 GiB")
            digest.update(piece)
            await run_in_threadpool(file.write, piece)
    return digest.hexdigest()


def _clips(panel: Panel) -> Values:
    shown = [
        clip_values(clip, has_picture=clip_material(panel.materials, clip) is not None)
        for clip in panel.clips.shown
    ]
    return {"by": panel.clips.found_by, "clips": shown}


def _material(panel: Panel, request: Request) -> Material | None:
    is_ungraded = request.query_params.get("ungraded") == "1"
    return clip_material(panel.materials, _clip(panel, request), ungraded=is_ungraded)


def _clip(panel: Panel, request: Request) -> Clip:
    return panel.clips.get(request.path_params["clip_id"])


def _edit(panel: Panel, request: Request) -> PanelEdit:
    edit = panel.book.get(request.path_params["edit_id"])
    if edit is None:
        raise ViaClientError("this edit is not in the list any more", reason="EDIT_UNKNOWN")
    return edit


def _way(values: Values, name: str) -> Way:
    way = text(values, name)
    if way not in WAYS:
        raise UsageError(f"{name} is {way!r}, not one of {', '.join(WAYS)}", reason="WAY_UNKNOWN")
    return cast(Way, way)


def _wish(values: Values) -> Way | None:
    return _way(values, "wish") if values.get("wish") else None


def _side_px(request: Request) -> int:
    return min(MAX_SIDE_PX, max(16, number(request, "side")))
