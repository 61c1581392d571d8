"""Turns what the engine tells of one edit into the job's history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from server.edit_spec import Pace
from server.errors import EngineFaultError
from server.jobs import (
    AdapterInfo,
    ChunkStored,
    EditorTuned,
    GroupGathered,
    GroupInfo,
    Job,
    JobProgress,
    JobResult,
    JobState,
    MaskFound,
    MaskInfo,
    Progressed,
)
from server.ledger import JobLedger
from server.store import JobStore
from via_engine.edit_events import (
    ChunkFinished,
    EditEvent,
    EditorAdapted,
    EditResult,
    FramesEdited,
    GroupReady,
    MaskReady,
    Note,
    Stage,
    StageStarted,
)
from via_engine.picture.durable_file import sha256_of

MIN_PROGRESS_INTERVAL_S = 0.1


class JobRecorder:
    """Records the events of one attempt at `job`.

    Progress that follows sooner than `MIN_PROGRESS_INTERVAL_S` after the last one stored is held
    back until the next other event, so that a fast model does not flood the ledger.

    Args:
        clock: monotonic time in seconds.
    """

    def __init__(
        self, ledger: JobLedger, store: JobStore, job: Job, *, clock: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._job = job
        self._clock = clock
        self._progress = job.progress
        self._pace = 0.0
        self._is_held_back = False
        self._stored_at_s = float("-inf")
        self._result: EditResult | None = None

    def record(self, event: EditEvent) -> None:
        """Stores one event of the engine; a chunk's bytes are durable already."""
        if not isinstance(event, FramesEdited):
            self._store_held_back()
        match event:
            case StageStarted():
                self._start_stage(event.stage)
            case FramesEdited():
                self._advance(event)
            case MaskReady():
                self._store_mask(event)
            case EditorAdapted():
                self._store_adapter(event)
            case GroupReady():
                self._store_group(event)
            case ChunkFinished():
                self._store_chunk(event)
            case Note():
                self._store_note(event)
            case EditResult():
                self._result = event

    def succeed(self) -> None:
        """Ends the job with the result the engine gave.

        Raises:
            EngineFaultError: it gave none.
        """
        if self._result is None:
            raise EngineFaultError(
                "the engine ended without a result; this is a fault of Via, please report it"
            )
        result = _job_result(self._job, self._result)
        if self._pace > 0 and self._job.spec.model:
            pace = Pace(
                seconds_per_frame_step=self._pace / self._job.spec.steps,
                peak_memory_bytes=self._result.peak_memory_bytes,
            )
            self._store.set_pace(self._job.spec.model, pace)
        self._ledger.begin_running(self._job.id)
        self._ledger.move(
            self._job.id, JobState.SUCCEEDED, change=lambda job: replace(job, result=result)
        )

    def _start_stage(self, stage: Stage) -> None:
        self._progress = replace(self._progress, stage=stage, seconds_per_frame=0.0, eta_s=None)
        if stage is not Stage.LOAD:
            self._ledger.begin_running(self._job.id)
        self._store_progress()

    def _advance(self, event: FramesEdited) -> None:
        self._pace = event.seconds_per_frame
        remaining = event.frames_total - event.frames_done
        self._progress = JobProgress(
            stage=self._progress.stage,
            frames_done=event.frames_done,
            frames_total=event.frames_total,
            seconds_per_frame=event.seconds_per_frame,
            eta_s=remaining * event.seconds_per_frame,
        )
        self._is_held_back = True
        if remaining == 0 or self._clock() - self._stored_at_s >= MIN_PROGRESS_INTERVAL_S:
            self._store_progress()

    def _store_held_back(self) -> None:
        if self._is_held_back:
            self._store_progress()

    def _store_progress(self) -> None:
        progress = self._progress
        self._ledger.record(
            self._job.id,
            lambda job: replace(job, progress=progress),
            Progressed(progress=progress),
        )
        self._stored_at_s, self._is_held_back = self._clock(), False

    def _store_mask(self, event: MaskReady) -> None:
        mask = MaskInfo(
            phrases=event.phrases,
            frames_with_subject=event.frames_with_subject,
            frames_total=event.frames_total,
            is_background=event.is_background,
        )
        self._ledger.record(self._job.id, lambda job: replace(job, mask=mask), MaskFound(mask=mask))

    def _store_adapter(self, event: EditorAdapted) -> None:
        adapter = AdapterInfo(
            path=event.path,
            file_name=f"{self._job.media.stem}_via{event.path.suffix}",
            root_frame=event.root_frame,
            steps=event.steps,
            reused=event.reused,
            seconds=event.seconds,
            size_bytes=event.path.stat().st_size,
            sha256=sha256_of(event.path),
        )
        self._ledger.record(
            self._job.id, lambda job: replace(job, adapter=adapter), EditorTuned(adapter=adapter)
        )

    def _store_group(self, event: GroupReady) -> None:
        group = GroupInfo(
            group_frames=event.group_frames, reused=event.reused, size_bytes=event.size_bytes
        )
        self._ledger.record(
            self._job.id, lambda job: replace(job, group=group), GroupGathered(group=group)
        )

    def _store_note(self, event: Note) -> None:
        # A second attempt says what the first one said.
        if event.text not in self._ledger.read(self._job.id).notes:
            self._ledger.note(self._job.id, event.text)

    def _store_chunk(self, event: ChunkFinished) -> None:
        chunk = event.chunk
        self._ledger.record(
            self._job.id,
            # A finished chunk proves that the job does get on.
            lambda job: replace(job, interruptions=0),
            ChunkStored(index=chunk.index, frame_range=chunk.frame_range),
            chunk=chunk,
        )


def _job_result(job: Job, result: EditResult) -> JobResult:
    return JobResult(
        path=result.path,
        file_name=f"{job.media.stem}_via{job.spec.output_format.suffix}",
        size_bytes=result.size_bytes,
        sha256=result.sha256,
        frame_count=result.frame_count,
        frame_rate=result.frame_rate,
        width=result.width,
        height=result.height,
        stage_seconds=result.stage_seconds,
    )
