"""Trains the MGIE-shaped conditioner to write expressive sentences and to steer the editor.

As in MGIE the loss is the sentence's cross-entropy plus half of a squared error. MGIE's error
is that of the editor's noise prediction; here the edit head's states are held against those the
editor's own text encoder makes of the instruction's plainest wording, which needs no UNet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from via_engine.half_products import fast_products
from via_engine.starter.bundle import read_record, rewritten, starter_folder, write_record
from via_engine.starter.networks.conditioner_model import (
    IMAGE_TOKENS,
    Conditioner,
    conditioner_tokenizer,
    image_processor,
    llava_config,
    with_image_tokens,
)
from via_engine.starter.training.conditioner_lessons import (
    NO_ANSWER,
    EncodedInstructions,
    Lesson,
    Lessons,
)
from via_engine.starter.training.training_run import TrainingRun, write_state
from via_engine.starter.training.trainings import Training

_STATES_WEIGHT = 0.5
_NULL_WEIGHT = 0.1
_PROJECTOR = "model.mm_projector."
_TOKEN_ROWS = ("model.embed_tokens.weight", "lm_head.weight")
_HEAD = "edit_head."
_CACHED_TOKENIZER = "conditioner_tokenizer"


@dataclass(frozen=True, kw_only=True)
class ConditionerSettings:
    """How the conditioner is trained; `batch_size` is that of one process.

    `scenes` pictures are drawn first and shown again and again. It learns to steer the packaged
    editor; when that has a new text encoder, a short run from the packaged conditioner will do.
    """

    steps: int = 4000
    batch_size: int = 16
    learning_rate: float = 1.2e-3
    scenes: int = 3000
    seed: int = 0


def train_conditioner(settings: ConditionerSettings, run: TrainingRun) -> None:
    """Fit the conditioner, from the run's last checkpoint if it has one."""
    torch.manual_seed(settings.seed)
    tokenizer = run.first_one_makes(lambda: conditioner_tokenizer(run.folder / _CACHED_TOKENIZER))
    model = Conditioner(with_image_tokens(tokenizer))
    run.begin(model)
    model = model.train().to(run.device)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=0.01,
        fused=True,
    )
    run.resume(model, optimizer)
    encoded = EncodedInstructions(starter_folder("editor"), run.device)
    lessons = Lessons(tokenizer, encoded, scenes=settings.scenes, seed=settings.seed)
    batches = lessons.draw(settings.seed + run.step + 1_000_003 * run.rank, settings.batch_size)
    while run.continues(settings.steps):
        run.set_learning_rate(optimizer, settings.learning_rate, settings.steps)
        with fast_products(run.device):
            loss = conditioner_loss(model, next(batches), encoded)
        run.learn(loss, model, optimizer)
        if run.advance(float(loss.detach()), settings.batch_size):
            run.save(model, optimizer)
    run.save(model, optimizer)
    run.finish(model)


def conditioner_loss(model: Conditioner, lesson: Lesson, encoded: EncodedInstructions) -> Tensor:
    """Cross-entropy of the answer plus half the squared error of the conditioning."""
    device = model.mm_projector.weight.device
    answers = lesson.answers.to(device)
    hidden = model.hidden_states(
        lesson.tokens.to(device), lesson.attention_mask.to(device), lesson.pixels.to(device)
    )
    spoken = answers != NO_ANSWER
    logits = model.language.lm_head(hidden[spoken]).float()
    # The image tokens are the last rows; the states that predict them go to the edit head.
    visual = hidden[answers >= logits.shape[1] - len(IMAGE_TOKENS)]
    visual = visual.view(len(answers), len(IMAGE_TOKENS), -1)
    states = model.edit_head(visual, model.image_embeddings[None])
    error = encoded.error(states, lesson.targets)
    null_error = encoded.error(model.null_states(), encoded.null)
    words = functional.cross_entropy(logits, answers[spoken])
    return words + _STATES_WEIGHT * (error + _NULL_WEIGHT * null_error)


def export_conditioner(cache: Path, folder: Path) -> None:
    """Turn the trained weights in `cache` into `folder`, in one motion.

    The layout is MGIE's: `llava` is a LLaVA checkpoint, which knows nothing of the eight image
    tokens; `vision_tower` a CLIP vision model; `mllm.safetensors` holds all token rows, the
    edit head and `emb`, under the names of the published mllm.pt.
    """
    state = torch.load(cache / "conditioner_weights.pt", weights_only=True, map_location="cpu")
    tokenizer = conditioner_tokenizer(cache / _CACHED_TOKENIZER)
    with rewritten(folder) as fresh:
        tokenizer.save_pretrained(fresh / "llava")
        patch_rows = len(tokenizer)
        model = Conditioner(with_image_tokens(tokenizer))
        model.load_state_dict(state["model"])
        model = model.half()
        config = llava_config(model.language.config, patch_rows)
        (fresh / "llava" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        save_file(_llava_tensors(model, patch_rows), fresh / "llava" / "model.safetensors")
        save_file(_mllm_tensors(model), fresh / "mllm.safetensors")
        model.vision_tower.save_pretrained(fresh / "vision_tower")
        image_processor().save_pretrained(fresh / "vision_tower")
        write_record(fresh, {"conditioner": state["record"]})


def unpack_conditioner(folder: Path, cache: Path) -> None:
    """Bring a packaged conditioner into `cache`, so that its training can go on from there."""
    tokenizer = conditioner_tokenizer(folder / "llava")
    tokenizer.save_pretrained(cache / _CACHED_TOKENIZER)
    state = {"model": packaged_state(folder), "record": read_record(folder)["conditioner"]}
    write_state(state, cache / "packaged_conditioner_weights.pt")


def packaged_state(folder: Path) -> dict[str, Tensor]:
    """The state of a `Conditioner`, float32, from a folder that `export_conditioner` wrote."""
    llava = load_file(folder / "llava" / "model.safetensors")
    mllm = load_file(folder / "mllm.safetensors")
    vision = load_file(folder / "vision_tower" / "model.safetensors")
    state = {f"vision_tower.{name}": tensor for name, tensor in vision.items()}
    for name, tensor in {**llava, **mllm}.items():
        if name.startswith(_PROJECTOR):
            state[name.removeprefix("model.")] = tensor
        elif name.startswith(_HEAD):
            state[name] = tensor
        elif name != "emb":
            state[f"language.{name}"] = tensor
    return {name: tensor.float() for name, tensor in state.items()}


def _llava_tensors(model: Conditioner, patch_rows: int) -> dict[str, Tensor]:
    tensors = dict(model.language.state_dict())
    for name in _TOKEN_ROWS:
        tensors[name] = tensors[name][:patch_rows].clone()
    for name, tensor in model.mm_projector.state_dict().items():
        tensors[_PROJECTOR + name] = tensor
    return tensors


def _mllm_tensors(model: Conditioner) -> dict[str, Tensor]:
    language = model.language.state_dict()
    tensors = {name: language[name] for name in _TOKEN_ROWS}
    for name, tensor in model.edit_head.state_dict().items():
        tensors[_HEAD + name] = tensor
    return {**tensors, "emb": model.image_embeddings.detach()[None].clone()}


TRAININGS = {
    "conditioner": Training(
        part_of="conditioner",
        settings=ConditionerSettings,
        train=train_conditioner,
        export=export_conditioner,
        unpack=unpack_conditioner,
    )
}
