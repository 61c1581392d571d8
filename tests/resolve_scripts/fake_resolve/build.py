"""A fake Resolve out of a scene."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.resolve_scripts.fake_resolve import frames
from tests.resolve_scripts.fake_resolve.media import MediaFacts, probe
from tests.resolve_scripts.fake_resolve.pool import PoolItemApi
from tests.resolve_scripts.fake_resolve.project import ProjectApi, ResolveApi
from tests.resolve_scripts.fake_resolve.proxy import Proxy, Switchboard
from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene
from tests.resolve_scripts.fake_resolve.timeline import GraphApi, ItemApi, TimelineApi, Track

KINDS = {"compound": "Compound", "fusion": "Fusion", "sequence": "Video"}


@dataclass(frozen=True, kw_only=True)
class FakeResolve:
    """The fake with its insides, for tests to look at.

    Attributes:
        resolve: what a script gets.
        switchboard: dialogs, the record of calls, faults.
        api: what lies behind `resolve`.
    """

    resolve: Any
    switchboard: Switchboard
    api: ResolveApi

    @property
    def project(self) -> ProjectApi:
        assert self.api.manager.project is not None
        return self.api.manager.project

    @property
    def timeline(self) -> TimelineApi:
        assert self.project.current is not None
        return self.project.current

    def track(self, name: str) -> Track:
        """The video track of a name."""
        return next(track for track in self.timeline.video if track.name == name)

    def item(self, track_index: int = 1, number: int = 0) -> ItemApi:
        """An item of a video track."""
        return self.timeline.video[track_index - 1].items[number]

    def state(self) -> dict[str, Any]:
        """The timeline as plain values, for tests in another process."""
        return {
            "page": self.api.page,
            "tracks": [_track_state(track) for track in self.timeline.video],
            "start_frame": self.timeline.start_frame(),
            "playhead": self.timeline.playhead,
            "marks": self.timeline.marks,
            "faults": self.switchboard.faults,
        }


def build(scene: Scene) -> FakeResolve:
    """Opens a scene."""
    switchboard = Switchboard(scene.version)
    api = ResolveApi(scene, switchboard)
    project = api.manager.project = ProjectApi(api, scene.project)
    if scene.timeline is not None:
        timeline = TimelineApi(project, scene.timeline)
        project.add(timeline)
        project.current = timeline
        _fill(timeline, scene)
    return FakeResolve(resolve=Proxy(switchboard, api), switchboard=switchboard, api=api)


def _fill(timeline: TimelineApi, scene: Scene) -> None:
    pool = timeline.project.pool
    for clip in scene.clips:
        while len(timeline.video) < clip.track:
            timeline.video.append(Track(f"Video {len(timeline.video) + 1}"))
        pool_item = _pool_item(clip, timeline.rate)
        if pool_item is not None:
            known = [one for one in pool.root.clips if one.path == pool_item.path is not None]
            pool_item = known[0] if known else pool_item
            if not known:
                pool.root.clips.append(pool_item)
        item = _item(timeline, clip, pool_item)
        timeline.video[clip.track - 1].items.append(item)
        if clip.is_selected:
            timeline.selected.append(item)
    for index in scene.locked_tracks:
        timeline.video[index - 1].is_locked = True
    for index in scene.disabled_tracks:
        timeline.video[index - 1].is_enabled = False
    if scene.marks is not None:
        timeline.marks = {"in": scene.marks[0], "out": scene.marks[1]}
    for at, name in scene.timeline_markers.items():
        timeline.AddMarker(float(at), "Blue", name, "", 1)


def _item(timeline: TimelineApi, clip: ClipAt, pool_item: PoolItemApi | None) -> ItemApi:
    count = clip.frame_count
    if count is None and pool_item is not None:
        left = pool_item.frame_count - clip.source_start
        speed = Fraction(clip.speed).limit_denominator(1000)
        count = frames.record_length(left / speed, timeline.rate, pool_item.frame_rate)
    item = ItemApi(
        timeline,
        pool_item,
        start=timeline.start_frame() + clip.start,
        duration=count or 24,
        source_start=clip.source_start,
        speed=clip.speed,
        name=clip.name,
        # A project that is opened again has its items under the same ids.
        id_=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{timeline.GetName()} {clip}")),
    )
    item.properties |= clip.properties
    item.color, item.is_enabled = clip.color, clip.is_enabled
    item.graph = GraphApi(is_graded=clip.is_graded)
    item.has_fusion_comp = clip.has_fusion_comp
    for at, name in clip.markers.items():
        item.AddMarker(float(at), "Green", name, "", 1)
    return item


def _pool_item(clip: ClipAt, timeline_rate: Fraction) -> PoolItemApi | None:
    if clip.kind in ("title", "transition"):
        return None
    facts = probe(clip.media) if clip.media else None
    if facts is None or clip.media_rate or clip.media_timecode:
        rate = frames.rate(clip.media_rate) if clip.media_rate else None
        facts = MediaFacts(
            frame_count=clip.media_frames or (facts.frame_count if facts else 100),
            frame_rate=rate or (facts.frame_rate if facts else timeline_rate),
            timecode=clip.media_timecode or (facts.timecode if facts else "00:00:00:00"),
            width=facts.width if facts else 320,
            height=facts.height if facts else 180,
            has_sound=facts.has_sound if facts else False,
        )
    kind = KINDS.get(clip.kind, "Video + Audio" if facts.has_sound else "Video")
    name = clip.name or (Path(clip.media).name if clip.media else clip.kind.title())
    return PoolItemApi(name, clip.media, kind, facts)


def _track_state(track: Track) -> dict[str, Any]:
    return {
        "name": track.name,
        "is_enabled": track.is_enabled,
        "is_locked": track.is_locked,
        "items": [_item_state(item) for item in sorted(track.items, key=lambda one: one.start)],
    }


def _item_state(item: ItemApi) -> dict[str, Any]:
    pool_item = item.pool_item
    return {
        "id": item.id,
        "name": item.name,
        "start": item.start,
        "duration": item.duration,
        "source_start": item.source_start,
        "media": pool_item.path if pool_item else None,
        "takes": len(item.takes),
        "take": item.take,
        "markers": {str(at): marker for at, marker in item.markers.items()},
        "third_party": dict(pool_item.third_party) if pool_item else {},
    }
