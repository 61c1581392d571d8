"""Media pool, its bins and clips."""

from __future__ import annotations

import re
import uuid
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.resolve_scripts.fake_resolve.markers import Coloured, Marked
from tests.resolve_scripts.fake_resolve.media import MediaFacts, probe
from tests.resolve_scripts.fake_resolve.proxy import Api

if TYPE_CHECKING:
    from tests.resolve_scripts.fake_resolve.project import ProjectApi
    from tests.resolve_scripts.fake_resolve.timeline import ItemApi, TimelineApi

SEQUENCE = re.compile(r"%0(\d+)d")


def fps_text(rate: Fraction) -> float:
    return round(float(rate), 3)


class PoolItemApi(Marked, Coloured, Api):
    kind = "MediaPoolItem"

    def __init__(self, name: str, path: str | None, kind: str, facts: MediaFacts | None) -> None:
        super().__init__()
        self.name, self.path, self.media_kind, self.facts = name, path, kind, facts
        self.id = str(uuid.uuid4())
        self.third_party: dict[str, str] = {}
        self.marks: tuple[int, int] | None = None
        self.properties: dict[str, Any] = {}

    @property
    def frame_count(self) -> int:
        return self.facts.frame_count if self.facts else 1

    @property
    def frame_rate(self) -> Fraction:
        return self.facts.frame_rate if self.facts else Fraction(24)

    def GetName(self) -> str:
        return self.name

    def GetUniqueId(self) -> str:
        return self.id

    def GetMediaId(self) -> str:
        return f"media-{self.id}"

    def GetClipProperty(self, key: str | None = None) -> Any:
        facts = self.facts
        known: dict[str, Any] = {
            "File Path": self.path or "",
            "File Name": Path(self.path).name if self.path else "",
            "Clip Name": self.name,
            "Type": self.media_kind,
            "FPS": fps_text(self.frame_rate),
            "Frames": str(self.frame_count),
            "Start": "0",
            "End": str(self.frame_count - 1),
            "Start TC": facts.timecode if facts else "00:00:00:00",
            "Resolution": f"{facts.width}x{facts.height}" if facts else "",
            "Online Status": "Online",
            **self.properties,
        }
        return known if key is None else known.get(key, "")

    def SetClipProperty(self, key: str, value: Any) -> bool:
        self.properties[key] = value
        return True

    def GetThirdPartyMetadata(self, key: str | None = None) -> Any:
        return dict(self.third_party) if key is None else self.third_party.get(key, "")

    def SetThirdPartyMetadata(self, key: Any, value: str = "") -> bool:
        self.third_party |= key if isinstance(key, dict) else {key: value}
        return True

    def GetMarkInOut(self) -> dict[str, Any]:
        return {"video": {"in": self.marks[0], "out": self.marks[1]}} if self.marks else {}

    def SetMarkInOut(self, mark_in: int, mark_out: int, _kind: str = "all") -> bool:
        self.marks = (mark_in, mark_out)
        return True


class FolderApi(Api):
    kind = "Folder"

    def __init__(self, name: str) -> None:
        self.name, self.id = name, str(uuid.uuid4())
        self.clips: list[PoolItemApi] = []
        self.folders: list[FolderApi] = []

    def GetName(self) -> str:
        return self.name

    def GetUniqueId(self) -> str:
        return self.id

    def GetClipList(self) -> list[PoolItemApi]:
        return list(self.clips)

    def GetSubFolderList(self) -> list[FolderApi]:
        return list(self.folders)


class MediaPoolApi(Api):
    kind = "MediaPool"

    def __init__(self, project: ProjectApi) -> None:
        self.project = project
        self.root = FolderApi("Master")
        self.current = self.root

    def GetRootFolder(self) -> FolderApi:
        return self.root

    def GetCurrentFolder(self) -> FolderApi:
        return self.current

    def SetCurrentFolder(self, folder: FolderApi) -> bool:
        self.current = folder
        return True

    def AddSubFolder(self, parent: FolderApi, name: str) -> FolderApi | None:
        if any(one.name == name for one in parent.folders):
            return None
        folder = FolderApi(name)
        parent.folders.append(folder)
        self.current = folder  # Resolve goes into the bin it makes
        return folder

    def ImportMedia(self, wanted: list[Any]) -> list[PoolItemApi]:
        """Into the current bin; what lies there already is given back, elsewhere it is doubled."""
        return [item for one in wanted if (item := self._imported(one)) is not None]

    def _imported(self, wanted: Any) -> PoolItemApi | None:
        if isinstance(wanted, dict):
            return self._sequence(wanted)
        for known in self.current.clips:
            if known.path == str(wanted):
                return known
        facts = probe(str(wanted))
        if facts is None:
            return None
        kind = "Video + Audio" if facts.has_sound else "Video"
        return self._kept(PoolItemApi(Path(wanted).name, str(wanted), kind, facts))

    def _sequence(self, wanted: dict[str, Any]) -> PoolItemApi:
        first, last = wanted["StartIndex"], wanted["EndIndex"]
        width = int(SEQUENCE.search(wanted["FilePath"]).group(1))  # type: ignore[union-attr]
        numbers = f"[{first:0{width}d}-{last:0{width}d}]"
        path = SEQUENCE.sub(numbers, wanted["FilePath"])
        facts = MediaFacts(
            frame_count=last - first + 1,
            frame_rate=self.project.scene_rate,
            timecode="00:00:00:00",
            width=320,
            height=180,
            has_sound=False,
        )
        return self._kept(PoolItemApi(Path(path).name, path, "Video", facts))

    def _kept(self, item: PoolItemApi) -> PoolItemApi:
        self.current.clips.append(item)
        return item

    def AutoSyncAudio(self, _items: list[PoolItemApi], _settings: Any = None) -> bool:
        return False

    def DeleteTimelines(self, timelines: list[TimelineApi]) -> bool:
        return all(list(map(self.project.forget, timelines)))

    def DeleteClips(self, items: list[PoolItemApi]) -> bool:
        self.current.clips = [one for one in self.current.clips if one not in items]
        return True

    def AppendToTimeline(self, *wanted: Any) -> Any:
        """The rules of resolve.md, 1.4."""
        infos = wanted[0] if len(wanted) == 1 and isinstance(wanted[0], list) else list(wanted)
        infos = [one if isinstance(one, dict) else {"mediaPoolItem": one} for one in infos]
        numbers = ("startFrame", "endFrame", "recordFrame", "trackIndex", "mediaType")
        takes_floats = self.project.resolve.switchboard.version >= (19, 1)
        for info in infos:
            for name in numbers:
                value = info.get(name, 0)
                if isinstance(value, float) and not (takes_floats and value.is_integer()):
                    return None
            item = info.get("mediaPoolItem")
            if not isinstance(item, PoolItemApi) or item.is_hollow:
                return None
        timeline = self.project.current
        return [] if timeline is None else _appended(timeline, infos, self.project)


def _appended(
    timeline: TimelineApi, infos: list[dict[str, Any]], project: ProjectApi
) -> list[ItemApi]:
    placed: list[ItemApi] = []
    for info in infos:
        item = timeline.append(info, refuses_last=_refuses_last(project))
        if item is not None:
            placed.append(item)
    return placed


def _refuses_last(project: ProjectApi) -> bool:
    return project.resolve.switchboard.version[:2] == (19, 1)


def shown_frames(
    item: PoolItemApi, info: dict[str, Any], *, refuses_last: bool
) -> tuple[int, int] | None:
    """Media pictures an append shows, half-open; None when the build refuses them."""
    if "startFrame" in info and "endFrame" in info:
        start, end = int(info["startFrame"]), int(info["endFrame"])
        too_far = end >= item.frame_count if refuses_last else end > item.frame_count
        return None if too_far or end <= start or start < 0 else (start, end)
    if item.marks is not None:
        return item.marks[0], item.marks[1] + 1
    return 0, item.frame_count
