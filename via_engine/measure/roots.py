"""Does Via choose a good root by itself? Its choice among eight edits, against the true ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from via_engine import edit_settings
from via_engine.masks.plan import plan_instruction
from via_engine.measure.rows import Bar, Row
from via_engine.method.adaptation import half_products
from via_engine.method.frame_edit import FrameEdit
from via_engine.method.root_frame import RootFrame
from via_engine.method.root_pair import (
    RootCandidateEdit,
    RootQuestion,
    propose_roots,
    root_choices,
)
from via_engine.method.root_score import as_frames
from via_engine.models.catalog import STARTER_NAME, read_card
from via_engine.models.critic import Critic, load_critic
from via_engine.models.editors import InstructPix2PixEditor, load_editor
from via_engine.starter.bundle import starter_folder
from via_engine.starter.evaluation.cases import Case, Frame, Mask, Sampling, held_out_cases
from via_engine.starter.evaluation.scores import psnr
from via_engine.starter.world.render import owner_map, render_frame
from via_engine.starter.world.scene import edited_scenes
from via_engine.starter.world.vocabulary import Edit

CANDIDATES = 8
NEAR_DB = 0.5
FORMS: tuple[Edit, ...] = (
    "recolour",
    "vague_recolour",
    "kind",
    "material",
    "remove",
    "background",
    "time",
    "style",
)
_CPU = torch.device("cpu")


def automatic_roots(seed: int, cases: int) -> list[Row]:
    """How often the first proposal is one of the two that are best by truth, of eight.

    Truth is the mean of the PSNR inside and outside the true mask, before anything is composited;
    of a vague recolour the nearest right answer counts. `cases` are spread over all forms of edit.
    """
    editor, critic = load_starter_editor(), load_critic(starter_folder("critic"), device=_CPU)
    ranks, behind_db = [], []
    for number, form in enumerate(FORMS):
        share = cases // len(FORMS) + (number < cases % len(FORMS))
        for case in held_out_cases(form, share, seed, Sampling()) if share else []:
            truths = _truths(case, proposed_roots(editor, critic, case, seed))
            ranks.append(sum(truth > truths[0] for truth in truths))
            behind_db.append(sorted(truths)[-2] - truths[0])
    return [
        Row(
            name="automatic root among the two best by truth",
            value=100 * float(np.mean([rank < 2 for rank in ranks])),
            unit=f"% of {CANDIDATES}-fold choices",
            bar=Bar(comparison=">=", limit=90),
            cases=len(ranks),
        ),
        Row(
            name=f"  or at most {NEAR_DB:g} dB behind the second best",
            value=100 * float(np.mean([behind <= NEAR_DB for behind in behind_db])),
            unit=f"% of {CANDIDATES}-fold choices",
            cases=len(behind_db),
        ),
    ]


def proposed_roots(
    editor: InstructPix2PixEditor, critic: Critic, case: Case, seed: int
) -> list[RootCandidateEdit]:
    """What Via proposes for the frame of a case, the best first."""
    question = RootQuestion(
        edit=case_edit(editor, case, seed),
        instruction=case.text,
        plan=plan_instruction(case.text),
        critic=critic,
    )
    asked = edit_settings.Sampling(
        seed=seed,
        guidance_scale=editor.card.guidance_scale,
        image_guidance_scale=editor.card.image_guidance_scale,
    )
    choices = root_choices([case.frame], CANDIDATES, asked)
    with half_products(editor.unet):
        return propose_roots(question, [case_root(case)], choices, lambda: None)


def _truths(case: Case, proposals: Sequence[RootCandidateEdit]) -> list[float]:
    """In dB, in the order of the proposals."""
    where, answers = changed_part(case), right_answers(case)
    frames = as_frames(torch.cat([one.edited for one in proposals]))
    inside = [max(psnr(frame, answer, where) for answer in answers) for frame in frames]
    if where.all():
        return inside
    outside = [psnr(frame, case.source, ~where) for frame in frames]
    return [(first + second) / 2 for first, second in zip(inside, outside, strict=True)]


def load_starter_editor() -> InstructPix2PixEditor:
    """The packaged editor on the CPU, as the engine loads it."""
    card = read_card(STARTER_NAME, starter_folder("editor"))
    return load_editor(card, device=_CPU, dtype=torch.float32)


def case_edit(editor: InstructPix2PixEditor, case: Case, seed: int) -> FrameEdit:
    """The edit a case asks for, with the editor's own steps and guidance."""
    height, width = case.mask.shape
    return FrameEdit.prepare(
        editor,
        instruction=case.text,
        seed=seed,
        steps=editor.card.steps,
        guidance_scale=editor.card.guidance_scale,
        image_guidance_scale=editor.card.image_guidance_scale,
        width=width,
        height=height,
    )


def case_root(case: Case) -> RootFrame:
    """The frame of a case with the true mask of its edit."""
    where = changed_part(case)
    alpha = None if where.all() else torch.from_numpy(where.astype(np.float32))[None, None]
    return RootFrame(frame=case.frame, source=as_tensor([case.source]), alpha=alpha)


def changed_part(case: Case) -> Mask:
    """(H, W) bool: where the true edit changes the picture; all of it for times and styles."""
    if case.instruction.edit != "background":
        return case.changed
    height, width = case.mask.shape
    return np.asarray(owner_map(case.scene, case.frame, width=width, height=height) < 0)


def right_answers(case: Case) -> list[Frame]:
    """Every frame that is a right answer to a case."""
    height, width = case.mask.shape
    return [
        render_frame(scene, case.frame, width=width, height=height)
        for scene in edited_scenes(case.scene, case.instruction)
    ]


def as_tensor(frames: list[Frame]) -> Tensor:
    """Frames (H, W, 3) uint8 as (B, 3, H, W) float32, 0 to 1."""
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255
