"""What is known of an editor without loading it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What is known of an editor without loading it. `folder` is a diffusers pipeline folder.

    `adapt_steps` and `adapt_learning_rate` are what tuning it on a root pair takes; `sampler` is
    "ddim" or "euler_ancestral"; `accept_noncommercial` says that the user accepted a licence that
    allows research only. `conditioner` says what becomes of MGIE's language model after an
    answer: "resident", "unload", or "auto" by the memory there is; `conditioner_bits` are 16, 8 or
    4 per weight of it.
    """

    name: str
    kind: str
    folder: Path
    steps: int
    guidance_scale: float
    image_guidance_scale: float
    long_side_px: int
    multiple_px: int
    licence: str
    understands: tuple[str, ...] = ()
    adapt_steps: int = 200
    adapt_learning_rate: float = 1e-4
    sampler: str = "ddim"
    accept_noncommercial: bool = False
    conditioner: str = "auto"
    conditioner_bits: int = 16
