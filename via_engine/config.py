"""Settings of the engine, resolved; the reading of flags and environment is the server's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAX_INSTRUCTION_CHARACTERS = 2_000
DEFAULT_GROUP_SIZE = 4


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """How the engine runs on this machine.

    Attributes:
        device: torch device, or "auto": CUDA when there is one, else CPU.
        dtype: "auto" (bfloat16 on CUDA, float32 on CPU), "float32", "bfloat16" or "float16".
        batch_frames: frames that go through the model together; results do not depend on it
            beyond rounding.
        chunk_frames: frames per durable piece of a result.
        group_cache_bytes: upper limit of resident attention groups, least recently used go first.
        model_folders: name and diffusers pipeline folder of every model beside the starter.
    """

    device: str = "auto"
    dtype: str = "auto"
    batch_frames: int = 4
    chunk_frames: int = 24
    group_cache_bytes: int = 8 << 30
    model_folders: tuple[tuple[str, Path], ...] = ()
