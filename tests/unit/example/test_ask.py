"""The served model is asked as users ask it: through the gateway, by its host name."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from e2e.example import ask as asking
from e2e.example.ask import NotAnswered, ask, through
from e2e.example.cast import BLENDER

QUESTION = [{"role": "system", "content": "You write Python."}, {"role": "user", "content": "Add a cube."}]


class Gateway(ThreadingHTTPServer):
    """Answers with the statuses it is given, one after the other, and then with 200."""

    statuses: list[int]
    seen: list[dict[str, Any]]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Gateway)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append({"host": self.headers["Host"], "path": self.path, "body": body})
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        told = {"choices": [{"message": {"content": "import bpy"}, "finish_reason": "stop"}]}
        answer = json.dumps(told).encode() if status == 200 else b"no such host"
        self.send_response(status)
        self.send_header("x-slipway-version", BLENDER.version)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setattr(asking.time, "sleep", lambda _: None)
    server = Gateway(("127.0.0.1", 0), Handler)
    server.statuses, server.seen = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url(gateway: Gateway) -> str:
    return f"http://127.0.0.1:{gateway.server_address[1]}"


def test_a_question_reaches_the_host_and_its_answer_says_who_gave_it(gateway: Gateway) -> None:
    said = ask(through(url(gateway), BLENDER), BLENDER, QUESTION)
    assert (said.question, said.text, said.cut, said.version) == ("Add a cube.", "import bpy", False, BLENDER.version)
    [seen] = gateway.seen
    assert (seen["host"], seen["path"]) == (BLENDER.hostname, "/v1/chat/completions")
    assert seen["body"]["messages"] == QUESTION
    assert (seen["body"]["max_tokens"], seen["body"]["temperature"]) == (BLENDER.answer_tokens, 0)


def test_a_host_that_is_not_known_yet_is_asked_again(gateway: Gateway) -> None:
    gateway.statuses = [404, 503]
    assert ask(through(url(gateway), BLENDER), BLENDER, QUESTION).text == "import bpy"
    assert len(gateway.seen) == 3


def test_what_is_no_answer_is_told_at_once(gateway: Gateway) -> None:
    gateway.statuses = [400]
    with pytest.raises(NotAnswered, match="status 400: no such host"):
        ask(through(url(gateway), BLENDER), BLENDER, QUESTION)


def test_patience_with_a_gateway_ends(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PATIENCE_SECONDS", 0.0)
    gateway.statuses = [404]
    with pytest.raises(NotAnswered, match="status 404"):
        ask(through(url(gateway), BLENDER), BLENDER, QUESTION)


def test_an_answer_that_was_cut_says_so() -> None:
    def post(_: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
        return {"choices": [{"message": {"content": None}, "finish_reason": "length"}]}, "v"

    said = ask(post, BLENDER, QUESTION)
    assert (said.text, said.cut) == ("", True)
