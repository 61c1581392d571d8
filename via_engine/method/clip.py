"""A request brought together with its media, its model and what its instruction means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from via_engine.edit_events import Note
from via_engine.edit_request import EditRequest
from via_engine.edit_settings import Sampling, Scope
from via_engine.errors import VisionLanguageError
from via_engine.masks.plan import InstructionPlan, Region, plan_instruction
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.method.adapter import Adapter
from via_engine.method.edit_area import EditArea
from via_engine.method.shot import GroupSource, Shot, look_media
from via_engine.method.shot_parts import ShotPart, shot_parts
from via_engine.models.editors import InstructPix2PixEditor
from via_engine.models.vision_language import VisionLanguage
from via_engine.picture.decode import read_frames_at
from via_engine.picture.still import to_8_bit
from via_engine.schedule import clip_working_size, evenly_spread, group_frames

# Shared among the shots.
_ROOT_FRAMES = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """What an edit works on.

    Attributes:
        request: what was asked for.
        media: the clip to edit, probed.
        look: the clip that group and root pair come from, mostly the same.
        editor: the image editor.
        plan: what the instruction is about.
        vision_language: the model that reads instructions and judges roots, with the calls this
            job may spend; None leaves both to local rules.
        plan_fault: why the vision-language model did not plan; empty when it did or there is none.
        parts: the shots the edit touches.
        width, height: working size, in pixels.
    """

    request: EditRequest
    media: MediaInfo
    look: MediaInfo
    editor: InstructPix2PixEditor
    vision_language: VisionLanguage | None
    plan: InstructionPlan
    plan_fault: str
    parts: tuple[ShotPart, ...]
    width: int
    height: int

    @classmethod
    def open(
        cls,
        request: EditRequest,
        media: MediaInfo,
        editor: InstructPix2PixEditor,
        vision_language: VisionLanguage | None,
    ) -> Clip:
        """Plans the instruction, with a vision-language model where there is one, and finds shots.

        Raises:
            MediaError: a clip cannot be read.
            RangeError: the look's ranges reach outside its media.
        """
        look = look_media(request, media)
        parts = shot_parts(request, media, look)
        width, height = clip_working_size(media, editor.card)
        model = None if vision_language is None else vision_language.for_job()
        plan, fault = _planned(request, look, parts[0].group_range, model)
        return cls(
            request=request,
            media=media,
            look=look,
            editor=editor,
            vision_language=model,
            plan=plan,
            plan_fault=fault,
            parts=parts,
            width=width,
            height=height,
        )

    @property
    def instruction(self) -> str:
        """What the model is told."""
        return self.request.instruction.strip()

    @property
    def is_local(self) -> bool:
        """Whether a mask bounds the edit."""
        local = self.request.local
        if local.own_mask is not None:
            return True
        return local.scope is not Scope.GLOBAL and self.plan.is_local

    @property
    def is_its_own_look(self) -> bool:
        """Whether the group lies in the clip itself."""
        return self.look.identity == self.media.identity

    @property
    def sampling(self) -> Sampling:
        """What the request asks the frames to be sampled with."""
        request = self.request
        return Sampling(
            seed=request.seed,
            guidance_scale=request.guidance_scale,
            image_guidance_scale=request.image_guidance_scale,
        )

    @property
    def root_frames(self) -> tuple[int, ...]:
        """Frames of the look that may become the root, rising: the group's, and some between them.

        They are spread over whole shots, not over the frames to edit: every range of a shot, and a
        preview, finds the same root.
        """
        found = {frame for part in self.parts for frame in part.group_frames}
        for part in self.parts:
            found.update(group_frames(part.group_range, max(1, _ROOT_FRAMES // len(self.parts))))
        return tuple(sorted(found))

    def under(self, sampling: Sampling) -> Clip:
        """The same edit with another noise and guidance."""
        return replace(
            self,
            request=replace(
                self.request,
                seed=sampling.seed,
                guidance_scale=sampling.guidance_scale,
                image_guidance_scale=sampling.image_guidance_scale,
            ),
        )

    def on_its_look(self) -> Clip:
        """The same edit of the clip that group and root pair come from."""
        return replace(self, media=self.look)

    def notes(self) -> Iterator[Note]:
        """What the person should know before the work begins."""
        unread = self.editor.unread_part(self.instruction)
        if unread:
            yield Note(text=f'The model reads no further than before "{unread}"; say it shorter.')
        if self.plan_fault:
            yield Note(text=f"Planned by local rules: {self.plan_fault}")
        if len(self.parts) > 1:
            yield Note(text=f"The range spans {len(self.parts)} shots; each gathers its own group.")
        for part in self.parts:
            if 0 < len(part.group_frames) < self.request.group_size:
                yield Note(
                    text=f"The group takes all {len(part.group_frames)} frames from "
                    f"{part.group_range.start_frame} on: there are fewer than the "
                    f"{self.request.group_size} asked for."
                )

    def shot(
        self,
        part: ShotPart,
        area: EditArea | None,
        look_area: EditArea | None,
        adapter: Adapter | None,
    ) -> Shot:
        """One shot, ready for gather and swap.

        Frames without the subject leave its group: they would teach the others to stay as they
        are. Where no group frame shows it, frames of the part that do take their place.
        """
        frames = part.group_frames
        if look_area is not None:
            frames = tuple(filter(look_area.holds_subject, frames))
        if not frames and part.group_frames and area is not None and self.is_its_own_look:
            showing = area.showing(part.frame_range.frames)
            frames, look_area = evenly_spread(showing, self.request.group_size), area
        return Shot.prepare(
            self.request,
            self.media,
            self.editor,
            frame_range=part.frame_range,
            group=GroupSource(media=self.look, frames=frames, area=look_area),
            area=area,
            adapter=adapter,
        )


def _planned(
    request: EditRequest, look: MediaInfo, shot: FrameRange, model: VisionLanguage | None
) -> tuple[InstructionPlan, str]:
    """The plan, and why it is not the vision-language model's where that was asked in vain.

    All ranges and previews of a shot show the model one picture, and so does who borrows its look.
    """
    plan, fault = plan_instruction(request.instruction), ""
    if model is not None and request.local.scope is Scope.AUTO:
        frame = (shot.start_frame + shot.end_frame_exclusive) // 2
        try:
            plan = _plan_of_model(request.instruction, model, look, frame)
        except VisionLanguageError as error:
            fault = str(error)
    if request.local.phrase:
        plan = replace(plan, is_local=True, phrases=(request.local.phrase,))
    return plan, fault


def _plan_of_model(
    instruction: str, model: VisionLanguage, media: MediaInfo, frame: int
) -> InstructionPlan:
    answer = model.plan(instruction, [to_8_bit(one) for one in read_frames_at(media, [frame])])
    return InstructionPlan(
        is_local=answer.is_local,
        region=Region(answer.region),
        phrases=answer.phrases,
        changes_shape=answer.changes_shape,
        caption_before=answer.caption_before,
        caption_after=answer.caption_after,
    )
