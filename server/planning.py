"""Checks an edit and fills in what was left out. Pure: values in, plan out."""

from __future__ import annotations

from typing import TypeVar

from server.checking import MAX_SCALE, check_adapt, check_local, check_number
from server.edit_spec import Attachments, EditPlan, EditSpec, ResolvedSpec
from server.errors import ArgumentError
from via_engine.config import DEFAULT_GROUP_SIZE, MAX_INSTRUCTION_CHARACTERS
from via_engine.edit_types import FrameRange, LookSource, MediaInfo, ModelCard
from via_engine.errors import InstructionError, RangeError
from via_engine.schedule import clip_working_size

T = TypeVar("T")

MAX_STEPS = 1_000
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


def plan_edit(
    spec: EditSpec,
    *,
    media: MediaInfo,
    card: ModelCard,
    pace: float | None,
    attached: Attachments = Attachments(),  # noqa: B008 - frozen
    look_source: LookSource | None = None,
) -> EditPlan:
    """What the edit would do.

    Args:
        media: what the file that `spec.source` names holds.
        card: the model asked for, or the default one.
        pace: seconds the model last took per frame and step; None before the first time.
        attached: the files the edit names beside the media.
        look_source: what the job `spec.group_from` lends.

    Raises:
        InstructionError: the instruction is blank or too long.
        RangeError: a range reaches outside the media.
        ArgumentError: a number is outside its limits, or two settings contradict each other.
        MaskError, RootError: a mask or a root does not fit the media.
    """
    check_instruction(spec.instruction)
    resolved = _resolve(spec, attached, media=media, card=card, look_source=look_source)
    check_local(resolved.local, attached, media=media, frame_range=resolved.frame_range)
    if resolved.adapt is not None:
        check_adapt(resolved.adapt, attached, media=media)
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


def _resolve(
    spec: EditSpec,
    attached: Attachments,
    *,
    media: MediaInfo,
    card: ModelCard,
    look_source: LookSource | None,
) -> ResolvedSpec:
    group_range = None if spec.group_range is None else _inside(spec.group_range, media)
    group_size = _default(spec.group_size, DEFAULT_GROUP_SIZE)
    steps = _default(spec.steps, card.steps)
    guidance_scale = _default(spec.guidance_scale, card.guidance_scale)
    image_guidance_scale = _default(spec.image_guidance_scale, card.image_guidance_scale)
    check_number("spec.steps", steps, 1, MAX_STEPS)
    check_number("spec.guidance_scale", guidance_scale, 1, MAX_SCALE)
    check_number("spec.image_guidance_scale", image_guidance_scale, 1, MAX_SCALE)
    check_number("spec.group_size", group_size, 1, MAX_GROUP_SIZE)
    check_number("spec.swap_steps", spec.swap_steps, 1, steps)
    if spec.group_range is not None and spec.group_from:
        raise ArgumentError(
            "the look comes from another job or from a range of this media, not from both; leave "
            "out one",
            field="spec.group_from",
        )
    return ResolvedSpec(
        source=spec.source,
        instruction=spec.instruction,
        model=card.name,
        frame_range=_inside(spec.frame_range, media),
        group_range=group_range,
        group_from=spec.group_from,
        look_source=look_source,
        seed=_default(spec.seed, 0),
        steps=steps,
        guidance_scale=guidance_scale,
        image_guidance_scale=image_guidance_scale,
        group_size=min(group_size, _frames_to_gather(group_range, look_source, media)),
        attention=spec.attention,
        swap_layers=spec.swap_layers,
        swap_steps=spec.swap_steps,
        local=spec.local,
        adapt=spec.adapt,
        output_format=spec.output_format,
        files=attached.files,
    )


def _frames_to_gather(
    group_range: FrameRange | None, look_source: LookSource | None, media: MediaInfo
) -> int:
    """Most frames a group can have: all of its range. Shots are found later, by the engine."""
    if look_source is None:
        return (group_range or media.frame_range).frame_count
    lent = look_source.group_range
    return MAX_GROUP_SIZE if lent is None else lent.frame_count


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


def _warnings(
    spec: EditSpec, resolved: ResolvedSpec, *, media: MediaInfo, card: ModelCard
) -> tuple[str, ...]:
    found = []
    if spec.group_size is not None and resolved.group_size < spec.group_size:
        found.append(
            f"The group has {resolved.group_size} frames instead of {spec.group_size}: there are "
            "no more to gather from, so all are used."
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
