"""Resolve itself, its project and the Deliver page."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

from tests.resolve_scripts.fake_resolve import frames
from tests.resolve_scripts.fake_resolve.deliver import (
    AUDIO_ONLY,
    FORMATS,
    PRESETS,
    RENDER_KEYS,
    STATUS_WORDS,
    mov_codecs,
)
from tests.resolve_scripts.fake_resolve.media import pictures, write_movie, write_sound_only
from tests.resolve_scripts.fake_resolve.pool import MediaPoolApi
from tests.resolve_scripts.fake_resolve.proxy import Api, Proxy, Switchboard
from tests.resolve_scripts.fake_resolve.scene import EDITIONS, Scene
from tests.resolve_scripts.fake_resolve.timeline import GraphApi, TimelineApi, rate_setting

PAGES = ("media", "cut", "edit", "fusion", "color", "fairlight", "deliver")
EXPORTS = [
    "EXPORT_AAF",
    "EXPORT_DRT",
    "EXPORT_EDL",
    "EXPORT_FCP_7_XML",
    "EXPORT_FCPXML_1_10",
    "EXPORT_OTIO",
    "EXPORT_NONE",
    "EXPORT_AAF_NEW",
]


@dataclass
class Job:
    """A render job with the settings it was added with."""

    settings: dict[str, Any]
    codec: str
    container: str
    preset: str
    timeline: TimelineApi
    shown: list[bool]
    percent: int = 0
    error: str = ""
    files: list[str] = field(default_factory=list)


class ProjectApi(Api):
    kind = "Project"

    def __init__(self, resolve: ResolveApi, name: str) -> None:
        self.resolve, self.name, self.id = resolve, name, str(uuid.uuid4())
        self.scene_rate: Fraction = frames.rate(resolve.scene.frame_rate)
        self.pool = MediaPoolApi(self)
        self.timelines: list[TimelineApi] = []
        self.current: TimelineApi | None = None
        self.codec = ("unknown", "unknown")
        self.is_warm = False
        self.mode = 1
        self.presets = list(PRESETS)
        self.kept: dict[str, tuple[str, tuple[str, str], dict[str, Any]]] = {}
        self.preset = resolve.scene.last_preset
        self.settings: dict[str, Any] = {}
        self.jobs: dict[str, Job] = {}
        self.running: str | None = None
        self.values: dict[str, Any] = {}

    def add(self, timeline: TimelineApi) -> bool:
        if timeline.name in [one.name for one in self.timelines]:
            return False
        self.timelines.append(timeline)
        return True

    def forget(self, timeline: TimelineApi) -> bool:
        if timeline not in self.timelines:
            return False
        self.timelines.remove(timeline)
        timeline.is_dead = True
        if self.current is timeline:
            self.current = self.timelines[0] if self.timelines else None
        return True

    def GetName(self) -> str:
        return self.name

    def GetUniqueId(self) -> str:
        return self.id

    def GetMediaPool(self) -> MediaPoolApi:
        return self.pool

    def GetTimelineCount(self) -> int:
        return len(self.timelines)

    def GetTimelineByIndex(self, index: int) -> TimelineApi | None:
        return self.timelines[index - 1] if 1 <= index <= len(self.timelines) else None

    def GetCurrentTimeline(self) -> TimelineApi | None:
        return self.current

    def SetCurrentTimeline(self, timeline: TimelineApi) -> bool:
        if timeline not in self.timelines:
            return False
        self.current = timeline
        return True

    def GetSetting(self, key: str = "") -> Any:
        scene = self.resolve.scene
        known = {
            # The project's rate; a timeline may have its own.
            "timelineFrameRate": rate_setting(scene.frame_rate, scene.rate_setting),
            "colorScienceMode": "davinciYRGB",
            "timelineResolutionWidth": str(scene.width),
            **self.values,
        }
        return known.get(key, "") if key else known

    def SetSetting(self, key: str, value: Any) -> bool:
        if key.endswith("FrameRate") and (self.timelines or key == "timelinePlaybackFrameRate"):
            return False
        self.values[key] = str(value)
        return True

    def ExportCurrentFrameAsStill(self, path: str) -> bool:
        timeline = self.current
        if timeline is None:
            return False
        frame = timeline.start_frame() + timeline.playhead
        self.picture(timeline, frame, [track.is_enabled for track in timeline.video]).save(path)
        return True

    def picture(self, timeline: TimelineApi, frame: int, shown: list[bool]) -> Image.Image:
        scene = self.resolve.scene
        size = (scene.width, scene.height)
        kept = [track.is_enabled for track in timeline.video]
        for track, is_shown in zip(timeline.video, shown, strict=True):
            track.is_enabled = is_shown
        item = timeline.top_item(frame)
        for track, was_enabled in zip(timeline.video, kept, strict=True):
            track.is_enabled = was_enabled
        if item is None:
            return Image.new("RGB", size)
        pool_item = item.pool_item
        number = item.source_start + int((frame - item.start) / item._ratio())
        return pictures(pool_item.path if pool_item else None, [number], size)[0]

    def GetGallery(self) -> GalleryApi:
        return GalleryApi()

    def AddColorGroup(self, _name: str) -> GraphApi:
        return GraphApi(is_graded=False)

    # Deliver page.

    def GetRenderFormats(self) -> dict[str, str]:
        return dict(FORMATS)

    def GetRenderCodecs(self, container: str) -> dict[str, str]:
        self.is_warm = True
        available = self.resolve.scene.codecs
        if container == "mov":
            return mov_codecs(available)
        return {"H.264": "H264"} if container == "mp4" and "H264" in available else {}

    def SetCurrentRenderFormatAndCodec(self, container: str, codec: str) -> bool:
        known = codec in self._ids(container)
        if not (self.is_warm and known):
            self.is_warm = True
            return False
        self.codec = (container, codec)
        return True

    def _ids(self, container: str) -> list[str]:
        if container == "mov":
            return list(mov_codecs(self.resolve.scene.codecs).values())
        return [one for one in self.resolve.scene.codecs if container == "mp4" and one == "H264"]

    def GetCurrentRenderFormatAndCodec(self) -> dict[str, str]:
        return {"format": self.codec[0], "codec": self.codec[1]}

    def GetCurrentRenderMode(self) -> int:
        return self.mode

    def SetCurrentRenderMode(self, mode: int) -> bool:
        self.mode = mode
        return mode in (0, 1)

    def GetRenderPresetList(self) -> list[str]:
        return list(self.presets)

    def LoadRenderPreset(self, name: str) -> bool:
        if name not in self.presets:
            return False
        self.is_warm = True
        if name in self.kept:
            self.preset, self.codec, settings = self.kept[name]
            self.settings = dict(settings)
        else:
            self.preset, self.settings = name, {}
            self.codec = ("mp4", "H264") if "H264" in self.resolve.scene.codecs else self.codec
        return True

    def SaveAsNewRenderPreset(self, name: str) -> bool:
        if name in self.presets:
            return False
        self.presets.append(name)
        self.kept[name] = (self.preset, self.codec, dict(self.settings))
        return True

    def DeleteRenderPreset(self, name: str) -> bool:
        if name not in self.kept:
            return False
        del self.kept[name]
        self.presets.remove(name)
        return True

    def SetRenderSettings(self, settings: dict[str, Any]) -> bool:
        version = self.resolve.switchboard.version
        known = {name for name, since in RENDER_KEYS.items() if since <= version}
        label = isinstance(settings.get("VideoQuality"), str) and version >= (21,)
        odd = self.codec[1] == "H264" and any(
            settings.get(name, 0) % 2 for name in ("FormatWidth", "FormatHeight")
        )
        if not set(settings) <= known or label or odd:
            return False
        self.settings |= settings
        if self.current is not None and "MarkIn" in settings:
            start = self.current.start_frame()
            self.current.marks = {
                "in": settings["MarkIn"] - start,
                "out": settings["MarkOut"] - start,
            }
        return True

    def AddRenderJob(self) -> str:
        if self.resolve.page != "deliver" or self.current is None or self.codec[0] == "unknown":
            return ""
        id_ = str(uuid.uuid4())
        container, codec = self.codec
        self.jobs[id_] = Job(
            settings=dict(self.settings),
            codec=codec,
            container=container,
            preset=self.preset,
            timeline=self.current,
            shown=[track.is_enabled for track in self.current.video],
        )
        return id_

    def GetRenderJobList(self) -> list[dict[str, Any]]:
        return [{"JobId": id_, **job.settings} for id_, job in self.jobs.items()]

    def StartRendering(self, *wanted: Any) -> bool:
        ids = wanted[0] if wanted and isinstance(wanted[0], list) else list(wanted)
        ids = [one for one in ids if isinstance(one, str)] or list(self.jobs)
        if not ids or self.running or any(one not in self.jobs for one in ids):
            return False
        self.running = ids[0]
        return True

    def IsRenderingInProgress(self) -> bool:
        if self.running is None:
            return False
        job = self.jobs[self.running]
        if job.percent >= 80 or self.resolve.scene.render_error:
            self._finish(job)
            self.running = None
        else:
            job.percent += 40
        return self.running is not None

    def _finish(self, job: Job) -> None:
        scene = self.resolve.scene
        if scene.render_error:
            job.error = scene.render_error
            return
        job.percent = 100
        timeline = job.timeline
        first = job.settings.get("MarkIn", timeline.start_frame())
        last = job.settings.get("MarkOut", timeline.GetEndFrame() - 1)
        wanted = range(first, last + 1 - scene.render_loses)
        folder = Path(job.settings["TargetDir"])
        if scene.render_naming == "subfolder":
            folder = folder / "Timeline 1"
            folder.mkdir(exist_ok=True)
        suffix = "_00000001" if scene.render_naming == "suffix" else ""
        path = folder / f"{job.settings['CustomName']}{suffix}.{job.container}"
        if job.preset == AUDIO_ONLY:
            write_sound_only(path)
        elif wanted:
            shown = [self.picture(job.timeline, frame, job.shown) for frame in wanted]
            write_movie(path, shown, job.timeline.rate, job.codec)
        job.files.append(str(path))

    def GetRenderJobStatus(self, id_: str) -> dict[str, Any]:
        job = self.jobs.get(id_)
        if job is None:
            return {}
        words = STATUS_WORDS[self.resolve.scene.language]
        if job.error:
            return {"JobStatus": words[2], "CompletionPercentage": job.percent, "Error": job.error}
        word = words[1] if job.percent >= 100 else words[0]
        return {"JobStatus": word, "CompletionPercentage": job.percent}

    def StopRendering(self) -> None:
        self.running = None

    def DeleteRenderJob(self, id_: str) -> bool:
        return self.jobs.pop(id_, None) is not None


class ProjectManagerApi(Api):
    kind = "ProjectManager"

    def __init__(self, resolve: ResolveApi) -> None:
        self.resolve = resolve
        self.project: ProjectApi | None = None

    def GetCurrentProject(self) -> ProjectApi | None:
        return self.project

    def SaveProject(self) -> bool:
        return self.project is not None and self.project.name != "Untitled Project"

    def GetCurrentDatabase(self) -> dict[str, str]:
        return {"DbType": "Disk", "DbName": "Local Database"}

    def GetDatabaseList(self) -> list[dict[str, str]]:
        return [self.GetCurrentDatabase(), {"DbType": "Disk", "DbName": "Second"}]

    def GetCurrentFolder(self) -> str:
        return ""

    def GetProjectListInCurrentFolder(self) -> list[str]:
        return [self.project.name] if self.project else []

    def GetFolderListInCurrentFolder(self) -> list[str]:
        return []

    def ExportProject(self, _name: str, path: str) -> bool:
        Path(path).write_text("project", encoding="utf-8")
        return True

    def ArchiveProject(self, _name: str, _path: str) -> bool:
        return False

    def CreateProject(self, name: str, _folder: str = "") -> ProjectApi | None:
        if self.project is not None and self.project.name == name:
            return None
        return ProjectApi(self.resolve, name)

    def DeleteProject(self, _name: str) -> bool:
        return False


class AlbumApi(Api):
    kind = "GalleryStillAlbum"

    def GetStills(self) -> list[Any]:
        return []

    def ExportStills(self, *_: Any) -> bool:
        return False  # needs the Gallery panel to be visible


class GalleryApi(Api):
    kind = "Gallery"

    def GetGalleryStillAlbums(self) -> list[AlbumApi]:
        return [AlbumApi()]

    def GetCurrentStillAlbum(self) -> AlbumApi:
        return AlbumApi()


class MediaStorageApi(Api):
    kind = "MediaStorage"

    def GetMountedVolumeList(self) -> list[str]:
        return [f"/Volumes/{number}" for number in range(13)]


class FusionApi(Api):
    kind = "Fusion"

    def __init__(self, *, has_windows: bool) -> None:
        self.constants = {"UIManager": "windows"} if has_windows else {}

    def GetCurrentComp(self) -> bool:
        return False


class ResolveApi(Api):
    kind = "Resolve"
    constants = dict(zip(EXPORTS, map(float, range(len(EXPORTS))), strict=True))  # noqa: RUF012

    def __init__(self, scene: Scene, switchboard: Switchboard) -> None:
        self.scene, self.switchboard, self.page = scene, switchboard, scene.page
        self.manager = ProjectManagerApi(self)

    def GetProductName(self) -> str:
        return EDITIONS[self.scene.edition]

    def GetVersion(self) -> list[Any]:
        parts = [*self.scene.version, 0, 0, 0, 0][:4]
        return [*parts, ""]

    def GetVersionString(self) -> str:
        return ".".join(str(part) for part in self.scene.version)

    def GetCurrentPage(self) -> str:
        return self.page

    def OpenPage(self, name: str) -> bool:
        if name not in PAGES:
            return False
        self.page = name
        return True

    def GetProjectManager(self) -> ProjectManagerApi:
        return self.manager

    def GetMediaStorage(self) -> MediaStorageApi:
        return MediaStorageApi()

    def Fusion(self) -> FusionApi:
        is_old = self.switchboard.version < (19, 1)
        return FusionApi(has_windows=is_old or self.scene.edition == "studio")

    def SaveLayoutPreset(self, _name: str) -> bool:
        return True

    def LoadLayoutPreset(self, _name: str) -> bool:
        return True

    def DeleteLayoutPreset(self, _name: str) -> bool:
        return True

    def ExportLayoutPreset(self, _name: str, path: str) -> bool:
        Path(path).write_text("layout", encoding="utf-8")
        return True

    def ExportBurnInPreset(self, _name: str, _path: str) -> bool:
        return False

    def GetKeyframeMode(self) -> None:
        return None  # captured on the Edit page


def proxy_of(api: Api, switchboard: Switchboard) -> Proxy:
    return Proxy(switchboard, api)
