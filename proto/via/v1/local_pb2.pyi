from via.v1 import media_pb2 as _media_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCOPE_UNSPECIFIED: _ClassVar[Scope]
    SCOPE_AUTO: _ClassVar[Scope]
    SCOPE_GLOBAL: _ClassVar[Scope]

class BlendSchedule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BLEND_SCHEDULE_UNSPECIFIED: _ClassVar[BlendSchedule]
    BLEND_SCHEDULE_LINEAR: _ClassVar[BlendSchedule]
    BLEND_SCHEDULE_CONSTANT: _ClassVar[BlendSchedule]
    BLEND_SCHEDULE_LAST_STEP: _ClassVar[BlendSchedule]
    BLEND_SCHEDULE_DELAYED: _ClassVar[BlendSchedule]

class SourceLatents(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SOURCE_LATENTS_UNSPECIFIED: _ClassVar[SourceLatents]
    SOURCE_LATENTS_RENOISED: _ClassVar[SourceLatents]
    SOURCE_LATENTS_INVERTED: _ClassVar[SourceLatents]
SCOPE_UNSPECIFIED: Scope
SCOPE_AUTO: Scope
SCOPE_GLOBAL: Scope
BLEND_SCHEDULE_UNSPECIFIED: BlendSchedule
BLEND_SCHEDULE_LINEAR: BlendSchedule
BLEND_SCHEDULE_CONSTANT: BlendSchedule
BLEND_SCHEDULE_LAST_STEP: BlendSchedule
BLEND_SCHEDULE_DELAYED: BlendSchedule
SOURCE_LATENTS_UNSPECIFIED: SourceLatents
SOURCE_LATENTS_RENOISED: SourceLatents
SOURCE_LATENTS_INVERTED: SourceLatents

class LocalSettings(_message.Message):
    __slots__ = ("scope", "phrase", "own_mask", "dilation_px", "feather_px", "schedule", "source_latents")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    PHRASE_FIELD_NUMBER: _ClassVar[int]
    OWN_MASK_FIELD_NUMBER: _ClassVar[int]
    DILATION_PX_FIELD_NUMBER: _ClassVar[int]
    FEATHER_PX_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_LATENTS_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    phrase: str
    own_mask: OwnMask
    dilation_px: int
    feather_px: int
    schedule: BlendSchedule
    source_latents: SourceLatents
    def __init__(self, scope: _Optional[_Union[Scope, str]] = ..., phrase: _Optional[str] = ..., own_mask: _Optional[_Union[OwnMask, _Mapping]] = ..., dilation_px: _Optional[int] = ..., feather_px: _Optional[int] = ..., schedule: _Optional[_Union[BlendSchedule, str]] = ..., source_latents: _Optional[_Union[SourceLatents, str]] = ...) -> None: ...

class OwnMask(_message.Message):
    __slots__ = ("matte_clip", "still", "still_picture", "box", "points")
    MATTE_CLIP_FIELD_NUMBER: _ClassVar[int]
    STILL_FIELD_NUMBER: _ClassVar[int]
    STILL_PICTURE_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    matte_clip: _media_pb2.MediaSource
    still: _media_pb2.MediaSource
    still_picture: bytes
    box: BoxPrompt
    points: PointPrompt
    def __init__(self, matte_clip: _Optional[_Union[_media_pb2.MediaSource, _Mapping]] = ..., still: _Optional[_Union[_media_pb2.MediaSource, _Mapping]] = ..., still_picture: _Optional[bytes] = ..., box: _Optional[_Union[BoxPrompt, _Mapping]] = ..., points: _Optional[_Union[PointPrompt, _Mapping]] = ...) -> None: ...

class BoxPrompt(_message.Message):
    __slots__ = ("frame", "left_px", "top_px", "right_px", "bottom_px")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    LEFT_PX_FIELD_NUMBER: _ClassVar[int]
    TOP_PX_FIELD_NUMBER: _ClassVar[int]
    RIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    BOTTOM_PX_FIELD_NUMBER: _ClassVar[int]
    frame: int
    left_px: float
    top_px: float
    right_px: float
    bottom_px: float
    def __init__(self, frame: _Optional[int] = ..., left_px: _Optional[float] = ..., top_px: _Optional[float] = ..., right_px: _Optional[float] = ..., bottom_px: _Optional[float] = ...) -> None: ...

class PointPrompt(_message.Message):
    __slots__ = ("frame", "clicks")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    CLICKS_FIELD_NUMBER: _ClassVar[int]
    frame: int
    clicks: _containers.RepeatedCompositeFieldContainer[Click]
    def __init__(self, frame: _Optional[int] = ..., clicks: _Optional[_Iterable[_Union[Click, _Mapping]]] = ...) -> None: ...

class Click(_message.Message):
    __slots__ = ("x_px", "y_px", "is_on_subject")
    X_PX_FIELD_NUMBER: _ClassVar[int]
    Y_PX_FIELD_NUMBER: _ClassVar[int]
    IS_ON_SUBJECT_FIELD_NUMBER: _ClassVar[int]
    x_px: float
    y_px: float
    is_on_subject: bool
    def __init__(self, x_px: _Optional[float] = ..., y_px: _Optional[float] = ..., is_on_subject: _Optional[bool] = ...) -> None: ...
