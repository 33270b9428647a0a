"""Does the real Envoy, with the image's configuration, count what clients see and leave without losing a request?"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.api.analysis import ErrorRate
from slipway.api.measures import FeedbackMetric
from slipway.rollout.analysis import votes
from slipway.rollout.analysis.counted import Counts, counts, histogram
from slipway.rollout.analysis.queries import CODE, RESET
from tests.unit.rollout.toy_engine import ToyEngine

IMAGE = Path(__file__).parents[3] / "images" / "serve-proxy"
ENVOY = shutil.which("envoy", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


class Proxy:
    """A running Envoy on free ports."""

    def __init__(self, engine: ToyEngine, folder: Path) -> None:
        self.engine = engine
        self.serving, self.status, self.admin, self.feedback, self.votes = (_free_port() for _ in range(5))
        config = (IMAGE / "envoy.yaml").read_text()
        ports = {8080: self.serving, 8081: engine.port, 8082: self.feedback}
        ports |= {9901: self.status, 9902: self.admin, 9903: self.votes}
        for old, new in ports.items():
            config = re.sub(rf"port_value: {old}\b", f"port_value: {new}", config)
        path = folder / "envoy.yaml"
        path.write_text(config)
        assert ENVOY is not None
        command = [
            ENVOY,
            "--config-path",
            str(path),
            "--disable-hot-restart",
            "--concurrency",
            "1",
            "--log-level",
            "error",
        ]
        environment = os.environ | {"SLIPWAY_VERSION": "assistant-1.0.0", "SLIPWAY_REVISION": "abc"}
        self.process = subprocess.Popen(command, env=environment)
        _eventually(lambda: self.get("/proxy/ready", self.status)[0] == 200)

    def get(self, path: str, port: int | None = None) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.serving, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def series(self) -> list[tuple[dict[str, str], float]]:
        """Return the serving series as the room's query would bring them."""
        text = self.get("/stats/prometheus", self.status)[2].decode()
        found = []
        for line in text.splitlines():
            match = re.match(r"(\w+)\{(.*)\} (\S+)$", line)
            if match is None or 'envoy_http_conn_manager_prefix="serving"' not in match[2]:
                continue
            labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2])) | {"revision": "abc"}
            if match[1] == "envoy_http_downstream_rq_tx_reset":
                labels |= {CODE: RESET}
            if match[1] in ("envoy_http_downstream_rq_xx", "envoy_http_downstream_rq_tx_reset"):
                found.append((labels, float(match[3])))
            elif match[1] == "envoy_http_downstream_rq_time_bucket":
                found.append((labels | {CODE: "bucket"}, float(match[3])))
        return found

    def vote(self, method: str, path: str, body: bytes = b"") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.feedback, timeout=10)
        try:
            connection.request(method, path, body)
            return connection.getresponse().status
        finally:
            connection.close()

    def votes_by_route(self) -> dict[str, int]:
        text = self.get("/stats/prometheus", self.status)[2].decode()
        found = re.findall(
            rf'^{votes.SERIES}\{{envoy_virtual_host="feedback",envoy_route="(\w+)"\}} (\d+)$', text, re.M
        )
        return {name: int(count) for name, count in found}

    def counts(self) -> Counts:
        return counts(self.series(), "abc", ErrorRate(max_percent="1"))


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    engine = ToyEngine()
    running = Proxy(engine, tmp_path)
    yield running
    engine.go.set()
    running.process.kill()
    running.process.wait()
    engine.shutdown()
    engine.server_close()


def test_every_series_is_there_before_the_first_request(proxy: Proxy) -> None:
    classes = {labels[CODE] for labels, _ in proxy.series()}
    assert {"2", "4", "5", RESET, "bucket"} <= classes, "else increase() would miss the first requests"
    assert proxy.counts() == Counts(0, 0)


def test_what_clients_see_is_what_is_counted(proxy: Proxy) -> None:
    for code in (200, 200, 400, 500):
        status, headers, _ = proxy.get(f"/v1/code/{code}")
        assert status == code
        assert (headers["x-slipway-version"], headers["x-slipway-revision"]) == ("assistant-1.0.0", "abc")
    status, headers, _ = proxy.get("/v1/reset")
    assert status == 503
    assert headers["x-slipway-version"] == "assistant-1.0.0"
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        proxy.get("/v1/broken")
    _eventually(lambda: proxy.counts() == Counts(6, 3))
    assert counts(proxy.series(), "abc", ErrorRate(max_percent="1", failures=["ClientError"])) == Counts(6, 1)
    _eventually(lambda: histogram([(x, v) for x, v in proxy.series() if "le" in x], "abc").total >= 4)


def test_an_engine_that_is_gone_is_a_server_error(proxy: Proxy) -> None:
    proxy.engine.shutdown()
    proxy.engine.server_close()
    assert proxy.get("/v1/code/200")[0] == 503
    assert proxy.get("/engine/health", proxy.status)[0] == 503
    assert proxy.counts() == Counts(1, 1)


def test_a_client_that_goes_away_is_no_failure_of_the_version(proxy: Proxy) -> None:
    client = socket.create_connection(("127.0.0.1", proxy.serving))
    client.sendall(b"GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\n")
    assert proxy.engine.started.wait(10)
    client.close()
    _eventually(lambda: _active(proxy) == 0)
    assert proxy.counts().failures == 0


def test_probes_and_scrapes_are_not_requests_and_the_admin_is_closed(proxy: Proxy) -> None:
    assert proxy.get("/engine/health", proxy.status)[0] == 200
    assert proxy.get("/proxy/ready", proxy.status)[0] == 200
    for path in ("/quitquitquit", "/config_dump", "/stats", "/"):
        assert proxy.get(path, proxy.status)[0] == 404
    assert proxy.counts() == Counts(0, 0)


def test_only_the_api_is_served(proxy: Proxy) -> None:
    for path in ("/lora-adapters", "/slots", "/metrics", "/health"):
        assert proxy.get(path)[0] == 404


def test_votes_are_counted_by_kind_and_are_no_requests(proxy: Proxy) -> None:
    known = {"up", "down", *(f"rating_{rating}" for rating in votes.RATINGS)}
    assert proxy.votes_by_route() == dict.fromkeys(known, 0), "else increase() would miss the first vote"
    for path in ("up", "up", "down", "rating/1", "rating/2", "rating/3", "rating/5"):
        assert proxy.vote("POST", f"/feedback/{path}") == 204
    for method, path in (("GET", "up"), ("POST", "rating/6"), ("POST", "rating/0"), ("POST", "up/x"), ("POST", "")):
        assert proxy.vote(method, f"/feedback/{path}") == 404
    expected = {"up": 2, "down": 1, "rating_1": 1, "rating_2": 1, "rating_3": 1, "rating_4": 0, "rating_5": 1}
    _eventually(lambda: proxy.votes_by_route() == expected)
    assert proxy.counts() == Counts(0, 0)
    classes = votes.routes(FeedbackMetric(max_negative_percent="20", negative_ratings=2))
    counted = {
        code: sum(n for name, n in expected.items() if re.fullmatch(names, name)) for code, names in classes.items()
    }
    assert counted == {"2": 4, "5": 3}


def test_draining_waits_for_open_requests_and_closes_connections(proxy: Proxy) -> None:
    answers: list[tuple[int, dict[str, str], bytes]] = []
    slow = threading.Thread(target=lambda: answers.append(proxy.get("/v1/slow")))
    slow.start()
    assert proxy.engine.started.wait(10)
    source = (IMAGE / "drain.py").read_text().replace(":9902", f":{proxy.admin}")
    drain = subprocess.Popen([sys.executable, "-c", source, "0.1"])
    _eventually(lambda: proxy.get("/proxy/ready", proxy.status)[0] == 503)
    status, headers, _ = proxy.get("/v1/code/200")
    assert status == 200, "a request that a slow gateway still sends is served"
    assert headers.get("connection") == "close"
    assert drain.poll() is None, "a request is open"
    proxy.engine.go.set()
    slow.join(10)
    assert answers[0][0] == 200
    assert drain.wait(10) == 0


def _active(proxy: Proxy) -> int:
    text = proxy.get("/stats/prometheus", proxy.status)[2].decode()
    found = re.search(r"^envoy_http_downstream_rq_active\{[^}]*serving[^}]*\} (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else -1


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _eventually(holds, seconds: float = 15.0) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except OSError:
            pass
        if time.monotonic() > end:
            raise AssertionError("never became true")
        time.sleep(0.05)
