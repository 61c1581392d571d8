import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from via.v1 import adapt_pb2 as _adapt_pb2
from via.v1 import local_pb2 as _local_pb2
from via.v1 import media_pb2 as _media_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutputFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTPUT_FORMAT_UNSPECIFIED: _ClassVar[OutputFormat]
    OUTPUT_FORMAT_PRORES_422_HQ_MOV: _ClassVar[OutputFormat]
    OUTPUT_FORMAT_H264_MP4: _ClassVar[OutputFormat]
    OUTPUT_FORMAT_FFV1_MKV: _ClassVar[OutputFormat]

class AttentionMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ATTENTION_MODE_UNSPECIFIED: _ClassVar[AttentionMode]
    ATTENTION_MODE_GATHER_SWAP: _ClassVar[AttentionMode]
    ATTENTION_MODE_CROSS_FRAME: _ClassVar[AttentionMode]
    ATTENTION_MODE_GATHER_ONLY: _ClassVar[AttentionMode]
    ATTENTION_MODE_INDEPENDENT: _ClassVar[AttentionMode]

class SwapLayers(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SWAP_LAYERS_UNSPECIFIED: _ClassVar[SwapLayers]
    SWAP_LAYERS_ALL: _ClassVar[SwapLayers]
    SWAP_LAYERS_SELF: _ClassVar[SwapLayers]
OUTPUT_FORMAT_UNSPECIFIED: OutputFormat
OUTPUT_FORMAT_PRORES_422_HQ_MOV: OutputFormat
OUTPUT_FORMAT_H264_MP4: OutputFormat
OUTPUT_FORMAT_FFV1_MKV: OutputFormat
ATTENTION_MODE_UNSPECIFIED: AttentionMode
ATTENTION_MODE_GATHER_SWAP: AttentionMode
ATTENTION_MODE_CROSS_FRAME: AttentionMode
ATTENTION_MODE_GATHER_ONLY: AttentionMode
ATTENTION_MODE_INDEPENDENT: AttentionMode
SWAP_LAYERS_UNSPECIFIED: SwapLayers
SWAP_LAYERS_ALL: SwapLayers
SWAP_LAYERS_SELF: SwapLayers

class EditSpec(_message.Message):
    __slots__ = ("source", "frame_range", "instruction", "group_range", "model", "seed", "steps", "guidance_scale", "image_guidance_scale", "group_size", "output_format", "attention", "swap_layers", "swap_steps", "local", "adapt", "group_from", "identity", "hold_frames", "steady_frames")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    FRAME_RANGE_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    GROUP_RANGE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_SCALE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_GUIDANCE_SCALE_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FORMAT_FIELD_NUMBER: _ClassVar[int]
    ATTENTION_FIELD_NUMBER: _ClassVar[int]
    SWAP_LAYERS_FIELD_NUMBER: _ClassVar[int]
    SWAP_STEPS_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    ADAPT_FIELD_NUMBER: _ClassVar[int]
    GROUP_FROM_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    HOLD_FRAMES_FIELD_NUMBER: _ClassVar[int]
    STEADY_FRAMES_FIELD_NUMBER: _ClassVar[int]
    source: _media_pb2.MediaSource
    frame_range: _media_pb2.FrameRange
    instruction: str
    group_range: _media_pb2.FrameRange
    model: str
    seed: int
    steps: int
    guidance_scale: float
    image_guidance_scale: float
    group_size: int
    output_format: OutputFormat
    attention: AttentionMode
    swap_layers: SwapLayers
    swap_steps: int
    local: _local_pb2.LocalSettings
    adapt: _adapt_pb2.AdaptSettings
    group_from: str
    identity: bool
    hold_frames: int
    steady_frames: int
    def __init__(self, source: _Optional[_Union[_media_pb2.MediaSource, _Mapping]] = ..., frame_range: _Optional[_Union[_media_pb2.FrameRange, _Mapping]] = ..., instruction: _Optional[str] = ..., group_range: _Optional[_Union[_media_pb2.FrameRange, _Mapping]] = ..., model: _Optional[str] = ..., seed: _Optional[int] = ..., steps: _Optional[int] = ..., guidance_scale: _Optional[float] = ..., image_guidance_scale: _Optional[float] = ..., group_size: _Optional[int] = ..., output_format: _Optional[_Union[OutputFormat, str]] = ..., attention: _Optional[_Union[AttentionMode, str]] = ..., swap_layers: _Optional[_Union[SwapLayers, str]] = ..., swap_steps: _Optional[int] = ..., local: _Optional[_Union[_local_pb2.LocalSettings, _Mapping]] = ..., adapt: _Optional[_Union[_adapt_pb2.AdaptSettings, _Mapping]] = ..., group_from: _Optional[str] = ..., identity: _Optional[bool] = ..., hold_frames: _Optional[int] = ..., steady_frames: _Optional[int] = ...) -> None: ...

class EditPlan(_message.Message):
    __slots__ = ("resolved_spec", "media", "frame_count", "working_width", "working_height", "estimated_duration", "warnings", "estimated_memory_bytes", "is_measured")
    RESOLVED_SPEC_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    WORKING_WIDTH_FIELD_NUMBER: _ClassVar[int]
    WORKING_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_DURATION_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    IS_MEASURED_FIELD_NUMBER: _ClassVar[int]
    resolved_spec: EditSpec
    media: _media_pb2.MediaInfo
    frame_count: int
    working_width: int
    working_height: int
    estimated_duration: _duration_pb2.Duration
    warnings: _containers.RepeatedScalarFieldContainer[str]
    estimated_memory_bytes: int
    is_measured: bool
    def __init__(self, resolved_spec: _Optional[_Union[EditSpec, _Mapping]] = ..., media: _Optional[_Union[_media_pb2.MediaInfo, _Mapping]] = ..., frame_count: _Optional[int] = ..., working_width: _Optional[int] = ..., working_height: _Optional[int] = ..., estimated_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., estimated_memory_bytes: _Optional[int] = ..., is_measured: _Optional[bool] = ...) -> None: ...
