"""Checks an edit and fills in what was left out. Pure: values in, plan out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from server.checking import MAX_SCALE, check_adapt, check_local, check_number, upright_size
from server.edit_spec import AdaptSpec, Attachments, EditPlan, EditSpec, Pace, ResolvedSpec
from server.errors import ArgumentError
from server.shared_look import SharedLook
from via_engine.config import (
    DEFAULT_GROUP_SIZE,
    DEFAULT_STEADY_FRAMES,
    MAX_INSTRUCTION_CHARACTERS,
)
from via_engine.edit_request import LookSource
from via_engine.edit_settings import AttentionMode, SwapLayers
from via_engine.errors import InstructionError, MediaNotFoundError, RangeError
from via_engine.media_types import FrameRange, MediaInfo, OutputFormat
from via_engine.model_card import ModelCard
from via_engine.picture.rate import matroska_keeps
from via_engine.schedule import clip_working_size

T = TypeVar("T")

MAX_STEPS = 1_000
MAX_GROUP_SIZE = 64
MAX_STEADY_FRAMES = 8
MAX_HOLD_FRAMES = 216_000  # an hour of 60 frames per second
MISSING_SHOWN = 5
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


def check_words(spec: EditSpec) -> None:
    """Refuses an instruction that no model could follow; an identity edit may have none.

    Raises:
        InstructionError: the instruction is blank or too long.
    """
    if spec.instruction or not spec.identity:
        check_instruction(spec.instruction)


def plan_edit(
    spec: EditSpec,
    *,
    media: MediaInfo,
    card: ModelCard,
    pace: Pace | None,
    attached: Attachments = Attachments(),  # noqa: B008 - frozen
    look: SharedLook | None = None,
) -> EditPlan:
    """What the edit would do.

    Args:
        media: what the file that `spec.source` names holds.
        card: the model asked for, or the default one.
        pace: what the model took last; None before the first time.
        attached: the files the edit names beside the media.
        look: what the job `spec.group_from` lends.

    Raises:
        InstructionError: the instruction is blank or too long.
        RangeError: a range reaches outside the media.
        ArgumentError: a number is outside its limits, or two settings contradict each other.
        MaskError, RootError: a mask or a root does not fit the media.
    """
    check_instruction(spec.instruction)
    resolved = _resolve(spec, attached, media=media, card=card, look=look)
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
        estimated_seconds=None if pace is None else pace.seconds_per_frame_step * frame_steps,
        warnings=_warnings(spec, resolved, media=media, card=card),
        estimated_memory_bytes=None if pace is None else pace.peak_memory_bytes or None,
        is_measured=pace is not None,
    )


def plan_identity(spec: EditSpec, *, media: MediaInfo) -> EditPlan:
    """What an identity edit would do: all frames pass through at the media's own size.

    Args:
        media: what the file that `spec.source` names holds.

    Raises:
        RangeError: the range reaches outside the media.
        MediaNotFoundError: frames of the range have no picture.
        ArgumentError: a setting makes no sense without a model.
    """
    for field, is_given in (
        ("local.own_mask", spec.local.has_own_mask),
        ("adapt", spec.adapt is not None and spec.adapt.enabled),
        ("group_from", bool(spec.group_from)),
    ):
        if is_given:
            raise ArgumentError(
                "an identity edit runs no model and changes nothing; leave this out",
                field=f"spec.{field}",
            )
    check_number("spec.hold_frames", spec.hold_frames, 0, MAX_HOLD_FRAMES)
    resolved = ResolvedSpec(
        source=spec.source,
        identity=True,
        instruction=spec.instruction,
        model="",
        frame_range=_inside(spec.frame_range, media),
        hold_frames=spec.hold_frames,
        group_range=None,
        seed=0,
        steps=1,
        guidance_scale=1.0,
        image_guidance_scale=1.0,
        group_size=1,
        output_format=_written(spec.output_format, media),
    )
    width, height = upright_size(media)
    return EditPlan(
        spec=resolved,
        media=media,
        working_width=width,
        working_height=height,
        estimated_seconds=None,
        warnings=_media_warnings(media),
    )


def _resolve(
    spec: EditSpec,
    attached: Attachments,
    *,
    media: MediaInfo,
    card: ModelCard,
    look: SharedLook | None,
) -> ResolvedSpec:
    group_range = None if spec.group_range is None else _inside(spec.group_range, media)
    usual = _model_defaults(card) if look is None else _lent_defaults(look.settings)
    look_source = None if look is None else look.source
    group_size = _default(spec.group_size, usual.group_size)
    steps = _default(spec.steps, usual.steps)
    guidance_scale = _default(spec.guidance_scale, usual.guidance_scale)
    image_guidance_scale = _default(spec.image_guidance_scale, usual.image_guidance_scale)
    swap_steps = _default(spec.swap_steps, _at_most(usual.swap_steps, steps))
    adapt = _default(spec.adapt, usual.adapt)
    check_number("spec.hold_frames", spec.hold_frames, 0, MAX_HOLD_FRAMES)
    check_number("spec.steps", steps, 1, MAX_STEPS)
    check_number("spec.guidance_scale", guidance_scale, 1, MAX_SCALE)
    check_number("spec.image_guidance_scale", image_guidance_scale, 1, MAX_SCALE)
    check_number("spec.group_size", group_size, 1, MAX_GROUP_SIZE)
    check_number("spec.swap_steps", swap_steps, 1, steps)
    check_number("spec.steady_frames", spec.steady_frames, 0, MAX_STEADY_FRAMES)
    if spec.group_range is not None and spec.group_from:
        raise ArgumentError(
            "the look comes from another job or from a range of this media, not from both; leave "
            "out one",
            field="spec.group_from",
        )
    if spec.group_from and spec.adapt is not None and spec.adapt.has_own_root:
        raise ArgumentError(
            f"the look of {spec.group_from} brings its root along; leave out the root, or the job",
            field="spec.group_from",
        )
    return ResolvedSpec(
        source=spec.source,
        instruction=spec.instruction,
        model=card.name,
        frame_range=_inside(spec.frame_range, media),
        hold_frames=spec.hold_frames,
        group_range=group_range,
        group_from=spec.group_from,
        look_source=look_source,
        seed=_default(spec.seed, usual.seed),
        steps=steps,
        guidance_scale=guidance_scale,
        image_guidance_scale=image_guidance_scale,
        group_size=min(group_size, _frames_to_gather(group_range, look_source, media)),
        attention=_default(spec.attention, usual.attention),
        swap_layers=_default(spec.swap_layers, usual.swap_layers),
        swap_steps=swap_steps,
        steady_frames=_default(spec.steady_frames, usual.steady_frames),
        local=spec.local,
        adapt=adapt if adapt is not None and adapt.enabled else None,
        output_format=_written(spec.output_format, media),
        files=attached.files,
    )


@dataclass(frozen=True, kw_only=True)
class _Defaults:
    """What stands where the edit says nothing."""

    seed: int = 0
    steps: int
    guidance_scale: float
    image_guidance_scale: float
    group_size: int = DEFAULT_GROUP_SIZE
    attention: AttentionMode = AttentionMode.GATHER_SWAP
    swap_layers: SwapLayers = SwapLayers.ALL
    swap_steps: int | None = None
    steady_frames: int = DEFAULT_STEADY_FRAMES
    adapt: AdaptSpec | None = None


def _model_defaults(card: ModelCard) -> _Defaults:
    return _Defaults(
        steps=card.steps,
        guidance_scale=card.guidance_scale,
        image_guidance_scale=card.image_guidance_scale,
    )


def _lent_defaults(lender: ResolvedSpec) -> _Defaults:
    """A look is what it was made with; its root comes with the tuning that it leaves."""
    adapt = lender.adapt
    if adapt is not None:
        adapt = replace(adapt, root_choice=None, root_image=None, adapter=None)
    return _Defaults(
        seed=lender.seed,
        steps=lender.steps,
        guidance_scale=lender.guidance_scale,
        image_guidance_scale=lender.image_guidance_scale,
        group_size=lender.group_size,
        attention=lender.attention,
        swap_layers=lender.swap_layers,
        swap_steps=lender.swap_steps,
        steady_frames=lender.steady_frames,
        adapt=adapt,
    )


def _frames_to_gather(
    group_range: FrameRange | None, look_source: LookSource | None, media: MediaInfo
) -> int:
    """Most frames a group can have: all of its range. Shots are found later, by the engine."""
    if look_source is None:
        return (group_range or media.frame_range).frame_count
    lent = look_source.group_range
    return MAX_GROUP_SIZE if lent is None else lent.frame_count


def _at_most(value: int | None, limit: int) -> int | None:
    return None if value is None else min(value, limit)


def _default(value: T | None, default: T) -> T:
    return default if value is None else value


def _inside(asked: FrameRange | None, media: MediaInfo) -> FrameRange:
    frames = _within(asked, media)
    lacking = [missing for missing in media.missing_ranges if missing.overlaps(frames)]
    if lacking and media.sequence is not None:
        first = media.sequence.first_number
        told = ", ".join(
            f"{first + each.start_frame} to {first + each.end_frame_exclusive - 1}"
            for each in lacking[:MISSING_SHOWN]
        )
        raise MediaNotFoundError(
            f"{media.path.name} lacks the pictures {told}"
            f"{' and more' if len(lacking) > MISSING_SHOWN else ''}; render them again, or choose "
            "a range without them"
        )
    return frames


def _within(asked: FrameRange | None, media: MediaInfo) -> FrameRange:
    if asked is None:
        return media.frame_range
    if not media.frame_range.contains(asked):
        raise RangeError(
            f"frames {asked.start_frame}:{asked.end_frame_exclusive} reach outside "
            f"{media.path.name}, which has {media.frame_count} frames; the end is the first frame "
            f"after the range and may be {media.frame_count} at most"
        )
    return asked


def _written(output_format: OutputFormat, media: MediaInfo) -> OutputFormat:
    if output_format is OutputFormat.FFV1_MKV and not matroska_keeps(media.frame_rate):
        raise ArgumentError(
            f"Matroska cannot say {media.frame_rate} frames per second exactly; choose ProRes",
            field="spec.output_format",
        )
    return output_format


def _warnings(
    spec: EditSpec, resolved: ResolvedSpec, *, media: MediaInfo, card: ModelCard
) -> tuple[str, ...]:
    found = []
    if spec.group_size is not None and resolved.group_size < spec.group_size:
        found.append(
            f"The group has {resolved.group_size} frames instead of {spec.group_size}: there are "
            "no more to gather from, so all are used."
        )
    found += _media_warnings(media)
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


def _media_warnings(media: MediaInfo) -> tuple[str, ...]:
    found = []
    if media.is_interlaced:
        found.append("The media is interlaced; its frames are edited as if they were progressive.")
    if media.is_variable_rate:
        found.append(
            f"The media has a variable frame rate; the result runs at {media.frame_rate} frames "
            "per second throughout."
        )
    if media.has_alpha:
        found.append("The media has an alpha channel; the result has none.")
    if media.missing_ranges:
        count = sum(missing.frame_count for missing in media.missing_ranges)
        found.append(f"The sequence lacks {count} of its {media.frame_count} pictures.")
    return tuple(found)
