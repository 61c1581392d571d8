"""What Via writes onto its results, so that every version says how it came about."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from resolve_scripts.in_resolve.clips import Clip
from resolve_scripts.in_resolve.resolve_api import can

METADATA_KEY = "via"
MARKER_COLOR = "Purple"


@dataclass(frozen=True)
class Tags:
    """How a result came about.

    Attributes:
        job: the server's name of the job.
        instruction: what was asked for.
        seed: the seed it was made with.
        version: number of the version of this clip, from 1.
        clip_id: Resolve's id of the clip it was made from.
    """

    job: str
    instruction: str
    seed: int
    version: int
    clip_id: str

    def to_text(self) -> str:
        """JSON text."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)


def tags_from(text: Any) -> Tags | None:
    """Tags from JSON text; None when it is somebody else's."""
    try:
        values = json.loads(text)
        return Tags(
            job=str(values["job"]),
            instruction=str(values["instruction"]),
            seed=int(values["seed"]),
            version=int(values["version"]),
            clip_id=str(values["clip_id"]),
        )
    except (ValueError, TypeError, KeyError):
        return None


def tag_pool_item(pool_item: Any, tags: Tags) -> None:
    """Writes tags on a media pool clip, which every take keeps."""
    if can(pool_item, "SetThirdPartyMetadata"):
        pool_item.SetThirdPartyMetadata(METADATA_KEY, tags.to_text())
    else:
        _mark(pool_item, 0, tags)


def tag_item(item: Any, left_offset: int, tags: Tags) -> None:
    """Puts a marker with the instruction on a timeline item, and the tags in its custom data."""
    _mark(item, left_offset, tags)


def read_pool_tags(pool_item: Any) -> Tags | None:
    """Tags of a media pool clip."""
    if pool_item is None:
        return None
    if can(pool_item, "GetThirdPartyMetadata"):
        found = tags_from(pool_item.GetThirdPartyMetadata(METADATA_KEY))
        if found is not None:
            return found
    return _marked(pool_item)


def read_tags(clip: Clip) -> Tags | None:
    """Tags of a result on the timeline; None for anything else."""
    return read_pool_tags(clip.pool_item) or _marked(clip.item)


def _mark(owner: Any, frame: int, tags: Tags) -> None:
    note = f"{tags.instruction}\njob {tags.job}, seed {tags.seed}"
    owner.AddMarker(frame, MARKER_COLOR, f"VIA v{tags.version}", note, 1, tags.to_text())


def _marked(owner: Any) -> Tags | None:
    markers = owner.GetMarkers() or {}
    found = (tags_from(marker.get("customData")) for marker in markers.values())
    return next((tags for tags in found if tags is not None), None)
