"""`VideoEditor`: an instruction and a clip in, the edited clip out, in the order of the method.

Load the model, find where the edit goes, adapt the model to one edited frame; then, shot by shot,
gather the attention of the group frames and swap it into every frame batch after batch, blend with
the source, decode, steady along the source's motion, encode durable chunks; at last assemble. An
identity edit skips all between decoding and encoding.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from via_engine.config import EngineConfig
from via_engine.edit_events import (
    EditEvent,
    EditResult,
    GroupReady,
    Note,
    RootCandidate,
    Stage,
)
from via_engine.edit_request import EditRequest, FinishedChunk
from via_engine.edit_settings import AdaptSettings, StillMask
from via_engine.errors import EditCancelledError, MaskError, RangeError
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.method.adapter import Adapter
from via_engine.method.adapter_cache import AdapterCache
from via_engine.method.area_search import Areas, check_shows, find_areas
from via_engine.method.attention_group import AttentionGroup
from via_engine.method.clip import Clip
from via_engine.method.group_cache import GroupCache
from via_engine.method.pass_through import PassThrough
from via_engine.method.perception import Perception
from via_engine.method.progress import StageClock
from via_engine.method.root_stage import RootStage
from via_engine.method.shot import Shot, check_range, checked_media
from via_engine.method.swap_stage import SwapStage
from via_engine.method.track_cache import TrackCache
from via_engine.models.catalog import load_catalog
from via_engine.models.device_speed import device_facts
from via_engine.models.estimate import DeviceFacts
from via_engine.models.library.library import Library
from via_engine.models.memory_plan import LOOKERS, Stay
from via_engine.models.placement import (
    begin_measuring_memory,
    peak_memory_bytes,
    resolve_device,
    resolve_dtype,
)
from via_engine.models.residence import planned
from via_engine.models.resident import ResidentEditors
from via_engine.picture.assemble import assemble_chunks
from via_engine.picture.decode import read_frames_at
from via_engine.picture.durable_file import sha256_of
from via_engine.picture.encode import ClipGeometry
from via_engine.picture.still import encode_png
from via_engine.picture.timecode import timecode_at
from via_engine.schedule import chunk_ranges

T = TypeVar("T")

# Thousands of frames at the size a model works at, a bit for each pixel.
_TRACK_CACHE_BYTES = 1 << 28


@dataclass(frozen=True, kw_only=True)
class FramePreview:
    """One edited frame and its source as PNG, both `width` × `height` pixels, the working size."""

    png: bytes
    source_png: bytes
    width: int
    height: int


class VideoEditor:
    """Edits clips by instruction on one device; one edit at a time, models stay resident."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        device = resolve_device(config.device)
        dtype = resolve_dtype(config.dtype, device)
        library = None if config.models_folder is None else Library(config.models_folder)
        self._models = ResidentEditors(load_catalog(config), device, dtype, library)
        plans = [planned(config, card, device, dtype) for card in self._models.catalog.cards]
        self._stays_of_lookers = {plan.stay_of(LOOKERS) for plan in plans}
        self._groups = GroupCache(min(plan.group_cache_bytes for plan in plans))
        self._adapters = AdapterCache(config.adapter_cache_bytes)
        self._tracks = TrackCache(_TRACK_CACHE_BYTES)
        self._perception = Perception(config, device)

    @property
    def device(self) -> str:
        """The torch device in use, such as "cuda" or "cpu"."""
        return str(self._models.device)

    def device_facts(self) -> DeviceFacts:
        """Memory and speed of the device, measured now, within a second or so."""
        return device_facts(self._models.device, self._models.dtype)

    def loaded_models(self) -> tuple[str, ...]:
        """Names of the models in memory."""
        return self._models.names

    def load(self, name: str) -> None:
        """Makes a model resident.

        Raises:
            UnknownModelError: no model of that name.
            ModelError: it cannot be loaded.
        """
        self._models.get(name)

    def unload(self, name: str) -> None:
        """Frees a model with its attention groups and adapters.

        Raises:
            UnknownModelError: no model of that name.
        """
        self._groups.drop_model(name)
        self._adapters.drop_model(name)
        self._tracks.drop_model(name)
        self._models.free(name)

    def edit(self, request: EditRequest, cancelled: Callable[[], bool]) -> Iterator[EditEvent]:
        """Runs the edit while it is iterated; the last event is the `EditResult`.

        `cancelled` is asked before every batch and every denoising step. Finished chunks stay in
        the work folder, whatever happens later.

        Raises:
            ViaEngineError: see `via_engine.errors`; EditCancelledError when `cancelled` says so.
        """
        clock = StageClock()
        begin_measuring_memory(self._models.device)
        if not request.identity:
            yield clock.start(Stage.LOAD)
        media = checked_media(request)
        check_range("frame range", request.frame_range, media)
        ranges = chunk_ranges(request.frame_range, self._config.chunk_frames)
        chunks = _kept_chunks(request, ranges)
        if len(chunks) < len(ranges):
            check = _stop_when(cancelled)
            shots: Sequence[Shot | PassThrough] = [PassThrough(request=request, media=media)]
            if not request.identity:
                shots = yield from self._prepared(request, media, clock, check, is_preview=False)
            stage = SwapStage(
                shots=shots,
                ranges=ranges,
                batch_frames=self._config.batch_frames,
                gathered=lambda shot: self._gathered(shot, check),
                clock=clock,
                check=check,
            )
            yield from stage.run(chunks)
        yield clock.start(Stage.ASSEMBLE)
        result = _assembled(request, media, [chunks[index] for index in range(len(ranges))], clock)
        yield replace(result, peak_memory_bytes=peak_memory_bytes(self._models.device))

    def preview(
        self, request: EditRequest, frame: int, cancelled: Callable[[], bool]
    ) -> FramePreview:
        """One frame as `edit` makes it before it is steadied, at working size.

        Group and adapter stay resident. Where the range of the edit spans several shots and nobody
        chose the root, the edit may take its root from another shot than the preview does.

        Of the request's range only a mask of the editor's own is drawn for is used, and the frame
        has to lie in that; output settings are not.

        Raises:
            ViaEngineError: as `edit`.
        """
        media = checked_media(request)
        if not 0 <= frame < media.frame_count:
            raise RangeError(
                f"frame {frame} is outside {media.path.name}, which holds frames 0 to "
                f"{media.frame_count - 1}; choose one of them"
            )
        if isinstance(request.local.own_mask, None | StillMask):
            request = replace(request, frame_range=FrameRange(frame, frame + 1))
        elif frame not in request.frame_range.frames:
            raise MaskError(
                f"the mask is for frames {request.frame_range.start_frame} to "
                f"{request.frame_range.end_frame_exclusive - 1}; preview one of them"
            )
        check = _stop_when(cancelled)
        shots = _drained(self._prepared(request, media, StageClock(), check, is_preview=True))
        shot = next(one for one in shots if frame in one.frame_range.frames)
        group = self._find_or_gather(shot, check)
        source = read_frames_at(media, [frame])[0]
        edited = shot.apply(frame, [source], group, check)[0]
        return FramePreview(
            png=encode_png(edited.at_working_size()),
            source_png=encode_png(shot.at_working_size(source)),
            width=shot.settings.width,
            height=shot.settings.height,
        )

    def propose_roots(
        self, request: EditRequest, count: int, cancelled: Callable[[], bool]
    ) -> tuple[RootCandidate, ...]:
        """Edits of root frames to choose from for `AdaptSettings.root`, the best scored first.

        Args:
            request: as for `edit`; what it says of adaptation but the number of candidates is
                not used.
            count: edits to make, at least 1.
            cancelled: asked before every denoising step.

        Raises:
            ViaEngineError: as `edit`.
        """
        media = checked_media(request)
        check_range("frame range", request.frame_range, media)
        check = _stop_when(cancelled)
        adapt = replace(request.adapt or AdaptSettings(), root=None, adapter=None)
        clip = self._open(replace(request, adapt=adapt), media)
        areas = find_areas(clip, self._perception, self._tracks, check)
        return self._root_stage(clip, areas, check).proposals(count)

    def _open(self, request: EditRequest, media: MediaInfo) -> Clip:
        editor = self._models.get(request.model)
        return Clip.open(request, media, editor, self._perception.vision_language)

    def _prepared(
        self,
        request: EditRequest,
        media: MediaInfo,
        clock: StageClock,
        check: Callable[[], None],
        *,
        is_preview: bool,
    ) -> Generator[EditEvent, None, tuple[Shot, ...]]:
        """The shots to edit, once it is known where the edit goes and the model is adapted.

        A preview may show a frame in which nothing changes, and leaves no adapter file.
        """
        clip = self._open(request, media)
        yield from clip.notes()
        areas = Areas()
        if clip.is_local:
            yield clock.start(Stage.MASK)
            areas = find_areas(clip, self._perception, self._tracks, check)
            if areas.found is not None:
                yield areas.found
            if areas.unseen:
                yield Note(text=_unseen_note(areas.unseen))
            if not is_preview:
                check_shows(clip, areas)
        adapter = None
        if request.adapt is not None:
            yield clock.start(Stage.ADAPT)
            stage = self._root_stage(clip, areas, check)
            folder = None if is_preview else request.work_folder
            adapter = yield from stage.adapter(self._adapters, folder)
            yield from _adapter_notes(adapter, clip)
            if adapter.sampling is not None:
                clip = clip.under(adapter.sampling)
        if Stay.AFTER_USE in self._stays_of_lookers:
            self._perception.release()
        elif Stay.OFFLOADED in self._stays_of_lookers:
            self._perception.offload()
        return tuple(clip.shot(part, areas.clip, areas.look, adapter) for part in clip.parts)

    def _root_stage(self, clip: Clip, areas: Areas, check: Callable[[], None]) -> RootStage:
        critic = self._perception.critic
        return RootStage(clip=clip, area=areas.look, critic=critic, check=check)

    def _gathered(
        self, shot: Shot | PassThrough, check: Callable[[], None]
    ) -> Generator[EditEvent, None, AttentionGroup | None]:
        if isinstance(shot, PassThrough):
            return None
        started = time.perf_counter()
        is_resident = self._groups.find(shot.settings) is not None
        group = self._find_or_gather(shot, check)
        if group is None:
            return None
        yield GroupReady(
            group_frames=group.group_frames,
            reused=is_resident,
            seconds=time.perf_counter() - started,
            size_bytes=group.size_bytes,
        )
        expression = shot.edit.editor.expression(shot.settings.instruction)
        if expression:
            yield Note(text=f"The model read the instruction as: {expression}")
        if self._groups.find(shot.settings) is None:
            yield Note(
                text=f"The attention group takes {group.size_bytes >> 20} MiB, more than "
                f"group_cache_bytes ({self._config.group_cache_bytes >> 20} MiB) allows: it is "
                "not kept, and the next range of this clip gathers it again."
            )
        return group

    def _find_or_gather(self, shot: Shot, check: Callable[[], None]) -> AttentionGroup | None:
        """The shot's group; None when its frames are edited each on its own."""
        if not shot.group_frames:
            return None
        group = self._groups.find(shot.settings)
        if group is None:
            group = shot.gather(check)
            self._groups.keep(shot.settings, group)
        return group


def _unseen_note(phrases: Sequence[str]) -> str:
    named = " and ".join(f'"{phrase}"' for phrase in phrases)
    return (
        f"No frame shows {named} clearly, so the edit leaves it out; name it in other words, or "
        "give a mask of your own."
    )


def _adapter_notes(adapter: Adapter, clip: Clip) -> Iterator[Note]:
    sampling, anchor = adapter.sampling, adapter.anchor
    if sampling is not None:
        text = (
            f"The frames are sampled with seed {sampling.seed} and guidance "
            f"{sampling.guidance_scale:g} for words, {sampling.image_guidance_scale:g} for the "
            "picture"
        )
        yield Note(text=f"{text}." if adapter.steps else f"{text}; the model stays as it was.")
    if anchor is not None and anchor.size != (clip.width, clip.height):
        width, height = anchor.size
        yield Note(
            text=f"The adapter's own edited frame is {width}×{height} at working size, this clip "
            f"{clip.width}×{clip.height}: its frames follow the tuned model alone. Tune on a frame "
            "of this clip for a closer match."
        )


def _kept_chunks(request: EditRequest, ranges: Sequence[FrameRange]) -> dict[int, FinishedChunk]:
    """Chunks of an earlier attempt that hold exactly what this one would put at their place."""
    return {
        chunk.index: chunk
        for chunk in request.finished_chunks
        if chunk.index < len(ranges) and ranges[chunk.index] == chunk.frame_range
    }


def _drained(events: Generator[EditEvent, None, T]) -> T:
    """What the generator returns once its events, which nobody asked for, are through."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            found: T = end.value
            return found


def _assembled(
    request: EditRequest, media: MediaInfo, chunks: Sequence[FinishedChunk], clock: StageClock
) -> EditResult:
    geometry = ClipGeometry.of(media)
    output = request.work_folder / f"edited{request.output_format.suffix}"
    start = media.start_timecode
    first_frame = request.frame_range.start_frame
    assemble_chunks(
        chunks,
        output,
        geometry,
        start_timecode=timecode_at(start, media.frame_rate, first_frame) if start else None,
        output_format=request.output_format,
        repeats=request.repeats,
    )
    return EditResult(
        path=output,
        frame_count=request.frame_range.frame_count + request.repeats,
        frame_rate=geometry.frame_rate,
        width=geometry.width,
        height=geometry.height,
        size_bytes=output.stat().st_size,
        sha256=sha256_of(output),
        stage_seconds=clock.seconds(),
    )


def _stop_when(cancelled: Callable[[], bool]) -> Callable[[], None]:
    """A check that raises once the caller wants to stop."""

    def check() -> None:
        if cancelled():
            raise EditCancelledError("the edit was cancelled on request; finished chunks are kept")

    return check
