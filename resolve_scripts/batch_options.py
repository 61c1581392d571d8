"""The options of `via batch`, and what they say as a `BatchRequest`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Annotated

from resolve_scripts.batch.request import BatchRequest
from resolve_scripts.edit_options import EditOptions, option
from resolve_scripts.errors import OutputError, UsageError
from resolve_scripts.outputs import next_version
from resolve_scripts.timeline.formats import WRITTEN
from resolve_scripts.timeline.paths import path_map
from resolve_scripts.timeline.place import PlaceMode
from resolve_scripts.timeline.select import Wanted
from resolve_scripts.timeline.sheet import read_sheet

WHICH = "Which clips"
READ = "How the timeline is read"
BACK = "What comes back"
MOST_HANDLES = 10_000
VERSIONED = re.compile(r"(.*_via)_v\d{3,}")
EVERY_CLIP = ("*",)


class Importer(Enum):
    """A program whose own reading of timelines the result is written for."""

    RESOLVE = "resolve"


@dataclass(frozen=True, kw_only=True)
class BatchOptions(EditOptions):
    """What can be set for a whole timeline; as typed, not yet understood."""

    instruction: Annotated[
        str | None,
        option("Edit the clips the options leave; without it VIA: markers count.", panel=WHICH),
    ] = None
    track: Annotated[
        str | None,
        option("Only this video track, N from 1 at the bottom.", metavar="NAME|N", panel=WHICH),
    ] = None
    clip: Annotated[
        list[str] | None,
        option("Only clips of this name, * for any letters; repeatable.", panel=WHICH),
    ] = None
    range: Annotated[
        list[str] | None,
        option("Only this record range, end excluded; repeatable.", metavar="TC:TC", panel=WHICH),
    ] = None
    sheet: Annotated[
        Path | None, option("Instruction sheet, .csv or .toml; columns below.", panel=WHICH)
    ] = None
    same_look: Annotated[
        bool, option("One look for clips with the same instruction.", "--same-look", panel=WHICH)
    ] = False
    timeline_name: Annotated[
        str | None,
        option("Which one of several.", "--timeline", metavar="NAME", panel=READ),
    ] = None
    rate: Annotated[
        float | None, option("Frame rate of an EDL, which does not say it.", panel=READ)
    ] = None
    map: Annotated[
        list[str] | None,
        option("A folder there and here; repeatable.", metavar="FROM=TO", panel=READ),
    ] = None
    handles: Annotated[
        int,
        option(
            "Frames beyond each end, where media has them.", min=0, max=MOST_HANDLES, panel=BACK
        ),
    ] = 0
    out: Annotated[
        Path | None,
        option(
            "New timeline, an .otio beside it; default: its name with _via_v001.",
            "-o",
            "--out",
            panel=BACK,
        ),
    ] = None
    media_folder: Annotated[
        Path | None, option("Where rendered clips go; default: beside it.", panel=BACK)
    ] = None
    place: Annotated[
        PlaceMode, option("New track, further media of the clips, or in place.", panel=BACK)
    ] = PlaceMode.TRACK
    importer: Annotated[
        Importer | None, option("Write what this program imports.", "--for", panel=BACK)
    ] = None
    report: Annotated[Path | None, option("The report as JSON there, too.", panel=BACK)] = None
    dry_run: Annotated[bool, option("Print the plan, render nothing.", "--dry-run", panel=BACK)] = (
        False
    )
    jobs_only: Annotated[
        bool, option("Queue and leave; without it again goes on.", "--jobs-only", panel=BACK)
    ] = False

    def request(self, timeline: Path, *, force: bool) -> BatchRequest:
        """What the options say of a timeline.

        Raises:
            UsageError: two of them contradict each other, or one cannot be read.
            OutputError: the output is of no format that can be written.
        """
        self._check()
        out = _out(timeline, self.out)
        return BatchRequest(
            timeline=timeline,
            out=out,
            media_folder=self.media_folder.absolute() if self.media_folder else _media_folder(out),
            timeline_name=self.timeline_name,
            frame_rate=self.rate,
            wanted=self._wanted(),
            options=self,
            sheet=self.sheet.absolute() if self.sheet else None,
            report=self.report.absolute() if self.report else None,
            path_map=path_map(self.map or ()),
            handles=self.handles,
            place_mode=self.place,
            for_resolve=self.importer is Importer.RESOLVE,
            same_look=self.same_look,
            force=force,
        )

    def _check(self) -> None:
        if self.dry_run and self.jobs_only:
            raise UsageError("--dry-run and --jobs-only contradict each other; give one of them")
        if self.importer is Importer.RESOLVE and self.place is PlaceMode.REFERENCE:
            raise UsageError(
                "Resolve reads one media reference of a clip, so --for resolve goes with --place "
                "track or --place replace"
            )

    def _wanted(self) -> Wanted:
        wanted = Wanted(
            instruction=self.instruction,
            track=self.track,
            clips=tuple(self.clip or ()),
            ranges=tuple(self.range or ()),
            sheet=read_sheet(self.sheet) if self.sheet else (),
        )
        if not self.identity or wanted.sheet or wanted.instruction is not None:
            return wanted
        # What passes through needs no instruction: every clip that nothing leaves out.
        is_narrowed = wanted.track or wanted.clips or wanted.ranges
        clips = wanted.clips if is_narrowed else EVERY_CLIP
        return replace(wanted, instruction="", clips=clips)


def _out(timeline: Path, out: Path | None) -> Path:
    if out is None:
        return next_version(timeline.parent, f"{timeline.stem}_via", ".otio")
    if out.suffix.lower() not in WRITTEN:
        raise OutputError(f"{out.name} must end in one of {', '.join(sorted(WRITTEN))}")
    return out.absolute()


def _media_folder(out: Path) -> Path:
    """Beside the timeline and the same for all its versions, so that a rerun finds the renders."""
    versioned = VERSIONED.fullmatch(out.stem)
    if versioned:
        return out.with_name(versioned[1])
    return out.with_name(out.stem if out.stem.endswith("_via") else f"{out.stem}_via")
