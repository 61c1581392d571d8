"""Values that several tests of the server start from."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from server.edit_spec import MediaSource, ResolvedSpec, SourceKind
from server.jobs import Job, JobProgress, JobState
from via_engine.media_types import ColourTags, FrameRange, MediaInfo, OutputFormat

SOURCE = MediaSource(kind=SourceKind.ABSOLUTE_PATH, location="/media/clip.mp4")
MEDIA = MediaInfo(
    path=Path("/media/clip.mp4"),
    width=64,
    height=48,
    frame_rate=Fraction(24000, 1001),
    frame_count=48,
    codec="h264",
    pixel_format="yuv420p",
    bits_per_sample=8,
    sample_aspect_ratio=Fraction(1),
    colour=ColourTags(primaries=1, transfer=1, matrix=1, full_range=False),
    rotation_degrees=0,
    is_interlaced=False,
    is_variable_rate=False,
    start_timecode=None,
    size_bytes=1000,
    identity="abc",
)
SPEC = ResolvedSpec(
    source=SOURCE,
    instruction="make it night",
    model="first",
    frame_range=FrameRange(0, 48),
    group_range=FrameRange(0, 48),
    seed=0,
    steps=10,
    guidance_scale=7.5,
    image_guidance_scale=1.5,
    group_size=4,
    output_format=OutputFormat.PRORES_422_HQ_MOV,
)
JOB = Job(
    id="0123456789abcdef",
    state=JobState.QUEUED,
    spec=SPEC,
    media=MEDIA,
    request_id="",
    create_time_s=1_000_000.25,
    progress=JobProgress(frames_total=48),
)
