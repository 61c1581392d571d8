"""A request brought together with its media and its model: what the stages of an edit work on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from via_engine.config import MAX_INSTRUCTION_CHARACTERS
from via_engine.edit_request import EditRequest
from via_engine.edit_settings import AttentionMode
from via_engine.errors import InstructionError, MediaChangedError, RangeError, RequestError
from via_engine.masks.feather import latent_mask
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.method.adapter import Adapter, Anchor, adapted
from via_engine.method.attention_group import AttentionGroup
from via_engine.method.edit_area import Alphas, EditArea
from via_engine.method.frame_edit import FrameEdit
from via_engine.method.group_cache import GroupSettings
from via_engine.models.editors import InstructPix2PixEditor
from via_engine.picture.composite import LocalPicture, composite
from via_engine.picture.decode import read_frames_at
from via_engine.picture.encode import ClipGeometry
from via_engine.picture.native_size import to_native_size, to_working_size
from via_engine.picture.probe import probe_media
from via_engine.schedule import clip_working_size

Picture = NDArray[np.float32]
"""(H, W, 3) R'G'B', 0 to 1, upright."""
Alpha = NDArray[np.float32]
"""(H, W), 0 to 1."""


class EditedPicture(NamedTuple):
    """A source frame at native and at working size; its edit and VAE round trip at working size.

    `number` is the frame's own in the media. `alpha` is (H, W) at native size, 0 where the source
    stays, 1 where the edit stands; None is 1 everywhere.
    """

    number: int
    source: Picture
    small: Picture
    round_trip: Picture
    edited: Picture
    alpha: Alpha | None

    def at_native_size(self) -> Picture | LocalPicture:
        """The edit at the size of the source, with the source's own detail."""
        edited = to_native_size(self.source, self.round_trip, self.edited)
        if self.alpha is None:
            return edited
        return LocalPicture(source=self.source, edited=edited, alpha=self.alpha)

    def at_working_size(self) -> Picture:
        """The same, at working size."""
        if self.alpha is None:
            return self.edited
        height, width = self.edited.shape[:2]
        alpha = to_working_size(self.alpha, width=width, height=height)
        return composite(self.small, self.edited, alpha)


class _Frame(NamedTuple):
    """A frame to edit, at native and at working size, and where it may change."""

    number: int
    source: Picture
    small: Picture
    alpha: Alpha | None


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupSource:
    """Where the group of a shot is gathered: mostly, but not always, the clip to edit itself.

    Attributes:
        media: the clip the group frames are of.
        frames: their numbers; an anchor's comes first.
        area: where the group frames may change; None is the whole picture.
        anchor: an edited frame that the others look at; it brings its own picture.
    """

    media: MediaInfo
    frames: tuple[int, ...]
    area: EditArea | None = None
    anchor: Anchor | None = None

    @property
    def own_frames(self) -> tuple[int, ...]:
        """The frames whose pictures and masks are the media's."""
        return self.frames if self.anchor is None else self.frames[1:]

    def anchored(self, anchor: Anchor) -> GroupSource:
        """The same with the anchor in place of the frame nearest to it."""
        nearest = min(self.frames, key=lambda frame: abs(frame - anchor.frame))
        others = tuple(frame for frame in self.frames if frame != nearest)
        return replace(self, frames=(anchor.frame, *others), anchor=anchor)


@dataclass(frozen=True, kw_only=True, eq=False)
class Shot:
    """One shot of a clip and what shall become of it.

    Attributes:
        request: what was asked for.
        media: the clip, probed.
        frame_range: the frames of the request that lie in this shot.
        geometry: size, rate and tags of the result.
        edit: instruction, seed and guidance, at the working size.
        group: what its attention group is gathered from.
        area: where its frames may change; None is the whole picture.
        adapter: what the editor was tuned to; None leaves it as it is.
        settings: everything the attention group depends on, the working size included.
    """

    request: EditRequest
    media: MediaInfo
    frame_range: FrameRange
    geometry: ClipGeometry
    edit: FrameEdit
    group: GroupSource
    area: EditArea | None
    adapter: Adapter | None
    settings: GroupSettings

    @classmethod
    def prepare(
        cls,
        request: EditRequest,
        media: MediaInfo,
        editor: InstructPix2PixEditor,
        *,
        frame_range: FrameRange,
        group: GroupSource,
        area: EditArea | None = None,
        adapter: Adapter | None = None,
    ) -> Shot:
        """Chooses the working size and encodes the instruction.

        Raises:
            RequestError: the group comes from a clip of another shape.
        """
        width, height = clip_working_size(media, editor.card)
        _check_shape(group.media, media, editor)
        anchor = _fitting_anchor(request, adapter, width=width, height=height)
        if anchor is not None and group.frames:
            group = group.anchored(anchor)
        settings = GroupSettings(
            media_identity=group.media.identity,
            group_frames=group.frames,
            instruction=request.instruction.strip(),
            seed=request.seed,
            steps=request.steps,
            guidance_scale=request.guidance_scale,
            image_guidance_scale=request.image_guidance_scale,
            attention=request.attention,
            swap_layers=request.swap_layers,
            swap_steps=request.swap_steps,
            blend_schedule=request.local.schedule,
            source_latents=request.local.source_latents,
            area_identity="" if group.area is None else group.area.identity(group.own_frames),
            adapter_identity="" if adapter is None else adapter.identity,
            model=editor.card.name,
            weights_identity=editor.weights_identity,
            width=width,
            height=height,
            dtype=str(editor.dtype),
            device=str(editor.device),
        )
        return cls(
            request=request,
            media=media,
            frame_range=frame_range,
            geometry=ClipGeometry.of(media),
            edit=frame_edit(request, editor, width=width, height=height),
            group=group,
            area=area,
            adapter=adapter,
            settings=settings,
        )

    @property
    def group_frames(self) -> tuple[int, ...]:
        """The frames the attention group is gathered from; none when each is edited alone."""
        return self.settings.group_frames

    @property
    def keeps_source(self) -> bool:
        """Whether some of the source stays, so that values beyond 0..1 have to be handed on."""
        return self.area is not None

    def gather(self, check: Callable[[], None]) -> AttentionGroup:
        """Reads the group frames and gathers their attention; `check` raises to stop."""
        group = self.group
        own = group.own_frames
        pictures = [_stack([self.at_working_size(one)]) for one in read_frames_at(group.media, own)]
        masks = [] if group.area is None else [self._mask_of(group.area, one) for one in own]
        edited = None
        if group.anchor is not None:
            pictures.insert(0, group.anchor.source)
            edited = group.anchor.edited
            if group.area is not None:
                masks.insert(0, torch.zeros((1, 1, *self.edit.noise.shape[2:])))
        with adapted(self.edit.editor, self.adapter):
            return self.edit.gather(
                torch.cat(pictures),
                group.frames,
                check,
                torch.cat(masks) if masks else None,
                edited,
            )

    def apply(
        self,
        first_frame: int,
        sources: Sequence[Picture],
        group: AttentionGroup | None,
        check: Callable[[], None],
    ) -> list[EditedPicture]:
        """Edits consecutive frames of native size together; with a group, all attend to it.

        Frames in which nothing may change do not go through the model.
        """
        numbers = range(first_frame, first_frame + len(sources))
        alphas = [None] * len(sources) if self.area is None else self.area.alphas(numbers)
        frames = [
            _Frame(number, source, self.at_working_size(source), alpha)
            for number, source, alpha in zip(numbers, sources, alphas, strict=True)
        ]
        changing = [one for one in frames if one.alpha is None or one.alpha.any()]
        edits = self._edits(changing, group, check) if changing else {}
        return [
            EditedPicture(*one[:3], *edits.get(one.number, (one.small, one.small)), one.alpha)
            for one in frames
        ]

    def at_working_size(self, picture: Picture) -> Picture:
        """The picture as the model sees it."""
        return to_working_size(picture, width=self.settings.width, height=self.settings.height)

    def _edits(
        self, frames: Sequence[_Frame], group: AttentionGroup | None, check: Callable[[], None]
    ) -> dict[int, tuple[Picture, Picture]]:
        """Round trip and edit of the frames, by their numbers."""
        alphas = [one.alpha for one in frames if one.alpha is not None]
        masks = self._latent_masks(np.stack(alphas) if alphas else None)
        numbers = [one.number for one in frames]
        is_own = self.group.media.identity == self.media.identity
        with adapted(self.edit.editor, self.adapter):
            result = self.edit.apply(
                _stack(one.small for one in frames),
                group,
                check,
                masks,
                frame_numbers=numbers if is_own else None,
            )
        pictures = zip(_pictures(result.round_trip), _pictures(result.edited), strict=True)
        return dict(zip(numbers, pictures, strict=True))

    def _mask_of(self, area: EditArea, frame: int) -> Tensor:
        """(1, 1, h, w), at latent size."""
        mask = self._latent_masks(area.alphas([frame]))
        assert mask is not None
        return mask

    def _latent_masks(self, alphas: Alphas | None) -> Tensor | None:
        if alphas is None:
            return None
        rows, columns = self.edit.noise.shape[2:]
        return torch.from_numpy(latent_mask(alphas, rows, columns))


def _fitting_anchor(
    request: EditRequest, adapter: Adapter | None, *, width: int, height: int
) -> Anchor | None:
    """The adapter's anchor, if frames look at a group and are of its size."""
    anchor = None if adapter is None else adapter.anchor
    looks = request.attention in {AttentionMode.GATHER_SWAP, AttentionMode.CROSS_FRAME}
    if anchor is None or not looks or anchor.size != (width, height):
        return None
    return anchor


def frame_edit(
    request: EditRequest, editor: InstructPix2PixEditor, *, width: int, height: int
) -> FrameEdit:
    """The request's edit for pictures of that size."""
    return FrameEdit.prepare(
        editor,
        instruction=request.instruction.strip(),
        seed=request.seed,
        steps=request.steps,
        guidance_scale=request.guidance_scale,
        image_guidance_scale=request.image_guidance_scale,
        width=width,
        height=height,
        attention=request.attention,
        swap_layers=request.swap_layers,
        swap_steps=request.swap_steps,
        blend_schedule=request.local.schedule,
        source_latents=request.local.source_latents,
    )


def checked_media(request: EditRequest) -> MediaInfo:
    """The media as it is now, once instruction and group range are found to be possible.

    An identity edit needs no instruction.

    Raises:
        InstructionError: the instruction is empty or too long.
        MediaError: the file is gone, unreadable, or another one than the edit was asked for.
        RangeError: the group range reaches outside the media.
    """
    length = len(request.instruction)
    if not request.instruction.strip() and not request.identity:
        raise InstructionError('the instruction is empty; say what to change, as "make it night"')
    if length > MAX_INSTRUCTION_CHARACTERS:
        raise InstructionError(
            f"the instruction has {length} characters; at most {MAX_INSTRUCTION_CHARACTERS} are "
            "read, so say it shorter"
        )
    media = probe_media(request.media_file)
    if media.identity != request.media_identity:
        raise MediaChangedError(
            f"{media.path} is not the file the edit was asked for any more; put the original "
            "back, or submit the edit again for the new one"
        )
    if request.group_range is not None:
        check_range("group range", request.group_range, media)
    return media


def look_media(request: EditRequest, media: MediaInfo) -> MediaInfo:
    """The clip that group and root pair come from, checked like the media itself."""
    look = request.look_source
    if look is None:
        return media
    found = probe_media(look.media_file)
    if found.identity != look.media_identity:
        raise MediaChangedError(
            f"{found.path}, whose look this edit shares, is another file than it was; put the "
            "original back, or edit without sharing its look"
        )
    check_range("frame range", look.frame_range, found)
    if look.group_range is not None:
        check_range("group range", look.group_range, found)
    return found


def check_range(what: str, frame_range: FrameRange, media: MediaInfo) -> None:
    """Refuses a range outside the media with a RangeError that calls it `what`."""
    if not media.frame_range.contains(frame_range):
        raise RangeError(
            f"the {what} {frame_range.start_frame}:{frame_range.end_frame_exclusive} reaches "
            f"outside {media.path.name}, which holds frames 0:{media.frame_count}; "
            "choose a range inside"
        )


def _check_shape(group_media: MediaInfo, media: MediaInfo, editor: InstructPix2PixEditor) -> None:
    wanted, found = (clip_working_size(one, editor.card) for one in (media, group_media))
    if wanted != found:
        raise RequestError(
            f"{group_media.path.name} is worked on at {found[0]}×{found[1]} pixels and "
            f"{media.path.name} at {wanted[0]}×{wanted[1]}; only clips of one shape share a look"
        )


def _stack(pictures: Iterable[Picture]) -> Tensor:
    """(H, W, 3) each to (B, 3, H, W)."""
    return torch.from_numpy(np.stack(list(pictures))).permute(0, 3, 1, 2)


def _pictures(frames: Tensor) -> list[Picture]:
    """(B, 3, H, W) to (H, W, 3) each."""
    return list(frames.permute(0, 2, 3, 1).contiguous().cpu().numpy())
