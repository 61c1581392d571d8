"""The file an edit of a clip reads: its media as it is, or what Resolve renders of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resolve_scripts.errors import ClipNotSupportedError, ResolveRefusedError
from resolve_scripts.panel.bridge_link import RENDER_DEADLINE_S, Bridge, closed
from resolve_scripts.panel.clips import Clip
from resolve_scripts.panel.edit_book import Material

# Another panel may have rendered it just now.
KEPT_S = 24 * 3600.0


class Materials:
    """Finds the file for each clip; what Resolve rendered is used until clips are looked for again.

    Args:
        bridge: Resolve; None without it.
        folder: where rendered clips go.
    """

    def __init__(self, bridge: Bridge | None, folder: Path) -> None:
        self._bridge = bridge
        self._folder = folder
        self._lock = threading.Lock()
        self._rendered: dict[tuple[object, ...], Material] = {}
        self.rendering: str | None = None

    def ready(self, clip: Clip, *, ungraded: bool) -> Material | None:
        """The file, when it is there without a render by Resolve.

        Raises:
            ResolveRefusedError: the clip cannot be edited.
        """
        if clip.refusal is not None:
            refusal = clip.refusal
            raise ResolveRefusedError(
                refusal.message, reason=refusal.reason, next_step=refusal.next_step
            )
        if clip.media and clip.has_own_media and (clip.route == "media" or ungraded):
            return Material(path=clip.media, frame_range=clip.frame_range)
        return self._rendered.get(_place(clip))

    def get(self, clip: Clip, *, ungraded: bool) -> Material:
        """The file; Resolve renders it first where it must, which takes as long as it takes.

        Args:
            clip: the clip.
            ungraded: reads the media file where Resolve would render grade and effects.

        Raises:
            ViaClientError: the clip cannot be edited, or its pictures do not come out.
        """
        with self._lock:
            found = self.ready(clip, ungraded=ungraded)
            if found is None:
                with self._told(clip):
                    found = self._rendered[_place(clip)] = self._render(clip)
            return found

    def forget_rendered(self) -> None:
        """Lets Resolve render anew from now on; edits keep the files they were begun with."""
        self._rendered = {}

    def clean(self, used: set[Path], *, now_s: float) -> None:
        """Removes what Resolve rendered for edits that are remembered no more."""
        for path in self._folder.glob("*"):
            is_old = now_s - path.stat().st_mtime > KEPT_S
            if path.is_file() and is_old and path not in used:
                path.unlink(missing_ok=True)

    def _render(self, clip: Clip) -> Material:
        if clip.spot is None:
            raise ClipNotSupportedError(f"{clip.name} has no media file; choose another clip")
        if self._bridge is None:
            raise closed()
        self._folder.mkdir(parents=True, exist_ok=True)
        answer: Any = self._bridge.call(
            "export_clip",
            {
                "id": clip.id,
                "folder": str(self._folder),
                "frame_range": [clip.spot.start_frame, clip.spot.end_frame_exclusive],
                "anchor_frame": clip.spot.anchor_frame,
                "route": "render",
            },
            deadline_s=RENDER_DEADLINE_S,
            on_percent=lambda percent: self._tell(f"{clip.name}, {percent} %"),
        )
        first = int(answer.get("file_start_frame", 0))
        return Material(
            path=Path(answer["path"]), frame_range=(first, first + int(answer["frame_count"]))
        )

    def _tell(self, what: str | None) -> None:
        self.rendering = what

    @contextmanager
    def _told(self, clip: Clip) -> Iterator[None]:
        self._tell(clip.name)
        try:
            yield
        finally:
            self._tell(None)


def _place(clip: Clip) -> tuple[object, ...]:
    """What is equal as long as the same pictures are meant."""
    return (*clip.shot, clip.spot, clip.media, clip.frame_range)
