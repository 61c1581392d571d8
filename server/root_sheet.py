"""A sheet of root candidates to choose from: numbered pictures with scores, in one PNG."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from via_engine.edit_events import RootCandidate

COLUMNS = 4
TILE_PX = (320, 220)
CAPTION_PX = 44
GAP_PX = 12
PAPER, INK, FAINT = (250, 250, 248), (40, 40, 44), (150, 60, 50)


def root_sheet(candidates: Sequence[RootCandidate]) -> bytes:
    """PNG of all candidates in their order, numbered from 1, row by row.

    Below each edited picture stand its number, frame, seed and score, and the gate it failed.
    At 24 candidates the sheet has 1,340 × 1,668 pixels.
    """
    columns = min(COLUMNS, len(candidates))
    rows = -(-len(candidates) // columns)
    width, height = TILE_PX[0] + GAP_PX, TILE_PX[1] + CAPTION_PX + GAP_PX
    sheet = Image.new("RGB", (columns * width + GAP_PX, rows * height + GAP_PX), PAPER)
    for index, candidate in enumerate(candidates):
        row, column = divmod(index, columns)
        corner = (GAP_PX + column * width, GAP_PX + row * height)
        _draw(sheet, corner, index + 1, candidate)
    buffer = BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _draw(
    sheet: Image.Image, corner: tuple[int, int], number: int, candidate: RootCandidate
) -> None:
    left, top = corner
    with Image.open(BytesIO(candidate.png)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail(TILE_PX, Image.Resampling.LANCZOS)
    sheet.paste(picture, corner)
    choice, draw = candidate.choice, ImageDraw.Draw(sheet)
    scored = f"{number}   score {candidate.score:.2f}"
    made = f"frame {choice.frame}, seed {choice.seed}"
    draw.text((left, top + TILE_PX[1] + 2), scored, fill=INK, font=ImageFont.load_default(18))
    below = (left, top + TILE_PX[1] + 26)
    small = ImageFont.load_default(12)
    if candidate.is_sound:
        draw.text(below, made, fill=INK, font=small)
    else:
        draw.text(below, f"{made}: {candidate.fault}"[:52], fill=FAINT, font=small)
