"""The vision-language model's door, against a real HTTP server that speaks OpenAI's chat API."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import openai
import pytest
from PIL import Image

from tests.via_engine.models.chat_server import (
    ChatReply,
    ChatRequest,
    ChatServer,
    NoReply,
    fails,
    running_chat_server,
    says,
)
from tests.via_engine.models.test_vision_answers import JUDGEMENT, PLAN
from via_engine.config import VisionLanguageSettings
from via_engine.errors import VisionLanguageError
from via_engine.models.vision_answers import PlanAnswer, Preference
from via_engine.models.vision_language import VisionLanguage, connect
from via_engine.models.vision_questions import Frame

KEY = "sk-secret-0123456789"
AT_ONCE = {"retry-after": "0.01"}
GOOD_PLAN = says(json.dumps(PLAN))
GREY = np.full((90, 160, 3), 128, np.uint8)
RED = np.full((90, 160, 3), (200, 20, 30), np.uint8)
BLUE = np.full((90, 160, 3), (20, 30, 200), np.uint8)


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_chat_server() as server:
        yield server


def asking(chat: ChatServer, *, retries: int = 0, **changes: Any) -> VisionLanguage:
    settings = VisionLanguageSettings(base_url=chat.base_url, model="eyes", api_key=KEY)
    return connect(replace(settings, **changes), retries=retries)


def picture(url: str) -> Frame:
    """The picture of a data URL, read by its own words."""
    kind, data = url.split(",", 1)
    assert kind == "data:image/jpeg;base64"
    return np.asarray(Image.open(BytesIO(base64.b64decode(data, validate=True)), formats=["JPEG"]))


def test_plan_sends_one_structured_request_and_reads_the_answer(chat: ChatServer) -> None:
    chat.script = [GOOD_PLAN]
    instruction = 'make the "dog" a\ntiger – größer'
    answer = asking(chat).plan(instruction, [GREY, RED])
    assert answer == PlanAnswer(**{**PLAN, "phrases": ("brown dog",)})
    (request,) = chat.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.body["model"] == "eyes"
    assert request.body["temperature"] == 0
    assert request.body["response_format"]["type"] == "json_schema"
    assert request.body["response_format"]["json_schema"]["strict"] is True
    assert json.dumps(instruction, ensure_ascii=False) in request.text
    assert [picture(url)[0, 0].round(-1).tolist() for url in request.pictures] == [
        [130, 130, 130],
        [200, 20, 30],
    ]


def test_a_plan_needs_no_frame(chat: ChatServer) -> None:
    chat.script = [GOOD_PLAN]
    assert asking(chat).plan("make the dog a tiger", []).is_local
    assert chat.requests[0].pictures == []


def test_judge_shows_source_then_edit(chat: ChatServer) -> None:
    chat.script = [says(json.dumps(JUDGEMENT))]
    answer = asking(chat).judge(GREY, RED, "make it red")
    assert (answer.success, answer.artifacts, answer.reason) == (9, 6, "the dog is a tiger now")
    parts = chat.requests[0].parts
    assert [part["type"] for part in parts[1:]] == ["text", "image_url"] * 2
    assert [part["text"] for part in parts[1::2]] == ["Source:", "Edit:"]
    assert picture(parts[4]["image_url"]["url"])[0, 0, 0] > 190


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        ((1080, 1920), (288, 512)),
        ((2000, 1000), (512, 256)),
        ((90, 160), (90, 160)),
        ((1, 4000), (1, 512)),
    ],
)
def test_frames_are_sent_small_and_in_their_shape(
    chat: ChatServer, shape: tuple[int, int], shown: tuple[int, int]
) -> None:
    chat.script = [GOOD_PLAN]
    asking(chat).plan("make it red", [np.zeros((*shape, 3), np.uint8)])
    assert picture(chat.requests[0].pictures[0]).shape == (*shown, 3)


@pytest.mark.parametrize("frame", [GREY.astype(np.float32), GREY[..., 0], GREY[..., :2]])
def test_what_is_no_frame_is_refused_before_anything_is_sent(chat: ChatServer, frame: Any) -> None:
    with pytest.raises(VisionLanguageError, match="uint8 RGB"):
        asking(chat).plan("make it red", [frame])
    assert chat.requests == []


def redder(request: ChatRequest) -> ChatReply:
    """A judge with eyes: it prefers the redder edit, wherever it stands."""
    reds = [int(picture(url)[0, 0, 0]) for url in request.pictures[1:]]
    better = "first" if reds[0] > reds[1] else "second"
    return says(json.dumps({"reason": "redder", "better": better}))


def always(verdict: str) -> ChatReply:
    return says(json.dumps({"reason": "", "better": verdict}))


@pytest.mark.parametrize(
    ("first", "second", "better"),
    [(RED, BLUE, Preference.FIRST), (BLUE, RED, Preference.SECOND)],
)
def test_a_judge_with_eyes_is_believed(
    chat: ChatServer, first: Frame, second: Frame, better: Preference
) -> None:
    chat.script = [redder]
    assert asking(chat).prefer(GREY, first, second, "make it red") is better
    assert len(chat.requests) == 2


@pytest.mark.parametrize("favourite", ["first", "second", "tie"])
def test_a_judge_that_favours_a_place_decides_nothing(chat: ChatServer, favourite: str) -> None:
    chat.script = [always(favourite)]
    assert asking(chat).prefer(GREY, RED, BLUE, "make it red") is Preference.TIE


@pytest.mark.parametrize(
    ("refusal", "left_out"),
    [
        (fails(400, "Unsupported value", param="temperature"), {"temperature"}),
        (fails(400, "response_format is not supported"), {"response_format"}),
        (fails(422, "unprocessable"), {"temperature", "response_format"}),
        (fails(501, "not implemented"), {"temperature", "response_format"}),
        (ChatReply(status=400, body="no"), {"temperature", "response_format"}),
    ],
)
def test_options_a_server_refuses_are_left_out_for_the_whole_job(
    chat: ChatServer, refusal: ChatReply, left_out: set[str]
) -> None:
    chat.script = [refusal, says(f"Sure!\n```json\n{json.dumps(PLAN)}\n```")]
    model = asking(chat)
    assert model.plan("make the dog a tiger", []).phrases == ("brown dog",)
    assert model.plan("make the dog a tiger", []).phrases == ("brown dog",)
    options = {"temperature", "response_format"}
    sent = [options & set(request.body) for request in chat.requests]
    assert sent == [options, options - left_out, options - left_out]
    assert model.calls.made == 2
    assert '"caption_before"' in chat.requests[1].text


def test_a_request_refused_without_options_too_is_a_fault(chat: ChatServer) -> None:
    chat.script = [fails(400, "this model takes no image input")]
    with pytest.raises(VisionLanguageError, match=r"takes images.*no image input"):
        asking(chat).plan("make it red", [GREY])
    assert len(chat.requests) == 2


def test_an_unreadable_answer_is_asked_for_once_more_saying_why(chat: ChatServer) -> None:
    chat.script = [says('{"is_local": true'), GOOD_PLAN]
    model = asking(chat)
    assert model.plan("make the dog a tiger", [GREY]).is_local
    assert "it holds no JSON object" in chat.requests[1].text
    assert len(chat.requests[1].pictures) == 1
    assert model.calls.made == 2


@pytest.mark.parametrize("text", ["a tiger would be nice", "", None])
def test_two_unreadable_answers_are_a_fault(chat: ChatServer, text: str | None) -> None:
    chat.script = [says(text)]
    with pytest.raises(VisionLanguageError, match=r"'eyes' at http.*holds no JSON object"):
        asking(chat).plan("make the dog a tiger", [])
    assert len(chat.requests) == 2


@pytest.mark.parametrize(
    "reply", [says(None, refusal="no animals"), says(None, finish_reason="content_filter")]
)
def test_a_refusal_is_taken_at_its_word(chat: ChatServer, reply: ChatReply) -> None:
    chat.script = [reply]
    with pytest.raises(VisionLanguageError, match=r"declines.*in other words"):
        asking(chat).plan("make the dog a tiger", [])
    assert len(chat.requests) == 1


@pytest.mark.parametrize(
    "body",
    ['{"choices": []}', '{"choices": null}', '{"choices": ["x"]}', '{"choices": [{}]}', "[]", "7"],
)
def test_json_that_is_no_chat_completion_is_a_fault(chat: ChatServer, body: str) -> None:
    chat.script = [ChatReply(body=body)]
    with pytest.raises(VisionLanguageError, match="no chat completion"):
        asking(chat).plan("make it red", [])


def test_a_page_for_people_is_a_fault(chat: ChatServer) -> None:
    chat.script = [ChatReply(body="<html>welcome</html>", headers={"content-type": "text/html"})]
    with pytest.raises(VisionLanguageError, match="no chat completion"):
        asking(chat).plan("make it red", [])


def test_a_damaged_body_is_a_fault(chat: ChatServer) -> None:
    chat.script = [ChatReply(body='{"choices": [')]
    with pytest.raises(VisionLanguageError, match="damaged"):
        asking(chat).plan("make it red", [])


@pytest.mark.parametrize(
    ("status", "next_step"),
    [
        (401, "set one that is valid"),
        (403, "set a key that may use the model"),
        (404, "check its name"),
        (429, "try later or raise the quota"),
        (500, "look into the server's log"),
    ],
)
def test_faults_of_the_server_say_what_to_do(chat: ChatServer, status: int, next_step: str) -> None:
    chat.script = [fails(status, "as the server puts it")]
    with pytest.raises(VisionLanguageError, match=f"{next_step}.*as the server puts it"):
        asking(chat).plan("make it red", [])
    assert len(chat.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_and_counts_once(chat: ChatServer, status: int) -> None:
    busy = fails(status, "busy", headers=AT_ONCE)
    chat.script = [busy, busy, GOOD_PLAN]
    model = asking(chat, retries=2)
    assert model.plan("make the dog a tiger", []).is_local
    assert len(chat.requests) == 3
    assert model.calls.made == 1


def test_a_busy_server_is_asked_again_when_it_says(
    chat: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("openai._base_client.time.sleep", waited.append)
    chat.script = [fails(429, "busy", headers={"retry-after": "7"}), GOOD_PLAN]
    assert asking(chat, retries=2).plan("make the dog a tiger", []).is_local
    assert waited == [7]


def test_repeating_ends(chat: ChatServer) -> None:
    chat.script = [fails(429, "busy", headers=AT_ONCE)]
    with pytest.raises(VisionLanguageError, match="raise the quota"):
        asking(chat, retries=2).plan("make it red", [])
    assert len(chat.requests) == 3


def test_a_server_that_keeps_silent_times_out(chat: ChatServer) -> None:
    chat.script = [NoReply()]
    with pytest.raises(VisionLanguageError, match="no answer in time"):
        asking(chat, timeout_s=0.1).plan("make it red", [])


def test_a_server_that_is_not_there_is_out_of_reach() -> None:
    with running_chat_server() as gone:
        pass
    with pytest.raises(VisionLanguageError, match=f"{gone.base_url} is out of reach"):
        asking(gone).plan("make it red", [])


def test_a_job_spends_no_more_calls_than_allowed(chat: ChatServer) -> None:
    chat.script = [GOOD_PLAN]
    model = asking(chat, max_calls=2)
    job = model.for_job()
    for _ in range(2):
        job.plan("make the dog a tiger", [])
    with pytest.raises(VisionLanguageError, match="the 2 calls a job may make; allow it more"):
        job.plan("make the dog a tiger", [])
    assert len(chat.requests) == 2
    assert (job.calls.left, model.calls.left, model.for_job().calls.left) == (0, 2, 2)


def test_asking_once_more_stays_within_the_calls(chat: ChatServer) -> None:
    chat.script = [says("hm")]
    with pytest.raises(VisionLanguageError, match="unreadable"):
        asking(chat, max_calls=1).plan("make the dog a tiger", [])
    assert len(chat.requests) == 1


@pytest.mark.parametrize(
    "script",
    [
        [GOOD_PLAN],
        [fails(401, f"Received API key {KEY}")],
        [fails(400, f"Received API key {KEY}")],
        [fails(429, f"quota of {KEY}")],
        [ChatReply(status=500, body=KEY)],
        [ChatReply(body=KEY)],
        [says(f"my key is {KEY}")],
        [says(None, refusal=f"not with {KEY}")],
        [says('{"is_local": "' + KEY + '"}')],
        [NoReply()],
    ],
)
def test_the_key_never_appears(
    chat: ChatServer, caplog: pytest.LogCaptureFixture, script: list[Any]
) -> None:
    """Not in errors or their causes, whatever the server repeats, nor in repr, nor in logs."""
    chat.script = script
    caplog.set_level(logging.DEBUG)
    model = asking(chat, timeout_s=0.1 if script == [NoReply()] else 30)
    told = [repr(model), str(model.settings)]
    try:
        model.plan("make the dog a tiger", [GREY])
    except VisionLanguageError as error:
        told += [str(error), *traceback.format_exception(error)]
    told += [f"{record.getMessage()} {record.args}" for record in caplog.records]
    assert caplog.records, "the client logs nothing at all: this test sees nothing"
    assert [text for text in told if KEY in text] == []


def test_the_key_is_not_among_what_a_debugger_shows_of_a_fault(chat: ChatServer) -> None:
    """Loggers that print the variables of every frame would print the client's headers."""
    chat.script = [fails(401, "wrong key")]
    with pytest.raises(VisionLanguageError) as failed:
        asking(chat).plan("make the dog a tiger", [GREY])
    shown = traceback.TracebackException.from_exception(failed.value, capture_locals=True)
    assert len(shown.stack) > 3
    assert KEY not in "".join(shown.format())


@pytest.mark.parametrize("key", ["", "  \n"])
def test_without_a_key_none_is_taken_from_the_environment(
    chat: ChatServer, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere.invalid/v1")
    chat.script = [GOOD_PLAN]
    asking(chat, api_key=key).plan("make the dog a tiger", [])
    assert KEY not in chat.requests[0].headers.as_string()


def test_a_key_may_end_in_the_newline_of_its_file(chat: ChatServer) -> None:
    chat.script = [GOOD_PLAN]
    asking(chat, api_key=f"{KEY}\n").plan("make the dog a tiger", [])
    assert chat.requests[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines", "nul\0"])
def test_a_key_no_header_can_carry_is_refused_unseen(key: str) -> None:
    settings = VisionLanguageSettings(base_url="http://127.0.0.1/v1", model="eyes", api_key=key)
    with pytest.raises(VisionLanguageError, match="copy it again") as refused:
        connect(settings)
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    ("base_url", "fault"),
    [
        ("", "malformed"),
        ("127.0.0.1:8000/v1", "malformed"),
        ("http://", "malformed"),
        ("http://[::1", "malformed"),
        ("http://host:eighty/v1", "malformed"),
        ("http://host /v1", "malformed"),
        ("ftp://host/v1", "not http"),
        (f"http://user:{KEY}@host/v1", "give the key as key"),
        (f"https://host/v1?key={KEY}", "give the key as key"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_unseen(base_url: str, fault: str) -> None:
    with pytest.raises(VisionLanguageError, match=fault) as refused:
        connect(VisionLanguageSettings(base_url=base_url, model="eyes"))
    assert KEY not in str(refused.value)


def test_every_error_of_the_client_has_a_translation() -> None:
    """What the client raises comes from one base; the last row of the table takes the rest."""
    from via_engine.models.vision_language import _FAULTS

    kinds = [kind for kind, _ in _FAULTS]
    assert kinds[-1] is openai.OpenAIError
    hidden = [
        later
        for place, kind in enumerate(kinds)
        for later in kinds[place + 1 :]
        if issubclass(later, kind)
    ]
    assert hidden == []
