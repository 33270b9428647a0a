"""Is every answer of Prometheus read as what it is?"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from slipway.metrics.prometheus import BadQuery, Malformed, Prometheus, Unavailable, parse
from slipway.plan import PrometheusQuery


def success(kind: str, result: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def test_vectors_scalars_and_nothing() -> None:
    vector = [{"metric": {"pod": "a"}, "value": [1.0, "0.25"]}, {"metric": {}, "value": [1.0, "3"]}]
    assert parse(200, success("vector", vector)) == (({"pod": "a"}, 0.25), ({}, 3.0))
    assert parse(200, success("scalar", [1.0, "42"])) == (({}, 42.0),)
    assert parse(200, success("vector", [])) == ()


def test_nan_and_infinities_stay_what_they_are() -> None:
    values = [{"metric": {}, "value": [1.0, text]} for text in ("NaN", "+Inf", "-Inf", "0")]
    found = [value for _, value in parse(200, success("vector", values))]
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf, 0.0]


@pytest.mark.parametrize(
    ("status", "raw", "error"),
    [
        (400, b'{"status":"error","error":"parse error at char 3"}', BadQuery),
        (422, b'{"status":"error","error":"many-to-many matching"}', BadQuery),
        (503, b'{"status":"error","error":"query timed out"}', Unavailable),
        (200, b'{"status":"error","error":"odd"}', Unavailable),
        (502, b"<html>bad gateway</html>", Unavailable),
        (200, b"<html>login</html>", Malformed),
        (200, b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}', Malformed),
        (200, b'{"status":"success"}', Malformed),
        (200, success("matrix", []), BadQuery),
    ],
)
def test_failures_have_types(status: int, raw: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse(status, raw)


Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[Prometheus]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers: list[TestServer] = []
    clients: list[Prometheus] = []

    async def start(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Prometheus:
        app = web.Application()
        app.router.add_post("/api/v1/query", answer)
        server = TestServer(app)
        await server.start_server()
        client = Prometheus(str(server.make_url("/")), timeout=0.2)
        servers.append(server)
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()
    for server in servers:
        await server.close()


async def test_a_query_is_sent_as_it_is(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.Response:
        query = (await request.post())["query"]
        return web.Response(body=success("vector", [{"metric": {"query": query}, "value": [1, "1"]}]))

    client = await serve(answer)
    query = 'sum(rate(x{a="+&é"}[30s]))'
    found = await client.ask(PrometheusQuery(query))
    assert found.error == ""
    assert found.series == (({"query": query}, 1.0),)


async def test_slowness_and_absence_are_answers_with_an_error(serve: Serve) -> None:
    async def never(_: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    assert "no answer within 0.2 s" in (await (await serve(never)).ask(PrometheusQuery("up"))).error
    gone = Prometheus("http://127.0.0.1:1")
    assert "cannot be reached" in (await gone.ask(PrometheusQuery("up"))).error
    await gone.close()
    assert "set prometheus.url" in (await Prometheus("").ask(PrometheusQuery("up"))).error
