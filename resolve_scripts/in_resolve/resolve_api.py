"""The one door to Resolve's own objects.

They are remote proxies with manners of their own: no failure raises, `hasattr` is always true, an
unknown method is None, numbers come as int, float or text. Here every answer is looked at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from resolve_scripts.in_resolve.coordinates import frame_of, rate_of, timecode_of
from resolve_scripts.in_resolve.errors import (
    BridgeError,
    FeatureMissingError,
    NotAnsweringError,
    NothingOpenError,
)

OPEN_DIALOG_STEP = "close any dialog that is open in Resolve, then try again"


def can(handle: Any, method: str) -> bool:
    """Whether an object has a method on this build; `hasattr` would always say yes."""
    return handle is not None and method in dir(handle)


def ask(handle: Any, method: str, *arguments: Any) -> Any:
    """Calls a method that newer builds have.

    Raises:
        FeatureMissingError: this build has it not.
    """
    if not can(handle, method):
        raise FeatureMissingError(
            f"this version of Resolve cannot do that (it has no {method})",
            next_step="update DaVinci Resolve, or choose another way in the panel",
        )
    return getattr(handle, method)(*arguments)


def read_all(handles: Sequence[Any], methods: Sequence[str]) -> list[list[Any]]:
    """The answers of many objects to the same questions; from afar, one message for all."""
    if not handles:
        return []
    # Only the class tells the truth about what an object can do.
    far = getattr(type(handles[0]), "read_all", None)
    if far is not None:
        return list(far(handles, methods))
    return [[getattr(one, method)() for method in methods] for one in handles]


def whole(value: Any, what: str) -> int:
    """A number from Resolve, which may be float or text, as an integer.

    Raises:
        NotAnsweringError: it is no number.
    """
    try:
        return round(float(value))
    except (TypeError, ValueError) as error:
        raise NotAnsweringError(
            f"Resolve does not say {what}", next_step=OPEN_DIALOG_STEP
        ) from error


def check_awake(resolve: Any) -> None:
    """Makes sure that Resolve answers at all.

    Raises:
        NotAnsweringError: it does not: a dialog is open, or it has closed.
    """
    if not resolve.GetProductName():
        raise NotAnsweringError(
            "Resolve does not answer; most likely one of its dialogs is open",
            next_step=OPEN_DIALOG_STEP,
            reason="MODAL_OPEN",
        )


def explained(error: BridgeError, resolve: Any) -> BridgeError:
    """The error, or, when Resolve does not answer at all, that."""
    try:
        check_awake(resolve)
    except NotAnsweringError as silent:
        return silent
    except Exception:
        return error
    return error


def edition(resolve: Any) -> str:
    """ "studio" or "free"."""
    return "studio" if "studio" in str(resolve.GetProductName()).lower() else "free"


def version(resolve: Any) -> tuple[int, int]:
    """Major and minor version."""
    parts = resolve.GetVersion()
    return (int(parts[0]), int(parts[1])) if parts and len(parts) > 1 else (0, 0)


@dataclass(frozen=True)
class OpenTimeline:
    """The current timeline with the facts every frame count rests on.

    Attributes:
        resolve, project, timeline: Resolve's objects.
        frame_rate: the timeline's own rate, which may differ from the project's.
        drop_frame: whether its timecode is drop-frame.
        start_frame: absolute frame of its first picture.
        start_timecode: the timecode of that picture.
    """

    resolve: Any
    project: Any
    timeline: Any
    frame_rate: Fraction
    drop_frame: bool
    start_frame: int
    start_timecode: str

    @property
    def media_pool(self) -> Any:
        """The project's media pool."""
        return self.project.GetMediaPool()

    @property
    def end_frame_exclusive(self) -> int:
        """First absolute frame after the last item."""
        return whole(self.timeline.GetEndFrame(), "where the timeline ends")

    def frame_at(self, timecode: str) -> int | None:
        """Absolute frame of a timecode; None when it is none."""
        frame = frame_of(timecode, self.frame_rate, self.drop_frame)
        return None if frame is None else self.start_frame + frame - self._origin()

    def timecode_at(self, frame: int) -> str:
        """Timecode of an absolute frame."""
        counted = frame - self.start_frame + self._origin()
        return timecode_of(counted, self.frame_rate, self.drop_frame)

    def _origin(self) -> int:
        # Builds may count GetStartFrame by nominal seconds or with dropped numbers left out;
        # relative to the start timecode both come out the same.
        return frame_of(self.start_timecode, self.frame_rate, self.drop_frame) or 0

    def tracks(self) -> range:
        """Indices of the video tracks, from 1 at the bottom."""
        return range(1, whole(self.timeline.GetTrackCount("video"), "how many tracks it has") + 1)

    def playhead_frame(self) -> int | None:
        """Absolute frame under the playhead."""
        return self.frame_at(str(self.timeline.GetCurrentTimecode()))


def open_timeline(resolve: Any) -> OpenTimeline:
    """The timeline the editor looks at.

    Raises:
        NotAnsweringError: Resolve does not answer.
        NothingOpenError: no project or no timeline is open.
    """
    check_awake(resolve)
    project = resolve.GetProjectManager().GetCurrentProject()
    if project is None:
        raise NothingOpenError(
            "no project is open in Resolve", next_step="open your project", reason="NO_PROJECT"
        )
    timeline = project.GetCurrentTimeline()
    if timeline is None:
        raise NothingOpenError(
            "no timeline is open in Resolve", next_step="open the timeline you want to edit"
        )
    setting = timeline.GetSetting("timelineFrameRate")
    frame_rate = rate_of(setting)
    if frame_rate is None:
        raise explained(
            NotAnsweringError(
                f"Resolve does not say the timeline's frame rate (it says {setting!r})",
                next_step=OPEN_DIALOG_STEP,
            ),
            resolve,
        )
    start_timecode = str(timeline.GetStartTimecode() or "01:00:00:00")
    return OpenTimeline(
        resolve=resolve,
        project=project,
        timeline=timeline,
        frame_rate=frame_rate,
        drop_frame=_is_drop_frame(timeline, setting, start_timecode),
        start_frame=whole(timeline.GetStartFrame(), "where the timeline starts"),
        start_timecode=start_timecode,
    )


def _is_drop_frame(timeline: Any, rate_setting: Any, start_timecode: str) -> bool:
    said = str(timeline.GetSetting("timelineDropFrameTimecode"))
    return said == "1" or "DF" in str(rate_setting).upper() or ";" in start_timecode


@contextmanager
def on_page(resolve: Any, name: str) -> Iterator[None]:
    """Works on a page and goes back to the editor's own."""
    before = resolve.GetCurrentPage()
    if before != name:
        resolve.OpenPage(name)
    try:
        yield
    finally:
        if before and resolve.GetCurrentPage() != before:
            resolve.OpenPage(before)


@contextmanager
def in_folder(media_pool: Any, folder: Any) -> Iterator[None]:
    """Makes a bin the current one, where imports land, and goes back to the editor's own."""
    before = media_pool.GetCurrentFolder()
    media_pool.SetCurrentFolder(folder)
    try:
        yield
    finally:
        if before is not None:
            media_pool.SetCurrentFolder(before)


@contextmanager
def kept_timeline(project: Any, timeline: Any) -> Iterator[None]:
    """Leaves `timeline` the current one, whatever happens inside."""
    try:
        yield
    finally:
        project.SetCurrentTimeline(timeline)


@contextmanager
def kept_playhead(timeline: Any) -> Iterator[None]:
    """Leaves the playhead where it is."""
    before = timeline.GetCurrentTimecode()
    try:
        yield
    finally:
        if before:
            timeline.SetCurrentTimecode(before)


@contextmanager
def kept_marks(timeline: Any) -> Iterator[None]:
    """Leaves the in and out marks as they are, on builds that show them to scripts."""
    if not can(timeline, "GetMarkInOut"):
        yield
        return
    before = (timeline.GetMarkInOut() or {}).get("video") or {}
    try:
        yield
    finally:
        if "in" in before and "out" in before:
            timeline.SetMarkInOut(before["in"], before["out"], "video")
        else:
            timeline.ClearMarkInOut("video")
