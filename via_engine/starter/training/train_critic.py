"""Trains the starter critic on families of edits: which picture answers which instruction.

Three losses. Captions against pictures is CLIP's own, over captions that say a part of what a
scene shows. Picture directions for each text direction, among the edits of one scene, is the
very question a critic is asked; text directions for each picture direction is its mirror over
the whole batch.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from transformers import CLIPModel

from via_engine.half_products import fast_products
from via_engine.starter.bundle import read_record, rewritten, write_record
from via_engine.starter.networks.critic_model import IMAGE_SIDE, build_critic, write_preprocessor
from via_engine.starter.networks.text import world_tokenizer
from via_engine.starter.training.critic_batches import CriticBatch, critic_batches
from via_engine.starter.training.training_run import TrainingRun, write_state
from via_engine.starter.training.trainings import Training

# Written beside tokenizer.json: older transformers read these, and so does further training.
_TOKENIZER_FILES = ("vocab.json", "merges.txt")
_LARGEST_SCALE = 100.0


@dataclass(frozen=True, kw_only=True)
class CriticSettings:
    """How the critic is trained; `batch_size` counts families of some two dozen pictures.

    `direction_scale` is what cosines of directions are multiplied by before the softmax.
    """

    steps: int = 3000
    batch_size: int = 5
    learning_rate: float = 1.2e-3
    direction_scale: float = 16.0
    seed: int = 0


def train_critic(settings: CriticSettings, run: TrainingRun) -> None:
    """Fit the critic, from the run's last checkpoint or its given start."""
    torch.manual_seed(settings.seed)
    tokenizer = run.first_one_makes(lambda: world_tokenizer(run.folder / "tokenizer"))
    critic = build_critic(tokenizer).train().to(run.device)
    run.begin(critic)
    optimizer = torch.optim.AdamW(
        critic.parameters(),
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=0.05,
        fused=True,
    )
    run.resume(critic, optimizer)
    seed = settings.seed + run.step + 1_000_003 * run.rank
    batches = critic_batches(seed, settings.batch_size, IMAGE_SIDE, tokenizer)
    while run.continues(settings.steps):
        run.set_learning_rate(optimizer, settings.learning_rate, settings.steps)
        batch = next(batches).to(run.device)
        loss = critic_loss(critic, batch, settings.direction_scale)
        run.learn(loss, critic, optimizer)
        if run.advance(float(loss.detach()), len(batch.pixels)):
            run.save(critic, optimizer)
    run.save(critic, optimizer)
    run.finish(critic)


def export_critic(cache: Path, folder: Path) -> None:
    """Turn the trained weights in `cache` into a stock CLIPModel folder, in one motion."""
    state = torch.load(cache / "critic_weights.pt", weights_only=True, map_location="cpu")
    tokenizer = world_tokenizer(cache / "tokenizer")
    critic = build_critic(tokenizer)
    critic.load_state_dict(state["model"])
    with rewritten(folder) as fresh:
        critic.half().save_pretrained(fresh)
        tokenizer.save_pretrained(fresh)
        for name in _TOKENIZER_FILES:
            shutil.copyfile(cache / "tokenizer" / name, fresh / name)
        write_preprocessor(fresh)
        write_record(fresh, {"critic": state["record"]})


def unpack_critic(folder: Path, cache: Path) -> None:
    """Bring a packaged critic into `cache`, so that its training can go on from there."""
    critic = CLIPModel.from_pretrained(folder).float()
    (cache / "tokenizer").mkdir(parents=True, exist_ok=True)
    for name in _TOKENIZER_FILES:
        shutil.copyfile(folder / name, cache / "tokenizer" / name)
    state = {"model": critic.state_dict(), "record": read_record(folder)["critic"]}
    write_state(state, cache / "packaged_critic_weights.pt")


def critic_loss(critic: CLIPModel, batch: CriticBatch, direction_scale: float) -> Tensor:
    """The sum of the three losses of a batch on the critic's device."""
    with fast_products(critic.device):
        pictures = critic.get_image_features(pixel_values=batch.pixels).pooler_output
        texts = critic.get_text_features(input_ids=batch.token_ids).pooler_output
    pictures = functional.normalize(pictures.float(), dim=-1)
    texts = functional.normalize(texts.float(), dim=-1)
    directions = functional.normalize(texts[batch.after] - texts[batch.before], dim=-1)
    scale = critic.logit_scale.exp().clamp(max=_LARGEST_SCALE)
    matching = _matching_loss(scale * texts[batch.caption] @ pictures.T, batch)
    ranking = _ranking_loss(direction_scale * _cosines(pictures, directions, batch), batch)
    changes = functional.normalize(pictures[batch.answer] - pictures[batch.source], dim=-1)
    naming = _naming_loss(direction_scale * changes @ directions.T, batch)
    return matching + ranking + naming


def _cosines(pictures: Tensor, directions: Tensor, batch: CriticBatch) -> Tensor:
    """Cosine of text direction and change from the question's source to each picture: (Q, N)."""
    sources = pictures[batch.source]
    along = directions @ pictures.T - (directions * sources).sum(-1, keepdim=True)
    squared_length = 2 - 2 * sources @ pictures.T
    return torch.as_tensor(along / squared_length.clamp_min(1e-5).sqrt())


def _matching_loss(logits: Tensor, batch: CriticBatch) -> Tensor:
    """Captions and pictures find one another; that a caption holds elsewhere costs nothing."""
    own = torch.arange(len(logits), device=logits.device)
    elsewhere = batch.holds & (own[:, None] != own)
    masked = logits.masked_fill(elsewhere, -torch.inf)
    return (functional.cross_entropy(masked, own) + functional.cross_entropy(masked.T, own)) / 2


def _ranking_loss(logits: Tensor, batch: CriticBatch) -> Tensor:
    """Among the pictures of its family, each question finds a right answer."""
    candidates = logits.masked_fill(~batch.candidate, -torch.inf)
    right = logits.masked_fill(~batch.right, -torch.inf)
    return (candidates.logsumexp(-1) - right.logsumexp(-1)).mean()


def _naming_loss(logits: Tensor, batch: CriticBatch) -> Tensor:
    """Among all text directions of the batch, each answer's change finds its own."""
    own = torch.arange(len(logits), device=logits.device)
    return functional.cross_entropy(logits.masked_fill(batch.same, -torch.inf), own)


TRAININGS = {
    "critic": Training(
        part_of="critic",
        settings=CriticSettings,
        train=train_critic,
        export=export_critic,
        unpack=unpack_critic,
    )
}
