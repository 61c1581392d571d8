"""A timeline's clips with pictures, found by name, by track and by time."""

from __future__ import annotations

from fnmatch import fnmatchcase

import opentimelineio as otio

from resolve_scripts.errors import UsageError
from resolve_scripts.timeline.record import ClipPlace, clip_places, has_pictures, record_clock
from resolve_scripts.timeline.selection.visible import PlacesInTime
from resolve_scripts.timeline.versions import is_via_track


class Cut:
    """A timeline's clips, found by name and by time."""

    def __init__(self, timeline: otio.schema.Timeline) -> None:
        self.timeline = timeline
        self.clock = record_clock(timeline)
        own = set(self.own_tracks())
        self.places = [each for each in clip_places(timeline) if each.track_index in own]
        self.in_time = PlacesInTime(self.places)
        self.order = {id(place): number for number, place in enumerate(self.places)}
        self.by_name: dict[str, list[ClipPlace]] = {}
        for place in self.places:
            self.by_name.setdefault(place.clip.name, []).append(place)

    def named(self, name: str) -> list[ClipPlace]:
        """Clips of that name; when there is none, those whose names the pattern fits."""
        return self.by_name.get(name) or [each for each in self.places if is_named(each, name)]

    def video_tracks(self) -> list[int]:
        """Positions of the tracks with pictures, bottom first."""
        return [index for index, one in enumerate(self.timeline.tracks) if has_pictures(one)]

    def own_tracks(self) -> list[int]:
        """The same without the tracks Via made in earlier batches."""
        tracks = self.timeline.tracks
        return [index for index in self.video_tracks() if not is_via_track(tracks[index])]

    def track_index(self, track: str) -> int:
        """Position of a video track, by its name or its number from 1 at the bottom."""
        video = self.video_tracks()
        names = [self.timeline.tracks[index].name for index in video]
        named = [index for index, name in zip(video, names, strict=True) if name == track]
        if len(named) > 1:
            raise UsageError(
                f"several video tracks are named {track!r}; give a number ({self.listed()})"
            )
        if not named and track.isdecimal() and 1 <= int(track) <= len(video):
            named = [video[int(track) - 1]]
        if not named:
            raise UsageError(f"the timeline has no video track {track!r}; it has {self.listed()}")
        return named[0]

    def listed(self) -> str:
        """The video tracks, for a message."""
        names = [self.timeline.tracks[index].name for index in self.video_tracks()]
        return ", ".join(f"{number} {name!r}" for number, name in enumerate(names, 1)) or "none"


def is_named(place: ClipPlace, pattern: str) -> bool:
    """Whether a clip has that name, or one that the pattern fits."""
    return place.clip.name == pattern or fnmatchcase(place.clip.name, pattern)
