"""Source row above edited row, evenly spaced frames: the picture an editor looks at first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from via_engine.media_types import FrameRange
from via_engine.picture.decode import read_frames_at
from via_engine.picture.probe import probe_media
from via_engine.schedule import group_frames

MARGIN_PX = 12
LABEL_PX = 30
PAPER, INK = (250, 250, 248), (40, 40, 44)


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """A clip and its edit; frame k of `edited` shows media frame `start_frame + k` of `source`."""

    label: str
    source: Path
    start_frame: int
    edited: Path


def thumbnails(path: Path, frames: Sequence[int], width: int) -> list[Image.Image]:
    """Frames of a clip as pictures `width` pixels wide."""
    media = probe_media(path)
    pictures = []
    for frame in read_frames_at(media, frames):
        picture = Image.fromarray(np.rint(frame * 255).astype(np.uint8))
        height = max(1, round(picture.height * width / picture.width))
        pictures.append(picture.resize((width, height), Image.Resampling.LANCZOS))
    return pictures


def row_pictures(row: SheetRow, columns: int, width: int) -> list[list[Image.Image]]:
    """Two lists of pictures: the source's and the edit's, frame by frame."""
    edited_frames = group_frames(FrameRange(0, probe_media(row.edited).frame_count), columns)
    source_frames = [row.start_frame + frame for frame in edited_frames]
    return [
        thumbnails(row.source, source_frames, width),
        thumbnails(row.edited, edited_frames, width),
    ]


def contact_sheet(rows: Sequence[SheetRow], *, columns: int, column_px: int) -> Image.Image:
    """One picture: per row its label, then source frames above edited frames."""
    blocks = [(row.label, row_pictures(row, columns, column_px)) for row in rows]
    heights = [LABEL_PX + sum(line[0].height + 4 for line in lines) for _, lines in blocks]
    width = columns * (column_px + 4) - 4 + 2 * MARGIN_PX
    sheet = Image.new("RGB", (width, sum(heights) + (len(blocks) + 1) * MARGIN_PX), PAPER)
    draw = ImageDraw.Draw(sheet)
    top = MARGIN_PX
    for (label, lines), height in zip(blocks, heights, strict=True):
        draw.text((MARGIN_PX, top), label, fill=INK, font=ImageFont.load_default(18))
        line_top = top + LABEL_PX
        for line in lines:
            for column, picture in enumerate(line):
                sheet.paste(picture, (MARGIN_PX + column * (column_px + 4), line_top))
            line_top += line[0].height + 4
        top += height + MARGIN_PX
    return sheet
