"""What stays on this machine's device: the memory plan with the device's own size."""

from __future__ import annotations

import psutil
import torch

from via_engine.config import EngineConfig
from via_engine.model_card import ModelCard
from via_engine.models.memory_plan import CONDITIONER, MemoryPlan, plan_memory


def memory_bytes(device: torch.device) -> int:
    """Memory of the device: all of a CUDA device's, what is free of a computer's own."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(psutil.virtual_memory().available)


def planned(
    config: EngineConfig, card: ModelCard, device: torch.device, dtype: torch.dtype
) -> MemoryPlan:
    """What stays on this device in edits with that editor."""
    return plan_memory(
        config,
        card,
        total_bytes=memory_bytes(device),
        weight_bytes=dtype.itemsize,
        has_main_memory=device.type != "cpu",
    )


def keeps_conditioner(card: ModelCard, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether MGIE's language model stays in memory between answers: as its card says, or, with
    "auto", where it fits beside all the rest.
    """
    if card.conditioner != "auto":
        return card.conditioner == "resident"
    return planned(EngineConfig(), card, device, dtype).stays(CONDITIONER)
