"""What is remembered of a finished edit, as plain JSON values: enough to make it again."""

from __future__ import annotations

from typing import Any

from via.v1 import job_service_pb2


def job_record(job: job_service_pb2.Job) -> dict[str, Any]:
    """The settings, the look's origin and the costs of a finished job."""
    spec, result = job.spec, job.result
    return {
        "instruction": spec.instruction,
        "seed": spec.seed,
        "model": "identity" if spec.identity else spec.model,
        "steps": spec.steps,
        "guidance_scale": spec.guidance_scale,
        "image_guidance_scale": spec.image_guidance_scale,
        "start_frame": spec.frame_range.start_frame,
        "end_frame_exclusive": spec.frame_range.end_frame_exclusive,
        "job": job.name,
        "group_frames": list(job.group.group_frames),
        "group_reused": job.group.reused,
        "mask": mask_record(job),
        "adapter": adapter_record(job),
        "frame_count": result.frame_count,
        "frame_rate": f"{result.frame_rate.num}/{result.frame_rate.den}",
        "width": result.width,
        "height": result.height,
        "sha256": result.sha256,
        "stage_seconds": stage_seconds(job),
        "notes": list(job.notes),
    }


def mask_record(job: job_service_pb2.Job) -> dict[str, Any] | None:
    """What was looked for and where it was; None for an edit of the whole picture."""
    if not job.HasField("mask"):
        return None
    return {
        "phrases": list(job.mask.phrases),
        "frames_with_subject": job.mask.frames_with_subject,
        "frames_total": job.mask.frames_total,
        "is_background": job.mask.is_background,
    }


def adapter_record(job: job_service_pb2.Job) -> dict[str, Any] | None:
    """How the editor was tuned; None without adaptation, no root frame with an adapter file."""
    adapter = job.adapter
    if not job.HasField("adapter"):
        return None
    return {
        "root_frame": adapter.root_frame if adapter.HasField("root_frame") else None,
        "steps": adapter.steps,
        "reused": adapter.reused,
        "sha256": adapter.sha256,
    }


def stage_seconds(job: job_service_pb2.Job) -> dict[str, float]:
    """Seconds an ended job spent in each stage, in order, by the stage's own word."""
    return {
        job_service_pb2.JobStage.Name(time.stage).removeprefix("JOB_STAGE_").lower(): round(
            time.duration.ToTimedelta().total_seconds(), 3
        )
        for time in job.result.stage_times
    }
