"""The states of a job: every step there is, and none besides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from via.v1 import job_service_pb2

from server.errors import ForbiddenTransitionError
from server.jobs import ENDED, TRANSITIONS, JobError, JobProgress, JobState
from tests.server.values import JOB
from via_engine.edit_events import Stage

STEPS = [
    "QUEUED LOADING_MODELS",
    "QUEUED CANCELLED",
    "LOADING_MODELS RUNNING",
    "LOADING_MODELS CANCEL_REQUESTED",
    "LOADING_MODELS FAILED",
    "LOADING_MODELS INTERRUPTED",
    "RUNNING SUCCEEDED",
    "RUNNING FAILED",
    "RUNNING CANCEL_REQUESTED",
    "RUNNING INTERRUPTED",
    "CANCEL_REQUESTED CANCELLED",
    "CANCEL_REQUESTED SUCCEEDED",
    "CANCEL_REQUESTED FAILED",
    "INTERRUPTED QUEUED",
    "INTERRUPTED CANCELLED",
    "FAILED QUEUED",
    "CANCELLED QUEUED",
]


@pytest.mark.parametrize("start", JobState)
@pytest.mark.parametrize("end", JobState)
def test_a_job_takes_the_steps_of_its_life_and_no_others(start: JobState, end: JobState) -> None:
    job = replace(JOB, state=start)
    if f"{start.value} {end.value}" in STEPS:
        assert job.moved_to(end, now_s=5.0).state is end
    else:
        with pytest.raises(ForbiddenTransitionError, match=end.value):
            job.moved_to(end, now_s=5.0)


def test_the_contract_knows_the_same_states() -> None:
    named = {f"JOB_STATE_{state.value}" for state in JobState} | {"JOB_STATE_UNSPECIFIED"}
    assert named == set(job_service_pb2.JobState.keys())
    assert TRANSITIONS.keys() == set(JobState)


def test_times_and_attempts_follow_the_steps() -> None:
    taken = JOB.moved_to(JobState.LOADING_MODELS, now_s=10.0)
    assert (taken.start_time_s, taken.end_time_s, taken.attempt) == (10.0, None, 1)
    failed = replace(
        taken.moved_to(JobState.FAILED, now_s=20.0),
        error=JobError(reason="X", message="x"),
        progress=JobProgress(stage=Stage.SWAP, frames_done=8, frames_total=48, eta_s=3.0),
    )
    assert failed.end_time_s == 20.0
    again = failed.moved_to(JobState.QUEUED, now_s=30.0)
    assert (again.end_time_s, again.error) == (None, None)
    assert again.progress == JobProgress(frames_done=8, frames_total=48)
    retaken = again.moved_to(JobState.LOADING_MODELS, now_s=40.0)
    assert (retaken.start_time_s, retaken.attempt) == (10.0, 2)


def test_ended_jobs_are_those_nothing_happens_to_by_itself() -> None:
    assert {state for state in JobState if TRANSITIONS[state] <= {JobState.QUEUED}} - {
        JobState.INTERRUPTED
    } == ENDED
