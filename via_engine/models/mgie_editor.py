"""MGIE as an editor: an InstructPix2Pix whose condition a language model makes for each frame.

The language model is large and needed for the group frames only, as every other frame takes keys
and values from the group; so it may leave memory once it has answered.
"""

from __future__ import annotations

import gc
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from via_engine.errors import LicenceError, ModelError
from via_engine.model_card import ModelCard
from via_engine.models.editor_door import Condition
from via_engine.models.instruct_pix2pix import (
    InstructPix2PixEditor,
    check_fit,
    folder_identity,
    load_part,
    load_unet,
    read_part,
)
from via_engine.models.mgie import Conditioning, MgieConditioner, load_conditioner, load_null_states
from via_engine.models.residence import keeps_conditioner

MGIE = "mgie"
_KEPT_ANSWERS = 64


class ConditionerSlot:
    """The language model of an MGIE: loaded when it is asked, gone after the answer unless it
    stays. What it answered is remembered.

    Args:
        load: makes the conditioner.
        load_null: makes what stands for no instruction, (1, L, D), without it.
        stays: whether it is kept in memory between answers.
    """

    def __init__(
        self,
        load: Callable[[], MgieConditioner],
        load_null: Callable[[], Tensor],
        *,
        stays: bool,
    ) -> None:
        self._load = load
        self._load_null = load_null
        self._stays = stays
        self._conditioner: MgieConditioner | None = None
        self._answers: OrderedDict[str, Conditioning] = OrderedDict()
        self._expressions: dict[str, str] = {}
        self._null: Tensor | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether the language model is in memory now."""
        return self._conditioner is not None

    def condition(self, frames: NDArray[np.uint8], instruction: str) -> Conditioning:
        """The conditioning of frames (N, H, W, 3) uint8 RGB. Raises as `MgieConditioner`."""
        key = hashlib.sha256(instruction.encode() + b"\0" + frames.tobytes()).hexdigest()
        if key not in self._answers:
            self._answers[key] = self._asked(frames, instruction)
            self._expressions[instruction] = self._answers[key].expression
            if len(self._answers) > _KEPT_ANSWERS:
                self._answers.popitem(last=False)
        self._answers.move_to_end(key)
        return self._answers[key]

    def null_states(self) -> Tensor:
        """(1, L, D), what stands for no instruction."""
        if self._null is None:
            self._null = self._load_null()
        return self._null

    def expression(self, instruction: str) -> str:
        """The sentence it last wrote for the instruction; empty when it was not asked yet."""
        return self._expressions.get(instruction, "")

    def _asked(self, frames: NDArray[np.uint8], instruction: str) -> Conditioning:
        self._conditioner = self._conditioner or self._load()
        try:
            return self._conditioner.condition(frames, instruction)
        finally:
            if not self._stays:
                self._conditioner = None
                gc.collect()
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()


@dataclass(frozen=True, kw_only=True, eq=False)
class MgieEditor(InstructPix2PixEditor):
    """An editor that looks at the frames before it reads the instruction."""

    conditioner: ConditionerSlot

    @property
    def sees_frames(self) -> bool:
        """Whether the condition is another one for each frame: it is."""
        return True

    def encode_instruction(self, text: str) -> Tensor:  # noqa: ARG002 - nothing is read unseen
        """(1, L, D), the null condition: without a frame in sight no instruction can be read."""
        return self.conditioner.null_states()

    def condition(self, text: str, frames: Tensor) -> Condition:
        """The condition of frames (B, 3, H, W), RGB, 0 to 1: one for each, the words the same."""
        pictures = frames.mul(255).round().to("cpu", torch.uint8).permute(0, 2, 3, 1)
        found = self.conditioner.condition(np.ascontiguousarray(pictures.numpy()), text)
        return Condition(found.states, found.null_states)

    def expression(self, text: str) -> str:
        """The sentence the language model wrote for the instruction."""
        return self.conditioner.expression(text)

    def unread_part(self, text: str) -> str:  # noqa: ARG002 - it refuses what is too long
        """Nothing: an instruction that is too long is refused."""
        return ""


def load_mgie_editor(card: ModelCard, *, device: torch.device, dtype: torch.dtype) -> MgieEditor:
    """The editor of an MGIE folder; the language model is loaded when it is first asked.

    Raises:
        LicenceError: the user has not accepted that it is for research only.
        ModelError: the folder lacks a part or holds one that does not fit.
    """
    if not card.accept_noncommercial:
        raise LicenceError(
            f"model {card.name!r} is MGIE, whose weights are for research only (Apple CC-BY-NC, "
            "and LLaVA's and LLaMA's research licences): no commercial work may be made with it. "
            'If yours is research, write "accept_noncommercial": true into its via_model.json'
        )
    editor = MgieEditor(
        card=card,
        weights_identity=folder_identity(card.folder),
        unet=load_unet(card, UNet2DConditionModel, device=device, dtype=dtype),
        vae=load_part(card, "vae", AutoencoderKL, torch_dtype=torch.float32).to(device),
        # Nothing is encoded with it; it says how wide and long a condition is.
        text_encoder=load_part(card, "text_encoder", CLIPTextModel, dtype=dtype),
        tokenizer=read_part(card, "tokenizer", CLIPTokenizer.from_pretrained),
        scheduler_config=read_part(card, "scheduler", DDIMScheduler.load_config),
        conditioner=ConditionerSlot(
            lambda: _load_fitting(card, device, dtype),
            lambda: load_null_states(card.folder, device=device, dtype=dtype),
            stays=keeps_conditioner(card, device, dtype),
        ),
    )
    check_fit(editor, text_width=editor.text_encoder.config.hidden_size)
    return editor


def _load_fitting(card: ModelCard, device: torch.device, dtype: torch.dtype) -> MgieConditioner:
    """The conditioner, once its edit head is known to write what the UNet reads."""
    found = load_conditioner(card.folder, device=device, dtype=dtype, bits=card.conditioner_bits)
    unet = UNet2DConditionModel.load_config(str(card.folder / "unet"), local_files_only=True)
    width = found.edit_head.hid2feat.out_features
    if unet["cross_attention_dim"] != width:
        raise ModelError(
            f"model {card.name!r}: its edit head writes conditions of {width} channels, its UNet "
            f"reads {unet['cross_attention_dim']}; mllm and unet belong to two models"
        )
    return found
