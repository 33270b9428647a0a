"""Is every answer of Prometheus read as what it is?"""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import pytest
from aiohttp import web

from slipway.metrics.credentials import Files
from slipway.metrics.errors import BadQuery, Malformed, SourceError, Unavailable
from slipway.metrics.prometheus import parse
from slipway.plan import Access, PrometheusQuery, SecretKey, Server
from tests.unit.metrics.servers import Bench, Cluster


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
        (401, b"who are you?", Unavailable),
        (200, b"[]", Malformed),
    ],
)
def test_failures_have_types(status: int, raw: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse(status, raw)


def test_what_is_not_prometheus_is_not_quoted() -> None:
    with pytest.raises(SourceError) as found:
        parse(200, b"<html>internal wiki: the password is 1234</html>")
    assert "1234" not in str(found.value)


async def one(request: web.Request) -> web.Response:
    labels = {"query": (await request.post())["query"], "who": request.headers.get("Authorization", "nobody")}
    return web.Response(body=success("vector", [{"metric": labels, "value": [1, "1"]}]))


async def test_a_query_is_sent_as_it_is(bench: Bench) -> None:
    query = 'sum(rate(x{a="+&é"}[30s]))'
    found = await bench.sources(await bench.serve(one, "/api/v1/query")).ask(PrometheusQuery(query))
    assert found.error == ""
    assert found.series == (({"query": query, "who": "nobody"}, 1.0),)


async def test_slowness_and_absence_are_answers_with_an_error(bench: Bench) -> None:
    async def never(_: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    up = PrometheusQuery("up")
    slow = await bench.serve(never)
    assert "no answer within 0.3 s" in (await bench.sources(slow).ask(up)).error
    assert "no answer within 0.1 s" in (await bench.sources(slow).ask(PrometheusQuery("up", timeout=0.1))).error
    assert "cannot be reached" in (await bench.sources("http://127.0.0.1:1").ask(up)).error
    assert "set prometheus.url" in (await bench.sources("").ask(up)).error


async def test_the_installation_speaks_with_its_own_files(bench: Bench, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    own = await bench.serve(one)
    sources = bench.sources(own, files=Files(bearer=str(token)))
    assert (await sources.ask(PrometheusQuery("up"))).series[0][0]["who"] == "Bearer first"
    token.write_text("second")
    assert (await sources.ask(PrometheusQuery("up"))).series[0][0]["who"] == "Bearer second", "tokens are rotated"
    other = PrometheusQuery("up", Server(own, Access("games")))
    assert (await sources.ask(other)).series[0][0]["who"] == "nobody", "ours is not for servers that others name"
    missing = bench.sources(own, files=Files(basic=str(tmp_path / "nowhere")))
    assert "username cannot be read" in (await missing.ask(PrometheusQuery("up"))).error


async def test_a_rollouts_own_server_and_secrets(bench: Bench) -> None:
    cluster = Cluster(prom={"token": "s3cret\n"}, login={"username": "ann", "password": "pä:ss"})
    url = await bench.serve(one)
    sources = bench.sources(cluster=cluster)
    bearer = Access("games", bearer=SecretKey("prom", "token"))
    assert (await sources.ask(PrometheusQuery("up", Server(url, bearer)))).series[0][0]["who"] == "Bearer s3cret"
    basic = Access("games", basic="login")
    assert (await sources.ask(PrometheusQuery("up", Server(url, basic)))).series[0][0][
        "who"
    ] == "Basic YW5uOnDDpDpzcw=="
    assert cluster.read[0] == ("Secret", "games", "prom")
