"""What can go wrong in the engine.

    ViaEngineError
    ├── RequestError            the request itself cannot be carried out
    │   ├── EmptyRangeError     no frame in the asked range
    │   ├── RangeError          the range reaches outside the media
    │   ├── InstructionError    empty or too long
    │   ├── UnknownModelError   no model of that name
    │   ├── SubjectNotFoundError    what the instruction names is in no frame
    │   ├── MaskError           the mask that was given does not fit the media
    │   └── RootError           the root image or root choice does not fit the media
    ├── MediaError              the media file
    │   ├── MediaNotFoundError
    │   ├── MediaUnreadableError    not a video, damaged, or refused
    │   └── MediaChangedError       replaced or truncated while the job ran
    ├── ModelError
    │   ├── ModelIntegrityError     weight file missing or altered
    │   ├── LicenceError            a licence that must be accepted was not
    │   ├── DownloadError           a model could not be fetched
    │   ├── AdapterError            adapter file damaged or made for another model
    │   └── VisionLanguageError     the vision-language model does not answer as it should
    ├── OutputError             the result cannot be written
    │   └── DiskFullError
    └── EditCancelledError      the caller's wish, not a fault

Every message says what happened, where, and what to do next. `reason` is the stable
UPPER_SNAKE word that crosses the wire.
"""

from __future__ import annotations


class ViaEngineError(Exception):
    """Base of all engine errors; the message is meant for the person who asked for the edit."""

    reason = "ENGINE_FAILED"


class RequestError(ViaEngineError):
    """The request cannot be carried out as it stands."""

    reason = "REQUEST_INVALID"


class EmptyRangeError(RequestError):
    """The asked range holds no frame."""

    reason = "RANGE_EMPTY"


class RangeError(RequestError):
    """The asked range reaches outside the media."""

    reason = "RANGE_OUTSIDE_MEDIA"


class InstructionError(RequestError):
    """The instruction is empty or too long."""

    reason = "INSTRUCTION_INVALID"


class UnknownModelError(RequestError):
    """No model of that name is known to this server."""

    reason = "MODEL_UNKNOWN"


class SubjectNotFoundError(RequestError):
    """What the instruction names is seen in no frame."""

    reason = "SUBJECT_NOT_FOUND"


class MaskError(RequestError):
    """The mask that was given does not fit the media."""

    reason = "MASK_INVALID"


class RootError(RequestError):
    """The root image or the chosen root does not fit the media."""

    reason = "ROOT_INVALID"


class MediaError(ViaEngineError):
    """Something is wrong with the media file."""

    reason = "MEDIA_FAILED"


class MediaNotFoundError(MediaError):
    """There is no file at that path."""

    reason = "MEDIA_NOT_FOUND"


class MediaUnreadableError(MediaError):
    """The file is not a video Via reads, or it is damaged."""

    reason = "MEDIA_UNREADABLE"


class MediaChangedError(MediaError):
    """The file was replaced, truncated or removed while the job ran."""

    reason = "MEDIA_CHANGED"


class ModelError(ViaEngineError):
    """A model cannot be loaded or does not fit the request."""

    reason = "MODEL_FAILED"


class ModelIntegrityError(ModelError):
    """A weight file is missing or is not the one its manifest describes."""

    reason = "MODEL_INTEGRITY"


class LicenceError(ModelError):
    """The model may only be used once its licence has been accepted."""

    reason = "LICENCE_NOT_ACCEPTED"


class DownloadError(ModelError):
    """A model could not be fetched."""

    reason = "DOWNLOAD_FAILED"


class AdapterError(ModelError):
    """An adapter file is missing, damaged, or was made for another model."""

    reason = "ADAPTER_INVALID"


class VisionLanguageError(ModelError):
    """The vision-language model is out of reach or does not answer as it should."""

    reason = "VISION_LANGUAGE_FAILED"


class OutputError(ViaEngineError):
    """The result cannot be written."""

    reason = "OUTPUT_FAILED"


class DiskFullError(OutputError):
    """No space is left where the result is written."""

    reason = "DISK_FULL"


class EditCancelledError(ViaEngineError):
    """The caller asked to stop."""

    reason = "CANCELLED"
