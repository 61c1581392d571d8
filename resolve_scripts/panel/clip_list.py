"""The clips on offer: what the bridge found last, and the files that were opened."""

from __future__ import annotations

import threading
from pathlib import Path

from resolve_scripts.errors import ResolveRefusedError, ViaClientError
from resolve_scripts.panel.bridge_link import Bridge
from resolve_scripts.panel.clips import Clip, Timeline, file_clip, read_clips, read_timeline

MEDIA_SUFFIXES = {".mov", ".mp4", ".m4v", ".mxf", ".mkv", ".avi", ".webm", ".mts"}
MAX_SUGGESTIONS = 40


class ClipList:
    """Clips by their id, for as long as the panel runs."""

    def __init__(self, bridge: Bridge | None) -> None:
        self._bridge = bridge
        self._lock = threading.Lock()
        self._known: dict[str, Clip] = {}
        self._shown: tuple[str, ...] = ()
        self.timeline: Timeline | None = None
        self.found_by = ""

    @property
    def shown(self) -> tuple[Clip, ...]:
        """The clips on offer, in order."""
        return tuple(self._known[clip_id] for clip_id in self._shown)

    def get(self, clip_id: str) -> Clip:
        """The clip of that id.

        Raises:
            ViaClientError: it is not on offer any more.
        """
        if clip_id not in self._known:
            raise ViaClientError(
                "this clip is not in the list any more; look for clips again",
                reason="CLIP_UNKNOWN",
            )
        return self._known[clip_id]

    def find(self, by: str = "auto", color: str = "") -> tuple[Clip, ...]:
        """Asks Resolve for the clips to edit; without Resolve the opened files stay.

        Args:
            by: "auto", "selection", "marks", "playhead", "color" or "markers".
            color: the clip colour meant, with "color".

        Raises:
            ResolveRefusedError: no timeline is open, or Resolve does not answer.
        """
        if self._bridge is None:
            return self.shown
        self.timeline = read_timeline(self._bridge.call("describe"))
        if self.timeline.timeline is None:
            raise ResolveRefusedError(
                "no timeline is open in Resolve",
                reason="NO_TIMELINE",
                next_step="open one on the Edit page, then look for clips again",
            )
        arguments = {"by": by, "color": color} if by == "color" else {"by": by}
        answer = self._bridge.call("list_clips", arguments)
        answer = answer if isinstance(answer, dict) else {}
        self.found_by = str(answer.get("by", by))
        return self._show(read_clips(answer.get("clips"), self.timeline))

    def open_file(self, path: Path) -> Clip:
        """Puts a media file at the head of the list.

        Raises:
            MissingMediaError: there is no such file.
        """
        clip = file_clip(path)
        files = [each for each in self.shown if each.spot is None and each.id != clip.id]
        self._show((clip, *files))
        return clip

    def _show(self, clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
        with self._lock:
            # Those found before stay known: an edit may be on its way to them.
            self._known.update({clip.id: clip for clip in clips})
            self._shown = tuple(clip.id for clip in clips)
        return clips


def suggestions(typed: str) -> list[str]:
    """Folders and media files whose path goes on from what was typed."""
    start = Path(typed or "~").expanduser()
    folder = start if typed.endswith(("/", "\\")) or start.is_dir() else start.parent
    beginning = "" if folder == start else start.name.casefold()
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name.casefold())
    except OSError:
        return []
    found = []
    for path in entries:
        if path.name.startswith(".") or not path.name.casefold().startswith(beginning):
            continue
        if path.is_dir():
            found.append(f"{path}/")
        elif path.suffix.lower() in MEDIA_SUFFIXES:
            found.append(str(path))
    return found[:MAX_SUGGESTIONS]
