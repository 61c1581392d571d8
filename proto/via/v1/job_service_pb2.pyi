import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from via.v1 import adapt_pb2 as _adapt_pb2
from via.v1 import edit_pb2 as _edit_pb2
from via.v1 import media_pb2 as _media_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_QUEUED: _ClassVar[JobState]
    JOB_STATE_LOADING_MODELS: _ClassVar[JobState]
    JOB_STATE_RUNNING: _ClassVar[JobState]
    JOB_STATE_CANCEL_REQUESTED: _ClassVar[JobState]
    JOB_STATE_SUCCEEDED: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]
    JOB_STATE_INTERRUPTED: _ClassVar[JobState]

class JobStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STAGE_UNSPECIFIED: _ClassVar[JobStage]
    JOB_STAGE_LOAD: _ClassVar[JobStage]
    JOB_STAGE_GATHER: _ClassVar[JobStage]
    JOB_STAGE_SWAP: _ClassVar[JobStage]
    JOB_STAGE_ASSEMBLE: _ClassVar[JobStage]
    JOB_STAGE_MASK: _ClassVar[JobStage]
    JOB_STAGE_ADAPT: _ClassVar[JobStage]

class PictureFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PICTURE_FORMAT_UNSPECIFIED: _ClassVar[PictureFormat]
    PICTURE_FORMAT_JPEG: _ClassVar[PictureFormat]
    PICTURE_FORMAT_PNG: _ClassVar[PictureFormat]

class ResultPart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESULT_PART_UNSPECIFIED: _ClassVar[ResultPart]
    RESULT_PART_CLIP: _ClassVar[ResultPart]
    RESULT_PART_ADAPTER: _ClassVar[ResultPart]
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_QUEUED: JobState
JOB_STATE_LOADING_MODELS: JobState
JOB_STATE_RUNNING: JobState
JOB_STATE_CANCEL_REQUESTED: JobState
JOB_STATE_SUCCEEDED: JobState
JOB_STATE_FAILED: JobState
JOB_STATE_CANCELLED: JobState
JOB_STATE_INTERRUPTED: JobState
JOB_STAGE_UNSPECIFIED: JobStage
JOB_STAGE_LOAD: JobStage
JOB_STAGE_GATHER: JobStage
JOB_STAGE_SWAP: JobStage
JOB_STAGE_ASSEMBLE: JobStage
JOB_STAGE_MASK: JobStage
JOB_STAGE_ADAPT: JobStage
PICTURE_FORMAT_UNSPECIFIED: PictureFormat
PICTURE_FORMAT_JPEG: PictureFormat
PICTURE_FORMAT_PNG: PictureFormat
RESULT_PART_UNSPECIFIED: ResultPart
RESULT_PART_CLIP: ResultPart
RESULT_PART_ADAPTER: ResultPart

class JobProgress(_message.Message):
    __slots__ = ("stage", "frames_done", "frames_total", "seconds_per_frame", "eta")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_DONE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    SECONDS_PER_FRAME_FIELD_NUMBER: _ClassVar[int]
    ETA_FIELD_NUMBER: _ClassVar[int]
    stage: JobStage
    frames_done: int
    frames_total: int
    seconds_per_frame: float
    eta: _duration_pb2.Duration
    def __init__(self, stage: _Optional[_Union[JobStage, str]] = ..., frames_done: _Optional[int] = ..., frames_total: _Optional[int] = ..., seconds_per_frame: _Optional[float] = ..., eta: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class JobError(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class JobResult(_message.Message):
    __slots__ = ("file_name", "size_bytes", "sha256", "frame_count", "frame_rate", "width", "height", "stage_times")
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    STAGE_TIMES_FIELD_NUMBER: _ClassVar[int]
    file_name: str
    size_bytes: int
    sha256: str
    frame_count: int
    frame_rate: _media_pb2.Rational
    width: int
    height: int
    stage_times: _containers.RepeatedCompositeFieldContainer[StageTime]
    def __init__(self, file_name: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., frame_count: _Optional[int] = ..., frame_rate: _Optional[_Union[_media_pb2.Rational, _Mapping]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., stage_times: _Optional[_Iterable[_Union[StageTime, _Mapping]]] = ...) -> None: ...

class StageTime(_message.Message):
    __slots__ = ("stage", "duration")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    stage: JobStage
    duration: _duration_pb2.Duration
    def __init__(self, stage: _Optional[_Union[JobStage, str]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GroupInfo(_message.Message):
    __slots__ = ("group_frames", "reused", "size_bytes")
    GROUP_FRAMES_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    group_frames: _containers.RepeatedScalarFieldContainer[int]
    reused: bool
    size_bytes: int
    def __init__(self, group_frames: _Optional[_Iterable[int]] = ..., reused: _Optional[bool] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class MaskInfo(_message.Message):
    __slots__ = ("phrases", "frames_with_subject", "frames_total", "is_background")
    PHRASES_FIELD_NUMBER: _ClassVar[int]
    FRAMES_WITH_SUBJECT_FIELD_NUMBER: _ClassVar[int]
    FRAMES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    IS_BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    phrases: _containers.RepeatedScalarFieldContainer[str]
    frames_with_subject: int
    frames_total: int
    is_background: bool
    def __init__(self, phrases: _Optional[_Iterable[str]] = ..., frames_with_subject: _Optional[int] = ..., frames_total: _Optional[int] = ..., is_background: _Optional[bool] = ...) -> None: ...

class AdapterInfo(_message.Message):
    __slots__ = ("root_frame", "steps", "reused", "duration", "file_name", "size_bytes", "sha256")
    ROOT_FRAME_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    root_frame: int
    steps: int
    reused: bool
    duration: _duration_pb2.Duration
    file_name: str
    size_bytes: int
    sha256: str
    def __init__(self, root_frame: _Optional[int] = ..., steps: _Optional[int] = ..., reused: _Optional[bool] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., file_name: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("name", "state", "spec", "request_id", "create_time", "start_time", "end_time", "progress", "error", "result", "group", "attempt", "last_sequence", "notes", "media", "mask", "adapter")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: JobState
    spec: _edit_pb2.EditSpec
    request_id: str
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    progress: JobProgress
    error: JobError
    result: JobResult
    group: GroupInfo
    attempt: int
    last_sequence: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    media: _media_pb2.MediaInfo
    mask: MaskInfo
    adapter: AdapterInfo
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[JobState, str]] = ..., spec: _Optional[_Union[_edit_pb2.EditSpec, _Mapping]] = ..., request_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., progress: _Optional[_Union[JobProgress, _Mapping]] = ..., error: _Optional[_Union[JobError, _Mapping]] = ..., result: _Optional[_Union[JobResult, _Mapping]] = ..., group: _Optional[_Union[GroupInfo, _Mapping]] = ..., attempt: _Optional[int] = ..., last_sequence: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ..., media: _Optional[_Union[_media_pb2.MediaInfo, _Mapping]] = ..., mask: _Optional[_Union[MaskInfo, _Mapping]] = ..., adapter: _Optional[_Union[AdapterInfo, _Mapping]] = ...) -> None: ...

class CreateJobRequest(_message.Message):
    __slots__ = ("request_id", "spec")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    spec: _edit_pb2.EditSpec
    def __init__(self, request_id: _Optional[str] = ..., spec: _Optional[_Union[_edit_pb2.EditSpec, _Mapping]] = ...) -> None: ...

class CreateJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "states")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    states: _containers.RepeatedScalarFieldContainer[JobState]
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., states: _Optional[_Iterable[_Union[JobState, str]]] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchJobRequest(_message.Message):
    __slots__ = ("name", "after_sequence")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_sequence: int
    def __init__(self, name: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class WatchJobResponse(_message.Message):
    __slots__ = ("sequence", "job", "progress", "group", "chunk", "log_line", "heartbeat", "mask", "adapter")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    LOG_LINE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    job: Job
    progress: JobProgress
    group: GroupInfo
    chunk: ChunkDone
    log_line: LogLine
    heartbeat: Heartbeat
    mask: MaskInfo
    adapter: AdapterInfo
    def __init__(self, sequence: _Optional[int] = ..., job: _Optional[_Union[Job, _Mapping]] = ..., progress: _Optional[_Union[JobProgress, _Mapping]] = ..., group: _Optional[_Union[GroupInfo, _Mapping]] = ..., chunk: _Optional[_Union[ChunkDone, _Mapping]] = ..., log_line: _Optional[_Union[LogLine, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., mask: _Optional[_Union[MaskInfo, _Mapping]] = ..., adapter: _Optional[_Union[AdapterInfo, _Mapping]] = ...) -> None: ...

class ChunkDone(_message.Message):
    __slots__ = ("index", "frame_range")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    FRAME_RANGE_FIELD_NUMBER: _ClassVar[int]
    index: int
    frame_range: _media_pb2.FrameRange
    def __init__(self, index: _Optional[int] = ..., frame_range: _Optional[_Union[_media_pb2.FrameRange, _Mapping]] = ...) -> None: ...

class LogLine(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class CancelJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class RetryJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RetryJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class DeleteJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteJobResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ValidateEditRequest(_message.Message):
    __slots__ = ("spec",)
    SPEC_FIELD_NUMBER: _ClassVar[int]
    spec: _edit_pb2.EditSpec
    def __init__(self, spec: _Optional[_Union[_edit_pb2.EditSpec, _Mapping]] = ...) -> None: ...

class ValidateEditResponse(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: _edit_pb2.EditPlan
    def __init__(self, plan: _Optional[_Union[_edit_pb2.EditPlan, _Mapping]] = ...) -> None: ...

class PreviewFrameRequest(_message.Message):
    __slots__ = ("spec", "frame")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    spec: _edit_pb2.EditSpec
    frame: int
    def __init__(self, spec: _Optional[_Union[_edit_pb2.EditSpec, _Mapping]] = ..., frame: _Optional[int] = ...) -> None: ...

class PreviewFrameResponse(_message.Message):
    __slots__ = ("png", "source_png", "width", "height")
    PNG_FIELD_NUMBER: _ClassVar[int]
    SOURCE_PNG_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    png: bytes
    source_png: bytes
    width: int
    height: int
    def __init__(self, png: _Optional[bytes] = ..., source_png: _Optional[bytes] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class ReadFrameRequest(_message.Message):
    __slots__ = ("source", "job_name", "frame", "max_side_px", "format")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    JOB_NAME_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    MAX_SIDE_PX_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    source: _media_pb2.MediaSource
    job_name: str
    frame: int
    max_side_px: int
    format: PictureFormat
    def __init__(self, source: _Optional[_Union[_media_pb2.MediaSource, _Mapping]] = ..., job_name: _Optional[str] = ..., frame: _Optional[int] = ..., max_side_px: _Optional[int] = ..., format: _Optional[_Union[PictureFormat, str]] = ...) -> None: ...

class ReadFrameResponse(_message.Message):
    __slots__ = ("picture", "width", "height", "upright_width", "upright_height", "media")
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    UPRIGHT_WIDTH_FIELD_NUMBER: _ClassVar[int]
    UPRIGHT_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    picture: bytes
    width: int
    height: int
    upright_width: int
    upright_height: int
    media: _media_pb2.MediaInfo
    def __init__(self, picture: _Optional[bytes] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., upright_width: _Optional[int] = ..., upright_height: _Optional[int] = ..., media: _Optional[_Union[_media_pb2.MediaInfo, _Mapping]] = ...) -> None: ...

class ProposeRootsRequest(_message.Message):
    __slots__ = ("spec", "count")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    spec: _edit_pb2.EditSpec
    count: int
    def __init__(self, spec: _Optional[_Union[_edit_pb2.EditSpec, _Mapping]] = ..., count: _Optional[int] = ...) -> None: ...

class ProposeRootsResponse(_message.Message):
    __slots__ = ("candidate", "sheet_png")
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    SHEET_PNG_FIELD_NUMBER: _ClassVar[int]
    candidate: _adapt_pb2.RootCandidate
    sheet_png: bytes
    def __init__(self, candidate: _Optional[_Union[_adapt_pb2.RootCandidate, _Mapping]] = ..., sheet_png: _Optional[bytes] = ...) -> None: ...

class UploadMediaRequest(_message.Message):
    __slots__ = ("file_name", "data")
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    file_name: str
    data: bytes
    def __init__(self, file_name: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class UploadMediaResponse(_message.Message):
    __slots__ = ("upload_id", "size_bytes", "sha256")
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    upload_id: str
    size_bytes: int
    sha256: str
    def __init__(self, upload_id: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...

class ReadResultRequest(_message.Message):
    __slots__ = ("name", "offset_bytes", "limit_bytes", "part")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    name: str
    offset_bytes: int
    limit_bytes: int
    part: ResultPart
    def __init__(self, name: _Optional[str] = ..., offset_bytes: _Optional[int] = ..., limit_bytes: _Optional[int] = ..., part: _Optional[_Union[ResultPart, str]] = ...) -> None: ...

class ReadResultResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...
