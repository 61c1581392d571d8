"""What a vision-language model answers: the form each answer must have, and how it is read.

Every answer is one JSON object. Servers with structured output keep to its schema; what others
write is read with patience and checked all the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Literal, TypeVar

Answer = TypeVar("Answer")

# An enumeration instead of minimum and maximum: strict modes know it everywhere.
_SCORE = {"type": "integer", "enum": list(range(11))}
_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_PYTHON_TYPES = {"string": str, "boolean": bool, "integer": int, "array": list}
# Where the answer stands when a model thinks aloud first; longer texts are read from their end.
_READ_CHARACTERS = 20_000


@dataclass(frozen=True, kw_only=True)
class PlanAnswer:
    """What an instruction asks for.

    Attributes:
        is_local: whether something named changes, rather than the whole picture.
        region: what changes: the object the phrases name, or all around it.
        phrases: short noun phrases to look for in the source; empty for a global edit and for a
            background in front of which nothing stands.
        changes_shape: whether the outline of the object becomes another.
        caption_before: one sentence on the source.
        caption_after: the same sentence on the edit.
    """

    is_local: bool
    region: Literal["object", "background"]
    phrases: tuple[str, ...]
    changes_shape: bool
    caption_before: str
    caption_after: str


@dataclass(frozen=True, kw_only=True)
class JudgeAnswer:
    """Scores of one edit, 0 to 10, 10 the best in each.

    Attributes:
        success: how far the instruction is carried out.
        over_editing: how far all else is left alone; 10 when nothing else changed.
        naturalness: how natural light, size and surroundings look.
        artifacts: how free of distortions and seams it is; 10 when there are none.
        reason: why, in the model's words.
    """

    success: int
    over_editing: int
    naturalness: int
    artifacts: int
    reason: str

    @property
    def overall(self) -> float:
        """0 to 10: the geometric mean of what was asked for and how it looks, each at its worst.

        Source: Ku et al., "VIEScore", 2024, the overall score O = sqrt(SC * PQ).
        """
        asked_for = min(self.success, self.over_editing)
        looks = min(self.naturalness, self.artifacts)
        return math.sqrt(asked_for * looks)


class Preference(Enum):
    """Which of two edits is better."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"

    @property
    def swapped(self) -> Preference:
        """The same verdict with the two edits in the other order."""
        opposite = {Preference.FIRST: Preference.SECOND, Preference.SECOND: Preference.FIRST}
        return opposite.get(self, self)


@dataclass(frozen=True, kw_only=True)
class AnswerForm(Generic[Answer]):
    """The form of an answer: a JSON object with exactly these fields.

    Attributes:
        name: of the schema, as servers want one.
        fields: the JSON schema of each field, in the order in which the model shall write them.
        build: the answer of an object that has the form; raises ValueError when it makes no sense.
    """

    name: str
    fields: Mapping[str, Mapping[str, Any]]
    build: Callable[[dict[str, Any]], Answer]

    @property
    def schema(self) -> dict[str, object]:
        """JSON schema of the object, as strict structured output wants it."""
        return {
            "type": "object",
            "properties": dict(self.fields),
            "required": list(self.fields),
            "additionalProperties": False,
        }

    def read(self, text: str) -> Answer:
        """The answer in a text: its last JSON object of this form, whatever stands around it.

        Raises:
            ValueError: there is none; the message says what is wrong with the last object.
        """
        fault = "it holds no JSON object"
        answer: Answer | None = None
        for value in _json_objects(text[-_READ_CHARACTERS:]):
            try:
                answer = self._checked(value)
            except ValueError as error:
                fault = str(error)
        if answer is None:
            raise ValueError(fault)
        return answer

    def _checked(self, value: dict[str, Any]) -> Answer:
        for field, schema in self.fields.items():
            if field not in value:
                raise ValueError(f'it lacks "{field}"')
            if not _fits(value[field], schema):
                found = json.dumps(value[field])[:60]
                raise ValueError(f'its "{field}" is {found}, not {json.dumps(schema)}')
        return self.build({field: value[field] for field in self.fields})


def _plan(value: dict[str, Any]) -> PlanAnswer:
    # Detectors split a query at full stops; models in a loop write one phrase many times.
    tidy = (" ".join(phrase.replace(".", " ").split()) for phrase in value["phrases"])
    phrases = tuple(dict.fromkeys(phrase for phrase in tidy if phrase))
    if value["is_local"] and value["region"] == "object" and not phrases:
        raise ValueError("it names no phrase for what changes")
    for caption in ("caption_before", "caption_after"):
        if not value[caption].strip():
            raise ValueError(f'its "{caption}" is empty')
    return PlanAnswer(**{**value, "phrases": phrases if value["is_local"] else ()})


def _judgement(value: dict[str, Any]) -> JudgeAnswer:
    return JudgeAnswer(**value)


def _preference(value: dict[str, Any]) -> Preference:
    return Preference(value["better"])


PLAN_FORM = AnswerForm(
    name="edit_plan",
    fields={
        "is_local": _FLAG,
        "region": {"type": "string", "enum": ["object", "background"]},
        "phrases": {"type": "array", "items": _TEXT},
        "changes_shape": _FLAG,
        "caption_before": _TEXT,
        "caption_after": _TEXT,
    },
    build=_plan,
)
# The reason stands first: a model that has argued before it scores scores better.
JUDGE_FORM = AnswerForm(
    name="edit_scores",
    fields={
        "reason": _TEXT,
        "success": _SCORE,
        "over_editing": _SCORE,
        "naturalness": _SCORE,
        "artifacts": _SCORE,
    },
    build=_judgement,
)
PREFERENCE_FORM = AnswerForm(
    name="preferred_edit",
    fields={
        "reason": _TEXT,
        "better": {"type": "string", "enum": [verdict.value for verdict in Preference]},
    },
    build=_preference,
)


def _json_objects(text: str) -> Iterator[dict[str, Any]]:
    """The outermost JSON objects in a text, in their order."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except RecursionError:
            return
        except json.JSONDecodeError as error:
            end = max(error.pos, start + 1)
        else:
            yield value
        start = text.find("{", end)


def _fits(value: object, schema: Mapping[str, Any]) -> bool:
    # Not isinstance: True is an int to Python, and no score.
    if type(value) is not _PYTHON_TYPES[schema["type"]]:
        return False
    if isinstance(value, list):
        return all(_fits(item, schema["items"]) for item in value)
    return "enum" not in schema or value in schema["enum"]
