"""A batch as a person asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from resolve_scripts.edit_options import EditOptions
from resolve_scripts.edit_settings import EditSettings
from resolve_scripts.sheet_options import with_sheet_options
from resolve_scripts.timeline.paths import PathMap
from resolve_scripts.timeline.place import PlaceMode
from resolve_scripts.timeline.select import Wanted


@dataclass(frozen=True, kw_only=True)
class BatchRequest:
    """One timeline and what to do with it.

    Attributes:
        timeline: the file, absolute; it is never altered.
        out: the new timeline, absolute.
        media_folder: where the rendered clips go, absolute; made when missing.
        timeline_name: which timeline, where the file holds several.
        frame_rate: record frames per second of an EDL, which does not say it.
        wanted: which clips, and what to change in them.
        options: how to edit; a row of the sheet may say otherwise for its clip.
        sheet: the instruction sheet, absolute; files it names are relative to its folder.
        report: where the report goes as JSON, too, absolute.
        path_map: folders as the timeline and as this machine names them.
        handles: record frames rendered beyond each end of a clip, as far as its media reaches.
        place_mode: how edits come back.
        for_resolve: writes what Resolve imports.
        same_look: clips with the same instruction and settings share one look.
        force: replaces an existing `out`.
    """

    timeline: Path
    out: Path
    media_folder: Path
    timeline_name: str | None = None
    frame_rate: float | None = None
    wanted: Wanted = field(default_factory=Wanted)
    options: EditOptions = field(default_factory=EditOptions)
    sheet: Path | None = None
    report: Path | None = None
    path_map: PathMap = field(default_factory=PathMap)
    handles: int = 0
    place_mode: PlaceMode = PlaceMode.TRACK
    for_resolve: bool = False
    same_look: bool = False
    force: bool = False

    def settings(self, row: Mapping[str, str]) -> EditSettings:
        """How to edit a clip whose row of the sheet fills the columns `row`.

        Raises:
            UsageError: an option has no such name or value, or contradicts another.
        """
        if not row:
            return self.options.settings()
        folder = (self.sheet or self.timeline).parent
        return with_sheet_options(self.options, row, folder).settings()
