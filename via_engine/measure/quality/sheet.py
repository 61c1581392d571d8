"""One clip under all variants: a row for each, evenly spaced frames beside one another."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from via_engine.measure.metrics.fidelity import Clip
from via_engine.media_types import FrameRange
from via_engine.schedule import group_frames

_MARGIN_PX, _GAP_PX, _LABEL_PX, _TITLE_PX = 12, 4, 190, 36
_PICTURE_WIDTH_PX = 192
_PAPER, _INK = (250, 250, 248), (40, 40, 44)


def variant_sheet(title: str, rows: Sequence[tuple[str, Clip]], *, columns: int = 6) -> Image.Image:
    """A picture of the rows, each a label and a clip; all clips are of one length and size.

    The columns are the same frames in every row, the first and the last among them.
    """
    frame_count, height, width = rows[0][1].shape[:3]
    shown = group_frames(FrameRange(0, frame_count), columns)
    size = (_PICTURE_WIDTH_PX, round(_PICTURE_WIDTH_PX * height / width))
    line_px = size[1] + _GAP_PX
    sheet_width = 2 * _MARGIN_PX + _LABEL_PX + len(shown) * (size[0] + _GAP_PX) - _GAP_PX
    sheet_height = 2 * _MARGIN_PX + _TITLE_PX + len(rows) * line_px - _GAP_PX
    sheet = Image.new("RGB", (sheet_width, sheet_height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN_PX, _MARGIN_PX), title, fill=_INK, font=ImageFont.load_default(20))
    for line, (label, clip) in enumerate(rows):
        top = _MARGIN_PX + _TITLE_PX + line * line_px
        place = (_MARGIN_PX, top + size[1] // 2)
        draw.text(place, label, fill=_INK, font=ImageFont.load_default(15), anchor="lm")
        for column, frame in enumerate(shown):
            picture = Image.fromarray(clip[frame]).resize(size, Image.Resampling.LANCZOS)
            left = _MARGIN_PX + _LABEL_PX + column * (size[0] + _GAP_PX)
            sheet.paste(picture, (left, top))
    return sheet
