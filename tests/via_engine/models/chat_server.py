"""A small server that speaks OpenAI's chat API on loopback, answering by script."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LONGEST_WAIT_S = 30


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    path: str
    headers: Message
    body: dict[str, Any]

    @property
    def parts(self) -> list[dict[str, Any]]:
        """Texts and pictures of the one message."""
        (message,) = self.body["messages"]
        parts: list[dict[str, Any]] = message["content"]
        return parts

    @property
    def text(self) -> str:
        return "\n".join(part["text"] for part in self.parts if part["type"] == "text")

    @property
    def pictures(self) -> list[str]:
        return [part["image_url"]["url"] for part in self.parts if part["type"] == "image_url"]


@dataclass(frozen=True, kw_only=True)
class ChatReply:
    status: int = 200
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NoReply:
    """Keeps the client waiting until the server stops."""


Answerer = Callable[[ChatRequest], ChatReply | NoReply]


@dataclass(kw_only=True)
class ChatServer:
    """Gives the replies of `script` in their order, the last one for ever."""

    script: list[ChatReply | NoReply | Answerer] = field(default_factory=list)
    requests: list[ChatRequest] = field(default_factory=list)
    base_url: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)

    def reply_to(self, request: ChatRequest) -> ChatReply | NoReply:
        step = self.script[min(len(self.requests), len(self.script) - 1)]
        self.requests.append(request)
        return step(request) if callable(step) else step


def says(text: str | None, *, finish_reason: str = "stop", refusal: str | None = None) -> ChatReply:
    """A chat completion whose message is `text`."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "finish_reason": finish_reason, "message": message}
    completion = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return ChatReply(body=json.dumps({**completion, "choices": [choice]}))


def fails(
    status: int, message: str, *, param: str | None = None, headers: Mapping[str, str] | None = None
) -> ChatReply:
    """An error in the form of OpenAI's API."""
    body = {"error": {"message": message, "type": "test", "param": param, "code": None}}
    return ChatReply(status=status, body=json.dumps(body), headers=headers or {})


@contextmanager
def running_chat_server() -> Iterator[ChatServer]:
    chat = ChatServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = json.loads(self.rfile.read(length))
            reply = chat.reply_to(ChatRequest(path=self.path, headers=self.headers, body=body))
            if isinstance(reply, NoReply):
                chat.stopping.wait(LONGEST_WAIT_S)
                return
            data = reply.body.encode()
            self.send_response(reply.status)
            headers = {"content-type": "application/json", "content-length": str(len(data))}
            for name, value in {**headers, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Nothing on the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        chat.base_url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield chat
        finally:
            chat.stopping.set()
            server.shutdown()
            thread.join()
