"""Which editor stands behind a model's card."""

from __future__ import annotations

import torch

from via_engine.errors import ModelError
from via_engine.model_card import ModelCard
from via_engine.models.instruct_pix2pix import (
    INSTRUCT_PIX2PIX,
    InstructPix2PixEditor,
    load_instruct_pix2pix,
)
from via_engine.models.instruct_pix2pix_xl import INSTRUCT_PIX2PIX_XL, load_instruct_pix2pix_xl
from via_engine.models.mgie_editor import MGIE, load_mgie_editor

__all__ = ["InstructPix2PixEditor", "load_editor"]

_LOADERS = {
    INSTRUCT_PIX2PIX: load_instruct_pix2pix,
    INSTRUCT_PIX2PIX_XL: load_instruct_pix2pix_xl,
    MGIE: load_mgie_editor,
}


def load_editor(
    card: ModelCard, *, device: torch.device, dtype: torch.dtype
) -> InstructPix2PixEditor:
    """The editor of `card`, from its folder alone: no download, no pickle.

    Raises:
        ModelError: the kind is unknown, or the folder lacks a part or holds one that does not fit.
        LicenceError: its licence must be accepted first.
    """
    if card.kind not in _LOADERS:
        raise ModelError(
            f"model {card.name!r} is of kind {card.kind!r}; Via runs {', '.join(_LOADERS)}"
        )
    return _LOADERS[card.kind](card, device=device, dtype=dtype)
