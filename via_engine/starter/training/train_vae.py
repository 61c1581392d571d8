"""Trains the starter autoencoder on frames of the world and on photo-like pictures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional

from via_engine.half_products import fast_products
from via_engine.starter.training.channels_first_norms import normalise_channels_first
from via_engine.starter.training.training_run import TrainingRun, VaeSettings
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import Scene, edited_scene, possible_instructions, random_scene

LATENT_CHANNELS = 16
# Crops teach fastest; whole pictures teach the statistics that group norms see in use.
_CROP_SIDES = (64, 64, 128)
_FULL_AREA = 64**2
# An editor's latents are never quite those of a picture; the decoder learns to look past that.
_LARGEST_LATENT_NOISE = 0.3
_FRAME_SIZES = ((128, 128), (192, 128), (256, 144), (256, 144))


def build_vae() -> AutoencoderKL:
    """An untrained autoencoder: factor 8, 16 latent channels, narrow at full resolution."""
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 64, 128),
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=LATENT_CHANNELS,
        mid_block_add_attention=False,
        scaling_factor=1.0,
        sample_size=128,
    )
    _start_nearly_linear(vae)
    return vae


def train_vae(settings: VaeSettings, run: TrainingRun) -> None:
    """Fit the autoencoder, from the run's last checkpoint if it has one.

    The loss is the error of pixels and of their differences to neighbours, plus a very small
    Kullback-Leibler term. At the end the latents are normalised inside the weights.
    """
    torch.manual_seed(settings.seed)
    vae = build_vae()
    run.begin(vae)
    vae = vae.train().to(run.device, memory_format=torch.channels_last)
    if run.device.type == "cpu":
        normalise_channels_first(vae)
    optimizer = torch.optim.AdamW(
        vae.parameters(), lr=settings.learning_rate, betas=(0.9, 0.99), fused=True
    )
    run.resume(vae, optimizer)
    torch.manual_seed(settings.seed + run.step + 1_000_003 * run.rank)
    pictures = _picture_batches(
        settings.seed + run.step + 1_000_003 * run.rank, settings.batch_size, run.device
    )
    while run.continues(settings.steps):
        run.set_learning_rate(optimizer, settings.learning_rate, settings.steps)
        with fast_products(run.device):
            loss = _vae_loss(vae, next(pictures), settings.kl_weight)
        run.learn(loss, vae, optimizer)
        if run.advance(float(loss.detach()), settings.batch_size):
            run.save(vae, optimizer)
    run.save(vae, optimizer)
    normalise_latents(vae, _picture_batches(settings.seed + 999_983, 32, run.device))
    run.finish(vae)


def train_decoder(settings: VaeSettings, run: TrainingRun) -> None:
    """Improve the decoder alone: latents keep their meaning, so a trained editor stays valid.

    Half of the pictures are decoded from latents with noise on them, as an editor leaves them.
    """
    vae = build_vae()
    run.begin(vae)
    vae = vae.train().to(run.device, memory_format=torch.channels_last)
    if run.device.type == "cpu":
        normalise_channels_first(vae)
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)
    learning = nn.ModuleList([vae.decoder, vae.post_quant_conv])
    optimizer = torch.optim.AdamW(
        learning.parameters(), lr=settings.learning_rate, betas=(0.9, 0.99), fused=True
    )
    run.resume(vae, optimizer)
    torch.manual_seed(settings.seed + run.step + 1_000_003 * run.rank)
    pictures = _picture_batches(
        settings.seed + 7 + run.step + 1_000_003 * run.rank, settings.batch_size, run.device
    )
    while run.continues(settings.steps):
        run.set_learning_rate(optimizer, settings.learning_rate, settings.steps)
        batch = next(pictures)
        with fast_products(run.device):
            with torch.no_grad():
                latents = _with_noise(vae.encode(batch).latent_dist.mode())
            loss = _picture_loss(vae.decode(latents).sample.float(), batch)
        run.learn(loss, learning, optimizer)
        if run.advance(float(loss.detach()), settings.batch_size):
            run.save(vae, optimizer)
    run.save(vae, optimizer)
    run.finish(vae)


def pixels_to_tensor(frames: np.ndarray) -> Tensor:
    """(batch, height, width, 3) uint8 RGB to (batch, 3, height, width) float32 in [-1, 1]."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def normalise_latents(vae: AutoencoderKL, pictures: Iterator[Tensor], batches: int = 12) -> None:
    """Fold mean and deviation of every latent channel into the 1x1 convolutions, in place.

    InstructPix2Pix gives the UNet source latents that are not multiplied by the scaling factor,
    so the plain latents themselves must be of unit size; the scaling factor stays 1.
    """
    modes = [vae.encode(next(pictures)).latent_dist.mode() for _ in range(batches)]
    values = torch.cat([one.transpose(0, 1).flatten(1) for one in modes], dim=1)
    mean, deviation = values.mean(1), values.std(1)
    to_latents, from_latents = vae.quant_conv, vae.post_quant_conv
    weight, bias = to_latents.weight, to_latents.bias
    weight[:LATENT_CHANNELS] /= deviation[:, None, None, None]
    bias[:LATENT_CHANNELS] = (bias[:LATENT_CHANNELS] - mean) / deviation
    bias[LATENT_CHANNELS:] -= 2 * deviation.log()
    from_latents.bias += (from_latents.weight[..., 0, 0] * mean).sum(1)
    from_latents.weight *= deviation[None, :, None, None]


@torch.no_grad()
def _start_nearly_linear(vae: AutoencoderKL) -> None:
    """Orthogonal convolutions, silent residual branches, little noise on the latents.

    Pictures then pass through the bottleneck from the first step on, and training needs a
    quarter of the steps that the usual initial weights need.
    """
    for name, layer in vae.named_modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.orthogonal_(layer.weight)
            nn.init.zeros_(torch.as_tensor(layer.bias))
            if "resnets" in name and name.endswith("conv2"):
                nn.init.zeros_(layer.weight)
    vae.quant_conv.bias[LATENT_CHANNELS:] -= 4


def _vae_loss(vae: AutoencoderKL, pictures: Tensor, kl_weight: float) -> Tensor:
    latent_dist = vae.encode(pictures).latent_dist
    decoded = vae.decode(latent_dist.sample()).sample.float()
    information = latent_dist.kl().float().mean() / pictures[0].numel()
    return torch.as_tensor(_picture_loss(decoded, pictures) + kl_weight * information)


def _with_noise(latents: Tensor) -> Tensor:
    strength = _LARGEST_LATENT_NOISE * (2 * torch.rand(len(latents), 1, 1, 1) - 1).clamp(min=0)
    return latents + strength.to(latents.device) * torch.randn_like(latents)


def _picture_loss(decoded: Tensor, pictures: Tensor) -> Tensor:
    pixels = (decoded - pictures).abs().mean() + 5 * (decoded - pictures).square().mean()
    edges = sum(
        functional.l1_loss(decoded.diff(dim=axis), pictures.diff(dim=axis)) for axis in (2, 3)
    )
    return torch.as_tensor(pixels + 0.25 * edges)


def _picture_batches(seed: int, batch_size: int, device: torch.device) -> Iterator[Tensor]:
    """Random crops of random frames, edited or not: (batch, 3, side, side) in [-1, 1].

    `batch_size` counts crops of 64 x 64; of larger ones there are as many as cost the same.
    """
    chance = np.random.default_rng((17, seed))
    reserve: list[np.ndarray] = []
    while True:
        reserve.append(_frame_of(_random_variant(chance), chance))
        if len(reserve) < 4 * batch_size:
            continue
        side = int(chance.choice(_CROP_SIDES))
        count = max(1, batch_size * _FULL_AREA // side**2)
        chosen = chance.permutation(len(reserve))[:count]
        crops = np.stack([_crop(reserve[index], side, chance) for index in chosen])
        # A frame serves a few times before it makes room: drawing it costs more than a crop.
        reserve = reserve[max(1, batch_size // 8) :]
        yield pixels_to_tensor(crops).to(device, memory_format=torch.channels_last)


def _random_variant(chance: np.random.Generator) -> Scene:
    seed = int(chance.integers(1 << 30))
    scene = random_scene(seed)
    if chance.random() < 0.5:
        return scene
    return edited_scene(scene, possible_instructions(scene, seed)[0])


def _frame_of(scene: Scene, chance: np.random.Generator) -> np.ndarray:
    width, height = _FRAME_SIZES[int(chance.integers(len(_FRAME_SIZES)))]
    return render_frame(scene, int(chance.integers(scene.frame_count)), width=width, height=height)


def _crop(frame: np.ndarray, side: int, chance: np.random.Generator) -> np.ndarray:
    top, left = (int(chance.integers(length - side + 1)) for length in frame.shape[:2])
    crop = frame[top : top + side, left : left + side]
    return np.ascontiguousarray(crop[:, ::-1] if chance.random() < 0.5 else crop)
