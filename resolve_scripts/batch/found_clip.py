"""Clips of a batch with their media on this machine; no server is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import opentimelineio as otio

from resolve_scripts.batch.request import BatchRequest
from resolve_scripts.edit_clip import check_instruction
from resolve_scripts.edit_settings import EditSettings, check_settings
from resolve_scripts.errors import ViaClientError
from resolve_scripts.timeline.clip_edit import ClipEdit
from resolve_scripts.timeline.media import ImageSequence, Media, find_media, named_media
from resolve_scripts.timeline.versions import original_reference


@dataclass(frozen=True, kw_only=True)
class FoundClip:
    """A clip whose media lies on this machine, and how to edit it."""

    edit: ClipEdit
    media: Media
    settings: EditSettings

    @property
    def folders(self) -> set[Path]:
        """Folders a server has to read."""
        files = (path.resolve().parent for _, path in self.settings.files())
        own = self.media.folder if isinstance(self.media, ImageSequence) else self.media.path.parent
        return {own, *files}


@dataclass(frozen=True, kw_only=True, eq=False)
class Refused:
    """What asks for an edit and cannot have it: why, and the clip where it is known."""

    error: ViaClientError
    edit: ClipEdit | None = None


class MediaFinder:
    """Finds the media of clips; what clips share is looked for once.

    Args:
        request: how to edit, and which folders have two names.
        folder: what relative media is looked for from.
    """

    def __init__(self, request: BatchRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._found: dict[tuple[object, ...], Media | ViaClientError] = {}
        self._settings: dict[tuple[tuple[str, str], ...], EditSettings | ViaClientError] = {}

    def find(self, edit: ClipEdit) -> FoundClip | Refused:
        """The clip with its media, or why it cannot be edited."""
        settings, media = self._settings_of(edit), self._media_of(edit.clip)
        if isinstance(settings, ViaClientError):
            return Refused(error=settings, edit=edit)
        try:
            check_instruction(edit.instruction, identity=settings.identity)
        except ViaClientError as error:
            return Refused(error=error, edit=edit)
        if isinstance(media, ViaClientError):
            return Refused(error=media, edit=edit)
        return FoundClip(edit=edit, media=media, settings=settings)

    def _settings_of(self, edit: ClipEdit) -> EditSettings | ViaClientError:
        key = tuple(sorted(edit.options.items()))
        if key not in self._settings:
            try:
                settings = self._request.settings(edit.options)
                check_settings(settings)
                self._settings[key] = settings
            except ViaClientError as error:
                self._settings[key] = error
        return self._settings[key]

    def _media_of(self, clip: otio.schema.Clip) -> Media | ViaClientError:
        key = _media_key(clip)
        if key not in self._found:
            try:
                self._found[key] = find_media(clip, self._folder, self._request.path_map)
            except ViaClientError as error:
                self._found[key] = error
        return self._found[key]


def _media_key(clip: otio.schema.Clip) -> tuple[object, ...]:
    """All of a clip that decides what `find_media` finds for it."""
    reference = original_reference(clip)
    numbers = (getattr(reference, name, None) for name in ("start_frame", "frame_step", "rate"))
    available, counted = reference.available_range, reference.available_range or clip.source_range
    return (
        type(reference),
        named_media(clip),
        *numbers,
        available and _values(available.start_time),
        available and _values(available.duration),
        counted and counted.duration.rate,
    )


def _values(time: otio.opentime.RationalTime) -> tuple[float, float]:
    return time.value, time.rate
