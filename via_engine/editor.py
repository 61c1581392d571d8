"""`VideoEditor`: an instruction and a clip in, the edited clip out, in the order of the method.

Load the model, choose the group frames, gather their attention, swap it into every frame batch
after batch, decode, encode durable chunks, assemble.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from via_engine.config import EngineConfig
from via_engine.edit_types import (
    ChunkFinished,
    EditEvent,
    EditRequest,
    EditResult,
    FinishedChunk,
    FrameRange,
    GroupReady,
    MediaInfo,
    Note,
    Stage,
)
from via_engine.errors import EditCancelledError, RangeError
from via_engine.method.attention_group import AttentionGroup
from via_engine.method.chunk_encoder import ChunkEncoder
from via_engine.method.group_cache import GroupCache
from via_engine.method.progress import Pace, StageClock
from via_engine.method.shot import Shot, check_range, checked_media
from via_engine.models.catalog import load_catalog
from via_engine.models.placement import resolve_device, resolve_dtype
from via_engine.models.resident import ResidentEditors
from via_engine.picture.assemble import assemble_chunks
from via_engine.picture.decode import read_frames, read_frames_at
from via_engine.picture.durable_file import sha256_of
from via_engine.picture.encode import ClipGeometry
from via_engine.picture.still import encode_png
from via_engine.picture.timecode import timecode_at
from via_engine.schedule import batches, chunk_ranges


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
        self._models = ResidentEditors(load_catalog(config), device, dtype)
        self._groups = GroupCache(config.group_cache_bytes)

    @property
    def device(self) -> str:
        """The torch device in use, such as "cuda" or "cpu"."""
        return str(self._models.device)

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
        """Frees a model and its attention groups.

        Raises:
            UnknownModelError: no model of that name.
        """
        self._groups.drop_model(name)
        self._models.free(name)

    def edit(self, request: EditRequest, cancelled: Callable[[], bool]) -> Iterator[EditEvent]:
        """Runs the edit while it is iterated; the last event is the `EditResult`.

        `cancelled` is asked before every batch and every denoising step. Finished chunks stay in
        the work folder, whatever happens later.

        Raises:
            ViaEngineError: see `via_engine.errors`; EditCancelledError when `cancelled` says so.
        """
        clock = StageClock()
        yield clock.start(Stage.LOAD)
        media = checked_media(request)
        check_range("frame range", request.frame_range, media)
        ranges = chunk_ranges(request.frame_range, self._config.chunk_frames)
        chunks = _kept_chunks(request, ranges)
        if len(chunks) < len(ranges):
            shot = Shot.prepare(request, media, self._models.get(request.model))
            yield from _notes(shot)
            group = None
            if request.swap:
                yield clock.start(Stage.GATHER)
                group = yield from self._gathered(shot, cancelled)
            yield clock.start(Stage.SWAP)
            yield from self._swapped(shot, group, ranges, chunks, cancelled)
        yield clock.start(Stage.ASSEMBLE)
        yield _assembled(request, media, [chunks[index] for index in range(len(ranges))], clock)

    def preview(
        self, request: EditRequest, frame: int, cancelled: Callable[[], bool]
    ) -> FramePreview:
        """One frame as `edit` would make it, at working size; the group stays resident.

        The request's `frame_range` and output settings are not used.

        Raises:
            ViaEngineError: as `edit`.
        """
        media = checked_media(request)
        if not 0 <= frame < media.frame_count:
            raise RangeError(
                f"frame {frame} is outside {media.path.name}, which holds frames 0 to "
                f"{media.frame_count - 1}; choose one of them"
            )
        shot = Shot.prepare(request, media, self._models.get(request.model))
        group = self._find_or_gather(shot, cancelled) if request.swap else None
        source = read_frames_at(media, [frame])[0]
        edited = shot.apply([source], group, _stop_when(cancelled))[0].edited
        return FramePreview(
            png=encode_png(edited),
            source_png=encode_png(shot.at_working_size(source)),
            width=shot.settings.width,
            height=shot.settings.height,
        )

    def _gathered(
        self, shot: Shot, cancelled: Callable[[], bool]
    ) -> Generator[EditEvent, None, AttentionGroup]:
        started = time.perf_counter()
        is_resident = self._groups.find(shot.settings) is not None
        group = self._find_or_gather(shot, cancelled)
        yield GroupReady(
            group_frames=group.group_frames,
            reused=is_resident,
            seconds=time.perf_counter() - started,
            size_bytes=group.size_bytes,
        )
        if self._groups.find(shot.settings) is None:
            yield Note(
                text=f"The attention group takes {group.size_bytes >> 20} MiB, more than "
                f"group_cache_bytes ({self._config.group_cache_bytes >> 20} MiB) allows: it is "
                "not kept, and the next range of this clip gathers it again."
            )
        return group

    def _find_or_gather(self, shot: Shot, cancelled: Callable[[], bool]) -> AttentionGroup:
        group = self._groups.find(shot.settings)
        if group is None:
            group = shot.gather(_stop_when(cancelled))
            self._groups.keep(shot.settings, group)
        return group

    def _swapped(
        self,
        shot: Shot,
        group: AttentionGroup | None,
        ranges: Sequence[FrameRange],
        chunks: dict[int, FinishedChunk],
        cancelled: Callable[[], bool],
    ) -> Iterator[EditEvent]:
        """Edits the ranges that have no chunk yet, in order, and adds theirs to `chunks`."""
        missing = [(index, part) for index, part in enumerate(ranges) if index not in chunks]
        frames_done = sum(chunk.frame_range.frame_count for chunk in chunks.values())
        pace = Pace(frames_done, shot.request.frame_range.frame_count)
        position = missing[0][1].start_frame
        sources = read_frames(shot.media, FrameRange(position, missing[-1][1].end_frame_exclusive))
        check = _stop_when(cancelled)
        for index, part in missing:
            inside = islice(
                sources, part.start_frame - position, part.end_frame_exclusive - position
            )
            position = part.end_frame_exclusive
            with ChunkEncoder(shot, index, part, self._config.batch_frames) as encoder:
                for batch in batches(inside, self._config.batch_frames):
                    check()
                    for picture in shot.apply(batch, group, check):
                        encoder.add(picture)
                    yield pace.after(len(batch))
                chunks[index] = encoder.finish()
            yield ChunkFinished(chunk=chunks[index])


def _kept_chunks(request: EditRequest, ranges: Sequence[FrameRange]) -> dict[int, FinishedChunk]:
    """Chunks of an earlier attempt that hold exactly what this one would put at their place."""
    return {
        chunk.index: chunk
        for chunk in request.finished_chunks
        if chunk.index < len(ranges) and ranges[chunk.index] == chunk.frame_range
    }


def _notes(shot: Shot) -> Iterator[Note]:
    unread = shot.edit.editor.unread_part(shot.settings.instruction)
    if unread:
        yield Note(text=f'The model reads no further than before "{unread}"; say it shorter.')


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
    )
    return EditResult(
        path=output,
        frame_count=request.frame_range.frame_count,
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
