"""A web server of this machine that answers as told, and time that passes when somebody sleeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from slipway_data.sources.web import Clock

START = 1_800_000_000.0
"""The time on the wall when a test begins."""


@dataclass
class Time:
    """A clock whose sleepers wake at once, later."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.seconds, lambda: START + self.seconds, self.sleep)


@dataclass(frozen=True)
class Asked:
    """A request."""

    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    method: str = "GET"


@dataclass(frozen=True)
class Answer:
    """An answer. `announced` is the length that the header says, where it lies."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None


Site = Callable[[Asked], Answer]


@contextmanager
def serving(site: Site) -> Iterator[str]:
    """Serve `site` and lend its address, without a / at the end."""

    class Handler(BaseHTTPRequestHandler):
        def _asked(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer = site(Asked(self.path, dict(self.headers), body, self.command))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) if answer.announced is None else answer.announced))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = True

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _asked

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
