"""Trains the starter segmenter, a small Segment Anything, on boxes and clicks in the world."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from segment_anything.modeling import Sam
from torch import Tensor, nn
from torch.nn import functional

from via_engine.half_products import fast_products, product_dtype
from via_engine.starter.bundle import read_record, rewritten, write_record
from via_engine.starter.networks.sam_model import (
    WEIGHTS_NAME,
    SamArchitecture,
    build_sam,
    write_architecture,
)
from via_engine.starter.training.prompted_pictures import PromptedBatch, PromptedPictures, Region
from via_engine.starter.training.training_run import TrainingRun, write_state
from via_engine.starter.training.trainings import Training

STARTER_ARCHITECTURE = SamArchitecture()
_REGION_SIDE = 128
_REGIONS_PER_CANVAS = 4
# Whole canvases now and then from the start, and only they at the end.
_WHOLE_EVERY = 4
_ALL_WHOLE_FROM = 0.8


@dataclass(frozen=True, kw_only=True)
class SegmenterSettings:
    """How the segmenter is trained; `batch_size` is that of one process.

    `batch_size` counts regions of 128 x 128 px; of whole canvases there are as many as cost
    the same. Every picture comes with `prompts` boxes or sets of clicks.
    """

    steps: int = 3800
    batch_size: int = 8
    prompts: int = 2
    learning_rate: float = 1e-3
    seed: int = 0


def train_segmenter(settings: SegmenterSettings, run: TrainingRun) -> None:
    """Fit the segmenter, from the run's last checkpoint if it has one.

    Most steps look at a quarter of the canvas, which costs a quarter and teaches edges as well.
    """
    torch.manual_seed(settings.seed)
    sam = _starting_sam()
    run.begin(sam)
    sam = sam.train().to(run.device)
    optimizer = torch.optim.AdamW(
        sam.parameters(),
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=0.02,
        fused=True,
    )
    run.resume(sam, optimizer)
    chance = np.random.default_rng((23, settings.seed, run.step, run.rank))
    pictures = PromptedPictures(STARTER_ARCHITECTURE.image_size, 2 * settings.batch_size, chance)
    while run.continues(settings.steps):
        run.set_learning_rate(optimizer, settings.learning_rate, settings.steps)
        batch = _next_batch(pictures, settings, run.step)
        loss = segmenter_loss(sam, batch, run.device)
        run.learn(loss, sam, optimizer)
        if run.advance(float(loss.detach()), len(batch.pictures)):
            run.save(sam, optimizer)
    run.save(sam, optimizer)
    run.finish(sam)


def export_segmenter(cache: Path, folder: Path) -> None:
    """Turn the trained weights in `cache` into `folder`, fp16, with their record."""
    state = torch.load(cache / "segmenter_weights.pt", weights_only=True, map_location="cpu")
    with rewritten(folder) as fresh:
        halves = {name: tensor.half().contiguous() for name, tensor in state["model"].items()}
        save_file(halves, fresh / WEIGHTS_NAME)
        write_architecture(STARTER_ARCHITECTURE, fresh)
        write_record(fresh, {"segmenter": state["record"]})


def unpack_segmenter(folder: Path, cache: Path) -> None:
    """Bring a packaged segmenter into `cache`, so that its training can go on from there."""
    cache.mkdir(parents=True, exist_ok=True)
    model = {name: value.float() for name, value in load_file(folder / WEIGHTS_NAME).items()}
    state = {"model": model, "record": read_record(folder)["segmenter"]}
    write_state(state, cache / "packaged_segmenter_weights.pt")


def segmenter_loss(sam: Sam, batch: PromptedBatch, device: torch.device) -> Tensor:
    """How far the masks are from the truth, and the IoU it expects from the one reached."""
    features = encode_region(sam, batch.pictures.to(device), batch.region)
    prompts = batch.prompts.to(device)
    if batch.point_labels is None:
        sparse, _ = sam.prompt_encoder(points=None, boxes=prompts, masks=None)
    else:
        points = (prompts, batch.point_labels.to(device))
        sparse, _ = sam.prompt_encoder(points=points, boxes=None, masks=None)
    logits, expected = decode_region(sam, features, sparse, batch.region)
    return _prompt_loss(logits, expected, batch.masks.to(device))


def _starting_sam() -> Sam:
    """An untrained model whose tokens know their place from the first step on."""
    sam = build_sam(STARTER_ARCHITECTURE)
    nn.init.trunc_normal_(sam.image_encoder.pos_embed, std=0.02)
    return sam


def _next_batch(
    pictures: PromptedPictures, settings: SegmenterSettings, step: int
) -> PromptedBatch:
    if step % _WHOLE_EVERY == 0 or step >= _ALL_WHOLE_FROM * settings.steps:
        count = max(1, settings.batch_size // _REGIONS_PER_CANVAS)
        side = STARTER_ARCHITECTURE.image_size
        return pictures.batch(side=side, count=count, prompts=settings.prompts)
    return pictures.batch(side=_REGION_SIDE, count=settings.batch_size, prompts=settings.prompts)


def encode_region(sam: Sam, pictures: Tensor, region: Region) -> Tensor:
    """What the image encoder makes of a region that keeps its place on the canvas: (B, C, h, w)."""
    encoder = sam.image_encoder
    canvas = sam.preprocess(pictures.float())
    rows, columns = _pixels(region)
    tokens_down, tokens_across = _tokens(region)
    with fast_products(canvas.device):
        tokens = encoder.patch_embed(canvas[..., rows, columns])
        tokens = tokens + encoder.pos_embed[:, tokens_down, tokens_across]
        for block in encoder.blocks:
            tokens = block(tokens)
        return torch.as_tensor(encoder.neck(tokens.permute(0, 3, 1, 2)))


def decode_region(
    sam: Sam, features: Tensor, sparse: Tensor, region: Region
) -> tuple[Tensor, Tensor]:
    """Mask logits (N, 4, side / 2, side / 2) and expected IoU (N, 4) for all pictures at once.

    The decoder takes one picture with many prompts; here each prompt brings its own picture in
    place of the dense prompt, added to an empty one.
    """
    down, across = _tokens(region)
    place = sam.prompt_encoder.get_dense_pe()[..., down, across]
    dense = features + sam.prompt_encoder.no_mask_embed.weight[..., None, None]
    dense = dense.repeat_interleave(len(sparse) // len(features), dim=0)
    dtype = product_dtype(features.device)
    with fast_products(features.device):
        logits, expected = sam.mask_decoder.predict_masks(
            image_embeddings=torch.zeros_like(features[:1], dtype=dtype),
            image_pe=place.to(dtype),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense.to(dtype),
        )
    return logits.float(), expected.float()


def _prompt_loss(logits: Tensor, expected: Tensor, truth: Tensor) -> Tensor:
    """Loss of the single answer, in full resolution, and of the three alternatives."""
    single = functional.interpolate(
        logits[:, :1], truth.shape[-2:], mode="bilinear", align_corners=False
    )
    coarse = functional.interpolate(truth, logits.shape[-2:], mode="area")
    reached = torch.cat([_iou(single, truth), _iou(logits[:, 1:], coarse)], dim=1)
    return (
        _mask_loss(single, truth)
        + 0.25 * _mask_loss(logits[:, 1:], coarse)
        + 0.1 * functional.mse_loss(expected, reached)
    )


def _mask_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross entropy and dice. `truth` (N, 1, h, w) holds for all masks of `logits` (N, M, h, w)."""
    truth = truth.expand_as(logits)
    chance = logits.sigmoid()
    shared = (chance * truth).sum((2, 3))
    dice = 1 - (2 * shared + 1) / (chance.sum((2, 3)) + truth.sum((2, 3)) + 1)
    return 3 * functional.binary_cross_entropy_with_logits(logits, truth) + dice.mean()


@torch.no_grad()
def _iou(logits: Tensor, truth: Tensor) -> Tensor:
    """(N, M) IoU of the masks with the truth, which holds for all M."""
    found, wanted = logits > 0, truth > 0.5
    shared, together = (found & wanted).sum((2, 3)), (found | wanted).sum((2, 3))
    return shared / together.clamp(min=1)


def _pixels(region: Region) -> tuple[slice, slice]:
    return (
        slice(region.top, region.top + region.side),
        slice(region.left, region.left + region.side),
    )


def _tokens(region: Region) -> tuple[slice, slice]:
    size = STARTER_ARCHITECTURE.patch_size
    return (
        slice(region.top // size, (region.top + region.side) // size),
        slice(region.left // size, (region.left + region.side) // size),
    )


TRAININGS = {
    "segmenter": Training(
        part_of="segmenter",
        settings=SegmenterSettings,
        train=train_segmenter,
        export=export_segmenter,
        unpack=unpack_segmenter,
    )
}
