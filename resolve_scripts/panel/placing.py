"""Finished edits: fetched to this machine, put onto the timeline."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs
from via.v1 import job_service_pb2

from resolve_scripts.errors import (
    OutputError,
    ResolveClosedError,
    ResolveRefusedError,
    ViaClientError,
)
from resolve_scripts.outputs import check_writable, file_stem, make_folder, next_version
from resolve_scripts.panel.bridge_link import Bridge, closed
from resolve_scripts.panel.clips import Clip, read_timeline
from resolve_scripts.panel.edit_book import EditBook, PanelEdit, Placed, Way
from resolve_scripts.panel.problems import problem_of
from resolve_scripts.panel.server_link import ServerLink
from resolve_scripts.transfer import download_result


@dataclass(frozen=True, kw_only=True)
class Placing:
    """Brings results home, one at a time.

    Attributes:
        bridge: Resolve; None without it.
        videos: where results go whose media folder cannot be written.
    """

    server: ServerLink
    book: EditBook
    bridge: Bridge | None
    videos: Path = field(default_factory=platformdirs.user_videos_path)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, edit: PanelEdit) -> PanelEdit:
        """The edit with its result on this machine.

        Raises:
            ViaClientError: it is not finished, or cannot be written.
        """
        with self.lock, self._noted(edit):
            return self._fetched(edit)

    def place(self, edit: PanelEdit, way: Way) -> PanelEdit:
        """Puts the result onto the timeline, exactly over the frames it was made from.

        Args:
            edit: the finished edit.
            way: on a track above the clip, on a further one, or as a take.

        Raises:
            ViaClientError: it could not be put there; the timeline is as it was.
        """
        with self.lock, self._noted(edit):
            return self._placed(self._fetched(edit), way)

    def placed(self) -> tuple[PanelEdit, ...]:
        """The edits whose results lie on a timeline, as far as is known."""
        return tuple(edit for edit in self.book.all() if edit.placed is not None)

    def note_missing(self, placed: tuple[PanelEdit, ...], found: Iterable[Clip]) -> None:
        """Offers those edits to be placed again that a clip found after them does not have."""
        on_timeline = {clip.shot: clip.placed_jobs for clip in found if clip.spot is not None}
        for edit in placed:
            if edit.job not in on_timeline.get(edit.clip.shot, (edit.job,)):
                # Whoever took it off wants to be asked.
                self.book.change(edit, placed=None, wish=None)

    def _fetched(self, edit: PanelEdit) -> PanelEdit:
        if edit.result is not None and edit.result.is_file():
            return edit
        client = self.server.client
        job = client.get_job(edit.job)
        if job.state != job_service_pb2.JOB_STATE_SUCCEEDED:
            raise ViaClientError(
                "this edit is not finished; wait for it", reason="EDIT_NOT_FINISHED"
            )
        folder, stem = self._folder(edit), f"{file_stem(Path(edit.clip.name).stem)}_via"
        while True:
            path = next_version(folder, stem, edit.draft.settings().suffix)
            try:
                download_result(client, job, path)
            except FileExistsError:  # another edit took the name just now
                continue
            return self.book.change(edit, result=path)

    def _folder(self, edit: PanelEdit) -> Path:
        """Beside the clip's media; else in a folder of the project below the user's videos."""
        if edit.clip.media is not None:
            with suppress(OutputError):
                check_writable(edit.clip.media.parent)
                return edit.clip.media.parent
        project = edit.clip.spot.project if edit.clip.spot else "Via"
        folder = self.videos / "Via" / file_stem(project)
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_folder(folder)
        return folder

    def _placed(self, edit: PanelEdit, way: Way) -> PanelEdit:
        spot = edit.clip.spot
        if spot is None:
            raise ResolveRefusedError(
                "this edit was made of a file, not of a clip on a timeline",
                reason="NO_TIMELINE",
                next_step=f"import {edit.result} into Resolve yourself",
            )
        if self.bridge is None:
            raise closed()
        self._check_timeline(edit)
        told = self.bridge.call(
            "place_clip",
            {
                "id": edit.clip.id,
                "path": str(edit.result),
                "record_start_frame": spot.start_frame,
                "frame_count": spot.end_frame_exclusive - spot.start_frame,
                "anchor_frame": spot.anchor_frame,
                # Pictures of the media file are in the clip's own colour space.
                "route": "media" if edit.material.path == edit.clip.media else "render",
                "as": way,
                "tags": {
                    "job": edit.job,
                    "instruction": edit.draft.instruction,
                    "seed": edit.draft.seed,
                    "version": edit.version,
                },
            },
        )
        placed = Placed(
            track_name=told["track_name"],
            start_frame=told["start_frame"],
            end_frame_exclusive=told["end_frame_exclusive"],
            take_index=told.get("take_index"),
            note=told.get("note"),
        )
        return self.book.change(edit, placed=placed)

    def _check_timeline(self, edit: PanelEdit) -> None:
        spot = edit.clip.spot
        if self.bridge is None or spot is None:
            return
        opened = read_timeline(self.bridge.call("describe"))
        if (opened.project, opened.timeline) == (spot.project, spot.timeline):
            return
        raise ResolveRefusedError(
            f"this clip lies on the timeline “{spot.timeline}” of the project “{spot.project}”, "
            "which is not the one that is open",
            reason="OTHER_TIMELINE",
            next_step="open that timeline in Resolve, then place again",
        )

    @contextmanager
    def _noted(self, edit: PanelEdit) -> Iterator[None]:
        """Keeps with the edit what goes wrong inside, until it goes well."""
        try:
            yield
        except ResolveClosedError:
            raise  # no fault of the edit; the next start offers it again
        except ViaClientError as error:
            self.book.change(edit, problem=problem_of(error))
            raise
        self.book.change(edit, problem=None)
