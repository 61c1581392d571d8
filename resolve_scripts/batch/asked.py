"""A timeline read, and every clip in it that asks for an edit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from resolve_scripts.batch.found_clip import FoundClip, MediaFinder, Refused
from resolve_scripts.batch.request import BatchRequest
from resolve_scripts.edit_clip import check_instruction
from resolve_scripts.edit_settings import check_settings
from resolve_scripts.errors import NoClipsError
from resolve_scripts.progress import Reporter
from resolve_scripts.timeline.clip_edit import Selection
from resolve_scripts.timeline.formats import TimelineFile, read_timeline
from resolve_scripts.timeline.select import select


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A timeline with the clips that ask for an edit, in timeline order, then what is refused.

    Each clip stands by its name, with its media on this machine or with why it cannot be edited.
    """

    file: TimelineFile
    clips: tuple[tuple[str, FoundClip | Refused], ...]

    @property
    def folders(self) -> set[Path]:
        """Folders a server has to read."""
        found = (clip for _, clip in self.clips if isinstance(clip, FoundClip))
        return {folder for clip in found for folder in clip.folders}


def read_asked(request: BatchRequest, reporter: Reporter, *, unpack_to: Path) -> Asked:
    """Reads the timeline and finds the clips and their media.

    Args:
        request: which timeline and which clips.
        reporter: takes what reading had to assume.
        unpack_to: folder for media that lies inside the timeline's file.

    Raises:
        TimelineError: the timeline cannot be read.
        UsageError: the options contradict each other, the instruction is empty, or there is no
            such track or range.
        NoClipsError: nothing asks for an edit.
    """
    check_settings(request.options.settings())
    if request.wanted.instruction is not None:
        check_instruction(request.wanted.instruction, identity=request.options.identity)
    file = read_timeline(
        request.timeline,
        name=request.timeline_name,
        frame_rate=request.frame_rate,
        unpack_to=unpack_to,
    )
    for note in file.notes:
        reporter.note(note)
    selection = select(file.timeline, request.wanted)
    _refuse_none(selection, request)
    finder = MediaFinder(request, file.folder)
    edits = [(edit.name, finder.find(edit)) for edit in selection.edits]
    refused = [(each.name, Refused(error=each.error)) for each in selection.refusals]
    return Asked(file=file, clips=(*edits, *refused))


def _refuse_none(selection: Selection, request: BatchRequest) -> None:
    if selection.edits or selection.refusals:
        return
    wanted = request.wanted
    if wanted.instruction is not None or wanted.sheet:
        raise NoClipsError(f"{request.timeline} holds no clip with pictures where you asked")
    raise NoClipsError(
        f"no clip in {request.timeline} asks for an edit; give clips on a video track a marker "
        '"VIA: your instruction", or use --instruction TEXT --track NAME'
    )
