from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Rational(_message.Message):
    __slots__ = ("num", "den")
    NUM_FIELD_NUMBER: _ClassVar[int]
    DEN_FIELD_NUMBER: _ClassVar[int]
    num: int
    den: int
    def __init__(self, num: _Optional[int] = ..., den: _Optional[int] = ...) -> None: ...

class FrameRange(_message.Message):
    __slots__ = ("start_frame", "end_frame_exclusive")
    START_FRAME_FIELD_NUMBER: _ClassVar[int]
    END_FRAME_EXCLUSIVE_FIELD_NUMBER: _ClassVar[int]
    start_frame: int
    end_frame_exclusive: int
    def __init__(self, start_frame: _Optional[int] = ..., end_frame_exclusive: _Optional[int] = ...) -> None: ...

class RootedPath(_message.Message):
    __slots__ = ("root_id", "relative_path")
    ROOT_ID_FIELD_NUMBER: _ClassVar[int]
    RELATIVE_PATH_FIELD_NUMBER: _ClassVar[int]
    root_id: str
    relative_path: str
    def __init__(self, root_id: _Optional[str] = ..., relative_path: _Optional[str] = ...) -> None: ...

class ImageSequence(_message.Message):
    __slots__ = ("absolute_folder", "rooted_folder", "upload_id", "name_prefix", "name_suffix", "zero_padding", "first_number", "frame_count", "frame_rate", "is_single")
    ABSOLUTE_FOLDER_FIELD_NUMBER: _ClassVar[int]
    ROOTED_FOLDER_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_PREFIX_FIELD_NUMBER: _ClassVar[int]
    NAME_SUFFIX_FIELD_NUMBER: _ClassVar[int]
    ZERO_PADDING_FIELD_NUMBER: _ClassVar[int]
    FIRST_NUMBER_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    IS_SINGLE_FIELD_NUMBER: _ClassVar[int]
    absolute_folder: str
    rooted_folder: RootedPath
    upload_id: str
    name_prefix: str
    name_suffix: str
    zero_padding: int
    first_number: int
    frame_count: int
    frame_rate: Rational
    is_single: bool
    def __init__(self, absolute_folder: _Optional[str] = ..., rooted_folder: _Optional[_Union[RootedPath, _Mapping]] = ..., upload_id: _Optional[str] = ..., name_prefix: _Optional[str] = ..., name_suffix: _Optional[str] = ..., zero_padding: _Optional[int] = ..., first_number: _Optional[int] = ..., frame_count: _Optional[int] = ..., frame_rate: _Optional[_Union[Rational, _Mapping]] = ..., is_single: _Optional[bool] = ...) -> None: ...

class MediaSource(_message.Message):
    __slots__ = ("absolute_path", "rooted_path", "upload_id", "sequence")
    ABSOLUTE_PATH_FIELD_NUMBER: _ClassVar[int]
    ROOTED_PATH_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    absolute_path: str
    rooted_path: RootedPath
    upload_id: str
    sequence: ImageSequence
    def __init__(self, absolute_path: _Optional[str] = ..., rooted_path: _Optional[_Union[RootedPath, _Mapping]] = ..., upload_id: _Optional[str] = ..., sequence: _Optional[_Union[ImageSequence, _Mapping]] = ...) -> None: ...

class MediaInfo(_message.Message):
    __slots__ = ("width", "height", "frame_rate", "frame_count", "codec", "pixel_format", "start_timecode", "identity", "missing_ranges")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    PIXEL_FORMAT_FIELD_NUMBER: _ClassVar[int]
    START_TIMECODE_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    MISSING_RANGES_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    frame_rate: Rational
    frame_count: int
    codec: str
    pixel_format: str
    start_timecode: str
    identity: str
    missing_ranges: _containers.RepeatedCompositeFieldContainer[FrameRange]
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ..., frame_rate: _Optional[_Union[Rational, _Mapping]] = ..., frame_count: _Optional[int] = ..., codec: _Optional[str] = ..., pixel_format: _Optional[str] = ..., start_timecode: _Optional[str] = ..., identity: _Optional[str] = ..., missing_ranges: _Optional[_Iterable[_Union[FrameRange, _Mapping]]] = ...) -> None: ...
