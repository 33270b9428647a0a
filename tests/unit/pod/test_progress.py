"""Are the newest figures pushed, and is nothing ever disturbed by a push?"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from slipway.contract.progress import PATH, Progress
from slipway_pod.progress import Reporter
from slipway_pod.stop import StopFlag

Seen = list[tuple[str, str, dict[str, object]]]


@pytest.fixture
def token(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("secret-token\n")
    return tmp_path / "token"


@pytest.fixture
def server() -> Iterator[tuple[str, Seen]]:
    seen: Seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.path, self.headers["Authorization"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}/", seen
        listening.shutdown()
        thread.join()


def test_the_newest_figures_arrive_and_old_ones_are_skipped(server: tuple[str, Seen], token: Path) -> None:
    url, seen = server
    with Reporter(url, token=token, interval=3600) as reporter:
        for step in range(1, 1001):
            reporter.update(Progress(step=step, steps=1000, loss=0.5))
    assert seen[-1] == (PATH, "Bearer secret-token", {"phase": "", "step": 1000, "steps": 1000, "loss": 0.5})
    assert len(seen) <= 3


def test_what_comes_during_the_last_but_one_push_is_not_lost(token: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began, go_on, pushed = threading.Event(), threading.Event(), list[int]()

    def push(self: Reporter, progress: Progress) -> None:
        began.set()
        assert go_on.wait(30)
        pushed.append(progress.step or 0)

    monkeypatch.setattr(Reporter, "_push", push)
    reporter = Reporter("http://operator.invalid", token=token, interval=3600)
    reporter.update(Progress(step=1, steps=2))
    assert began.wait(30)
    reporter.update(Progress(step=2, steps=2))
    closing = threading.Thread(target=reporter.close)
    closing.start()
    assert reporter._closing.wait(30)
    go_on.set()
    closing.join(30)
    assert pushed == [1, 2]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://name.invalid", "gopher://what", ""])
def test_no_trouble_reaches_the_caller(url: str, token: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Reporter(url, token=token, interval=0.001) as reporter:
        reporter.update(Progress(step=1, steps=2))
    assert ("progress is not shown" in caplog.text) == bool(url)


def test_a_missing_token_is_no_fault(server: tuple[str, Seen], tmp_path: Path) -> None:
    url, seen = server
    with Reporter(url, token=tmp_path / "none") as reporter:
        reporter.update(Progress(step=1, steps=2))
    assert seen == []


def test_stop_is_remembered() -> None:
    flag = StopFlag()
    assert not flag.is_set()
    assert flag.seconds == 0
    assert not flag.wait(0)
    flag.set()
    assert flag.is_set()
    assert flag.wait(0)
    assert flag.seconds >= 0
