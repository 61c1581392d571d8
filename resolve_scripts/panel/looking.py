"""Everything on the page that shows a picture: frames of clips and results, previews, roots."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from via.v1 import edit_pb2, job_service_pb2, media_pb2

from resolve_scripts.edit_clip import check_instruction
from resolve_scripts.edit_message import edit_spec
from resolve_scripts.edit_settings import EditSettings, check_settings
from resolve_scripts.panel.clips import Clip
from resolve_scripts.panel.draft import EditDraft
from resolve_scripts.panel.edit_book import Material, PanelEdit
from resolve_scripts.panel.materials import Materials
from resolve_scripts.panel.server_link import ServerLink

PROBED_SIDE_PX = 16
ROOTS = 6
MAX_PICTURES = 96


class Shelf:
    """Pictures the page will ask for in a moment, by a number; the oldest are let go."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._pictures: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, picture: bytes) -> int:
        """Keeps a PNG; its number."""
        with self._lock:
            number = next(self._numbers)
            self._pictures[number] = picture
            while len(self._pictures) > MAX_PICTURES:
                self._pictures.popitem(last=False)
            return number

    def get(self, number: int) -> bytes | None:
        """The PNG of that number, while it is kept."""
        return self._pictures.get(number)


@dataclass(frozen=True, kw_only=True)
class Media:
    """The frames of a clip's material: media frames, pixels of the upright picture."""

    start_frame: int
    frame_count: int
    frame_rate: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Looking:
    """Shows pictures through the server, which alone reads media."""

    server: ServerLink
    materials: Materials
    shelf: Shelf = field(default_factory=Shelf)

    def media(self, material: Material) -> Media:
        """What the file holds.

        Raises:
            ViaClientError: the server cannot read it.
        """
        shown = self._read(
            job_service_pb2.ReadFrameRequest(
                source=self.server.desk.source(material.path), max_side_px=PROBED_SIDE_PX
            )
        )
        first, end = material.frame_range or (0, shown.media.frame_count)
        return Media(
            start_frame=first,
            frame_count=end - first,
            frame_rate=f"{shown.media.frame_rate.num}/{shown.media.frame_rate.den}",
            width=shown.upright_width,
            height=shown.upright_height,
        )

    def frame(self, path: Path, frame: int, side_px: int) -> bytes:
        """JPEG of a media frame.

        Raises:
            ViaClientError: the server cannot show it.
        """
        source = self.server.desk.source(path)
        return self._picture(source, frame, side_px)

    def edit_frame(
        self, edit: PanelEdit, job: job_service_pb2.Job, frame: int, side_px: int, *, after: bool
    ) -> bytes:
        """JPEG of a frame of an edit, counted from 0: of its source, or of its result.

        Raises:
            ViaClientError: the server cannot show it.
        """
        if not after:
            start = job.spec.frame_range.start_frame
            return self._picture(job.spec.source, start + frame, side_px)
        request = job_service_pb2.ReadFrameRequest(
            job_name=edit.job, frame=frame, max_side_px=side_px
        )
        return self._read(request).picture

    def preview(
        self, material: Material, draft: EditDraft, frame: int, stop: threading.Event
    ) -> dict[str, int]:
        """One edited frame and its source, as numbers of the shelf; `stop` ends the work.

        Raises:
            ViaClientError: the edit cannot be done.
        """
        found = self.server.client.preview_frame(self.spec(material, draft), frame, stop=stop)
        return {
            "frame": frame,
            "before": self.shelf.put(found.source_png),
            "after": self.shelf.put(found.png),
        }

    def roots(
        self, material: Material, draft: EditDraft, stop: threading.Event
    ) -> list[dict[str, object]]:
        """Edited root frames to choose from, the best first; `stop` ends the work.

        Raises:
            ViaClientError: the edit cannot be done.
        """
        proposal = self.server.client.propose_roots(self.spec(material, draft), ROOTS, stop=stop)
        return [
            {
                "choice": {
                    "frame": each.choice.frame,
                    "seed": each.choice.seed,
                    "guidance_scale": each.choice.guidance_scale,
                    "image_guidance_scale": each.choice.image_guidance_scale,
                },
                "after": self.shelf.put(each.png),
                "before": self.shelf.put(each.source_png),
                "score": round(each.score, 2),
                "fault": "" if each.is_sound else each.fault,
            }
            for each in proposal.candidates
        ]

    def spec(self, material: Material, draft: EditDraft) -> edit_pb2.EditSpec:
        """The contract's message for an edit of the material.

        Raises:
            ViaClientError: the edit says nothing to do, or a file it names is missing.
        """
        return edit_spec(
            self.server.desk,
            material.path,
            draft.instruction.strip(),
            _checked_settings(draft),
            frame_range=material.frame_range,
        )

    def check(self, draft: EditDraft) -> None:
        """Refuses what would fail anyhow, before Resolve renders for minutes.

        Raises:
            ViaClientError: the edit says nothing to do, a file it names is missing, or no server
                answers.
        """
        _checked_settings(draft)
        self.server.client.server_info()

    def _picture(self, source: media_pb2.MediaSource, frame: int, side_px: int) -> bytes:
        request = job_service_pb2.ReadFrameRequest(source=source, frame=frame, max_side_px=side_px)
        return self._read(request).picture

    def _read(self, request: job_service_pb2.ReadFrameRequest) -> job_service_pb2.ReadFrameResponse:
        return self.server.client.read_frame(request)


def _checked_settings(draft: EditDraft) -> EditSettings:
    check_instruction(draft.instruction)
    settings = draft.settings()
    check_settings(settings)
    return settings


def clip_material(materials: Materials, clip: Clip, *, ungraded: bool = False) -> Material | None:
    """What there is to show of a clip right now: its file, else what was rendered, else nothing."""
    if clip.refusal is None and (found := materials.ready(clip, ungraded=ungraded)):
        return found
    if clip.media is None or not clip.has_own_media or not clip.media.is_file():
        return None
    return Material(path=clip.media, frame_range=clip.frame_range)
