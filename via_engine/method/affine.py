"""Random affine views of a picture, the tuning set of the test-time adaptation.

A root pair is one example. Seen turned, sheared, shifted and from nearer, always source and edit
alike, it becomes many (VIA, section 3.2 and appendix A; reflection at the border is ours).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

MAX_ROTATION_DEG = 5.0
MAX_SHEAR_DEG = 10.0
MAX_SHIFT = 0.05
MIN_CROP_SIDE = 0.75
# Seeds of views to tune on and of those to judge by never meet.
_HELD_OUT_STREAM = 1 << 40


@dataclass(frozen=True, kw_only=True)
class Affine:
    """One view of a picture; without arguments the picture itself.

    Attributes:
        rotation_deg: turn about the centre, in the pixel plane.
        shear_deg: slant of the vertical, in the pixel plane.
        shift_xy: shares of width and height.
        crop_side: side of the crop, which is resized back, as a share of the picture's side.
        crop_xy: where the crop lies in the room it has, 0 left or top to 1 right or bottom.
    """

    rotation_deg: float = 0.0
    shear_deg: float = 0.0
    shift_xy: tuple[float, float] = (0.0, 0.0)
    crop_side: float = 1.0
    crop_xy: tuple[float, float] = (0.5, 0.5)


AS_IT_IS = Affine()


def tuning_affines(count: int, seed: int) -> tuple[Affine, ...]:
    """`count` views to tune on: the picture as it is, then random ones."""
    return (AS_IT_IS, *(random_affine(seed + index) for index in range(1, count)))


def held_out_affine(seed: int) -> Affine:
    """A view that no `tuning_affines` hold, to see whether what was learned carries over."""
    return random_affine(_HELD_OUT_STREAM + seed)


def random_affine(seed: int) -> Affine:
    """The view of a seed, each part evenly drawn from the range that was published."""
    generator = torch.Generator("cpu").manual_seed(seed)
    chance: list[float] = torch.rand(7, generator=generator, dtype=torch.float64).tolist()
    either_way = [2 * value - 1 for value in chance[:4]]
    return Affine(
        rotation_deg=MAX_ROTATION_DEG * either_way[0],
        shear_deg=MAX_SHEAR_DEG * either_way[1],
        shift_xy=(MAX_SHIFT * either_way[2], MAX_SHIFT * either_way[3]),
        crop_side=MIN_CROP_SIDE + (1 - MIN_CROP_SIDE) * chance[4],
        crop_xy=(chance[5], chance[6]),
    )


def view(pictures: Tensor, affine: Affine) -> Tensor:
    """Pictures or masks (B, C, H, W), float, seen through one affine; the same shape.

    Bilinear, mirrored at the border, so no value leaves the range of `pictures`. The picture as
    it is comes back untouched.
    """
    if affine == AS_IT_IS:
        return pictures
    height, width = pictures.shape[-2:]
    matrix = _looked_at(affine, width, height).to(pictures.device, pictures.dtype)
    shape = [len(pictures), pictures.shape[1], height, width]
    grid = functional.affine_grid(matrix.expand(len(pictures), 2, 3), shape, align_corners=False)
    return functional.grid_sample(
        pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _looked_at(affine: Affine, width: int, height: int) -> Tensor:
    """(1, 2, 3): where each place of the view looks; places run from -1 to 1 on both axes."""
    turn = math.radians(affine.rotation_deg)
    slant = math.tan(math.radians(affine.shear_deg))
    cosine, sine = math.cos(turn), math.sin(turn)
    # Rows are rotation after shear; angles hold in pixels, so the aspect goes in and out again.
    aspect = width / height
    linear = torch.tensor(
        [
            [cosine, (cosine * slant - sine) / aspect],
            [sine * aspect, sine * slant + cosine],
        ],
        dtype=torch.float64,
    )
    room = 1 - affine.crop_side
    crop_centre = torch.tensor([room * (2 * place - 1) for place in affine.crop_xy]).double()
    # A shift of the picture by a share of its side is twice that share from -1 to 1.
    shift = torch.tensor(affine.shift_xy, dtype=torch.float64) * 2
    offset = linear @ crop_centre - shift
    return torch.cat([linear * affine.crop_side, offset[:, None]], dim=1)[None]
