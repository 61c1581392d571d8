"""A request brought together with its media and its model: what the stages of an edit work on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from via_engine.config import MAX_INSTRUCTION_CHARACTERS
from via_engine.edit_types import EditRequest, FrameRange, MediaInfo
from via_engine.errors import InstructionError, MediaChangedError, RangeError
from via_engine.method.attention_group import AttentionGroup
from via_engine.method.frame_edit import FrameEdit
from via_engine.method.group_cache import GroupSettings
from via_engine.models.editors import InstructPix2PixEditor
from via_engine.picture.decode import read_frames_at
from via_engine.picture.encode import ClipGeometry
from via_engine.picture.native_size import to_native_size, to_working_size
from via_engine.picture.probe import probe_media
from via_engine.schedule import clip_working_size, group_frames

Picture = NDArray[np.float32]
"""(H, W, 3) R'G'B', 0 to 1, upright."""


class EditedPicture(NamedTuple):
    """A source frame at native size; its edit and its VAE round trip at working size."""

    source: Picture
    round_trip: Picture
    edited: Picture

    def at_native_size(self) -> Picture:
        """The edit at the size of the source, with the source's own detail."""
        return to_native_size(self.source, self.round_trip, self.edited)


@dataclass(frozen=True, kw_only=True, eq=False)
class Shot:
    """One clip and what shall become of it.

    Attributes:
        request: what was asked for.
        media: the clip, probed.
        geometry: size, rate and tags of the result.
        edit: instruction, seed and guidance, at the working size.
        settings: everything the attention group depends on, the working size included.
    """

    request: EditRequest
    media: MediaInfo
    geometry: ClipGeometry
    edit: FrameEdit
    settings: GroupSettings

    @classmethod
    def prepare(cls, request: EditRequest, media: MediaInfo, editor: InstructPix2PixEditor) -> Shot:
        """Chooses working size and group frames, and encodes the instruction."""
        width, height = clip_working_size(media, editor.card)
        settings = GroupSettings(
            media_identity=media.identity,
            group_frames=group_frames(request.group_range, request.group_size),
            instruction=request.instruction.strip(),
            seed=request.seed,
            steps=request.steps,
            guidance_scale=request.guidance_scale,
            image_guidance_scale=request.image_guidance_scale,
            model=editor.card.name,
            weights_identity=editor.weights_identity,
            width=width,
            height=height,
            dtype=str(editor.dtype),
            device=str(editor.device),
        )
        edit = FrameEdit.prepare(
            editor,
            instruction=settings.instruction,
            seed=settings.seed,
            steps=settings.steps,
            guidance_scale=settings.guidance_scale,
            image_guidance_scale=settings.image_guidance_scale,
            width=width,
            height=height,
        )
        return cls(
            request=request,
            media=media,
            geometry=ClipGeometry.of(media),
            edit=edit,
            settings=settings,
        )

    def gather(self, check: Callable[[], None]) -> AttentionGroup:
        """Reads the group frames and gathers their attention; `check` raises to stop."""
        frames = self.settings.group_frames
        pictures = (self.at_working_size(one) for one in read_frames_at(self.media, frames))
        return self.edit.gather(_stack(pictures), frames, check)

    def apply(
        self, sources: Sequence[Picture], group: AttentionGroup | None, check: Callable[[], None]
    ) -> list[EditedPicture]:
        """Edits frames of native size together; with a group, all attend to it."""
        frames = _stack(self.at_working_size(source) for source in sources)
        result = self.edit.apply(frames, group, check)
        pictures = zip(sources, _pictures(result.round_trip), _pictures(result.edited), strict=True)
        return [EditedPicture(*parts) for parts in pictures]

    def at_working_size(self, picture: Picture) -> Picture:
        """The picture as the model sees it."""
        return to_working_size(picture, width=self.settings.width, height=self.settings.height)


def checked_media(request: EditRequest) -> MediaInfo:
    """The media as it is now, once instruction and group range are found to be possible.

    Raises:
        InstructionError: the instruction is empty or too long.
        MediaError: the file is gone, unreadable, or another one than the edit was asked for.
        RangeError: the group range reaches outside the media.
    """
    length = len(request.instruction)
    if not request.instruction.strip():
        raise InstructionError('the instruction is empty; say what to change, as "make it night"')
    if length > MAX_INSTRUCTION_CHARACTERS:
        raise InstructionError(
            f"the instruction has {length} characters; at most {MAX_INSTRUCTION_CHARACTERS} are "
            "read, so say it shorter"
        )
    media = probe_media(request.media_path)
    if media.identity != request.media_identity:
        raise MediaChangedError(
            f"{media.path} is not the file the edit was asked for any more; put the original "
            "back, or submit the edit again for the new one"
        )
    check_range("group range", request.group_range, media)
    return media


def check_range(what: str, frame_range: FrameRange, media: MediaInfo) -> None:
    """Refuses a range outside the media with a RangeError that calls it `what`."""
    if not media.frame_range.contains(frame_range):
        raise RangeError(
            f"the {what} {frame_range.start_frame}:{frame_range.end_frame_exclusive} reaches "
            f"outside {media.path.name}, which holds frames 0:{media.frame_count}; "
            "choose a range inside"
        )


def _stack(pictures: Iterable[Picture]) -> Tensor:
    """(H, W, 3) each to (B, 3, H, W)."""
    return torch.from_numpy(np.stack(list(pictures))).permute(0, 3, 1, 2)


def _pictures(frames: Tensor) -> list[Picture]:
    """(B, 3, H, W) to (H, W, 3) each."""
    return list(frames.permute(0, 2, 3, 1).contiguous().cpu().numpy())
