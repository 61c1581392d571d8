"""From a clip's media reference to the file on this machine."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import opentimelineio as otio

from resolve_scripts.errors import ClipNotSupportedError, MissingMediaError


def media_path(reference: otio.core.MediaReference, timeline_folder: Path) -> Path:
    """Absolute path of the file a media reference points to.

    The target may be a file URL or a plain path, percent-encoded or not, absolute or relative to
    the timeline's folder; the first reading that names an existing file counts.

    Raises:
        MissingMediaError: no reading of the target names an existing file.
        ClipNotSupportedError: the clip's pictures are not one movie file.
    """
    if isinstance(reference, otio.schema.MissingReference):
        raise MissingMediaError("the clip has no media (MissingReference); relink it")
    if not isinstance(reference, otio.schema.ExternalReference):
        raise ClipNotSupportedError(
            f"its media is of kind {type(reference).__name__}, which is not supported yet; "
            "render it to a movie file first",
            reason="MEDIA_KIND_NOT_SUPPORTED",
        )
    if not reference.target_url:
        raise MissingMediaError("the clip's media reference is empty; relink it")
    for path in _readings(reference.target_url):
        candidate = timeline_folder / path
        if candidate.is_file():
            return candidate.resolve()
    raise MissingMediaError(
        f"media not found: {reference.target_url} (looked from {timeline_folder}); "
        "relink the clip or put the file there"
    )


def has_relative_media(timeline: otio.schema.Timeline) -> bool:
    """Whether some media is named relative to the timeline's folder."""
    references = [clip.media_reference for clip in timeline.find_clips()]
    targets = [
        reference.target_url
        for reference in references
        if isinstance(reference, otio.schema.ExternalReference) and reference.target_url
    ]
    return any("://" not in target and not Path(target).is_absolute() for target in targets)


def _readings(target_url: str) -> list[str]:
    """What the target may mean, the most literal first."""
    if not target_url.lower().startswith("file:"):
        return [target_url, unquote(target_url)]
    parts = urlsplit(target_url)
    path = parts.path
    if path[:1] == "/" and path[2:3] == ":":  # file:///C:/clip.mov
        path = path[1:]
    if parts.netloc not in {"", "localhost"}:  # file://host/share/clip.mov
        path = f"//{parts.netloc}{path}"
    # A URL cut at "#" or "?" was a path with that letter, written without encoding.
    literal = target_url[len("file://") :] if target_url.lower().startswith("file://") else path
    return [unquote(path), path, literal]
