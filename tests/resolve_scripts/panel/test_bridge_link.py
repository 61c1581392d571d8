"""The line to the bridge: answers find their questions, and no line breaks it."""

from __future__ import annotations

import json
import os
import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolve_scripts.errors import ResolveClosedError, ResolveRefusedError
from resolve_scripts.panel.bridge_link import RENDER_DEADLINE_S, BridgeLink
from tests.resolve_scripts.fake_resolve.build import build
from tests.resolve_scripts.fake_resolve.scene import Scene
from tests.resolve_scripts.panel.linked import bridged


@contextmanager
def scripted(*answers: bytes, dies: bool = False) -> Iterator[BridgeLink]:
    """A link to a bridge that says these lines at the first request, and then may die."""
    out, into = os.pipe()
    with os.fdopen(out, "rb") as lines, os.fdopen(into, "wb", buffering=0) as says:

        def send(_line: bytes) -> None:
            for answer in answers:
                says.write(answer)
            if dies:
                says.close()

        link = BridgeLink(lines, send)
        try:
            yield link
        finally:
            says.close()
            assert link.wait_until_closed(10)


def test_the_bridge_describes_the_timeline() -> None:
    with bridged(build(Scene(timeline="Reel 3"))) as link:
        assert link.call("describe")["timeline"] == "Reel 3"
    assert not link.is_open


def test_a_refusal_keeps_reason_words_and_next_step() -> None:
    error = {"reason": "TRACK_LOCKED", "message": "VIA is locked", "next_step": "unlock it"}
    line = json.dumps({"id": 1, "error": error}).encode() + b"\n"
    with scripted(line) as link, pytest.raises(ResolveRefusedError) as refused:
        link.call("place_clip")
    told = refused.value
    assert (told.reason, told.what, told.next_step) == tuple(error.values())


def test_progress_is_heard_and_is_no_answer() -> None:
    heard: list[int] = []
    progress = b'{"event": "progress", "id": 1, "stage": "rendering", "percent": 40}\n'
    with scripted(progress, b'{"id": 1, "result": {"path": "x"}}\n') as link:
        assert link.call("export_clip", on_percent=heard.append) == {"path": "x"}
    assert heard == [40]


@pytest.mark.parametrize("last", [b'{"event": "closing", "why": "x"}\n', b'{"id": 1, "resu'])
def test_a_bridge_that_goes_ends_what_waits_for_it(last: bytes) -> None:
    with scripted(last, dies=True) as link:
        with pytest.raises(ResolveClosedError, match="Workspace > Scripts"):
            link.call("describe")
        with pytest.raises(ResolveClosedError):
            link.call("describe")


def test_a_silent_bridge_is_given_up() -> None:
    with scripted() as link, pytest.raises(ResolveRefusedError) as silent:
        link.call("describe", deadline_s=0.01)
    assert silent.value.reason == "RESOLVE_SILENT"


def test_what_is_given_up_is_taken_back_from_the_bridge() -> None:
    sent: list[bytes] = []
    out, into = os.pipe()
    with os.fdopen(out, "rb") as lines, os.fdopen(into, "wb", buffering=0):
        link = BridgeLink(lines, sent.append)
        with pytest.raises(ResolveRefusedError):
            link.call("place_clip", deadline_s=0.01)
    asked, taken_back = map(json.loads, sent)
    assert (taken_back["call"], taken_back["arguments"]) == ("cancel", {"id": asked["id"]})


def test_time_behind_a_running_export_does_not_count() -> None:
    out, into = os.pipe()
    sent: queue.Queue[dict[str, Any]] = queue.Queue()
    with os.fdopen(out, "rb") as lines, os.fdopen(into, "wb", buffering=0) as says:
        link = BridgeLink(lines, lambda line: sent.put(json.loads(line)))
        with ThreadPoolExecutor(2) as threads:
            export = threads.submit(link.call, "export_clip", deadline_s=RENDER_DEADLINE_S)
            assert sent.get(timeout=10)["id"] == 1
            placing = threads.submit(link.call, "place_clip", deadline_s=0.05)
            assert sent.get(timeout=10)["id"] == 2
            with pytest.raises(TimeoutError):  # it goes on waiting
                placing.result(0.5)
            says.write(b'{"id": 1, "result": {"path": "x"}}\n{"id": 2, "result": 5}\n')
            assert (export.result(10), placing.result(10)) == ({"path": "x"}, 5)


junk = st.binary(max_size=60).map(lambda data: data.replace(b"\n", b" ") + b"\n")
ids = st.none() | st.integers(-2, 3) | st.text(max_size=3) | st.lists(st.integers(), max_size=1)
odd = st.fixed_dictionaries(
    {"id": ids}, optional={"event": st.sampled_from(["hello", "progress", 7]), "percent": ids}
).map(lambda message: json.dumps(message).encode() + b"\n")


@given(st.lists(junk | odd.filter(lambda line: b'"id": 1' not in line), max_size=8))
def test_no_line_keeps_the_answer_from_arriving(lines: list[bytes]) -> None:
    with scripted(*lines, b'{"id": 1, "result": 5}\n') as link:
        assert link.call("describe", deadline_s=10) == 5


def test_a_line_of_ten_megabytes_is_an_answer_like_others() -> None:
    with bridged(build(Scene())) as link:
        assert link.call("say", {"message": ""}) == {}
        with pytest.raises(ResolveRefusedError) as refused:
            link.call("focus", {"frame": "x" * 10_000_000})
        assert refused.value.reason == "ARGUMENT_INVALID"
