"""The fake Resolve answers as a real 19.1.3.7 did: same calls, same answers."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.resolve_scripts.fake_resolve.build import FakeResolve, build
from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene

REAL_VERSION = (19, 1, 3, 7)
BASE = Scene(version=REAL_VERSION, rate_setting="float", project="PROBE", timeline="PROBE_TL")


@pytest.fixture(scope="module")
def evidence(shared_media: Path) -> Path:
    """Captures from the real program."""
    return shared_media.parent / "resolve_evidence"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What the real program's probes had in hand."""

    fake: FakeResolve
    folder: Path

    @property
    def resolve(self) -> Any:
        return self.fake.resolve

    @property
    def manager(self) -> Any:
        return self.resolve.GetProjectManager()

    @property
    def project(self) -> Any:
        return self.manager.GetCurrentProject()

    @property
    def pool(self) -> Any:
        return self.project.GetMediaPool()

    @property
    def timeline(self) -> Any:
        return self.project.GetCurrentTimeline()

    @property
    def item(self) -> Any:
        return self.timeline.GetItemListInTrack("video", 1)[0]

    @property
    def hollow(self) -> Any:
        """The probes' first pool item, which answered None to everything."""
        self.fake.project.pool.root.clips[0].is_hollow = True
        return self.pool.GetRootFolder().GetClipList()[0]

    @property
    def gone(self) -> Any:
        """A timeline that was deleted."""
        copy = self.timeline.DuplicateTimeline("gone")
        self.pool.DeleteTimelines([copy])
        return copy

    def written(self, call: Callable[[str], Any]) -> str:
        path = self.folder / "written"
        return f"{call(str(path))}/{path.exists()}"


def opened_page(p: Probe, name: str) -> str:
    return f"{p.resolve.OpenPage(name)}/{p.resolve.GetCurrentPage()}"


def marker_count(owner: Any) -> str:
    added = owner.AddMarker(0, "Blue", "n", "", 1)
    return f"{added}/{len(owner.GetMarkers() or {})}"


def rendered(p: Probe) -> str:
    p.project.GetRenderCodecs("mov")
    p.project.SetCurrentRenderFormatAndCodec("mov", "ProRes422HQ")
    p.resolve.OpenPage("deliver")
    p.project.SetRenderSettings({"TargetDir": str(p.folder), "CustomName": "probe"})
    job = p.project.AddRenderJob()
    p.project.StartRendering([job], False)
    while p.project.IsRenderingInProgress():
        pass
    status = p.project.GetRenderJobStatus(job)["JobStatus"]
    return f"{status}/{len(list(p.folder.glob('probe*')))}"


def job_round_trip(p: Probe) -> str:
    p.project.GetRenderCodecs("mov")
    p.project.SetCurrentRenderFormatAndCodec("mov", "ProRes422HQ")
    p.resolve.OpenPage("deliver")
    job = p.project.AddRenderJob()
    return f"{len(p.project.GetRenderJobList())}/{p.project.DeleteRenderJob(job)}"


def exported(p: Probe, kind: str) -> str:
    constant = getattr(p.resolve, kind)
    return p.written(lambda path: p.timeline.Export(path, constant))


def take_selector(p: Probe) -> str:
    title = p.timeline.GetItemListInTrack("video", 2)[0]
    added = title.AddTake(p.pool.GetRootFolder().GetClipList()[0])
    count, chosen = title.GetTakesCount(), title.SelectTakeByIndex(1)
    return f"{added}/{count}/{chosen}/{title.FinalizeTake()}"


PROBES: dict[str, Callable[[Probe], Any]] = {
    "app.product_name": lambda p: p.resolve.GetProductName(),
    "app.version_string": lambda p: p.resolve.GetVersionString(),
    "app.current_page": lambda p: p.resolve.GetCurrentPage(),
    "app.keyframe_mode": lambda p: p.resolve.GetKeyframeMode(),
    "app.fusion_handle": lambda p: p.resolve.Fusion() is not None,
    "app.fusion_current_comp": lambda p: p.resolve.Fusion().GetCurrentComp(),
    "app.media_storage": lambda p: p.resolve.GetMediaStorage() is not None,
    "app.mounted_volumes": lambda p: len(p.resolve.GetMediaStorage().GetMountedVolumeList()),
    "page.open_media": lambda p: opened_page(p, "media"),
    "page.open_cut": lambda p: opened_page(p, "cut"),
    "page.open_edit": lambda p: opened_page(p, "edit"),
    "page.open_fusion": lambda p: opened_page(p, "fusion"),
    "page.open_color": lambda p: opened_page(p, "color"),
    "page.open_fairlight": lambda p: opened_page(p, "fairlight"),
    "page.open_deliver": lambda p: opened_page(p, "deliver"),
    "pm.current_database": lambda p: p.manager.GetCurrentDatabase(),
    "pm.database_list": lambda p: len(p.manager.GetDatabaseList()),
    "pm.project_list_count": lambda p: len(p.manager.GetProjectListInCurrentFolder()) >= 0,
    "pm.folder_list": lambda p: isinstance(p.manager.GetFolderListInCurrentFolder(), list),
    "pm.current_folder": lambda p: p.manager.GetCurrentFolder(),
    "pm.save_named_project": lambda p: p.manager.SaveProject(),
    "pm.export_project": lambda p: p.written(lambda path: p.manager.ExportProject("PROBE", path)),
    "project.setting_count": lambda p: len(p.project.GetSetting()) > 0,
    "project.read_frame_rate": lambda p: p.project.GetSetting("timelineFrameRate"),
    "project.set_resolution": lambda p: (
        f"{p.project.SetSetting('timelineResolutionWidth', '1920')}/"
        f"{p.project.GetSetting('timelineResolutionWidth')}"
    ),
    "project.set_colour_science": lambda p: (
        f"{p.project.SetSetting('colorScienceMode', 'davinciYRGB')}/"
        f"{p.project.GetSetting('colorScienceMode')}"
    ),
    "project.unique_id_shape": lambda p: type(p.project.GetUniqueId()).__name__,
    "pool.root_folder": lambda p: p.pool.GetRootFolder() is not None,
    "pool.clip_count": lambda p: len(p.pool.GetRootFolder().GetClipList()),
    "pool.add_subfolder": lambda p: p.pool.AddSubFolder(p.pool.GetRootFolder(), "s") is not None,
    "pool.clip_resolution": lambda p: p.hollow.GetClipProperty("Resolution"),
    "pool.set_clip_color": lambda p: p.hollow.SetClipColor("Orange"),
    "pool.set_clip_metadata": lambda p: (
        f"{p.hollow.SetMetadata('Comments', 'x')}/{p.hollow.GetMetadata('Comments')}"
    ),
    "pool.clip_marker_roundtrip": lambda p: marker_count(p.hollow),
    "pool.append_to_timeline": lambda p: bool(p.pool.AppendToTimeline([p.hollow])),
    "timeline.name": lambda p: p.timeline.GetName(),
    "timeline.track_count_video": lambda p: p.timeline.GetTrackCount("video"),
    "timeline.start_timecode": lambda p: p.timeline.GetStartTimecode(),
    "timeline.set_current_timecode": lambda p: p.timeline.SetCurrentTimecode("01:00:00:10"),
    "timeline.current_video_item": lambda p: p.timeline.GetCurrentVideoItem() is not None,
    "timeline.marker_roundtrip": lambda p: marker_count(p.timeline),
    "timeline.add_delete_track": lambda p: (
        f"{p.timeline.AddTrack('video')}/{p.timeline.DeleteTrack('video', 2)}"
    ),
    "timeline.set_track_name": lambda p: (
        f"{p.timeline.SetTrackName('video', 1, 'PROBE_TRACK')}/"
        f"{p.timeline.GetTrackName('video', 1)}"
    ),
    "timeline.track_enable_roundtrip": lambda p: (
        p.timeline.SetTrackEnable("video", 1, False)
        and not p.timeline.GetIsTrackEnabled("video", 1)
    ),
    "timeline.set_name": lambda p: p.timeline.SetName("renamed"),
    "timeline.duplicate": lambda p: p.gone.DuplicateTimeline("copy"),
    "timeline.grab_still": lambda p: p.timeline.GrabStill() is not None,
    "item.name": lambda p: p.item.GetName(),
    "item.duration": lambda p: p.item.GetDuration(),
    "item.left_offset": lambda p: p.item.GetLeftOffset(),
    "item.set_zoom_property": lambda p: (
        f"{p.item.SetProperty('ZoomX', 1.25)}/{p.item.GetProperty('ZoomX')}"
    ),
    "item.marker_roundtrip": lambda p: marker_count(p.item) == "True/1",
    "item.flag_roundtrip": lambda p: p.item.AddFlag("Blue") and "Blue" in p.item.GetFlagList(),
    "item.set_clip_color": lambda p: p.item.SetClipColor("Orange"),
    "item.media_pool_item": lambda p: p.item.GetMediaPoolItem() is not None,
    "color.node_graph": lambda p: p.item.GetNodeGraph() is not None,
    "color.num_nodes": lambda p: p.item.GetNodeGraph().GetNumNodes(),
    "color.node_label": lambda p: p.item.GetNodeGraph().GetNodeLabel(1),
    "color.node_lut": lambda p: p.item.GetNodeGraph().GetLUT(1),
    "color.tools_in_node": lambda p: len(p.item.GetNodeGraph().GetToolsInNode(1)),
    "color.set_node_enabled": lambda p: p.item.GetNodeGraph().SetNodeEnabled(1, True),
    "color.reset_all_grades": lambda p: p.item.GetNodeGraph().ResetAllGrades(),
    "color.group_roundtrip": lambda p: p.project.AddColorGroup("g") is not None,
    "color.set_cdl": lambda p: p.item.SetCDL({"NodeIndex": "1"}),
    "gallery.handle": lambda p: p.project.GetGallery() is not None,
    "gallery.album_count": lambda p: len(p.project.GetGallery().GetGalleryStillAlbums()),
    "gallery.export_stills": lambda p: (
        p.project.GetGallery().GetCurrentStillAlbum().ExportStills([], str(p.folder), "s", "png")
    ),
    "gallery.export_current_frame": lambda p: (
        f"{p.project.ExportCurrentFrameAsStill(str(p.folder / 's.png'))}/"
        f"{(p.folder / 's.png').exists()}"
    ),
    "fusion.comp_count": lambda p: p.item.GetFusionCompCount(),
    "fusion.add_delete_comp": lambda p: (
        f"{p.item.AddFusionComp() is not None}/{p.item.DeleteFusionCompByName('Composition 1')}"
    ),
    "render.format_count": lambda p: len(p.project.GetRenderFormats()),
    "render.codec_count_mov": lambda p: len(p.project.GetRenderCodecs("mov")),
    "render.preset_count": lambda p: len(p.project.GetRenderPresetList()),
    "render.set_format_codec": lambda p: (
        bool(p.project.GetRenderCodecs("mov"))
        and p.project.SetCurrentRenderFormatAndCodec("mov", "ProRes422HQ")
    ),
    "render.job_roundtrip": job_round_trip,
    "render.to_disk": rendered,
    "export.aaf": lambda p: exported(p, "EXPORT_AAF"),
    "export.edl": lambda p: exported(p, "EXPORT_EDL"),
    "export.fcpxml": lambda p: exported(p, "EXPORT_FCPXML_1_10"),
    "export.drt": lambda p: exported(p, "EXPORT_DRT"),
    "export.otio": lambda p: exported(p, "EXPORT_OTIO"),
    "audio.track_count": lambda p: p.timeline.GetTrackCount("audio"),
    "audio.add_delete_track": lambda p: (
        f"{p.timeline.AddTrack('audio')}/{p.timeline.DeleteTrack('audio', 2)}"
    ),
    "audio.set_track_name": lambda p: p.timeline.SetTrackName("audio", 1, "A"),
    "layout.save_preset": lambda p: p.resolve.SaveLayoutPreset("l"),
    "layout.export_preset": lambda p: p.written(lambda x: p.resolve.ExportLayoutPreset("l", x)),
    "layout.load_preset": lambda p: p.resolve.LoadLayoutPreset("l"),
    "layout.delete_preset": lambda p: p.resolve.DeleteLayoutPreset("l"),
    "lifecycle.create_project": lambda p: p.manager.CreateProject("new") is not None,
    "longop.transcribe_audio": lambda p: p.hollow.TranscribeAudio(),
    "longop.auto_sync_audio": lambda p: p.pool.AutoSyncAudio([], {}),
    "longop.create_subtitles_from_audio": lambda p: p.timeline.CreateSubtitlesFromAudio({}),
    "longop.link_unlink_proxy": lambda p: (
        f"{p.hollow.LinkProxyMedia('/x')}/{p.hollow.UnlinkProxyMedia()}"
    ),
    "editorial.compound_clip": lambda p: p.gone.CreateCompoundClip([]),
    "editorial.fusion_clip": lambda p: p.gone.CreateFusionClip([]),
    "editorial.take_selector": take_selector,
    "editorial.set_clips_linked": lambda p: p.timeline.SetClipsLinked([p.item], True),
    "projectlevel.render_preset_roundtrip": lambda p: (
        f"{p.project.SaveAsNewRenderPreset('r')}/{p.project.DeleteRenderPreset('r')}"
    ),
    "projectlevel.export_burn_in_preset": lambda p: p.resolve.ExportBurnInPreset("b", "/x"),
    "projectlevel.archive_project": lambda p: p.manager.ArchiveProject("PROBE", "/x"),
}

# Changing the project under a script is nothing that Via ever does.
NOT_IN_THE_FAKE = {
    "pm.current_project_name_on_untitled",
    "lifecycle.load_and_close",
    "lifecycle.delete_after_close_releases_lock",
    "editorial.nested_timeline",
    "projectlevel.multi_job_queue",
}


def captured(evidence: Path) -> dict[str, dict[str, Any]]:
    text = (evidence / "mode-matrix-v4-g4_a-20260802.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    return {line["probe"]: line for line in lines if "probe" in line}


def test_every_captured_probe_is_asked_or_named(evidence: Path) -> None:
    assert set(captured(evidence)) == set(PROBES) | NOT_IN_THE_FAKE


@pytest.mark.parametrize("name", sorted(PROBES))
def test_the_fake_answers_as_the_captured_program(
    name: str, evidence: Path, tmp_path: Path
) -> None:
    media = ClipAt(
        name="probe_source.mov", media="/m/probe_source.mov", media_rate="24", media_frames=48
    )
    other = replace(media, name="second.mov", media="/m/second.mov", start=48, frame_count=2)
    titles = [ClipAt(kind="title", track=2)] if name == "editorial.take_selector" else []
    fake = build(replace(BASE, clips=(media, other, *titles), width=64, height=36))
    real = captured(evidence)[name]
    probe = Probe(fake=fake, folder=tmp_path)
    if real["outcome"] == "raised":
        with pytest.raises(TypeError) as raised:
            PROBES[name](probe)
        assert f"TypeError: {raised.value}" == real["detail"]
    else:
        assert PROBES[name](probe) == ast.literal_eval(real["value"])


def pool_of(fake: FakeResolve) -> Any:
    return fake.resolve.GetProjectManager().GetCurrentProject().GetMediaPool()


def appended(fake: FakeResolve, ranges: list[tuple[int, int, int]]) -> None:
    """Appends (pool clip, startFrame, endFrame) one after the other, as the capture's script."""
    pool = pool_of(fake)
    clips = pool.GetRootFolder().GetClipList()
    for number, start, end in ranges:
        pool.AppendToTimeline(
            [{"mediaPoolItem": clips[number], "startFrame": start, "endFrame": end}]
        )


def empty_with_two_sources(count: int, scene: Scene) -> FakeResolve:
    clips = [
        ClipAt(name=f"rt_source_{n}.mov", media=f"/m/{n}.mov", media_rate="24", media_frames=count)
        for n in (1, 2)
    ]
    fake = build(replace(scene, clips=tuple(clips), width=64, height=36))
    fake.timeline.video[0].items.clear()
    return fake


def test_appends_lie_where_the_captured_round_trip_has_them(evidence: Path) -> None:
    text = (evidence / "roundtrip-gui-20260801.json").read_text(encoding="utf-8")
    fake = empty_with_two_sources(192, BASE)
    appended(fake, [(0, 0, 191), (1, 24, 71), (0, 48, 95), (1, 0, 191)])
    timeline = fake.resolve.GetProjectManager().GetCurrentProject().GetCurrentTimeline()
    found = [
        {
            "track": 1,
            "index": index,
            "start": item.GetStart(),
            "duration": item.GetDuration(),
            "left_offset": item.GetLeftOffset(),
            "source": item.GetMediaPoolItem().GetName(),
        }
        for index, item in enumerate(timeline.GetItemListInTrack("video", 1))
    ]
    assert found == json.loads(text)["setup"]["reference_fingerprint"]


def test_the_last_frame_cannot_be_asked_for_on_19_1_and_can_on_others() -> None:
    for version, placed in (((19, 1, 3, 7), 0), ((20, 3, 2, 9), 1), ((18, 5, 1, 6), 1)):
        fake = empty_with_two_sources(192, replace(BASE, version=version))
        appended(fake, [(0, 0, 192)])
        assert len(fake.timeline.video[0].items) == placed


def test_a_render_ends_as_the_captured_ones(evidence: Path, tmp_path: Path) -> None:
    text = (evidence / "render-stress-gui-20260801.json").read_text(encoding="utf-8")
    real = json.loads(text)
    fake = empty_with_two_sources(96, BASE)
    appended(fake, [(0, 0, 95)] * 11)
    project = fake.resolve.GetProjectManager().GetCurrentProject()
    timeline = project.GetCurrentTimeline()
    assert len(timeline.GetItemListInTrack("video", 1)) == real["setup"]["clips_on_timeline"]
    length = timeline.GetEndFrame() - timeline.GetStartFrame()
    assert length == real["setup"]["timeline_frames"]
    fake.resolve.OpenPage("deliver")
    project.GetRenderCodecs("mov")
    wanted = (real["setup"]["render_format"], real["setup"]["render_codec"])
    assert project.SetCurrentRenderFormatAndCodec(*wanted)
    first = real["iterations"][0]
    start = timeline.GetStartFrame()
    project.SetRenderSettings(
        {
            "TargetDir": str(tmp_path),
            "CustomName": "stress_001",
            "MarkIn": start,
            "MarkOut": start + 9,
        }
    )
    job = project.AddRenderJob()
    assert bool(job) is first["job"]
    assert project.StartRendering([job], False) is first["start_rendering"]
    while project.IsRenderingInProgress():
        pass
    assert project.GetRenderJobStatus(job)["JobStatus"] == first["job_status"]
    assert [one.name for one in tmp_path.iterdir()] == first["output_files"]
