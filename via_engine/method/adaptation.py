"""Test-time editing adaptation: the editor learns one edited frame, so that it makes that edit.

The root pair, seen through random affines, is the tuning set; the UNet is tuned on it with the
loss of InstructPix2Pix (VIA, eq. 1 and section 3.2). LoRA, AdamW and the early stop are ours:
nothing is published of them.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import Tensor

from via_engine.edit_settings import AdaptSettings
from via_engine.errors import ModelError, RequestError
from via_engine.half_products import has_half_products
from via_engine.method.adapter import Adapter, AdapterKind, Anchor, unet_identity
from via_engine.method.affine import held_out_affine, tuning_affines
from via_engine.method.tuning_set import TuningBatch, TuningSet
from via_engine.models.editors import InstructPix2PixEditor

VIEWS = 24
BATCH = 4
CHECK_EVERY = 10
PATIENCE = 3
_SEED = 0
_LORA_NAME = "via_tuning"
_LORA_TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]
# All weights at once take a tenth of the step that a fresh LoRA takes.
_FULL_RATE_SHARE = 0.1

State = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class RootPair:
    """A frame of the clip and its edit, at working size.

    Attributes:
        frame: its number in the media.
        source: (1, 3, H, W), RGB, float32, 0 to 1.
        edited: (1, 3, H, W), likewise; outside the mask it is the source.
        mask: (1, 1, H, W), float32, 1 where the edit is; None for the whole picture.
    """

    frame: int
    source: Tensor
    edited: Tensor
    mask: Tensor | None = None

    @cached_property
    def identity(self) -> str:
        """Hex digest of the pixels of source and edit."""
        digest = hashlib.sha256()
        for picture in (self.source, self.edited):
            digest.update(f"{tuple(picture.shape)}".encode())
            digest.update(picture.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def anchor(self) -> Anchor:
        """What of the pair other frames look at."""
        return Anchor(frame=self.frame, source=self.source.cpu(), edited=self.edited.cpu())


def tune(
    editor: InstructPix2PixEditor,
    pair: RootPair,
    instruction: str,
    settings: AdaptSettings,
    check: Callable[[], None],
) -> Adapter:
    """Tunes the editor on a root pair; the editor itself stays as it is.

    The same pair and settings give the same adapter. `settings.steps` is the most there are: what
    comes back is the state that did best on a view of the pair that was not tuned on.

    Args:
        check: called before every step; raises to stop.

    Raises:
        RequestError: steps or rank below 1, or a learning rate that is not above 0.
        ModelError: memory runs out, or the weights turn into numbers that are no numbers.
    """
    steps, rate = _steps_and_rate(editor, settings)
    made_for = unet_identity(editor.unet)
    with _memory_errors(editor), _tunable(editor, settings) as unet:
        lessons = _tuning_set(editor, pair, instruction, VIEWS)
        exam = _exam(editor, pair, instruction)
        best = _Best(settings, editor.dtype)
        optimizer = torch.optim.AdamW(
            [weight for weight in unet.parameters() if weight.requires_grad], lr=rate
        )
        generator = torch.Generator("cpu").manual_seed(_SEED)
        for step in range(steps + 1):
            check()
            if step % CHECK_EVERY == 0 or step == steps:
                best.see(step, _judged(unet, exam), unet)
                if step - best.step >= PATIENCE * CHECK_EVERY:
                    break
            _learn(unet, optimizer, lessons.draw(BATCH, generator))
    return Adapter(
        kind=AdapterKind.FULL if settings.full else AdapterKind.LORA,
        rank=0 if settings.full else settings.rank,
        steps=best.step,
        model=editor.card.name,
        unet_identity=made_for,
        tensors=best.state,
    )


class _Best:
    """The state that did best so far, and when."""

    def __init__(self, settings: AdaptSettings, dtype: torch.dtype) -> None:
        self._is_full = settings.full
        self._dtype = dtype
        self._loss = math.inf
        self.step = 0
        self.state: State = {}

    def see(self, step: int, loss: float, unet: UNet2DConditionModel) -> None:
        """Keeps the state at `step` when its loss is the smallest yet."""
        if not math.isfinite(loss):
            raise ModelError(
                f"the tuning left the numbers at step {step}; lower learning_rate, or give "
                "fewer steps"
            )
        if loss < self._loss:
            self._loss, self.step = loss, step
            self.state = self._copied(unet)

    def _copied(self, unet: UNet2DConditionModel) -> State:
        if self._is_full:
            weights = dict(unet.named_parameters())
            return {name: weight.detach().to(self._dtype) for name, weight in weights.items()}
        tuned = get_peft_model_state_dict(unet, adapter_name=_LORA_NAME)
        return {name: tensor.detach().clone() for name, tensor in tuned.items()}


def _steps_and_rate(editor: InstructPix2PixEditor, settings: AdaptSettings) -> tuple[int, float]:
    card = editor.card
    steps = card.adapt_steps if settings.steps is None else settings.steps
    share = _FULL_RATE_SHARE if settings.full else 1.0
    rate = settings.learning_rate
    if rate is None:
        rate = card.adapt_learning_rate * share
    if steps < 1 or settings.rank < 1 or not rate > 0:
        raise RequestError(
            f"adaptation with {steps} steps, rank {settings.rank} and learning rate {rate:g}; "
            "give at least 1 step, rank 1 and a rate above 0"
        )
    return steps, rate


def _tuning_set(
    editor: InstructPix2PixEditor, pair: RootPair, instruction: str, views: int
) -> TuningSet:
    affines = tuning_affines(views, _SEED)
    return TuningSet.of(editor, pair.source, pair.edited, instruction, affines)


def _exam(editor: InstructPix2PixEditor, pair: RootPair, instruction: str) -> TuningBatch:
    """One unseen view with fixed noise: the same question after every few steps."""
    affines = (held_out_affine(_SEED),)
    unseen = TuningSet.of(editor, pair.source, pair.edited, instruction, affines)
    return unseen.judging_batch(BATCH, torch.Generator("cpu").manual_seed(_SEED))


def _learn(
    unet: UNet2DConditionModel, optimizer: torch.optim.Optimizer, batch: TuningBatch
) -> None:
    with half_products(unet):
        loss = batch.loss(unet)
    torch.autograd.backward(loss)
    optimizer.step()
    optimizer.zero_grad()


@torch.no_grad()
def _judged(unet: UNet2DConditionModel, exam: TuningBatch) -> float:
    with half_products(unet):
        return float(exam.loss(unet))


@contextmanager
def _tunable(
    editor: InstructPix2PixEditor, settings: AdaptSettings
) -> Iterator[UNet2DConditionModel]:
    """A UNet whose weights to tune require gradients: the editor's own with a LoRA, or a copy.

    The LoRA is off again afterwards, to the very modules that were there before.
    """
    if settings.full:
        yield copy.deepcopy(editor.unet).float().requires_grad_(True)
        return
    unet = editor.unet
    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.rank,
        init_lora_weights="gaussian",
        target_modules=_LORA_TARGETS,
    )
    former = dict(unet.attn_processors)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            unet.add_adapter(lora, _LORA_NAME)
        for weight in unet.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()
        if unet.device.type == "cpu":
            # The backward pass of the fused kernel is slower on a CPU than matrix products.
            unet.set_attn_processor(AttnProcessor())
        yield unet
    finally:
        unet.unload_lora()
        unet.set_attn_processor(former)


@contextmanager
def half_products(unet: UNet2DConditionModel) -> Iterator[None]:
    """Matrix products in bfloat16 where the device has them, or the model needs them."""
    enabled = has_half_products(unet.device) or unet.dtype != torch.float32
    with torch.autocast(unet.device.type, dtype=torch.bfloat16, enabled=enabled):
        yield


@contextmanager
def _memory_errors(editor: InstructPix2PixEditor) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{editor.device} has too little memory to adapt {editor.card.name}; tune a LoRA "
            "instead of all weights, lower the model's long_side_px, or edit without adaptation"
        ) from error
