"""Measures an editor folder on held-out scenes, where the true answer is known.

Everything runs through the stock diffusers pipeline; every function takes the seed that
chooses scenes and noise, and returns plain numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from diffusers.models.attention_processor import Attention
from numpy.typing import NDArray
from torch import Tensor

from via_engine.starter.render import owner_map, render_frame
from via_engine.starter.train_editor import GatheredAttention
from via_engine.starter.train_vae import pixels_to_tensor
from via_engine.starter.vocabulary import PALETTE, Edit, Instruction, wordings
from via_engine.starter.world import (
    Scene,
    edited_scene,
    object_named,
    possible_instructions,
    random_scene,
    random_world_scene,
)

Frame = NDArray[np.uint8]
Mask = NDArray[np.bool_]
LOCAL_EDITS: tuple[Edit, ...] = ("recolour", "kind", "remove", "material", "vague_recolour")
_BATCH = 8
_FRAME = 12


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the pipeline samples."""

    steps: int = 10
    guidance_scale: float = 2.0
    image_guidance_scale: float = 1.5
    width: int = 256
    height: int = 144


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question to the editor with its true answer.

    `source` and `truth` are (height, width, 3) uint8 RGB. `changed` is (height, width) bool:
    where the object named shows before or after the edit, or everywhere for a global edit;
    `mask` is where it shows in the truth.
    """

    scene: Scene
    instruction: Instruction
    text: str
    source: Frame
    truth: Frame
    mask: Mask
    changed: Mask


@dataclass(frozen=True, kw_only=True)
class EditScores:
    """Figures of one form of edit over its cases; PSNR in dB, medians."""

    cases: int
    psnr_to_truth: float
    psnr_outside: float
    colour_accuracy: float


def load_editor(folder: Path) -> StableDiffusionInstructPix2PixPipeline:
    """The folder in stock diffusers, in float32 and without a progress bar."""
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(
        folder, safety_checker=None, requires_safety_checker=False, torch_dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def held_out_cases(
    edit: Edit, count: int, seed: int, sampling: Sampling, *, value: str = ""
) -> list[Case]:
    """Cases of one form of edit on held-out day-time scenes; of one value only, if given."""
    found: list[Case] = []
    attempt = seed * 100_000
    while len(found) < count:
        attempt += 1
        case = _case(edit, value, attempt, sampling)
        if case is not None:
            found.append(case)
    return found


def edit_cases(
    pipeline: StableDiffusionInstructPix2PixPipeline,
    cases: Sequence[Case],
    sampling: Sampling,
    seed: int,
) -> list[Frame]:
    """What the editor makes of every case's source frame."""
    made: list[Frame] = []
    for start in range(0, len(cases), _BATCH):
        batch = cases[start : start + _BATCH]
        frames = np.stack([case.source for case in batch])
        made += edit_frames(pipeline, frames, [case.text for case in batch], sampling, seed + start)
    return made


@torch.no_grad()
def edit_frames(
    pipeline: StableDiffusionInstructPix2PixPipeline,
    frames: NDArray[np.uint8],
    texts: list[str],
    sampling: Sampling,
    seed: int,
    *,
    same_noise: bool = False,
) -> list[Frame]:
    """Edit (frames, height, width, 3) uint8 RGB frames, one instruction each."""
    generators = [
        torch.Generator().manual_seed(seed if same_noise else seed + index)
        for index in range(len(frames))
    ]
    found = pipeline(
        prompt=texts,
        image=(pixels_to_tensor(frames) + 1) / 2,
        num_inference_steps=sampling.steps,
        guidance_scale=sampling.guidance_scale,
        image_guidance_scale=sampling.image_guidance_scale,
        generator=generators,
        output_type="np",
    ).images
    return [np.asarray(np.round(frame * 255), np.uint8) for frame in found]


def score_edits(cases: Sequence[Case], made: Sequence[Frame]) -> EditScores:
    """Medians over the cases; `colour_accuracy` counts the palette colour inside the mask."""
    right = [
        nearest_colour(frame, case.mask) == case.instruction.value
        for case, frame in zip(cases, made, strict=True)
    ]
    return EditScores(
        cases=len(cases),
        psnr_to_truth=_median(
            psnr(frame, case.truth) for case, frame in zip(cases, made, strict=True)
        ),
        psnr_outside=_median(
            psnr(frame, case.source, ~case.changed) for case, frame in zip(cases, made, strict=True)
        ),
        colour_accuracy=sum(right) / max(1, len(right)),
    )


@torch.no_grad()
def vae_psnr(
    pipeline: StableDiffusionInstructPix2PixPipeline, count: int, seed: int
) -> tuple[float, float]:
    """Median reconstruction PSNR on held-out world scenes and on photo-like pictures, in dB."""
    world: list[float] = []
    photos: list[float] = []
    for index in range(count):
        scene = random_scene(seed * 100_000 + index, held_out=True)
        frame = render_frame(scene, _FRAME, width=128, height=128)
        latents = pipeline.vae.encode(pixels_to_tensor(frame[None])).latent_dist.mode()
        decoded = pipeline.vae.decode(latents).sample.clamp(-1, 1)
        back = np.asarray(torch.round((decoded[0].permute(1, 2, 0) + 1) * 127.5), np.uint8)
        (photos if scene.background == "photo" else world).append(psnr(back, frame))
    return _median(world), _median(photos)


def distinct_vague_colours(
    pipeline: StableDiffusionInstructPix2PixPipeline,
    count: int,
    seed: int,
    sampling: Sampling,
    *,
    answers: int = 8,
) -> float:
    """Mean number of palette colours among several answers to a vague recolour."""
    numbers = []
    for case in held_out_cases("vague_recolour", count, seed, sampling):
        frames = np.repeat(case.source[None], answers, axis=0)
        made = edit_frames(pipeline, frames, [case.text] * answers, sampling, seed)
        numbers.append(len({nearest_colour(frame, case.mask) for frame in made}))
    return float(np.mean(numbers))


@dataclass(frozen=True, kw_only=True)
class AttentionWitness:
    """How much self-attention matters, in levels of 255.

    `removed_levels` is the mean change of the edited object when self-attention is silenced.
    `spread_alone` and `spread_gathered` are the mean colour difference of a vaguely recoloured
    object between two frames, each with its own noise, sampled apart and with the keys and
    values of both frames gathered; the `same_noise` figures start both from one noise.
    """

    removed_levels: float
    spread_alone: float
    spread_gathered: float
    same_noise_spread_alone: float
    same_noise_spread_gathered: float


def attention_witness(
    pipeline: StableDiffusionInstructPix2PixPipeline, count: int, seed: int, sampling: Sampling
) -> AttentionWitness:
    """Probe whether appearance runs through self-attention."""
    figures: list[tuple[float, ...]] = []
    for case in held_out_cases("vague_recolour", count, seed, sampling):
        later = _case_at(case.scene, case.instruction, case.text, sampling, _FRAME + 8)
        if later is None:
            continue
        pair = (case, later)
        alone = _edit_pair(pipeline, pair, sampling, seed, same_noise=False)
        alone_same = _edit_pair(pipeline, pair, sampling, seed, same_noise=True)
        with _attention(pipeline, GatheredAttention(gather=True)):
            gathered = _edit_pair(pipeline, pair, sampling, seed, same_noise=False)
            gathered_same = _edit_pair(pipeline, pair, sampling, seed, same_noise=True)
        with _attention(pipeline, _SilentSelfAttention()):
            silenced = _edit_pair(pipeline, pair, sampling, seed, same_noise=False)
        removed = np.abs(silenced[0].astype(float) - alone[0])[case.mask].mean()
        spreads = (_spread(pair, made) for made in (alone, gathered, alone_same, gathered_same))
        figures.append((float(removed), *spreads))
    means = [float(value) for value in np.mean(figures, axis=0)]
    return AttentionWitness(
        removed_levels=means[0],
        spread_alone=means[1],
        spread_gathered=means[2],
        same_noise_spread_alone=means[3],
        same_noise_spread_gathered=means[4],
    )


def nearest_colour(frame: Frame, mask: Mask) -> str:
    """Name of the palette colour closest, in Lab, to the middle colour inside the mask."""
    inside = np.median(frame[mask].reshape(-1, 3), axis=0)
    names = list(PALETTE)
    colours = np.array([inside, *PALETTE.values()], np.float32)[None] / 255
    lab = cv2.cvtColor(colours, cv2.COLOR_RGB2LAB)[0]
    # Light and shade change lightness more than they change hue.
    distance = np.linalg.norm((lab[1:] - lab[0]) * (0.5, 1, 1), axis=1)
    return names[int(distance.argmin())]


def psnr(first: Frame, second: Frame, where: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB, at most 60, over the pixels asked for."""
    error = (first.astype(np.float64) - second) ** 2
    inside = error if where is None else error[where]
    if inside.size == 0 or inside.mean() < 255**2 * 1e-6:
        return 60.0
    return 10 * math.log10(255**2 / inside.mean())


def picture_sheet(cases: Sequence[Case], made: Sequence[Frame]) -> Frame:
    """Source, model and truth side by side, one case a row with its words above."""
    rows = []
    for case, frame in zip(cases, made, strict=True):
        pictures = np.hstack([case.source, frame, case.truth])
        label = np.full((16, pictures.shape[1], 3), 24, np.uint8)
        cv2.putText(label, case.text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (230,) * 3, 1)
        rows.append(np.vstack([label, pictures]))
    return np.asarray(np.vstack(rows), np.uint8)


class _SilentSelfAttention(GatheredAttention):
    """Self-attention that adds nothing; attention to the words stays."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Nothing where the states attend to themselves."""
        if encoder_hidden_states is None:
            return torch.zeros_like(hidden_states)
        return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb)


@contextmanager
def _attention(
    pipeline: StableDiffusionInstructPix2PixPipeline, processor: GatheredAttention
) -> Iterator[None]:
    """The pipeline's UNet with another attention, restored afterwards."""
    former = pipeline.unet.attn_processors
    pipeline.unet.set_attn_processor(processor)
    try:
        yield
    finally:
        pipeline.unet.set_attn_processor(former)


def _edit_pair(
    pipeline: StableDiffusionInstructPix2PixPipeline,
    pair: tuple[Case, Case],
    sampling: Sampling,
    seed: int,
    *,
    same_noise: bool,
) -> list[Frame]:
    frames = np.stack([case.source for case in pair])
    texts = [case.text for case in pair]
    return edit_frames(pipeline, frames, texts, sampling, seed, same_noise=same_noise)


def _spread(pair: tuple[Case, Case], made: list[Frame]) -> float:
    means = [frame[case.mask].mean(axis=0) for case, frame in zip(pair, made, strict=True)]
    return float(np.abs(means[0] - means[1]).mean())


def _case(edit: Edit, value: str, attempt: int, sampling: Sampling) -> Case | None:
    whole = edit in ("time", "style")
    draw = random_scene if whole else random_world_scene
    scene = draw(attempt, held_out=True)
    if scene.time != "day":
        return None
    fitting = [
        one
        for one in possible_instructions(scene, attempt, held_out=True)
        if one.edit == edit and value in ("", one.value)
    ]
    if not fitting:
        return None
    options = wordings(fitting[0])
    text = options[attempt % len(options)]
    return _case_at(scene, fitting[0], text, sampling, _FRAME)


def _case_at(
    scene: Scene, instruction: Instruction, text: str, sampling: Sampling, frame: int
) -> Case | None:
    """The case in one frame; None when the object named hardly shows there."""
    width, height = sampling.width, sampling.height
    after = edited_scene(scene, instruction)
    source = render_frame(scene, frame, width=width, height=height)
    truth = render_frame(after, frame, width=width, height=height)
    mask = changed = np.ones((height, width), np.bool_)
    if instruction.kind:
        index = object_named(scene, instruction)
        mask = owner_map(scene, frame, width=width, height=height) == index
        if mask.mean() < 0.02:
            return None
        changed = mask | (source != truth).any(axis=2)
        if instruction.edit == "kind":
            mask = owner_map(after, frame, width=width, height=height) == index
    return Case(
        scene=scene,
        instruction=instruction,
        text=text,
        source=source,
        truth=truth,
        mask=mask,
        changed=changed,
    )


def _median(values: Iterator[float] | Sequence[float]) -> float:
    found = list(values)
    return float(np.median(found)) if found else math.nan
