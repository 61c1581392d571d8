"""What to put on the timeline, and where."""

from __future__ import annotations

from dataclasses import dataclass

from resolve_scripts.in_resolve.tags import Tags


@dataclass(frozen=True)
class Placement:
    """What to put where.

    Attributes:
        clip_id: the clip it was made from.
        path: the finished file.
        record_start_frame: absolute timeline frame of its first picture.
        frame_count: its length on the timeline.
        file_start_frame: the file's picture that comes first.
        way: "track", "new_track" or "take".
        is_source_colour: whether its pictures are in the clip's own input colour space.
        tags: how it came about.
        anchor_frame: the clip's own when `record_start_frame` was told; None when it is not known.
    """

    clip_id: str
    path: str
    record_start_frame: int
    frame_count: int
    file_start_frame: int
    way: str
    is_source_colour: bool
    tags: Tags
    anchor_frame: int | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Its half-open range on the timeline."""
        return self.record_start_frame, self.record_start_frame + self.frame_count
