"""What does the tuning do alone? Other frames of a clip with it and without, against the true edit.

An edit that leaves something open, such as "another colour", is decided by the root, and that is
what the tuning carries to other frames. Where one answer alone is right, the root is made by the
same editor and knows no more of it; those rows tell what the tuning would cost there if no
rehearsal took it off. Of the whole adaptation `via bench quality` tells.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from via_engine.edit_settings import AdaptSettings
from via_engine.measure.roots import (
    FORMS,
    as_tensor,
    case_edit,
    changed_part,
    load_starter_editor,
    proposed_roots,
    right_answers,
)
from via_engine.measure.rows import Row
from via_engine.method.adaptation import half_products, tune
from via_engine.method.adapter import Adapter, adapted
from via_engine.method.root_score import as_frames
from via_engine.models.critic import Critic, load_critic
from via_engine.models.editors import InstructPix2PixEditor
from via_engine.starter.bundle import starter_folder
from via_engine.starter.evaluation.cases import CASE_FRAME, Case, Sampling, case_at, held_out_cases
from via_engine.starter.evaluation.scores import psnr
from via_engine.starter.world.vocabulary import Edit

OPEN_FORM: Edit = "vague_recolour"
OTHER_FRAMES = (0, 24, 40)
# The clip's own noise: none of those the root was chosen from.
_APART = 1_000


@dataclass(frozen=True, kw_only=True)
class ClipGain:
    """PSNR inside the true mask in dB with the adapter less without, and what tuning took.

    `alone` is of frames edited each on its own, `gathered` of frames that attend to a group.
    """

    alone_db: float
    gathered_db: float
    steps: int
    seconds: float


def adaptation_gain(seed: int, clips: int) -> list[Row]:
    """Gains over `clips` held-out clips: half with an open edit, the rest over all other forms.

    The root is Via's own choice in one frame; judged are other frames under another noise.
    """
    editor = load_starter_editor()
    critic = load_critic(starter_folder("critic"), device=editor.device)
    determined = [form for form in FORMS if form != OPEN_FORM]
    shares = {OPEN_FORM: clips - clips // 2} | _shares(determined, clips // 2)
    gains = {
        form: [
            _clip_gain(editor, critic, case, seed)
            for case in held_out_cases(form, share, seed, Sampling())
        ]
        for form, share in shares.items()
    }
    others = [gain for form in determined for gain in gains[form]]
    everyone = [*gains[OPEN_FORM], *others]
    return [
        *_gain_rows("all edits", everyone),
        *_gain_rows("open edits", gains[OPEN_FORM]),
        *(_gain_rows("determined edits", others) if others else ()),
        *_cost_rows(everyone),
    ]


def _shares(forms: Sequence[Edit], clips: int) -> dict[Edit, int]:
    """`clips` spread over the forms as evenly as can be, the first ones first."""
    each, left = divmod(clips, len(forms))
    return {form: each + (number < left) for number, form in enumerate(forms)}


def _gain_rows(what: str, gains: Sequence[ClipGain]) -> Iterator[Row]:
    for how, gains_db in (
        ("frames alone", [gain.alone_db for gain in gains]),
        ("gather and swap", [gain.gathered_db for gain in gains]),
    ):
        yield Row(
            name=f"tuning, {what}, {how}: nearer to the truth inside the mask",
            value=100 * float(np.mean([gain > 0 for gain in gains_db])),
            unit="% of clips",
            cases=len(gains_db),
        )
        yield Row(
            name=f"  median gain, {how}",
            value=float(np.median(gains_db)),
            unit="dB",
            cases=len(gains_db),
        )


def _cost_rows(gains: Sequence[ClipGain]) -> Iterator[Row]:
    for name, values, unit in (
        ("tuning, steps kept", [gain.steps for gain in gains], "steps"),
        ("tuning, processor time", [gain.seconds for gain in gains], "s"),
    ):
        yield Row(name=name, value=float(np.median(values)), unit=unit, cases=len(gains))


def _clip_gain(editor: InstructPix2PixEditor, critic: Critic, case: Case, seed: int) -> ClipGain:
    pair = proposed_roots(editor, critic, case, seed)[0].pair
    started = time.process_time()
    adapter = tune(editor, pair, case.text, AdaptSettings(), lambda: None)
    seconds = time.process_time() - started
    others = [
        other
        for frame in OTHER_FRAMES
        if (other := case_at(case.scene, case.instruction, case.text, Sampling(), frame))
    ]
    with_it = _agreement(editor, adapter, case, others or [case], seed)
    without = _agreement(editor, None, case, others or [case], seed)
    return ClipGain(
        alone_db=with_it[0] - without[0],
        gathered_db=with_it[1] - without[1],
        steps=adapter.steps,
        seconds=seconds,
    )


def _agreement(
    editor: InstructPix2PixEditor,
    adapter: Adapter | None,
    root: Case,
    others: Sequence[Case],
    seed: int,
) -> tuple[float, float]:
    """PSNR inside the mask over the other frames, each alone and with a group around the root."""
    edit = case_edit(editor, root, seed + _APART)
    frames = as_tensor([case.source for case in others])
    group_frames = (CASE_FRAME, others[-1].frame)
    group_pictures = as_tensor([root.source, others[-1].source])
    with adapted(editor, adapter), half_products(editor.unet):
        alone = edit.apply(frames, None, lambda: None).edited
        group = edit.gather(group_pictures, group_frames, lambda: None)
        gathered = edit.apply(frames, group, lambda: None).edited
    return _clip_psnr(others, alone), _clip_psnr(others, gathered)


def _clip_psnr(cases: Sequence[Case], edited: torch.Tensor) -> float:
    """Mean over the frames; one right answer holds for a whole clip, the nearest one counts."""
    by_answer = np.array(
        [
            [psnr(frame, answer, changed_part(case)) for answer in right_answers(case)]
            for case, frame in zip(cases, as_frames(edited), strict=True)
        ]
    )
    return float(by_answer.mean(axis=0).max())
