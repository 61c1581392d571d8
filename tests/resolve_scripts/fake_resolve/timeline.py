"""Timelines, tracks and items with Resolve's frame origins."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.resolve_scripts.fake_resolve import frames
from tests.resolve_scripts.fake_resolve.markers import Coloured, Marked
from tests.resolve_scripts.fake_resolve.pool import PoolItemApi, shown_frames
from tests.resolve_scripts.fake_resolve.proxy import Api

if TYPE_CHECKING:
    from tests.resolve_scripts.fake_resolve.project import ProjectApi

PLAIN = {
    "Pan": 0.0,
    "Tilt": 0.0,
    "ZoomX": 1.0,
    "ZoomY": 1.0,
    "RotationAngle": 0.0,
    "CropLeft": 0.0,
    "CropRight": 0.0,
    "FlipX": False,
    "FlipY": False,
    "CompositeMode": 0,
    "Opacity": 100.0,
}


class GraphApi(Api):
    kind = "Graph"

    def __init__(self, *, is_graded: bool) -> None:
        self.is_graded = is_graded

    def GetNumNodes(self) -> int:
        return 2 if self.is_graded else 1

    def GetNodeLabel(self, _index: int) -> str:
        return ""

    def GetLUT(self, _index: int) -> str:
        return ""

    def GetToolsInNode(self, _index: int) -> list[str]:
        return ["Primary"] if self.is_graded else []

    def SetNodeEnabled(self, _index: int, _enabled: bool) -> bool:
        return True

    def ResetAllGrades(self) -> bool:
        self.is_graded = False
        return True


class ItemApi(Marked, Coloured, Api):
    """An item; `start` is absolute, `source_start` counts the media's own pictures."""

    kind = "TimelineItem"

    def __init__(
        self,
        timeline: TimelineApi,
        pool_item: PoolItemApi | None,
        *,
        start: int,
        duration: int,
        source_start: int = 0,
        speed: float = 1.0,
        name: str | None = None,
        id_: str | None = None,
    ) -> None:
        super().__init__()
        self.timeline, self.pool_item = timeline, pool_item
        self.start, self.duration, self.source_start = start, duration, source_start
        self.speed, self.name = speed, name or (pool_item.name if pool_item else "Text+")
        self.id = str(uuid.uuid4()) if id_ is None else id_
        self.properties = dict(PLAIN)
        self.takes: list[dict[str, Any]] = []
        self.take = 0
        self.is_enabled = True
        self.graph = GraphApi(is_graded=False)
        self.has_fusion_comp = False

    def _ratio(self) -> Fraction:
        """Timeline frames per media picture."""
        if self.pool_item is None:
            return Fraction(1)
        speed = Fraction(self.speed).limit_denominator(1000)
        return self.timeline.rate / self.pool_item.frame_rate / speed

    def _source_count(self) -> int:
        return max(1, math.ceil(self.duration / self._ratio()))

    def GetName(self) -> str:
        return self.name

    def GetUniqueId(self) -> str:
        return self.id

    def GetStart(self, _subframe: bool = False) -> int:
        return self.start

    def GetEnd(self, _subframe: bool = False) -> int:
        return self.start + self.duration

    def GetDuration(self, _subframe: bool = False) -> int:
        return self.duration

    def GetLeftOffset(self, _subframe: bool = False) -> int:
        return math.floor(self.source_start * self._ratio())

    def GetRightOffset(self, _subframe: bool = False) -> int:
        if self.pool_item is None:
            return 0
        whole = math.floor(self.pool_item.frame_count * self._ratio())
        return max(0, whole - self.GetLeftOffset() - self.duration)

    def GetSourceStartFrame(self) -> int:
        # Measured one off where rates differ.
        differs = self.pool_item is not None and self._ratio() != 1
        return max(0, self.source_start - (1 if differs else 0))

    def GetSourceEndFrame(self) -> int:
        inclusive = 1 if self._ratio() != 1 else 0
        return self.source_start + self._source_count() - inclusive

    def GetSourceStartTime(self) -> float | None:
        if self.pool_item is None:
            return None
        return float((self._origin() + self.source_start) / self.pool_item.frame_rate)

    def GetSourceEndTime(self) -> float | None:
        if self.pool_item is None:
            return None
        shown = Fraction(self.duration) / self._ratio()
        return float((self._origin() + self.source_start + shown) / self.pool_item.frame_rate)

    def _origin(self) -> int:
        """Source times include the media's start timecode."""
        facts = self.pool_item.facts if self.pool_item else None
        if facts is None:
            return 0
        return frames.timecode_to_frame(facts.timecode, facts.frame_rate, ";" in facts.timecode)

    def GetMediaPoolItem(self) -> PoolItemApi | None:
        return self.pool_item

    def GetTrackTypeAndIndex(self) -> list[Any]:
        for index, track in enumerate(self.timeline.video, 1):
            if self in track.items:
                return ["video", index]
        return ["audio", 1]

    def GetLinkedItems(self) -> list[ItemApi]:
        return []

    def GetProperty(self, key: str | None = None) -> Any:
        return dict(self.properties) if key is None else self.properties.get(key)

    def SetProperty(self, key: str, value: Any) -> bool:
        self.properties[key] = value
        return key in PLAIN

    def GetNodeGraph(self, _layer: int = 1) -> GraphApi:
        return self.graph

    def SetCDL(self, _values: dict[str, str]) -> bool:
        self.graph.is_graded = True
        return True

    def GetFusionCompCount(self) -> int:
        return int(self.has_fusion_comp)

    def AddFusionComp(self) -> GraphApi:
        self.has_fusion_comp = True
        return GraphApi(is_graded=False)

    def DeleteFusionCompByName(self, _name: str) -> bool:
        return False

    def GetSpeed(self) -> float:
        return self.speed

    def SetClipEnabled(self, enabled: bool) -> bool:
        self.is_enabled = enabled
        return True

    def GetClipEnabled(self) -> bool:
        return self.is_enabled

    def SetClipColor(self, color: str) -> bool:
        # On titles it says True and does nothing.
        return True if self.pool_item is None else super().SetClipColor(color)

    def AddTake(self, item: PoolItemApi, start: Any = None, end: Any = None) -> bool:
        if self.pool_item is None or not isinstance(item, PoolItemApi):
            return False
        if not self.takes:
            last = self.source_start + self._source_count()
            self.takes.append(_take(self.pool_item, self.source_start, last))
            self.take = 1
        whole_end = item.frame_count if end is None else int(end)
        self.takes.append(_take(item, int(start or 0), whole_end))
        return True

    def GetTakesCount(self) -> int:
        return len(self.takes)

    def GetSelectedTakeIndex(self) -> int:
        return self.take

    def GetTakeByIndex(self, index: int) -> dict[str, Any] | None:
        return dict(self.takes[index - 1]) if 1 <= index <= len(self.takes) else None

    def SelectTakeByIndex(self, index: int) -> bool | None:
        if not self.takes:
            return None
        if not 1 <= index <= len(self.takes):
            return False
        self.take = index
        chosen = self.takes[index - 1]
        self.pool_item, self.source_start = chosen["mediaPoolItem"], chosen["startFrame"]
        return True

    def DeleteTakeByIndex(self, index: int) -> bool:
        if not 1 <= index <= len(self.takes):
            return False
        del self.takes[index - 1]
        if len(self.takes) == 1:
            self.FinalizeTake()
        return True

    def FinalizeTake(self) -> bool | None:
        if not self.takes:
            return None
        self.takes, self.take = [], 0
        return True


def _take(item: PoolItemApi, start: int, end: int) -> dict[str, Any]:
    return {"startFrame": start, "endFrame": end, "mediaPoolItem": item}


class GhostItem(ItemApi):
    """What an append over occupied frames may give back: a handle whose getters know nothing."""

    def __init__(self, timeline: TimelineApi) -> None:
        super().__init__(timeline, None, start=0, duration=0, id_="")

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("Get") and name != "GetUniqueId":
            return lambda *_: None
        return super().__getattribute__(name)


@dataclass
class Track:
    """A track of either kind."""

    name: str
    items: list[ItemApi] = field(default_factory=list)
    is_enabled: bool = True
    is_locked: bool = False


class TimelineApi(Marked, Api):
    kind = "Timeline"

    def __init__(self, project: ProjectApi, name: str) -> None:
        super().__init__()
        scene = project.resolve.scene
        self.project, self.name, self.id = project, name, str(uuid.uuid4())
        self.rate, self.drop = frames.rate(scene.frame_rate), scene.drop_frame
        self.start_timecode = scene.start_timecode
        self.video = [Track(one) for one in scene.track_names]
        self.audio = [Track("Audio 1")]
        self.marks: dict[str, int] = {}
        self.playhead = scene.playhead
        self.selected: list[ItemApi] = []

    def _page(self) -> str:
        return self.project.resolve.page

    def start_frame(self) -> int:
        drop = self.drop and self.project.resolve.scene.start_counts_dropped
        return frames.timecode_to_frame(self.start_timecode, self.rate, drop)

    def GetName(self) -> str:
        return self.name

    def SetName(self, name: str) -> bool:
        taken = [one.name for one in self.project.timelines if one is not self]
        if name in taken:
            return False
        self.name = name
        return True

    def GetUniqueId(self) -> str:
        return self.id

    def GetStartFrame(self) -> int:
        return self.start_frame()

    def GetEndFrame(self) -> int:
        every = [one for track in [*self.video, *self.audio] for one in track.items]
        return max((one.start + one.duration for one in every), default=self.start_frame())

    def GetStartTimecode(self) -> str:
        return self.start_timecode

    def GetSetting(self, key: str = "") -> Any:
        scene = self.project.resolve.scene
        known = {
            "timelineFrameRate": rate_setting(scene.frame_rate, scene.rate_setting),
            "timelineDropFrameTimecode": "1" if self.drop else "0",
            "timelineResolutionWidth": str(scene.width),
            "timelineResolutionHeight": str(scene.height),
            "useCustomSettings": "1",
            "colorScienceMode": "davinciYRGB",
        }
        return known.get(key, "") if key else known

    def _tracks(self, kind: str) -> list[Track]:
        return {"video": self.video, "audio": self.audio, "subtitle": []}[kind]

    def _track(self, kind: str, index: int) -> Track | None:
        tracks = self._tracks(kind)
        return tracks[index - 1] if 1 <= index <= len(tracks) else None

    def GetTrackCount(self, kind: str) -> int:
        return len(self._tracks(kind))

    def AddTrack(self, kind: str, options: Any = None) -> bool:
        tracks = self._tracks(kind)
        number = len(tracks) + 1
        track = Track(f"{kind.title()} {number}")
        knows_index = self.project.resolve.switchboard.version >= (19, 1)
        index = options.get("index", 0) if isinstance(options, dict) and knows_index else 0
        if 1 <= index <= len(tracks):
            tracks.insert(index - 1, track)
        else:
            tracks.append(track)
        return True

    def DeleteTrack(self, kind: str, index: int) -> bool:
        if self._track(kind, index) is None or len(self._tracks(kind)) == 1:
            return False
        del self._tracks(kind)[index - 1]
        return True

    def GetTrackName(self, kind: str, index: int) -> str | None:
        track = self._track(kind, index)
        return track.name if track else None

    def SetTrackName(self, kind: str, index: int, name: str) -> bool:
        track = self._track(kind, index)
        if track is None:
            return False
        track.name = name
        return True

    def SetTrackEnable(self, kind: str, index: int, enabled: bool) -> bool:
        track = self._track(kind, index)
        if track is None or self._page() not in ("edit", "cut"):
            return False
        if not self.project.resolve.scene.track_enable_lies:
            track.is_enabled = enabled
        return True

    def GetIsTrackEnabled(self, kind: str, index: int) -> bool:
        track = self._track(kind, index)
        return track is not None and track.is_enabled

    def SetTrackLock(self, kind: str, index: int, locked: bool) -> bool:
        track = self._track(kind, index)
        if track is None:
            return False
        track.is_locked = locked
        return True

    def GetIsTrackLocked(self, kind: str, index: int) -> bool:
        track = self._track(kind, index)
        return track is not None and track.is_locked

    def GetItemListInTrack(self, kind: str, index: int) -> list[ItemApi]:
        track = self._track(kind, index)
        return sorted(track.items, key=lambda one: one.start) if track else []

    def GetItemsInTrack(self, kind: str, index: int) -> dict[float, ItemApi]:
        return {float(n): one for n, one in enumerate(self.GetItemListInTrack(kind, index), 1)}

    def GetSelectedClips(self) -> list[ItemApi]:
        return list(self.selected)

    def DeleteClips(self, items: list[ItemApi], _ripple: bool = False) -> bool:
        if self._page() not in ("edit", "cut"):
            return False
        for track in [*self.video, *self.audio]:
            track.items = [one for one in track.items if one not in items]
        return True

    def SetClipsLinked(self, _items: list[ItemApi], _linked: bool) -> bool:
        return True

    def GetCurrentTimecode(self) -> str:
        frame = frames.timecode_to_frame(self.start_timecode, self.rate, self.drop) + self.playhead
        return frames.frame_to_timecode(frame, self.rate, self.drop)

    def SetCurrentTimecode(self, timecode: str) -> bool:
        if self._page() in ("media", "fusion") or int(timecode.split(":", maxsplit=1)[0]) > 23:
            return False
        origin = frames.timecode_to_frame(self.start_timecode, self.rate, self.drop)
        self.playhead = frames.timecode_to_frame(timecode, self.rate, self.drop) - origin
        return True

    def GetCurrentVideoItem(self) -> ItemApi | None:
        return self.top_item(self.start_frame() + self.playhead)

    def top_item(self, frame: int) -> ItemApi | None:
        """What the viewer shows at an absolute frame."""
        for track in reversed(self.video):
            for item in track.items:
                is_there = item.start <= frame < item.start + item.duration
                if track.is_enabled and item.is_enabled and is_there:
                    return item
        return None

    def GetMarkInOut(self) -> dict[str, Any]:
        return {"video": dict(self.marks), "audio": dict(self.marks)} if self.marks else {}

    def SetMarkInOut(self, mark_in: int, mark_out: int, _kind: str = "all") -> bool:
        self.marks = {"in": mark_in, "out": mark_out}
        return True

    def ClearMarkInOut(self, _kind: str = "all") -> bool:
        self.marks = {}
        return True

    def DuplicateTimeline(self, name: str = "") -> TimelineApi | None:
        copy = TimelineApi(self.project, name or f"{self.name} copy")
        if not self.project.add(copy):
            return None
        copy.video = [
            Track(one.name, [_copied(item, copy) for item in one.items], one.is_enabled)
            for one in self.video
        ]
        copy.marks, copy.playhead = dict(self.marks), self.playhead
        self.project.current = copy
        return copy

    def CreateSubtitlesFromAudio(self, _settings: Any = None) -> bool:
        return False

    def GrabStill(self) -> Any:
        return GraphApi(is_graded=False)

    def Export(self, path: str, kind: Any, _sub: Any = None) -> bool:
        # A name in place of the live constant is refused without a word.
        if not isinstance(kind, float):
            return False
        Path(path).write_text("exported", encoding="utf-8")
        return True

    def append(self, info: dict[str, Any], *, refuses_last: bool) -> ItemApi | None:
        """One clipInfo of AppendToTimeline."""
        pool_item: PoolItemApi = info["mediaPoolItem"]
        track = self._track("video", int(info.get("trackIndex", 1)))
        shown = shown_frames(pool_item, info, refuses_last=refuses_last)
        if track is None or track.is_locked or shown is None:
            return None
        start, end = shown
        duration = frames.record_length(end - start, self.rate, pool_item.frame_rate)
        last = max((one.start + one.duration for one in track.items), default=self.start_frame())
        record = int(info.get("recordFrame", last))
        taken = any(
            one.start < record + duration and record < one.start + one.duration
            for one in track.items
        )
        if taken or duration < 1:
            return GhostItem(self)
        item = ItemApi(self, pool_item, start=record, duration=duration, source_start=start)
        track.items.append(item)
        has_sound = pool_item.facts is not None and pool_item.facts.has_sound
        if "mediaType" not in info and has_sound:
            sound = ItemApi(self, pool_item, start=record, duration=duration, source_start=start)
            self.audio[0].items.append(sound)
        return item


def _copied(item: ItemApi, timeline: TimelineApi) -> ItemApi:
    copy = ItemApi(
        timeline,
        item.pool_item,
        start=item.start,
        duration=item.duration,
        source_start=item.source_start,
        speed=item.speed,
        name=item.name,
    )
    copy.properties, copy.is_enabled = dict(item.properties), item.is_enabled
    return copy


def rate_setting(text: str, how: str) -> Any:
    """A rate as settings say it: text, float (19.1.3.7), or floored (older Lua)."""
    if how == "float":
        return float(text)
    return str(int(float(text))) if how == "floored" else text
