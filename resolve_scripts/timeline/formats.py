"""Timeline files: read from any format OpenTimelineIO knows, written all or nothing."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import opentimelineio as otio

from resolve_scripts.errors import OutputError, PartMissingError, TimelineError
from resolve_scripts.timeline.adapters.bundle import unpack
from resolve_scripts.timeline.adapters.edl import (
    in_list_time,
    in_record_time,
    mark_clips,
    mark_speeds,
    read_list,
)
from resolve_scripts.timeline.adapters.fcpx import complete, read_final_cut, write_final_cut
from resolve_scripts.timeline.adapters.structure import check_structure
from resolve_scripts.timeline.adapters.urls import clips_without_file, with_urls
from resolve_scripts.timeline.paths import PathMap

# Suffix -> the OpenTimelineIO adapter, and the package that brings it.
ADAPTERS = {
    ".otio": "otio_json",
    ".json": "otio_json",
    ".otioz": "otioz",
    ".otiod": "otiod",
    ".xml": "fcp_xml",
    ".fcpxml": "fcpx_xml",
    ".edl": "cmx_3600",
    ".aaf": "AAF",
}
PACKAGES = {
    "fcp_xml": "otio-fcp-adapter",
    "fcpx_xml": "otio-fcpx-xml-adapter",
    "cmx_3600": "otio-cmx3600-adapter",
    "AAF": "otio-aaf-adapter",
}
BUNDLES = {".otioz", ".otiod"}
# An AAF cannot be written without its original media at hand.
WRITTEN = {".otio", ".otioz", ".otiod", ".xml", ".fcpxml", ".edl"}


@dataclass(frozen=True, kw_only=True)
class TimelineFile:
    """A timeline as read from a file.

    Attributes:
        path: the file, absolute.
        timeline: what it holds.
        folder: where its relative media paths count from.
        notes: what reading it had to assume, a sentence each.
    """

    path: Path
    timeline: otio.schema.Timeline
    folder: Path
    notes: tuple[str, ...] = ()


def read_timeline(
    path: Path,
    *,
    name: str | None = None,
    frame_rate: float | None = None,
    unpack_to: Path | None = None,
) -> TimelineFile:
    """Reads a timeline. A file that holds a single clip or track gives a timeline of just that.

    Args:
        path: .otio, .otioz, .otiod, FCP7 .xml, .fcpxml, CMX3600 .edl or .aaf.
        name: which timeline, where the file holds several.
        frame_rate: record frames per second of an .edl, which does not say it.
        unpack_to: folder for the media inside an .otioz; without it that media is not found.

    Raises:
        TimelineError: there is no such file, it cannot be read, or holds several timelines.
        PartMissingError: the format's plug-in is not installed.
    """
    path = path.absolute()
    if not path.exists():
        raise TimelineError(f"no timeline at {path}; check the path")
    adapter = _adapter(path)
    listed = read_list(path, frame_rate) if adapter == "cmx_3600" else None
    final_cut = read_final_cut(path) if adapter == "fcpx_xml" else None
    if listed is not None:
        found = _read(path, adapter, text=listed.text, rate=listed.rate)
    else:
        found = _read(path, adapter, text=final_cut.text if final_cut is not None else None)
    timeline = _timeline(found, path, name)
    check_structure(timeline, path)
    for clip in timeline.find_clips():
        if clip.media_reference is None:  # written so by hand, or its active key names none
            clip.media_reference = otio.schema.MissingReference()
    if listed is not None:
        in_record_time(timeline)
        mark_speeds(timeline, listed)
        mark_clips(timeline, listed)
    if final_cut is not None:
        complete(timeline, final_cut)
    folder = path if path.suffix.lower() == ".otiod" else path.parent
    if path.suffix.lower() == ".otioz" and unpack_to is not None:
        unpack(path, unpack_to)
        folder = unpack_to
    notes = listed.notes if listed is not None else ()
    return TimelineFile(path=path, timeline=timeline, folder=folder, notes=notes)


def write_timeline(
    timeline: otio.schema.Timeline,
    path: Path,
    *,
    folder: Path | None = None,
    path_map: PathMap | None = None,
) -> list[str]:
    """Writes a timeline in the format its suffix names, all or nothing.

    Gives the names of the clips whose media a bundle lacks, because it is no file of this machine.

    Args:
        timeline: what to write.
        path: where; .otioz and .otiod take the movies along that are there.
        folder: where relative media lies; the folder of `path` when it is not said.
        path_map: where the media to take along lies on this machine.

    Raises:
        OutputError: the folder cannot be written, or the format cannot carry the timeline.
        PartMissingError: the format's plug-in is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITTEN:
        raise OutputError(
            f"{path.name}: no timeline can be written as {suffix or 'a file without suffix'}; "
            f"name it {', '.join(sorted(WRITTEN))}"
        )
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{suffix}")
    try:
        lacking = _write(timeline, partial, folder or path.parent, path_map or PathMap())
        if path.is_dir() and suffix == ".otiod":
            raise OutputError(f"{path} exists already; name another output")
        partial.replace(path)
        return lacking
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        _remove(partial)


def _adapter(path: Path) -> str:
    """Name of the adapter for a file, installed."""
    adapter = ADAPTERS.get(path.suffix.lower(), "otio_json")
    if adapter not in otio.adapters.available_adapter_names():
        package = PACKAGES[adapter]
        raise PartMissingError(
            f"reading {path.suffix} needs {package}, which is not installed; run "
            "pip install 'via-editor[timelines]', or export the timeline as .otio"
        )
    return adapter


def _read(path: Path, adapter: str, *, text: str | None, **options: float) -> Any:
    """What a file holds; `text` is told to the adapter instead of it."""
    try:
        if text is not None:
            return otio.adapters.read_from_string(text, adapter, **options)
        return otio.adapters.read_from_file(str(path), adapter_name=adapter)
    except Exception as error:  # each OTIO adapter has its own errors
        raise TimelineError(
            f"{path} is not a timeline OpenTimelineIO can read ({_words(error)}); export it as "
            ".otio"
        ) from error


def _timeline(found: Any, path: Path, name: str | None) -> otio.schema.Timeline:
    """The timeline in what a file holds."""
    several = _timelines(found)
    if name is not None:
        several = [each for each in several if each.name == name]
    if len(several) == 1:
        return several[0]
    if several:
        names = ", ".join(repr(each.name) for each in several)
        raise TimelineError(
            f"{path} holds {len(several)} timelines ({names}); name one with --timeline"
        )
    if name is not None or not isinstance(found, otio.core.Item):
        wanted = f"no timeline {name!r}" if name is not None else "no timeline"
        raise TimelineError(f"{path} holds {wanted}, but a {type(found).__name__}")
    return _wrapped(found)


def _timelines(found: Any) -> list[otio.schema.Timeline]:
    if isinstance(found, otio.schema.Timeline):
        return [found]
    if isinstance(found, otio.schema.SerializableCollection):
        return [each for one in found for each in _timelines(one)]
    return []


def _wrapped(item: otio.core.Item) -> otio.schema.Timeline:
    """A timeline of one item."""
    timeline = otio.schema.Timeline(name=item.name)
    if isinstance(item, otio.schema.Stack):
        timeline.tracks = item
    elif isinstance(item, otio.schema.Track):
        timeline.tracks.append(item)
    else:
        timeline.tracks.append(otio.schema.Track(name="Video 1", children=[item]))
    return timeline


def _write(
    timeline: otio.schema.Timeline, partial: Path, folder: Path, paths: PathMap
) -> list[str]:
    adapter, suffix = _adapter(partial), partial.suffix
    if adapter == "otio_json":
        with partial.open("w", encoding="utf-8") as file:
            file.write(timeline.to_json_string(indent=4))
            file.flush()
            os.fsync(file.fileno())
        return []
    options: dict[str, Any] = {}
    is_bundle = suffix in BUNDLES
    if is_bundle:
        options["media_policy"] = (
            otio.adapters.file_bundle_utils.MediaReferencePolicy.MissingIfNotFile
        )
    try:
        carried = with_urls(timeline, folder, paths if is_bundle else None)
        carried = in_list_time(carried) if adapter == "cmx_3600" else carried
        if adapter == "fcpx_xml":
            partial.write_text(write_final_cut(carried), encoding="utf-8")
        else:
            otio.adapters.write_to_file(carried, str(partial), adapter_name=adapter, **options)
        return clips_without_file(carried) if is_bundle else []
    except (OSError, OutputError):
        raise
    except Exception as error:  # each OTIO adapter has its own errors
        raise OutputError(
            f"{suffix} cannot carry this timeline ({_words(error)}); --place replace puts the "
            "edits on the clips themselves, and .otio carries everything"
        ) from error


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
