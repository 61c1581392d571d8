"""Checkpoints as their authors publish them, written from their layouts, with random values.

Names and shapes are those of CompVis/latent-diffusion (`openaimodel.UNetModel`, `Encoder`,
`Decoder`), written down here without any code that Via loads them with. Widths are the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class LdmSize:
    """Sizes of a one-file checkpoint; as they stand those of Stable Diffusion 1.5."""

    width: int = 320
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    context: int = 768
    vae_width: int = 128
    vae_multipliers: tuple[int, ...] = (1, 2, 4, 4)
    text_layers: int = 12
    tokens: int = 49408
    positions: int = 77


TINY = LdmSize(
    width=32,
    multipliers=(1, 2, 4, 4),
    context=64,
    vae_width=32,
    vae_multipliers=(1, 2),
    text_layers=2,
    tokens=54,
    positions=24,
)


def ldm_unet_shapes(size: LdmSize, *, channels: int = 8) -> Shapes:
    """Names below `model.diffusion_model.` of a UNet with attention on all levels but the last."""
    found: Shapes = {}
    embedded = 4 * size.width
    found |= _layer("time_embed.0", embedded, size.width)
    found |= _layer("time_embed.2", embedded, embedded)
    found |= _conv("input_blocks.0.0", size.width, channels)
    widths, levels, block, now = [size.width], len(size.multipliers), 1, size.width
    for level, multiplier in enumerate(size.multipliers):
        for _ in range(2):
            here = multiplier * size.width
            found |= _ldm_resnet(f"input_blocks.{block}.0", now, here, embedded)
            if level < levels - 1:
                found |= _ldm_attention(f"input_blocks.{block}.1", here, size.context)
            now = here
            widths.append(now)
            block += 1
        if level < levels - 1:
            found |= _conv(f"input_blocks.{block}.0.op", now, now)
            widths.append(now)
            block += 1
    found |= _ldm_resnet("middle_block.0", now, now, embedded)
    found |= _ldm_attention("middle_block.1", now, size.context)
    found |= _ldm_resnet("middle_block.2", now, now, embedded)
    block = 0
    for level in reversed(range(levels)):
        for layer in range(3):
            here, attends = size.multipliers[level] * size.width, level < levels - 1
            found |= _ldm_resnet(f"output_blocks.{block}.0", now + widths.pop(), here, embedded)
            if attends:
                found |= _ldm_attention(f"output_blocks.{block}.1", here, size.context)
            if level and layer == 2:
                found |= _conv(f"output_blocks.{block}.{1 + attends}.conv", here, here)
            now = here
            block += 1
    found |= _norm("out.0", size.width)
    found |= _conv("out.2", 4, size.width)
    return found


def ldm_vae_shapes(size: LdmSize) -> Shapes:
    """Names below `first_stage_model.`."""
    widths = [one * size.vae_width for one in size.vae_multipliers]
    last = widths[-1]
    found = _conv("encoder.conv_in", size.vae_width, 3)
    now = size.vae_width
    for level, here in enumerate(widths):
        for block in range(2):
            found |= _vae_resnet(f"encoder.down.{level}.block.{block}", now, here)
            now = here
        if level < len(widths) - 1:
            found |= _conv(f"encoder.down.{level}.downsample.conv", here, here)
    for side in ("encoder", "decoder"):
        found |= _vae_resnet(f"{side}.mid.block_1", last, last)
        found |= _norm(f"{side}.mid.attn_1.norm", last)
        for name in ("q", "k", "v", "proj_out"):
            found |= _conv(f"{side}.mid.attn_1.{name}", last, last, kernel=1)
        found |= _vae_resnet(f"{side}.mid.block_2", last, last)
    found |= _norm("encoder.norm_out", last) | _conv("encoder.conv_out", 8, last)
    found |= _conv("decoder.conv_in", last, 4)
    for level in reversed(range(len(widths))):
        here = widths[level]
        for block in range(3):
            found |= _vae_resnet(f"decoder.up.{level}.block.{block}", now, here)
            now = here
        if level:
            found |= _conv(f"decoder.up.{level}.upsample.conv", here, here)
    found |= _norm("decoder.norm_out", widths[0]) | _conv("decoder.conv_out", 3, widths[0])
    found |= _conv("quant_conv", 8, 8, kernel=1) | _conv("post_quant_conv", 4, 4, kernel=1)
    return found


def ldm_text_shapes(size: LdmSize) -> Shapes:
    """Names below `cond_stage_model.transformer.`."""
    width = size.context
    found: Shapes = {
        "text_model.embeddings.token_embedding.weight": (size.tokens, width),
        "text_model.embeddings.position_embedding.weight": (size.positions, width),
        "text_model.embeddings.position_ids": (1, size.positions),
    }
    for number in range(size.text_layers):
        layer = f"text_model.encoder.layers.{number}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            found |= _layer(f"{layer}.self_attn.{name}", width, width)
        found |= _norm(f"{layer}.layer_norm1", width) | _norm(f"{layer}.layer_norm2", width)
        found |= _layer(f"{layer}.mlp.fc1", 4 * width, width)
        found |= _layer(f"{layer}.mlp.fc2", width, 4 * width)
    return found | _norm("text_model.final_layer_norm", width)


def one_file_tensors(
    size: LdmSize, *, channels: int = 8, averaged: bool = True
) -> dict[str, Tensor]:
    """A whole one-file checkpoint; averaged weights of the UNet differ from the plain ones."""
    unet = ldm_unet_shapes(size, channels=channels)
    shapes = {f"model.diffusion_model.{name}": shape for name, shape in unet.items()}
    if averaged:
        flat = {name: f"model_ema.diffusion_model{name.replace('.', '')}" for name in unet}
        shapes |= {flat[name]: shape for name, shape in unet.items()}
    shapes |= {f"first_stage_model.{n}": s for n, s in ldm_vae_shapes(size).items()}
    shapes |= {f"cond_stage_model.transformer.{n}": s for n, s in ldm_text_shapes(size).items()}
    tensors = random_tensors(shapes)
    tensors["alphas_cumprod"] = torch.rand(1000)
    tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(
        size.positions
    )[None]
    return tensors


def write_magicbrush_checkpoint(path: Path, tensors: dict[str, Tensor]) -> Path:
    """As pytorch-lightning writes them: the tensors beside counters and a callback's class."""
    checkpoint = {
        "epoch": 52,
        "global_step": 4999,
        "pytorch-lightning_version": "1.4.2",
        "state_dict": tensors,
        "callbacks": {},
    }
    torch.save(checkpoint, path)
    return path


def random_tensors(shapes: Shapes, *, seed: int = 5) -> dict[str, Tensor]:
    """Small random values; scales of norms near one, so that numbers stay numbers."""
    generator = torch.Generator().manual_seed(seed)

    def values(name: str, shape: tuple[int, ...]) -> Tensor:
        noise = torch.randn(shape, generator=generator) * 0.05
        return noise + 1 if "norm" in name and name.endswith("weight") else noise

    return {name: values(name, shape) for name, shape in shapes.items()}


def _ldm_resnet(name: str, before: int, after: int, embedded: int) -> Shapes:
    found = _norm(f"{name}.in_layers.0", before) | _conv(f"{name}.in_layers.2", after, before)
    found |= _layer(f"{name}.emb_layers.1", after, embedded)
    found |= _norm(f"{name}.out_layers.0", after) | _conv(f"{name}.out_layers.3", after, after)
    if before != after:
        found |= _conv(f"{name}.skip_connection", after, before, kernel=1)
    return found


def _ldm_attention(name: str, width: int, context: int) -> Shapes:
    found = _norm(f"{name}.norm", width) | _conv(f"{name}.proj_in", width, width, kernel=1)
    block = f"{name}.transformer_blocks.0"
    for attention, source in (("attn1", width), ("attn2", context)):
        found[f"{block}.{attention}.to_q.weight"] = (width, width)
        found[f"{block}.{attention}.to_k.weight"] = (width, source)
        found[f"{block}.{attention}.to_v.weight"] = (width, source)
        found |= _layer(f"{block}.{attention}.to_out.0", width, width)
    found |= _layer(f"{block}.ff.net.0.proj", 8 * width, width)
    found |= _layer(f"{block}.ff.net.2", width, 4 * width)
    for number in (1, 2, 3):
        found |= _norm(f"{block}.norm{number}", width)
    return found | _conv(f"{name}.proj_out", width, width, kernel=1)


def _vae_resnet(name: str, before: int, after: int) -> Shapes:
    found = _norm(f"{name}.norm1", before) | _conv(f"{name}.conv1", after, before)
    found |= _norm(f"{name}.norm2", after) | _conv(f"{name}.conv2", after, after)
    if before != after:
        found |= _conv(f"{name}.nin_shortcut", after, before, kernel=1)
    return found


def _conv(name: str, after: int, before: int, *, kernel: int = 3) -> Shapes:
    return {f"{name}.weight": (after, before, kernel, kernel), f"{name}.bias": (after,)}


def _layer(name: str, after: int, before: int) -> Shapes:
    return {f"{name}.weight": (after, before), f"{name}.bias": (after,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
