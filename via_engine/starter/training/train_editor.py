"""Trains the starter editor: UNet and text encoder together, on pairs of encoded pictures."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from tqdm import tqdm
from transformers import CLIPTextModel, CLIPTokenizer

from via_engine.half_products import fast_products
from via_engine.starter.networks.text import (
    TEXT_WIDTH,
    build_text_encoder,
    token_ids,
    world_tokenizer,
)
from via_engine.starter.training.channels_first_norms import normalise_channels_first
from via_engine.starter.training.editor_optimizer import EditorOptimizer
from via_engine.starter.training.pairs import (
    SIZES,
    PairTable,
    drawing_identity,
    load_pairs,
    shard_count,
    shard_path,
    write_shard,
)
from via_engine.starter.training.train_vae import LATENT_CHANNELS, pixels_to_tensor
from via_engine.starter.training.training_run import EditorSettings, TrainingRun
from via_engine.starter.world.vocabulary import Edit, wordings

EDIT_SHARES: dict[Edit, float] = {
    "recolour": 0.26,
    "vague_recolour": 0.1,
    "kind": 0.42,
    "remove": 0.05,
    "background": 0.05,
    "time": 0.05,
    "style": 0.03,
    "material": 0.04,
}
_DROP_SHARE = 0.05
_GATHERED_SHARE = 0.3
# Holds most objects whole, at a quarter of what a full picture costs.
_CLOSE_UP_SIDE = 12
_CLOSE_UP_SHARE = 0.8
_FULL_AREA = 256
_EMA_DECAY = 0.998


class Editor(nn.Module):
    """The two parts that learn, as one module."""

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet = unet
        self.text_encoder = text_encoder


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Encoded pairs with their words.

    `source` and `target` are (batch, 16, rows, columns) float32 latents, `tokens` is
    (batch, MAX_TOKENS) int64; `touched` is (batch, 1, rows, columns): how much any edit of any
    object would change the source there, see `PairTable`. When `gathered`, entries 2 i and
    2 i + 1 are two frames of one scene under the same edit.
    """

    source: Tensor
    target: Tensor
    tokens: Tensor
    touched: Tensor
    gathered: bool


class GatheredAttention:
    """Plain attention, by matrix products; optionally over the keys of two frames at once.

    With `gather`, self-attention of entries 2 i and 2 i + 1 of the batch sees the keys and
    values of both, as VIA's gather does at inference. Training a part of the batches so makes
    the network take its colour decisions through attention. (In bfloat16 on a CPU the products
    also train a third faster than the fused kernel, whose backward pass is slow.)
    """

    def __init__(self, *, gather: bool = False) -> None:
        self.gather = gather

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,  # noqa: ARG002 - diffusers passes it, always None
        temb: Tensor | None = None,  # noqa: ARG002 - likewise
    ) -> Tensor:
        """(batch, tokens, channels) in and out, like every diffusers processor."""
        seen = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = attn.to_q(hidden_states), attn.to_k(seen), attn.to_v(seen)
        if self.gather and encoder_hidden_states is None:
            key, value = _both_frames(key), _both_frames(value)
        query, key, value = (
            states.unflatten(2, (attn.heads, -1)).transpose(1, 2) for states in (query, key, value)
        )
        weights = (query @ key.transpose(-1, -2) * attn.scale).softmax(-1)
        mixed = (weights.to(value.dtype) @ value).transpose(1, 2).flatten(2)
        return torch.as_tensor(attn.to_out[1](attn.to_out[0](mixed)))


def build_unet() -> UNet2DConditionModel:
    """An untrained UNet: attention at every level, narrow, 16 noisy and 16 source channels."""
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=2 * LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("CrossAttnDownBlock2D",) * 3,
        up_block_types=("CrossAttnUpBlock2D",) * 3,
        block_out_channels=(64, 128, 192),
        layers_per_block=1,
        transformer_layers_per_block=1,
        attention_head_dim=(2, 4, 6),
        cross_attention_dim=TEXT_WIDTH,
        norm_num_groups=16,
    )
    _start_as_identity(unet)
    return unet


def build_scheduler() -> DDIMScheduler:
    """Velocity prediction down to zero signal: the first step decides colours from nothing."""
    return DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
    )


def train_editor(settings: EditorSettings, run: TrainingRun, vae: AutoencoderKL) -> None:
    """Fit UNet and text encoder, from the run's last checkpoint if it has one.

    Missing shards of pairs are encoded first. Weights are averaged over steps, and the average is
    what `run.finish` keeps.
    """
    run.learns_from = encoder_identity(vae)
    pairs_folder = run.folder / f"pairs_of_{run.learns_from}_{drawing_identity()}"
    encode_pairs(run, vae, settings.families, pairs_folder)
    torch.manual_seed(settings.seed)
    tokenizer = run.first_one_makes(lambda: world_tokenizer(run.folder / "tokenizer"))
    editor = Editor(build_unet(), build_text_encoder(tokenizer)).to(run.device)
    run.begin(editor)
    editor.unet.to(memory_format=torch.channels_last)
    if run.device.type == "cpu":
        normalise_channels_first(editor.unet)
    averaged = torch.optim.swa_utils.AveragedModel(editor, avg_fn=_follow)
    words = [*editor.text_encoder.parameters()] if settings.learns_words else []
    editor.text_encoder.requires_grad_(bool(words))
    optimizer = EditorOptimizer(
        editor.unet, words, settings.learning_rate, rank=run.rank, processes=run.processes
    )
    both = nn.ModuleDict({"editor": editor, "averaged": averaged})
    run.resume(both, optimizer)
    torch.manual_seed(settings.seed + run.step + 1_000_003 * run.rank)
    batches = _batches(settings, run, tokenizer, pairs_folder)
    attention = GatheredAttention()
    editor.unet.set_attn_processor(attention)
    scheduler = build_scheduler()
    while run.continues(settings.steps):
        run.set_learning_rate(optimizer, settings.learning_rate, settings.steps)
        batch = next(batches)
        attention.gather = batch.gathered
        loss = _editor_loss(editor.unet, editor.text_encoder, scheduler, batch)
        run.learn(loss, editor, optimizer)
        averaged.update_parameters(editor)
        if run.advance(float(loss.detach()), len(batch.source)):
            run.save(both, optimizer)
            run.finish(averaged.module)
    run.save(both, optimizer)
    run.finish(averaged.module)


def encode_pairs(run: TrainingRun, vae: AutoencoderKL, families: int, folder: Path) -> None:
    """Write every shard that `folder` lacks up to so many families, shared among processes."""
    vae = vae.to(run.device).eval()

    @torch.no_grad()
    def encode(frames: np.ndarray) -> Tensor:
        pixels = pixels_to_tensor(frames).to(run.device, memory_format=torch.channels_last)
        with fast_products(run.device):
            return torch.as_tensor(vae.encode(pixels).latent_dist.mode().cpu())

    mine = [
        shard
        for shard in range(shard_count(families))
        # So that everyone has as many of each shape, whose costs differ.
        if (shard + shard // len(SIZES)) % run.processes == run.rank
        and not shard_path(folder, shard).exists()
    ]
    shown = tqdm(mine, "pairs", unit="shard", disable=run.rank > 0 or not mine, file=sys.stderr)
    for shard in shown:
        write_shard(folder, shard, encode)
    run.wait_for_all()


def encoder_identity(vae: AutoencoderKL) -> str:
    """Names the weights that decide what latents mean; the decoder's do not."""
    digest = hashlib.sha256()
    for part in (vae.encoder, vae.quant_conv):
        for tensor in part.state_dict().values():
            digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


@torch.no_grad()
def _start_as_identity(unet: UNet2DConditionModel) -> None:
    """Silent residual branches and output; orthogonal convolutions on the way between levels."""
    for name, layer in unet.named_modules():
        if not isinstance(layer, (nn.Conv2d, nn.Linear)):
            continue
        if name.endswith(("conv2", "proj_out", "conv_out")):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(torch.as_tensor(layer.bias))
        elif isinstance(layer, nn.Conv2d):
            nn.init.orthogonal_(layer.weight)


def _editor_loss(
    unet: UNet2DConditionModel, text_encoder: CLIPTextModel, scheduler: DDIMScheduler, batch: Batch
) -> Tensor:
    """Weighted squared error of the velocity; high noise and objects, any of them, count more."""
    size = len(batch.source)
    device = batch.source.device
    timesteps = (1000 * (1 - torch.rand(size, device=device) ** 1.6)).long().clamp(0, 999)
    noise = torch.randn_like(batch.target)
    if batch.gathered:
        timesteps = timesteps[0::2].repeat_interleave(2)
        noise = _same_noise_in_half(noise)
    noisy = scheduler.add_noise(batch.target, noise, timesteps)
    velocity = scheduler.get_velocity(batch.target, noise, timesteps)
    tokens, source = _drop_conditions(batch)
    with fast_products(device):
        words = text_encoder(tokens).last_hidden_state
        latents = torch.cat([noisy, source], dim=1).contiguous(memory_format=torch.channels_last)
        found = unet(latents, timesteps, encoder_hidden_states=words, return_dict=False)[0]
    changed = (batch.target - batch.source).abs().mean(1, keepdim=True)
    weight = 1 + 3 * (torch.maximum(changed, batch.touched) / 0.5).clamp(max=1)
    return torch.as_tensor((weight * (found.float() - velocity).square()).mean())


def _drop_conditions(batch: Batch) -> tuple[Tensor, Tensor]:
    """InstructPix2Pix condition dropout: words, both, or the source picture, 5 % each."""
    draw = torch.rand(len(batch.source), device=batch.source.device)
    if batch.gathered:
        draw = draw[0::2].repeat_interleave(2)
    no_words = draw < 2 * _DROP_SHARE
    no_picture = (draw >= _DROP_SHARE) & (draw < 3 * _DROP_SHARE)
    tokens = torch.where(no_words[:, None], _no_words(batch.tokens), batch.tokens)
    return tokens, batch.source * ~no_picture[:, None, None, None]


def _follow(average: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
    """Moving average that forgets the first, poor steps quickly."""
    return torch.lerp(average, current, max(1 - _EMA_DECAY, 9 / (10 + float(steps))))


def _no_words(tokens: Tensor) -> Tensor:
    """Tokens of the empty instruction: begin, end, and the padding, which is the end token."""
    empty = tokens.clone()
    empty[:, 1:] = tokens[:, -1:]
    return empty


def _same_noise_in_half(noise: Tensor) -> Tensor:
    shared = noise[0::2].repeat_interleave(2, dim=0)
    pick = torch.rand(len(noise) // 2, device=noise.device).repeat_interleave(2) < 0.5
    return torch.where(pick[:, None, None, None], shared, noise)


def _both_frames(states: Tensor) -> Tensor:
    """(2 pairs, tokens, channels) to the tokens of both frames for each: (.., 2 tokens, ..)."""
    together = states.reshape(len(states) // 2, -1, states.shape[2])
    return together.repeat_interleave(2, dim=0)


def _batches(
    settings: EditorSettings, run: TrainingRun, tokenizer: CLIPTokenizer, pairs_folder: Path
) -> Iterator[Batch]:
    """Endless batches of equal cost: small pictures and close-ups come in greater numbers."""
    chance = np.random.default_rng((23, settings.seed, run.step, run.rank))
    # All processes draw the same kind of batch, so that none waits for another.
    kind = np.random.default_rng((29, settings.seed, run.step))
    close_up_steps = settings.close_up_share * settings.steps
    shards = shard_count(settings.families)
    shapes = range(min(len(SIZES), shards))
    tables = [load_pairs(pairs_folder, shape, shards) for shape in shapes]
    while True:
        table = tables[int(kind.integers(len(tables)))]
        gathered = bool(kind.random() < _GATHERED_SHARE)
        close_up = bool(run.step < close_up_steps and kind.random() < _CLOSE_UP_SHARE)
        area = _CLOSE_UP_SIDE**2 if close_up else table.latents[0, 0].numel()
        size = 2 * max(1, round(settings.batch_size * _FULL_AREA / area / 2))
        batch = _draw(table, chance, size, tokenizer, gathered=gathered)
        if close_up:
            batch = _close_ups(batch, chance)
        yield _moved(batch, run.device)


def _draw(
    table: PairTable,
    chance: np.random.Generator,
    size: int,
    tokenizer: CLIPTokenizer,
    *,
    gathered: bool,
) -> Batch:
    edits = list(table.rows_by_edit)
    shares = np.array([EDIT_SHARES[edit] for edit in edits])
    count = size // 2 if gathered else size
    rows = [
        int(table.rows_by_edit[edits[pick]][chance.integers(len(table.rows_by_edit[edits[pick]]))])
        for pick in chance.choice(len(edits), count, p=shares / shares.sum())
    ]
    chosen = table.rows[torch.tensor(rows)]
    texts = [_wording(table, int(number), chance) for number in chosen[:, 2]]
    frame = torch.from_numpy(chance.integers(0, 2, count))
    if gathered:
        chosen = chosen.repeat_interleave(2, dim=0)
        texts = [text for text in texts for _ in range(2)]
        frame = torch.tensor([0, 1]).repeat(count)
    source = table.latents[chosen[:, 0] + frame].float()
    target = table.latents[chosen[:, 1] + frame].float()
    tokens = torch.stack([_tokens(tokenizer, text) for text in texts])
    touched = table.touched[chosen[:, 0] + frame].float()
    return Batch(source=source, target=target, tokens=tokens, touched=touched, gathered=gathered)


def _wording(table: PairTable, number: int, chance: np.random.Generator) -> str:
    options = wordings(table.instructions[number])
    return options[int(chance.integers(len(options)))]


def _close_ups(batch: Batch, chance: np.random.Generator) -> Batch:
    """Square cut-outs around a changed place of each pair."""
    rows, columns = batch.source.shape[2:]
    changed = (batch.target - batch.source).abs().mean(1)
    places = []
    for index in range(len(changed)):
        odds = changed[index].flatten().double().numpy() ** 2 + 1e-6
        row, column = divmod(int(chance.choice(rows * columns, p=odds / odds.sum())), columns)
        down, across = chance.integers(_CLOSE_UP_SIDE // 4, _CLOSE_UP_SIDE * 3 // 4, 2)
        top = int(np.clip(row - down, 0, rows - _CLOSE_UP_SIDE))
        left = int(np.clip(column - across, 0, columns - _CLOSE_UP_SIDE))
        places.append((slice(top, top + _CLOSE_UP_SIDE), slice(left, left + _CLOSE_UP_SIDE)))
    return replace(
        batch,
        source=_cut(batch.source, places),
        target=_cut(batch.target, places),
        touched=_cut(batch.touched, places),
    )


def _cut(latents: Tensor, places: list[tuple[slice, slice]]) -> Tensor:
    return torch.stack(
        [one[:, down, across] for one, (down, across) in zip(latents, places, strict=True)]
    )


def _moved(batch: Batch, device: torch.device) -> Batch:
    return replace(
        batch,
        source=batch.source.to(device),
        target=batch.target.to(device),
        tokens=batch.tokens.to(device),
        touched=batch.touched.to(device),
    )


@cache
def _tokens(tokenizer: CLIPTokenizer, text: str) -> Tensor:
    return token_ids(tokenizer, [text])[0]
