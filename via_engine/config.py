"""Settings of the engine, resolved; the reading of flags and environment is the server's."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

MAX_INSTRUCTION_CHARACTERS = 2_000
DEFAULT_GROUP_SIZE = 4
DEFAULT_STEADY_FRAMES = 2


@dataclass(frozen=True, kw_only=True)
class VisionLanguageSettings:
    """A vision-language model behind an OpenAI-compatible address; `api_key` is never shown.

    Attributes:
        base_url: address of the API, such as "http://127.0.0.1:8000/v1".
        model: its name there.
        timeout_s: longest wait for one answer.
        max_calls: calls one edit may spend.
    """

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    timeout_s: float = 30.0
    max_calls: int = 8


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
        adapter_cache_bytes: upper limit of adapters kept in memory, likewise.
        model_folders: name and diffusers pipeline folder of every model beside the starter.
        models_folder: the user's model library, whose files are checked before they are loaded.
        grounder_folder: a Grounding DINO that finds phrases; None is the starter's.
        segmenter_path: folder or checkpoint of a Segment Anything; None is the starter's.
        tracker_folder: a SAM 2 that follows masks; None follows them by motion and outline.
        critic_folder: a CLIP model that judges edits; None is the starter's.
        vision_language: plans instructions and judges roots; None leaves both to local rules.
    """

    device: str = "auto"
    dtype: str = "auto"
    batch_frames: int = 4
    chunk_frames: int = 24
    group_cache_bytes: int = 8 << 30
    adapter_cache_bytes: int = 1 << 30
    model_folders: tuple[tuple[str, Path], ...] = ()
    models_folder: Path | None = None
    grounder_folder: Path | None = None
    segmenter_path: Path | None = None
    tracker_folder: Path | None = None
    critic_folder: Path | None = None
    vision_language: VisionLanguageSettings | None = None
