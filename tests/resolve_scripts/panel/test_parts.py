"""The panel's parts by themselves: what they ask Resolve for, and when."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.testclient import TestClient
from via.v1 import job_service_pb2

from resolve_scripts.connect import ServerChoice
from resolve_scripts.errors import ServerUnreachableError, UsageError, ViaClientError
from resolve_scripts.panel.app import make_app
from resolve_scripts.panel.bridge_link import SILENT
from resolve_scripts.panel.clips import Clip, Spot
from resolve_scripts.panel.draft import EditDraft
from resolve_scripts.panel.edit_book import EditBook, Material, PanelEdit, Placed, Problem
from resolve_scripts.panel.guard import Keys
from resolve_scripts.panel.keeper import Keeper
from resolve_scripts.panel.panel import Panel, make_panel
from resolve_scripts.panel.placing import Placing
from resolve_scripts.panel.server_link import ServerLink

PORT = 48124
OWN = f"http://127.0.0.1:{PORT}"
NIGHT = EditDraft(instruction="make it night")
SPOT = Spot(
    project="Fake project", timeline="Reel 1", track_name="Video 1", start_frame=86410,
    end_frame_exclusive=86434, label="01:00:00:10 – 01:00:01:10", anchor_frame=86402,
)  # fmt: skip
GRADED = Clip(
    id="clip-1", name="shot_010", media=Path("/m/shot.mov"), frame_range=(8, 32), route="render",
    spot=SPOT,
)  # fmt: skip
LISTED = {
    "id": GRADED.id, "name": GRADED.name, "track_index": 1, "start_frame": 86410,
    "end_frame_exclusive": 86434, "anchor_frame": 86402, "route": "render",
    "media_path": "/m/shot.mov", "media_frame_range": [8, 32],
}  # fmt: skip


class Resolve:
    """A bridge that remembers what it was asked, and knows one clip."""

    is_open = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.versions: list[dict[str, Any]] = []

    def call(
        self,
        name: str,
        arguments: Mapping[str, object] | None = None,
        *,
        deadline_s: float = 0,
        on_percent: Callable[[int], None] | None = None,
    ) -> Any:
        self.calls.append((name, dict(arguments or {})))
        if name == "describe":
            return {"project": SPOT.project, "timeline": SPOT.timeline, "can": {}}
        if name == "list_clips":
            return {"by": "auto", "clips": [{**LISTED, "versions": self.versions}]}
        if name == "export_clip":
            return {"path": str(self.folder / f"{len(self.calls)}.mov"), "frame_count": 24}
        return {"track_name": "VIA", "start_frame": 86458, "end_frame_exclusive": 86482}

    def asked(self, name: str) -> list[dict[str, Any]]:
        return [arguments for each, arguments in self.calls if each == name]


@pytest.fixture
def resolve(tmp_path: Path) -> Resolve:
    return Resolve(tmp_path)


@pytest.fixture
def panel(resolve: Resolve, tmp_path: Path) -> Panel:
    """A panel without a server."""
    choice = ServerChoice(address=None, state_folder=tmp_path)
    return make_panel(choice, resolve, lambda text: None)


@pytest.fixture
def browser(panel: Panel) -> Iterator[TestClient]:
    keys = Keys(PORT)
    app = make_app(panel, keys, is_ending=lambda: True, end=lambda: None)
    with TestClient(app, base_url=OWN, headers={"origin": OWN}) as client:
        client.get(keys.link)
        yield client


def edit_of(clip: Clip, **changes: Any) -> PanelEdit:
    values: dict[str, Any] = {
        "job": "jobs/1",
        "clip": clip,
        "draft": NIGHT,
        "material": Material(path=Path("/m/rendered.mov"), frame_range=(0, 24)),
        "version": 1,
        "wish": "track",
        "created_s": 1e12,
    }
    return PanelEdit(**{**values, **changes})


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (replace(NIGHT, instruction="  "), UsageError),
        (replace(NIGHT, scope="part", find=""), UsageError),
        (NIGHT, ServerUnreachableError),
    ],
)
def test_resolve_renders_nothing_for_an_edit_that_cannot_begin(
    draft: EditDraft, error: type[ViaClientError], panel: Panel, resolve: Resolve
) -> None:
    with pytest.raises(error):
        panel.editing.begin(GRADED, draft, "track")
    assert resolve.calls == []


@pytest.mark.parametrize("question", ["preview", "roots"])
@pytest.mark.parametrize("instruction", ["", "make it night"])
def test_nor_for_a_preview_or_candidates(
    question: str, instruction: str, browser: TestClient, resolve: Resolve
) -> None:
    browser.post("/api/clips/find", json={})
    body = {"draft": {"instruction": instruction}}
    answer = browser.post(f"/api/clips/{GRADED.id}/{question}", json=body)
    reason = "SERVER_UNREACHABLE" if instruction else "INSTRUCTION_INVALID"
    assert answer.json()["problem"]["reason"] == reason
    assert resolve.asked("export_clip") == []


def test_a_render_is_used_again_for_the_same_pictures_only(panel: Panel, resolve: Resolve) -> None:
    first, again = (panel.materials.get(GRADED, ungraded=False) for _ in range(2))
    assert first == again
    slipped = replace(GRADED, frame_range=(9, 33))
    assert panel.materials.get(slipped, ungraded=False) != first
    asked = [(each["frame_range"], each["anchor_frame"]) for each in resolve.asked("export_clip")]
    assert asked == [([86410, 86434], 86402)] * 2


def test_clips_that_are_looked_for_again_are_rendered_anew(
    panel: Panel, browser: TestClient, resolve: Resolve
) -> None:
    browser.post("/api/clips/find", json={})
    first = panel.materials.get(panel.clips.get(GRADED.id), ungraded=False)
    browser.post("/api/clips/find", json={})
    assert panel.materials.get(panel.clips.get(GRADED.id), ungraded=False) != first
    assert len(resolve.asked("export_clip")) == 2


@pytest.mark.parametrize(
    ("read", "route"), [(Path("/m/shot.mov"), "media"), (Path("/m/rendered.mov"), "render")]
)
def test_a_result_is_placed_with_its_way_out_and_its_clips_anchor(
    read: Path, route: str, panel: Panel, resolve: Resolve, tmp_path: Path
) -> None:
    result = tmp_path / "result.mov"
    result.write_bytes(b"")
    material = Material(path=read, frame_range=(8, 32))
    placed = panel.placing.place(edit_of(GRADED, material=material, result=result), "track")
    (asked,) = resolve.asked("place_clip")
    assert (asked["route"], asked["anchor_frame"]) == (route, 86402)
    assert asked["record_start_frame"] == 86410
    assert placed.placed is not None and placed.placed.start_frame == 86458


def test_what_was_taken_off_the_timeline_can_be_placed_again(
    panel: Panel, browser: TestClient, resolve: Resolve
) -> None:
    lies = Placed(track_name="VIA", start_frame=86410, end_frame_exclusive=86434)
    other = replace(GRADED, id="clip-2")
    for number, clip in enumerate((GRADED, GRADED, other), 1):
        panel.book.add(edit_of(clip, id=str(number), job=f"jobs/{number}", placed=lies))
    resolve.versions = [{"job": "jobs/1"}]
    browser.post("/api/clips/find", json={})
    edits = panel.book.all()
    # The third one's clip was not looked at.
    assert [edit.placed is not None for edit in edits] == [True, False, True]
    assert edits[1].wish is None, "it is not placed by itself against somebody's will"


def test_books_of_earlier_versions_are_read(tmp_path: Path) -> None:
    book = EditBook(tmp_path)
    book.add(edit_of(GRADED, id="old"))
    path = tmp_path / "old.json"
    values = json.loads(path.read_text())
    del values["clip"]["placed_jobs"], values["clip"]["spot"]["anchor_frame"]
    path.write_text(json.dumps(values))
    (edit,) = EditBook(tmp_path).all()
    assert edit.clip == replace(GRADED, spot=replace(SPOT, anchor_frame=None))


@pytest.mark.parametrize(("reason", "tries"), [(SILENT, 1), ("TRACK_LOCKED", 0)])
def test_a_result_that_resolve_was_silent_about_is_tried_again(
    reason: str, tries: int, resolve: Resolve, tmp_path: Path
) -> None:
    book, tried = EditBook(tmp_path), []
    book.add(edit_of(GRADED, problem=Problem(reason=reason, message="x")))
    job = job_service_pb2.Job(name="jobs/1", state=job_service_pb2.JOB_STATE_SUCCEEDED)
    client = SimpleNamespace(list_jobs=lambda _states: (), get_job=lambda _name: job)
    server = SimpleNamespace(look=lambda: True, client=client)
    placing = SimpleNamespace(place=lambda edit, way: tried.append((edit.job, way)))
    keeper = Keeper(
        server=cast(ServerLink, server),
        book=book,
        placing=cast(Placing, placing),
        bridge=resolve,
        clock=lambda: 0.0,
    )
    keeper.look()
    keeper._placer.shutdown(wait=True)
    assert tried == [("jobs/1", "track")] * tries
