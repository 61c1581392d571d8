"""The vision-language model behind an OpenAI-compatible address: planner and judge of edits.

The one importer of `openai`. The key goes into the requests and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import openai
from openai.types.chat import ChatCompletion, ChatCompletionContentPartParam

from via_engine.config import VisionLanguageSettings
from via_engine.errors import VisionLanguageError
from via_engine.models.vision_answers import (
    Answer,
    AnswerForm,
    JudgeAnswer,
    PlanAnswer,
    Preference,
)
from via_engine.models.vision_questions import (
    Frame,
    Question,
    judge_question,
    plan_question,
    preference_question,
)

_RETRIES = 2
# An answer that cannot be read is asked for once more.
_READINGS = 2
# Servers that want no key get a word in its place; without any the client reads the environment.
_NO_KEY = "none"
# What not every server or model takes, and how they say so.
_OPTIONS = frozenset({"response_format", "temperature"})
_OPTION_REFUSALS = (400, 422, 501)
_TOLD_CHARACTERS = 300

# Most special first: the first kind that fits is told.
_FAULTS: tuple[tuple[type[openai.OpenAIError], str], ...] = (
    (openai.APITimeoutError, "gave no answer in time; allow it more time or use a faster model"),
    (openai.APIConnectionError, "is out of reach; check the address and that the server runs"),
    (openai.AuthenticationError, "refuses the key; set one that is valid there"),
    (openai.PermissionDeniedError, "does not allow this; set a key that may use the model"),
    (openai.NotFoundError, "is not there; check its name, and the address, mostly ending in /v1"),
    (openai.RateLimitError, "lets no more requests through; try later or raise the quota there"),
    (openai.BadRequestError, "refuses the request; check that the model takes images"),
    (openai.OpenAIError, "failed; look into the server's log or use another model"),
)


@dataclass(kw_only=True)
class JobCalls:
    """What one job has asked so far, and what it learnt of the server by that.

    Attributes:
        most: calls the job may make. A call counts once, also when the client repeats it after a
            fault of the server, or when the server refuses one of its options.
        made: calls made so far.
        refused_options: request options the server does not take.
    """

    most: int
    made: int = 0
    refused_options: frozenset[str] = frozenset()

    @property
    def left(self) -> int:
        """Calls the job may still make."""
        return max(self.most - self.made, 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class VisionLanguage:
    """Asks a vision-language model. Frames are (H, W, 3) uint8 RGB of any size, also mixed.

    Every question may raise VisionLanguageError: the server is out of reach, slow, refuses or
    fails; its answer cannot be read, twice; the job's calls are used up; a frame is none. An edit
    can do without its answers: there are the local planner and the critic.

    Attributes:
        settings: address, model and limits.
        client: keeps its connections between jobs, and repeats what failed by chance.
        calls: of the job that asks; `for_job` begins a new count.
    """

    settings: VisionLanguageSettings
    client: openai.OpenAI = field(repr=False)
    calls: JobCalls

    def for_job(self) -> VisionLanguage:
        """The same model with all `settings.max_calls` still to spend."""
        return replace(self, calls=JobCalls(most=self.settings.max_calls))

    def plan(self, instruction: str, frames: Sequence[Frame]) -> PlanAnswer:
        """What the instruction asks for in a clip that looks like `frames`. One call.

        Without frames the instruction alone is planned, which a model without eyes can do.
        """
        return self._ask(plan_question(instruction, frames))

    def judge(self, source: Frame, edited: Frame, instruction: str) -> JudgeAnswer:
        """Scores of an edit of `source`. One call."""
        return self._ask(judge_question(source, edited, instruction))

    def prefer(self, source: Frame, first: Frame, second: Frame, instruction: str) -> Preference:
        """Which edit of `source` is better. Two calls.

        Asked in both orders, as models favour a place; a tie when the two answers differ.
        """
        verdict = self._ask(preference_question(source, first, second, instruction))
        crossed = self._ask(preference_question(source, second, first, instruction))
        return verdict if verdict is crossed.swapped else Preference.TIE

    def _ask(self, question: Question[Answer]) -> Answer:
        content = _content(question)
        fault = ""
        # With no call left the first reply says so.
        for _ in range(min(_READINGS, self.calls.left) or 1):
            reply = self._reply(question.form, content)
            try:
                return question.form.read(reply)
            except ValueError as error:
                fault = str(error)
            reminder = f"Your last answer could not be read: {fault}. Give the JSON object only."
            content = [*content, {"type": "text", "text": reminder}]
        raise self._error(f"gives unreadable answers: {fault}; use a model that writes plain JSON")

    def _reply(
        self, form: AnswerForm[Answer], content: list[ChatCompletionContentPartParam]
    ) -> str:
        """The text of the model's reply, empty when it wrote none."""
        if not self.calls.left:
            raise self._error(f"had the {self.calls.most} calls a job may make; allow it more")
        self.calls.made += 1
        completion = self._completion(form, content)
        try:
            choice = completion.choices[0]
            refusal, text = choice.message.refusal, choice.message.content
        except (AttributeError, IndexError, TypeError):
            # The client checks no types: what is no chat completion shows only here.
            raise self._error("sent no chat completion; check that it is a chat model") from None
        if refusal or choice.finish_reason == "content_filter":
            raise self._error(f"declines ({refusal}); say the instruction in other words")
        return text if isinstance(text, str) else ""

    def _completion(
        self, form: AnswerForm[Answer], content: list[ChatCompletionContentPartParam]
    ) -> ChatCompletion:
        """The reply as the client gives it, asked for with fewer options when some are refused."""
        try:
            return self._create(form, content)
        except openai.OpenAIError as error:
            refused, fault = self._refused_options(error), self._translated(error)
        except ValueError:
            refused, fault = frozenset[str](), self._error("sent a damaged answer; ask again")
        # Out here, so that it has no context: the client's error holds the request with the key.
        if not refused:
            raise fault
        self.calls.refused_options |= refused
        return self._completion(form, content)

    def _create(
        self, form: AnswerForm[Answer], content: list[ChatCompletionContentPartParam]
    ) -> ChatCompletion:
        refused = self.calls.refused_options
        return self.client.chat.completions.create(
            model=self.settings.model,
            # All from the user: templates of many local models know no system message.
            messages=[{"role": "user", "content": content}],
            temperature=openai.omit if "temperature" in refused else 0,
            response_format=openai.omit
            if "response_format" in refused
            else {
                "type": "json_schema",
                "json_schema": {"name": form.name, "schema": form.schema, "strict": True},
            },
        )

    def _refused_options(self, error: openai.OpenAIError) -> frozenset[str]:
        """The options to leave out next time: those the server names, else all it was given."""
        if not isinstance(error, openai.APIStatusError):
            return frozenset()
        if error.status_code not in _OPTION_REFUSALS:
            return frozenset()
        given = _OPTIONS - self.calls.refused_options
        said = f"{error.param} {error.message} {error.body}"
        return frozenset(option for option in given if option in said) or given

    def _translated(self, error: openai.OpenAIError) -> VisionLanguageError:
        fault = next(fault for kind, fault in _FAULTS if isinstance(error, kind))
        return self._error(f"{fault} ({error})")

    def _error(self, fault: str) -> VisionLanguageError:
        """The error that says so in one line, the key struck out should the server repeat it."""
        key = self.settings.api_key.strip()
        told = " ".join((fault.replace(key, "***") if key else fault).split())[:_TOLD_CHARACTERS]
        model = f"{self.settings.model!r} at {self.settings.base_url}"
        return VisionLanguageError(f"the vision-language model {model} {told}")


def connect(settings: VisionLanguageSettings, *, retries: int = _RETRIES) -> VisionLanguage:
    """The model of these settings. Nothing is sent before the first question.

    A request that fails by chance is repeated up to `retries` times by the client, after a pause
    that grows or that the server asks for; each try may take `settings.timeout_s`.

    Raises:
        VisionLanguageError: the address or the key cannot be used.
    """
    _check_address(settings.base_url)
    key = settings.api_key.strip() or _NO_KEY
    if not (key.isascii() and key.isprintable()):
        raise VisionLanguageError(
            "the key of the vision-language model holds characters no key has; copy it again"
        )
    client = openai.OpenAI(
        base_url=settings.base_url, api_key=key, timeout=settings.timeout_s, max_retries=retries
    )
    calls = JobCalls(most=settings.max_calls)
    return VisionLanguage(settings=settings, client=client, calls=calls)


def _check_address(base_url: str) -> None:
    # Never shown here: what is wrong with it may be a key inside.
    example = "give one such as http://127.0.0.1:8000/v1"
    try:
        address = urlsplit(base_url)
        has_host = bool(address.hostname) and address.port != 0
    except ValueError:
        has_host = False
    if not (has_host and base_url.isascii() and base_url.isprintable() and " " not in base_url):
        raise VisionLanguageError(f"the vision-language model's address is malformed; {example}")
    if address.scheme not in ("http", "https"):
        raise VisionLanguageError(
            f"the vision-language model's address is not http or https; {example}"
        )
    if address.username or address.password or address.query:
        raise VisionLanguageError(
            "the vision-language model's address holds more than host and path; "
            f"give the key as key, as addresses stand in logs; {example}"
        )


def _content(question: Question[Answer]) -> list[ChatCompletionContentPartParam]:
    content: list[ChatCompletionContentPartParam] = [{"type": "text", "text": question.whole_text}]
    for label, url in question.pictures:
        content.append({"type": "text", "text": label})
        content.append({"type": "image_url", "image_url": {"url": url}})
    return content
