"""Finished files in the media pool: in the bin VIA, once, tagged, with the right colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from resolve_scripts.in_resolve.clips import Clip
from resolve_scripts.in_resolve.errors import PlaceError
from resolve_scripts.in_resolve.left_as_found import in_folder
from resolve_scripts.in_resolve.open_timeline import OpenTimeline
from resolve_scripts.in_resolve.placement import Placement
from resolve_scripts.in_resolve.tags import tag_pool_item

BIN_NAME = "VIA"
# How Resolve reads a file's colours, for projects with and without ACES.
COLOUR_PROPERTIES = ("Input Color Space", "IDT")


def result_pool_item(opened: OpenTimeline, source: Clip, wanted: Placement) -> Any:
    """The file in the media pool, tagged, and in the colour space of its pictures."""
    pool_item = _imported(opened, wanted.path)
    tag_pool_item(pool_item, wanted.tags)
    if wanted.is_source_colour:
        for name in COLOUR_PROPERTIES:
            value = source.pool_item.GetClipProperty(name)
            if value:
                pool_item.SetClipProperty(name, value)
    return pool_item


def _imported(opened: OpenTimeline, path: str) -> Any:
    """The file's clip in the bin VIA; one that is there already is used again.

    Raises:
        PlaceError: Resolve cannot read the file.
    """
    folder = _via_bin(opened.media_pool)
    known = _in_bin(folder, path)
    if known is not None:
        return known
    with in_folder(opened.media_pool, folder):
        told = opened.media_pool.ImportMedia([path]) or [None]
    # The call may return nothing for a file it knows; what lies in the bin counts.
    imported = _in_bin(folder, path) or told[0]
    if imported is None:
        raise PlaceError(
            f"Resolve cannot import {path}",
            next_step="open the file in Resolve's media pool yourself to see why",
            reason="IMPORT_FAILED",
        )
    return imported


def _in_bin(folder: Any, path: str) -> Any:
    for pool_item in folder.GetClipList() or []:
        if _same_path(pool_item.GetClipProperty("File Path"), path):
            return pool_item
    return None


def _same_path(one: Any, other: str) -> bool:
    """Whether two paths lead to one file; Resolve may spell accents and links in its own way."""
    try:
        return bool(one) and Path(str(one)).samefile(other)
    except OSError:
        return False


def _via_bin(media_pool: Any) -> Any:
    """The bin VIA, made when the project has none.

    Raises:
        PlaceError: Resolve does not make it.
    """
    root = media_pool.GetRootFolder()
    for folder in root.GetSubFolderList() or []:
        if folder.GetName() == BIN_NAME:
            return folder
    with in_folder(media_pool, root):  # Resolve goes into the bin it makes
        made = media_pool.AddSubFolder(root, BIN_NAME)
    if not made:
        raise PlaceError(
            f"Resolve did not make the bin {BIN_NAME}",
            next_step=f"make a bin named {BIN_NAME} in the media pool, then place again",
            reason="BIN_NOT_MADE",
        )
    return made
