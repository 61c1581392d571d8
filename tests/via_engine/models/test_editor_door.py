"""The editor's door: every editor has all of it, and other networks can stand behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor, nn
from torch.nn import functional

from tests.via_engine.models.tiny_pipeline import tiny_card, write_tiny_pipeline
from via_engine.edit_settings import AttentionMode
from via_engine.errors import ModelError
from via_engine.method.frame_edit import FrameEdit
from via_engine.model_card import ModelCard
from via_engine.models.editor_door import Condition, ImageEditor
from via_engine.models.editors import load_editor
from via_engine.models.instruct_pix2pix_xl import InstructPix2PixXLEditor
from via_engine.models.mgie_editor import MgieEditor

WIDTH = 16


def members_of_the_door() -> set[str]:
    return {name for name in vars(ImageEditor) if not name.startswith("_")}


def test_every_editor_has_all_of_the_door(tmp_path: Path) -> None:
    editor = load_editor(
        tiny_card(write_tiny_pipeline(tmp_path)), device=torch.device("cpu"), dtype=torch.float32
    )
    assert {name for name in members_of_the_door() if not hasattr(editor, name)} == set()
    for kind in (InstructPix2PixXLEditor, MgieEditor):
        fields = set(kind.__dataclass_fields__) | set(dir(kind))
        assert members_of_the_door() <= fields


class JointProcessor:
    """Stands for a joint-attention layer's own processor."""


class JointAttentionNetwork(nn.Module):
    """A transformer over text, noisy and source tokens, behind a UNet's way of being called."""

    dtype = torch.float32

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.enter, self.leave = nn.Linear(4, WIDTH), nn.Linear(WIDTH, 4)
        self.block = nn.TransformerEncoderLayer(WIDTH, 2, 32, 0.0, batch_first=True)
        self.attn_processors = {"blocks.0.attn.processor": JointProcessor()}

    def forward(
        self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, return_dict: bool
    ) -> tuple[Tensor]:
        batch, _, height, width = sample.shape
        noisy, source = (half.flatten(2).transpose(1, 2) for half in sample.chunk(2, dim=1))
        pictures = self.enter(torch.cat([noisy, source], dim=1))
        told = torch.full_like(pictures[:, :1], float(timestep) / 1000)
        tokens = self.block(torch.cat([encoder_hidden_states, told, pictures], dim=1))
        start = encoder_hidden_states.shape[1] + 1
        answered = self.leave(tokens[:, start : start + height * width])
        return (answered.transpose(1, 2).reshape(batch, 4, height, width),)

    def set_attn_processor(self, processors: dict[str, Any]) -> None:
        self.attn_processors = processors


class Scaling:
    class config:  # noqa: N801 - as the libraries call it
        scaling_factor = 1.0


class FlowSteps(FlowMatchEulerDiscreteScheduler):  # type: ignore[misc]
    """Flow matching with the few words the loop uses."""

    init_noise_sigma = 1.0

    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor:
        return sample

    def step(self, *args: Any, eta: float, **more: Any) -> Any:
        return super().step(*args, **more)


class JointEditor:
    """A joint-attention editor, all the door asks for and no more."""

    weights_identity, latent_channels, latent_scale = "joint", 4, 4
    device, dtype, sees_frames = torch.device("cpu"), torch.float32, False
    vae = Scaling()

    def __init__(self, card: ModelCard) -> None:
        self.card = card
        self.unet = JointAttentionNetwork().eval()

    def make_scheduler(self, steps: int) -> FlowSteps:
        scheduler = FlowSteps()
        scheduler.set_timesteps(steps)
        return scheduler

    make_ddim = make_scheduler

    def encode_instruction(self, text: str) -> Tensor:
        return torch.full((1, 3, WIDTH), len(text) / 10)

    def condition(self, text: str, frames: Tensor) -> Condition:
        return Condition(self.encode_instruction(text), self.encode_instruction(""))

    def expression(self, text: str) -> str:
        return ""

    def unread_part(self, text: str) -> str:
        return ""

    def encode_frames(self, frames: Tensor) -> Tensor:
        small = functional.avg_pool2d(frames, 4)
        return torch.cat([small, small.mean(dim=1, keepdim=True)], dim=1)

    def decode_latents(self, latents: Tensor) -> Tensor:
        return functional.interpolate(latents[:, :3], scale_factor=4).clamp(0, 1)


def edit(attention: AttentionMode, tmp_path: Path) -> FrameEdit:
    return FrameEdit.prepare(
        JointEditor(tiny_card(tmp_path)),  # type: ignore[arg-type]
        instruction="make it night",
        seed=1,
        steps=3,
        guidance_scale=3.0,
        image_guidance_scale=1.5,
        width=32,
        height=24,
        attention=attention,
    )


def test_a_joint_attention_editor_edits_frames_through_the_same_loop(tmp_path: Path) -> None:
    frames = torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(2))
    one = edit(AttentionMode.INDEPENDENT, tmp_path)
    both = one.apply(frames, None, lambda: None).edited
    assert both.shape == frames.shape
    assert both.isfinite().all()
    alone = one.apply(frames[:1], None, lambda: None).edited
    torch.testing.assert_close(both[:1], alone, rtol=0, atol=1e-5)


def test_its_attention_is_not_shared_until_a_processor_for_it_stands(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"blocks\.0\.attn\.processor already runs JointProcessor"):
        edit(AttentionMode.GATHER_SWAP, tmp_path).gather(
            torch.rand(1, 3, 24, 32), (0,), lambda: None
        )
