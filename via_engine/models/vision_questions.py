"""What a vision-language model is asked: the wording, the pictures, the form of the answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Generic

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from via_engine.errors import VisionLanguageError
from via_engine.models.vision_answers import (
    JUDGE_FORM,
    PLAN_FORM,
    PREFERENCE_FORM,
    Answer,
    AnswerForm,
    JudgeAnswer,
    PlanAnswer,
    Preference,
)

Frame = NDArray[np.uint8]

LONGEST_SIDE_PX = 512


@dataclass(frozen=True, kw_only=True)
class Question(Generic[Answer]):
    """A text, labelled pictures as `data:` URLs, and the form the answer must have."""

    text: str
    pictures: tuple[tuple[str, str], ...]
    form: AnswerForm[Answer]

    @property
    def whole_text(self) -> str:
        """The text with the schema of the answer, for servers that enforce none."""
        schema = json.dumps(self.form.schema)
        return f"{self.text}\n\nAnswer with one JSON object of this schema, no more:\n{schema}"


def plan_question(instruction: str, frames: Sequence[Frame]) -> Question[PlanAnswer]:
    """What the instruction asks for in a clip that looks like `frames`."""
    text = f"""You plan an edit of a video clip. Frames of it follow, if any. The instruction is:
{_quoted(instruction)}

Say what changes and what stays:
- is_local: true when the instruction changes something that can be pointed at, or all that lies \
behind it; false when it changes the whole picture, as a style, the weather or the light does.
- region: "object" when what the phrases name changes, "background" when everything else does.
- phrases: one to four short noun phrases in lower case for an object detector. For "object" name \
what changes, as it looks BEFORE the edit. For "background" name what stays in front of it. \
Leave the list empty when is_local is false.
- changes_shape: true when the outline changes, as when an animal becomes another or a hat is \
put on; false when only colour, material or texture change.
- caption_before: one plain sentence that describes the frames.
- caption_after: the same sentence as it must read after the edit."""
    pictures = _labelled({f"Frame {number}": frame for number, frame in enumerate(frames, 1)})
    return Question(text=text, pictures=pictures, form=PLAN_FORM)


def judge_question(source: Frame, edited: Frame, instruction: str) -> Question[JudgeAnswer]:
    """How good an edit is, on the scales of VIEScore (Ku et al., 2024)."""
    text = f"""You judge an edit of a video frame strictly. The source and its edit follow. \
The instruction was:
{_quoted(instruction)}

First give your reason in one or two sentences, then four whole numbers from 0 to 10, where 10 is \
always the best:
- success: 0 when nothing of the instruction is carried out, 10 when all of it is.
- over_editing: 0 when the edit has little to do with the source, 10 when nothing changed beyond \
what was asked for.
- naturalness: 0 when the scene, its light or its proportions look wrong, 10 when it looks real.
- artifacts: 0 when distortions, seams or blur are everywhere, 10 when there are none."""
    pictures = _labelled({"Source": source, "Edit": edited})
    return Question(text=text, pictures=pictures, form=JUDGE_FORM)


def preference_question(
    source: Frame, first: Frame, second: Frame, instruction: str
) -> Question[Preference]:
    """Which of two edits is better."""
    text = f"""Two edits of the same video frame follow their source. The instruction was:
{_quoted(instruction)}

First give your reason in one or two sentences. Then say which edit is better: "first", "second", \
or "tie" when neither is. What counts, in this order: the instruction is carried out, nothing else \
changed, it looks natural and free of distortions. Their order means nothing."""
    pictures = _labelled({"Source": source, "First edit": first, "Second edit": second})
    return Question(text=text, pictures=pictures, form=PREFERENCE_FORM)


def data_url(frame: Frame) -> str:
    """A frame (H, W, 3) uint8 RGB as `data:` URL: JPEG with full colour, at most 512 px a side.

    Raises:
        VisionLanguageError: the frame is not (H, W, 3) uint8.
    """
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise VisionLanguageError(
            f"the vision-language model got a frame of {frame.dtype} and shape {frame.shape}; "
            "give (height, width, 3) uint8 RGB"
        )
    picture = Image.fromarray(frame)
    picture.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=95, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _labelled(frames: Mapping[str, Frame]) -> tuple[tuple[str, str], ...]:
    return tuple((f"{label}:", data_url(frame)) for label, frame in frames.items())


def _quoted(instruction: str) -> str:
    """The instruction as JSON text, so that its own quotes and lines end nothing."""
    return json.dumps(instruction, ensure_ascii=False)
