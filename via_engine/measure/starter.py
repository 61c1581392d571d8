"""The starter models on scenes their training never saw, against the true answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from via_engine.errors import RequestError
from via_engine.masks.ground import load_grounder
from via_engine.masks.segment import Segmenter, load_segmenter
from via_engine.measure.rows import Row
from via_engine.measure.starter_editor import (
    attention_rows,
    edit_rows,
    reconstruction_rows,
    sheet_rows,
)
from via_engine.measure.starter_edits import (
    EditorBench,
    MaskReader,
    judged_forms,
    pictures_to_judge,
)
from via_engine.measure.starter_masks import (
    grounder_rows,
    phrase_rows,
    segmenter_reader,
    segmenter_rows,
)
from via_engine.measure.starter_words import conditioner_rows, critic_rows
from via_engine.models.critic import load_critic
from via_engine.models.mgie import load_conditioner
from via_engine.starter.bundle import StarterModel, starter_folder
from via_engine.starter.evaluation.cases import Sampling
from via_engine.starter.evaluation.editing import load_editor
from via_engine.starter.evaluation.scores import colour_key
from via_engine.starter.evaluation.sheet import labelled_sheet

SCENES = 200
MODELS: tuple[StarterModel, ...] = get_args(StarterModel)
_CPU = torch.device("cpu")

Folders = Mapping[StarterModel, Path]


def starter(
    seed: int,
    *,
    scenes: int = SCENES,
    models: Sequence[StarterModel] = MODELS,
    sheet: Path | None = None,
) -> list[Row]:
    """The packaged starter models on held-out scenes, against the true answer.

    Args:
        seed: chooses scenes and noise.
        scenes: how many scenes for each row.
        models: only rows that need no other models than these.
        sheet: where to write pictures of some edits, as PNG; needs the editor.

    Raises:
        RequestError: a sheet, or the conditioner, is asked for without the editor.
        ModelIntegrityError: weights of one of `models` are missing or altered.
    """
    if sheet is not None and "editor" not in models:
        raise RequestError("the picture sheet shows the editor's work; name the editor as well")
    if "conditioner" in models and "editor" not in models:
        raise RequestError("the conditioner is judged by the editor's work; name the editor too")
    folders: Folders = {name: starter_folder(name) for name in models}
    segmenter = (
        load_segmenter(folders["segmenter"], device=_CPU) if "segmenter" in folders else None
    )
    rows: list[Row] = []
    if "editor" in folders:
        rows += _editor_rows(folders["editor"], segmenter, seed, scenes, sheet)
    rows += _other_rows(folders, segmenter, seed, scenes)
    return rows


def _editor_rows(
    folder: Path, segmenter: Segmenter | None, seed: int, scenes: int, sheet: Path | None
) -> Iterator[Row]:
    pipeline, sampling = _editor(folder)
    readers: dict[str, MaskReader] = {"colour key": colour_key}
    if segmenter is not None:
        readers["segmenter"] = segmenter_reader(segmenter)
    with _progress("editor", pictures_to_judge(scenes)) as advance:
        bench = EditorBench(
            pipeline=pipeline,
            sampling=sampling,
            seed=seed,
            scenes=scenes,
            advance=advance,
            readers=readers,
        )
        yield from reconstruction_rows(bench)
        results = judged_forms(bench)
        yield from edit_rows(results)
        yield from attention_rows(bench)
    if sheet is not None:
        Image.fromarray(labelled_sheet(sheet_rows(results))).save(sheet)


def _other_rows(
    folders: Folders, segmenter: Segmenter | None, seed: int, scenes: int
) -> Iterator[Row]:
    if segmenter is not None:
        with _progress("segmenter"):
            yield from segmenter_rows(segmenter, scenes, seed)
    if "grounder" in folders:
        grounder = load_grounder(folders["grounder"], device=_CPU)
        with _progress("grounder"):
            yield from grounder_rows(grounder, scenes, seed)
            if segmenter is not None:
                yield from phrase_rows(grounder, segmenter, scenes, seed)
    if "critic" in folders:
        with _progress("critic"):
            yield from critic_rows(load_critic(folders["critic"], device=_CPU), scenes, seed)
    if "conditioner" in folders:
        conditioner = load_conditioner(folders["conditioner"], device=_CPU, dtype=torch.float32)
        pipeline, sampling = _editor(folders["editor"])
        with _progress("conditioner"):
            yield from conditioner_rows(conditioner, pipeline, sampling, scenes, seed)


def _editor(folder: Path) -> tuple[StableDiffusionInstructPix2PixPipeline, Sampling]:
    """The editor, and how its card wants it sampled."""
    card = json.loads((folder / "via_model.json").read_text(encoding="utf-8"))
    sampling = Sampling(
        steps=card["steps"],
        guidance_scale=card["guidance_scale"],
        image_guidance_scale=card["image_guidance_scale"],
    )
    return load_editor(folder), sampling


@contextmanager
def _progress(model: StarterModel, pictures: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr; what it yields is told how many more pictures are judged."""
    with Progress(console=Console(stderr=True)) as shown:
        task = shown.add_task(model, total=pictures)
        yield lambda more: shown.advance(task, more)
        if pictures is None:
            shown.update(task, total=1, completed=1)
