"""What does the client do when a server is busy, slow, strange, or has new credentials?"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from slipway.kube.api import (
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Server,
    Timeout,
    TooMany,
    Unreachable,
    error_for,
)
from slipway.kube.client import KubeClient
from slipway.kube.connection import InCluster
from slipway.metrics.operator import OperatorMetrics

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
POD = "/api/v1/namespaces/demo/pods/one"


class Plain:
    """A connection to a test server."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.tokens = ["old", "new"]

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.tokens[0]}"}

    def tls(self) -> ssl.SSLContext | bool:
        return True

    def forget(self) -> None:
        self.tokens.pop(0)


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[Handler], Awaitable[KubeClient]]]:
    ends: list[Callable[[], Awaitable[None]]] = []

    async def start(handler: Handler) -> KubeClient:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        server = TestServer(app)
        await server.start_server()
        connection = Plain(str(server.make_url("/")).rstrip("/"))
        client = KubeClient(connection, OperatorMetrics(), concurrency=2, request_timeout=0.3)  # type: ignore[arg-type]
        ends.extend([client.close, server.close])
        return client

    yield start
    for end in ends:
        await end()


Connect = Callable[[Handler], Awaitable[KubeClient]]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (422, Invalid),
        (429, TooMany),
        (500, Server),
        (503, Server),
        (504, Timeout),
        (418, ApiError),
    ],
)
def test_every_status_has_its_error(status: int, kind: type[ApiError]) -> None:
    error = error_for(status, {"message": "words", "reason": "Why", "details": {"retryAfterSeconds": 7}})
    assert type(error) is kind
    assert (str(error), error.reason, error.retry_after) == ("words", "Why", 7.0)


async def test_apply_sends_a_forced_server_side_apply(connect: Connect) -> None:
    seen = {}

    async def answer(request: web.Request) -> web.Response:
        seen.update(method=request.method, path=request.path, query=dict(request.query), type=request.content_type)
        return web.json_response({**json.loads(await request.read()), "ok": True})

    client = await connect(answer)
    root = {"apiVersion": "slipway.dev/v1alpha1", "kind": "Dataset", "metadata": {"name": "d", "namespace": "demo"}}
    assert (await client.apply(root, manager="slipway-status", subresource="status"))["ok"]
    assert seen == {
        "method": "PATCH",
        "path": "/apis/slipway.dev/v1alpha1/namespaces/demo/datasets/d/status",
        "query": {"fieldManager": "slipway-status", "force": "true", "fieldValidation": "Ignore"},
        "type": "application/apply-patch+yaml",
    }


async def test_a_busy_server_is_left_alone_by_every_call(connect: Connect) -> None:
    at: list[float] = []

    async def answer(_: web.Request) -> web.Response:
        at.append(asyncio.get_running_loop().time())
        if len(at) == 1:
            return web.json_response({"message": "busy"}, status=429, headers={"Retry-After": "1"})
        return web.json_response({"kind": "Pod"})

    client = await connect(answer)
    with pytest.raises(TooMany) as caught:
        await client.get("Pod", "demo", "one")
    assert caught.value.retry_after == 1.0
    client._timeout = 5
    await client.get("Pod", "demo", "two")
    assert at[1] - at[0] >= 0.99


async def test_a_slow_answer_is_a_timeout_and_frees_its_slot(connect: Connect) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("slow"):
            await asyncio.sleep(30)
        return web.json_response({"kind": "Pod"})

    client = await connect(answer)
    for _ in range(3):  # more than there are slots
        with pytest.raises(Timeout):
            await client.get("Pod", "demo", "slow")
    assert await client.get("Pod", "demo", "fast")


async def test_concurrency_is_bounded(connect: Connect) -> None:
    now = most = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return web.json_response({"kind": "Pod"})

    client = await connect(answer)
    await asyncio.gather(*(client.get("Pod", "demo", str(i)) for i in range(8)))
    assert most == 2


async def test_a_refused_token_is_read_again_once(connect: Connect) -> None:
    async def answer(request: web.Request) -> web.Response:
        good = request.headers["Authorization"] == "Bearer new"
        return web.json_response({"kind": "Pod"}, status=200 if good else 401)

    assert await (await connect(answer)).get("Pod", "demo", "one")


async def test_an_answer_without_json_is_still_an_error_with_words(connect: Connect) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=502, text="bad gateway")

    with pytest.raises(Server, match="bad gateway"):
        await (await connect(answer)).get("Pod", "demo", "one")


async def test_nobody_listening_is_unreachable() -> None:
    client = KubeClient(Plain("http://127.0.0.1:1"), OperatorMetrics())  # type: ignore[arg-type]
    with pytest.raises(Unreachable):
        await client.get("Pod", "demo", "one")
    await client.close()


async def test_a_watch_reads_lines_of_any_length_and_ends_with_the_stream(connect: Connect) -> None:
    big = {"type": "ADDED", "object": {"metadata": {"name": "x" * 500_000}}}
    small = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.query["resourceVersion"] == "5"
        assert request.query["allowWatchBookmarks"] == "true"
        stream = web.StreamResponse()
        await stream.prepare(request)
        for line in (big, small):
            await stream.write(json.dumps(line).encode() + b"\n")
        return stream

    client = await connect(answer)
    events = [event async for event in client.watch("Pod", None, since="5")]
    assert [event.type for event in events] == ["BOOKMARK", "ADDED", "BOOKMARK"]
    assert events[0].object["metadata"]["resourceVersion"] == "5"
    assert len(events[1].object["metadata"]["name"]) == 500_000


async def test_an_error_line_in_a_watch_is_raised(connect: Connect) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        status = {"kind": "Status", "code": 410, "message": "too old resource version"}
        return web.Response(body=json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")

    client = await connect(answer)
    async with aclosing(client.watch("Pod", None, since="5")) as stream:
        assert (await anext(stream)).type == "BOOKMARK"
        with pytest.raises(Gone):
            await anext(stream)


async def test_pages_follow_the_continue_token(connect: Connect) -> None:
    async def answer(request: web.Request) -> web.Response:
        meta = {"resourceVersion": "7"}
        if "continue" not in request.query:
            meta["continue"] = "more"
        return web.json_response({"metadata": meta, "items": [{"metadata": {"name": request.query.get("continue")}}]})

    client = await connect(answer)
    pages = [page async for page in client.pages("Pod", "demo", selector="a", limit=1)]
    assert [page.items[0]["metadata"]["name"] for page in pages] == [None, "more"]
    assert pages[0].items[0]["kind"] == "Pod"


def test_a_rotated_token_and_ca_are_noticed(tmp_path: Path) -> None:
    now = [0.0]
    ca = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    (tmp_path / "token").write_text("one\n")
    (tmp_path / "ca.crt").write_bytes(Path(ca).read_bytes())
    environment = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    connection = InCluster(tmp_path, environment, lambda: now[0])
    assert connection.server == "https://10.96.0.1:443"
    assert connection.headers() == {"Authorization": "Bearer one"}
    first = connection.tls()
    (tmp_path / "token").write_text("two")
    assert connection.headers() == {"Authorization": "Bearer one"}
    now[0] = 61
    assert connection.headers() == {"Authorization": "Bearer two"}
    (tmp_path / "token").write_text("three")
    connection.forget()
    assert connection.headers() == {"Authorization": "Bearer three"}
    assert connection.tls() is first
    os.utime(tmp_path / "ca.crt", ns=(1, 1))
    assert connection.tls() is not first
    assert connection.for_kopf().token == "three"
