"""The timeline the editor looks at, with the facts every frame count rests on."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from resolve_scripts.in_resolve.coordinates import frame_of, rate_of, timecode_of
from resolve_scripts.in_resolve.errors import MessageError, NotAnsweringError, NothingOpenError
from resolve_scripts.in_resolve.resolve_api import (
    OPEN_DIALOG_STEP,
    check_awake,
    whole,
)


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

    def move_playhead(self, frame: int) -> bool:
        """Moves the playhead; False on pages without one, such as Media and Fusion.

        Raises:
            MessageError: the timeline has no such frame.
        """
        if not self.start_frame <= frame < self.end_frame_exclusive:
            raise MessageError(
                f"the timeline has no frame {frame}",
                next_step="let Via look for clips again",
                reason="FRAME_OUTSIDE_TIMELINE",
            )
        timecode = self.timecode_at(frame)
        self.timeline.SetCurrentTimecode(timecode)
        return bool(self.timeline.GetCurrentTimecode() == timecode)

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
        raise NotAnsweringError(
            f"Resolve does not say the timeline's frame rate (it says {setting!r})",
            next_step=OPEN_DIALOG_STEP,
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
