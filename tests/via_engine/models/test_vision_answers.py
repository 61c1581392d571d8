"""Reading a model's answers: what stands around them, what does not fit, what the scores say."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from via_engine.models.vision_answers import (
    JUDGE_FORM,
    PLAN_FORM,
    PREFERENCE_FORM,
    JudgeAnswer,
    Preference,
)

SCORES = st.integers(0, 10)
PLAN: dict[str, Any] = {
    "is_local": True,
    "region": "object",
    "phrases": ["brown dog"],
    "changes_shape": True,
    "caption_before": "a brown dog on a lawn",
    "caption_after": "a tiger on a lawn",
}
JUDGEMENT: dict[str, Any] = {
    "reason": "the dog is a tiger now",
    "success": 9,
    "over_editing": 4,
    "naturalness": 8,
    "artifacts": 6,
}


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "```json\n{}\n```",
        "Here you are: {} Is there more?",
        '<think>Say {{"region": "object"}} or {{x}}? Both.</think>\n{}',
        '{{"is_local": true}}\nNo, all of it: {}',
    ],
)
def test_the_answer_is_found_in_what_stands_around_it(text: str) -> None:
    answer = PLAN_FORM.read(text.format(json.dumps(PLAN, indent=1)))
    assert answer.phrases == ("brown dog",)
    assert answer.caption_after == "a tiger on a lawn"


def test_the_last_of_several_answers_counts() -> None:
    first, last = (json.dumps({**JUDGEMENT, "success": score}) for score in (1, 7))
    assert JUDGE_FORM.read(f"{first} On reflection: {last} That is all.").success == 7


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("success", 11),
        ("success", -1),
        ("success", 7.5),
        ("success", True),
        ("success", "7"),
        ("artifacts", None),
        ("reason", 3),
    ],
)
def test_a_score_that_is_none_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f'"{field}"'):
        JUDGE_FORM.read(json.dumps({**JUDGEMENT, field: value}))


@pytest.mark.parametrize("form", [PLAN_FORM, JUDGE_FORM, PREFERENCE_FORM])
@pytest.mark.parametrize(
    "text", ["", "I cannot see it.", "[1, 2]", "{", "{" * 9_000, '{"a":' * 9_000]
)
def test_what_holds_no_answer_is_refused(form: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"^it holds no JSON object$"):
        form.read(text)


@pytest.mark.parametrize("missing", sorted(PLAN))
def test_each_field_of_a_plan_is_needed(missing: str) -> None:
    given_fields = {name: value for name, value in PLAN.items() if name != missing}
    with pytest.raises(ValueError, match=f'it lacks "{missing}"'):
        PLAN_FORM.read(json.dumps(given_fields))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"phrases": []}, "no phrase"),
        ({"phrases": [" . "]}, "no phrase"),
        ({"phrases": "dog"}, "phrases"),
        ({"phrases": ["dog", 1]}, "phrases"),
        ({"region": "sky"}, "region"),
        ({"caption_after": "  "}, "caption_after"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        PLAN_FORM.read(json.dumps({**PLAN, **change}))


def test_phrases_come_fit_for_a_detector() -> None:
    phrases = ["  brown \n dog. ", "brown dog", "red.collar", ""]
    answer = PLAN_FORM.read(json.dumps({**PLAN, "phrases": phrases}))
    assert answer.phrases == ("brown dog", "red collar")


def test_a_background_needs_nothing_in_front_and_a_global_edit_no_phrase() -> None:
    background = {**PLAN, "region": "background", "phrases": []}
    assert PLAN_FORM.read(json.dumps(background)).region == "background"
    assert PLAN_FORM.read(json.dumps({**PLAN, "is_local": False})).phrases == ()


@given(SCORES, SCORES, SCORES, SCORES)
def test_overall_is_viescore(success: int, over_editing: int, natural: int, artifacts: int) -> None:
    answer = JudgeAnswer(
        success=success,
        over_editing=over_editing,
        naturalness=natural,
        artifacts=artifacts,
        reason="",
    )
    product = sorted((success, over_editing))[0] * sorted((natural, artifacts))[0]
    assert math.isclose(answer.overall**2, product, abs_tol=1e-9)
    assert 0 <= answer.overall <= 10


def test_overall_by_hand() -> None:
    # min(9, 4) = 4 and min(8, 9) = 8: the root of 32.
    answer = JUDGE_FORM.read(json.dumps({**JUDGEMENT, "artifacts": 9}))
    assert answer.overall == pytest.approx(5.656854, abs=1e-6)


def test_swapping_turns_the_verdict_round() -> None:
    assert [verdict.swapped for verdict in Preference] == [
        Preference.SECOND,
        Preference.FIRST,
        Preference.TIE,
    ]


@pytest.mark.parametrize("form", [PLAN_FORM, JUDGE_FORM, PREFERENCE_FORM])
def test_schemas_keep_to_what_strict_structured_output_takes(form: Any) -> None:
    """All fields required, no others allowed, and no keyword beyond those all servers know."""
    schema = form.schema
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False
    for field in schema["properties"].values():
        assert set(field) <= {"type", "enum", "items"}
