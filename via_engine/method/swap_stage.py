"""The stage that goes through all frames: edit, steady, encode, chunk after chunk."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from via_engine.edit_events import ChunkFinished, EditEvent, Stage
from via_engine.edit_request import FinishedChunk
from via_engine.media_types import FrameRange
from via_engine.method.attention_group import AttentionGroup
from via_engine.method.batch_plan import Batch, needed_batches, runs
from via_engine.method.chunk_encoder import ChunkEncoder
from via_engine.method.pass_through import PassThrough, UnchangedPicture
from via_engine.method.progress import Pace, StageClock
from via_engine.method.shot import EditedPicture, Picture, Shot
from via_engine.method.steadying import SteadiedPicture, steady
from via_engine.picture.decode import read_frames

Gather = Callable[[Shot | PassThrough], Generator[EditEvent, None, AttentionGroup | None]]


@dataclass(frozen=True, kw_only=True, eq=False)
class SwapStage:
    """All frames of a request, shot by shot.

    Attributes:
        shots: of the request, in order; or what passes its frames through.
        ranges: the chunks of the result, in order.
        batch_frames: frames edited at once, and pictures that wait for the encoder.
        gathered: finds or makes the attention group of a shot.
        clock: told of the stages.
        check: called before every batch and step; raises to stop.
    """

    shots: Sequence[Shot | PassThrough]
    ranges: Sequence[FrameRange]
    batch_frames: int
    gathered: Gather
    clock: StageClock
    check: Callable[[], None]

    def run(self, chunks: dict[int, FinishedChunk]) -> Iterator[EditEvent]:
        """Makes the ranges that have no chunk yet, in order, and adds theirs to `chunks`."""
        missing = {index: part for index, part in enumerate(self.ranges) if index not in chunks}
        pictures = self._pictures(missing)
        for index, part in missing.items():
            with ChunkEncoder(self.shots[0], index, part, self.batch_frames) as encoder:
                for _ in part.frames:
                    encoder.add((yield from _next_picture(pictures)))
                chunks[index] = encoder.finish(self.check)
            yield ChunkFinished(chunk=chunks[index])

    def _pictures(
        self, missing: Mapping[int, FrameRange]
    ) -> Iterator[EditEvent | SteadiedPicture | UnchangedPicture]:
        """Every picture of the missing ranges in order, and what is told meanwhile."""
        first, request = self.shots[0], self.shots[0].request
        radius = 0 if request.identity else request.steady_frames
        needed = needed_batches(
            [shot.frame_range for shot in self.shots],
            self.ranges,
            missing,
            batch_frames=self.batch_frames,
            radius=radius,
        )
        wanted = {frame for part in missing.values() for frame in part.frames}
        whole = FrameRange(
            needed[0].frame_range.start_frame, needed[-1].frame_range.end_frame_exclusive
        )
        # What an edit leaves alone goes to the encoder as stored, values beyond 0..1 included.
        sources = read_frames(first.media, whole, clipped=not first.keeps_source)
        frames = enumerate(sources, start=whole.start_frame)
        frames_total = request.frame_range.frame_count
        pace = Pace(frames_total - len(wanted), frames_total)
        last, group = None, None
        for run in runs(needed):
            shot = self.shots[run[0].shot]
            if shot is not last:
                if shot.group_frames:
                    yield self.clock.start(Stage.GATHER)
                last, group = shot, (yield from self.gathered(shot))
                yield self.clock.start(Stage.SWAP)
            for one in steady(_edited(shot, group, run, frames, self.check), radius):
                if one.number in wanted:
                    yield pace.after(1)
                    yield one


def _next_picture(
    pictures: Iterator[EditEvent | SteadiedPicture | UnchangedPicture],
) -> Generator[EditEvent, None, SteadiedPicture | UnchangedPicture]:
    """The next picture; what is told before it goes on to whoever listens."""
    for one in pictures:
        if isinstance(one, SteadiedPicture | UnchangedPicture):
            return one
        yield one
    raise RuntimeError("the pictures ended before their ranges did")


def _edited(
    shot: Shot | PassThrough,
    group: AttentionGroup | None,
    run: Sequence[Batch],
    frames: Iterator[tuple[int, Picture]],
    check: Callable[[], None],
) -> Iterator[EditedPicture | UnchangedPicture]:
    """The frames of a run, batch after batch; of `frames` those before it are passed over."""
    for batch in run:
        taken = list(_taken(frames, batch.frame_range))
        check()
        first_frame, sources = taken[0][0], [source for _, source in taken]
        yield from shot.apply(first_frame, sources, group, check)


def _taken(
    frames: Iterator[tuple[int, Picture]], piece: FrameRange
) -> Iterator[tuple[int, Picture]]:
    """The numbered frames of the piece; those before it are passed over."""
    last = piece.end_frame_exclusive - 1
    for number, picture in frames:
        if number >= piece.start_frame:
            yield number, picture
        if number == last:
            return
