"""Checks an edit and fills in what was left out. Pure: values in, plan out."""

from __future__ import annotations

import math
from typing import TypeVar

from server.edit_spec import EditPlan, EditSpec, ResolvedSpec
from server.errors import ArgumentError
from via_engine.config import DEFAULT_GROUP_SIZE, MAX_INSTRUCTION_CHARACTERS
from via_engine.edit_types import FrameRange, MediaInfo, ModelCard, OutputFormat
from via_engine.errors import InstructionError, RangeError
from via_engine.schedule import clip_working_size

T = TypeVar("T")

MAX_STEPS = 1_000
MAX_SCALE = 100.0
MAX_GROUP_SIZE = 64
HDR_TRANSFERS = (16, 18)  # ITU-T H.273: PQ, HLG


def check_instruction(instruction: str) -> None:
    """Refuses what no model could follow.

    Raises:
        InstructionError: the instruction is blank or too long.
    """
    if not instruction.strip():
        raise InstructionError("the instruction is empty; say in plain words what to change")
    if len(instruction) > MAX_INSTRUCTION_CHARACTERS:
        raise InstructionError(
            f"the instruction has {len(instruction)} characters; "
            f"at most {MAX_INSTRUCTION_CHARACTERS} are taken"
        )


def plan_edit(spec: EditSpec, *, media: MediaInfo, card: ModelCard, pace: float | None) -> EditPlan:
    """What the edit would do.

    Args:
        media: what the file that `spec.source` names holds.
        card: the model asked for, or the default one.
        pace: seconds the model last took per frame and step; None before the first time.

    Raises:
        InstructionError: the instruction is blank or too long.
        RangeError: a range reaches outside the media.
        ArgumentError: a number is outside its limits.
    """
    check_instruction(spec.instruction)
    resolved = _resolve(spec, media=media, card=card)
    width, height = clip_working_size(media, card)
    frame_steps = resolved.frame_range.frame_count * resolved.steps
    return EditPlan(
        spec=resolved,
        media=media,
        working_width=width,
        working_height=height,
        estimated_seconds=None if pace is None else pace * frame_steps,
        warnings=_warnings(spec, resolved, media=media, card=card),
    )


def check_frame(frame: int, media: MediaInfo) -> None:
    """Refuses a frame that the media does not have.

    Raises:
        RangeError: the frame lies outside the media.
    """
    if not 0 <= frame < media.frame_count:
        raise RangeError(
            f"frame {frame} lies outside {media.path.name}, which has {media.frame_count} frames; "
            f"give a frame from 0 to {media.frame_count - 1}"
        )


def _resolve(spec: EditSpec, *, media: MediaInfo, card: ModelCard) -> ResolvedSpec:
    group_range = _inside(spec.group_range, media)
    group_size = _default(spec.group_size, DEFAULT_GROUP_SIZE)
    steps = _default(spec.steps, card.steps)
    guidance_scale = _default(spec.guidance_scale, card.guidance_scale)
    image_guidance_scale = _default(spec.image_guidance_scale, card.image_guidance_scale)
    _check_number("spec.steps", steps, MAX_STEPS)
    _check_number("spec.guidance_scale", guidance_scale, MAX_SCALE)
    _check_number("spec.image_guidance_scale", image_guidance_scale, MAX_SCALE)
    _check_number("spec.group_size", group_size, MAX_GROUP_SIZE)
    return ResolvedSpec(
        source=spec.source,
        instruction=spec.instruction,
        model=card.name,
        frame_range=_inside(spec.frame_range, media),
        group_range=group_range,
        seed=_default(spec.seed, 0),
        steps=steps,
        guidance_scale=guidance_scale,
        image_guidance_scale=image_guidance_scale,
        group_size=min(group_size, group_range.frame_count),
        independent_frames=spec.independent_frames,
        output_format=_default(spec.output_format, OutputFormat.PRORES_422_HQ_MOV),
    )


def _default(value: T | None, default: T) -> T:
    return default if value is None else value


def _inside(asked: FrameRange | None, media: MediaInfo) -> FrameRange:
    if asked is None:
        return media.frame_range
    if not media.frame_range.contains(asked):
        raise RangeError(
            f"frames {asked.start_frame}:{asked.end_frame_exclusive} reach outside "
            f"{media.path.name}, which has {media.frame_count} frames; the end is the first frame "
            f"after the range and may be {media.frame_count} at most"
        )
    return asked


def _check_number(field: str, value: float, largest: float) -> None:
    if not (math.isfinite(value) and 1 <= value <= largest):
        raise ArgumentError(f"{value:g} is not between 1 and {largest:g}", field=field)


def _warnings(
    spec: EditSpec, resolved: ResolvedSpec, *, media: MediaInfo, card: ModelCard
) -> tuple[str, ...]:
    found = []
    if spec.group_size is not None and resolved.group_size < spec.group_size:
        found.append(
            f"The group has {resolved.group_size} frames instead of {spec.group_size}: "
            "its range holds no more."
        )
    if media.is_interlaced:
        found.append("The media is interlaced; its frames are edited as if they were progressive.")
    if media.is_variable_rate:
        found.append(
            f"The media has a variable frame rate; the result runs at {media.frame_rate} frames "
            "per second throughout."
        )
    if media.colour.transfer in HDR_TRANSFERS:
        found.append(
            "The media is HDR (PQ or HLG); the model was made for standard range, so look at a "
            "preview before you trust its colours."
        )
    if card.understands:
        found.append(
            f"Model {card.name} was trained on a small world of its own and knows few "
            "instructions; on real footage name a real checkpoint with --model."
        )
    return tuple(found)
