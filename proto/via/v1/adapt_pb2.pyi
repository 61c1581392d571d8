from via.v1 import media_pb2 as _media_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AdaptSettings(_message.Message):
    __slots__ = ("enabled", "steps", "rank", "learning_rate", "full", "candidates", "root_choice", "root_image", "adapter")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    ROOT_CHOICE_FIELD_NUMBER: _ClassVar[int]
    ROOT_IMAGE_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    steps: int
    rank: int
    learning_rate: float
    full: bool
    candidates: int
    root_choice: RootChoice
    root_image: RootImage
    adapter: _media_pb2.MediaSource
    def __init__(self, enabled: _Optional[bool] = ..., steps: _Optional[int] = ..., rank: _Optional[int] = ..., learning_rate: _Optional[float] = ..., full: _Optional[bool] = ..., candidates: _Optional[int] = ..., root_choice: _Optional[_Union[RootChoice, _Mapping]] = ..., root_image: _Optional[_Union[RootImage, _Mapping]] = ..., adapter: _Optional[_Union[_media_pb2.MediaSource, _Mapping]] = ...) -> None: ...

class RootChoice(_message.Message):
    __slots__ = ("frame", "seed", "guidance_scale", "image_guidance_scale")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_SCALE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_GUIDANCE_SCALE_FIELD_NUMBER: _ClassVar[int]
    frame: int
    seed: int
    guidance_scale: float
    image_guidance_scale: float
    def __init__(self, frame: _Optional[int] = ..., seed: _Optional[int] = ..., guidance_scale: _Optional[float] = ..., image_guidance_scale: _Optional[float] = ...) -> None: ...

class RootImage(_message.Message):
    __slots__ = ("frame", "file", "picture")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    frame: int
    file: _media_pb2.MediaSource
    picture: bytes
    def __init__(self, frame: _Optional[int] = ..., file: _Optional[_Union[_media_pb2.MediaSource, _Mapping]] = ..., picture: _Optional[bytes] = ...) -> None: ...

class RootCandidate(_message.Message):
    __slots__ = ("choice", "png", "source_png", "score", "is_sound", "fault")
    CHOICE_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    SOURCE_PNG_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    IS_SOUND_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    choice: RootChoice
    png: bytes
    source_png: bytes
    score: float
    is_sound: bool
    fault: str
    def __init__(self, choice: _Optional[_Union[RootChoice, _Mapping]] = ..., png: _Optional[bytes] = ..., source_png: _Optional[bytes] = ..., score: _Optional[float] = ..., is_sound: _Optional[bool] = ..., fault: _Optional[str] = ...) -> None: ...
