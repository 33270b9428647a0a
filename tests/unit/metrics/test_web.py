"""Is the right number read from a document, and everything else told apart?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.metrics.errors import SourceError
from slipway.metrics.web import LARGEST, at, number
from slipway.plan import Access, SecretKey, WebRequest
from tests.unit.metrics.servers import Bench, Cluster

# RFC 6901, section 5.
RFC = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}
POINTERS = [("", RFC), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/e^f", 3), ("/ ", 7), ("/m~0n", 8)]


@pytest.mark.parametrize(("pointer", "value"), POINTERS)
def test_the_examples_of_rfc_6901(pointer: str, value: Any) -> None:
    assert at(RFC, pointer) == value


JSON = st.recursive(st.none() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c))


@given(JSON)
@settings(max_examples=40, deadline=None)
def test_every_value_has_a_pointer(document: Any) -> None:
    def walk(value: Any, pointer: str) -> None:
        assert at(document, pointer) is value
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, inner in items:
            walk(inner, f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}")

    walk(document, "")


@pytest.mark.parametrize(
    ("status", "body", "pointer", "says"),
    [
        (200, {"a": {"b": 1}}, "/a/c", "valuePath /a/c leads nowhere: /a is a object without 'c'"),
        (200, {"a": [1]}, "/a/1", "leads nowhere: /a is a list without '1'"),
        (200, {"a": [1]}, "/a/00", "leads nowhere"),
        (200, {"a": [1]}, "/a/-1", "leads nowhere"),
        (200, {"a": "0.5"}, "/a", "is a string: point it at a number"),
        (200, {"a": True}, "/a", "is a boolean: point it at a number"),
        (500, {"a": 1}, "/a", "answered 500, a measurement needs 200"),
        (404, {"a": 1}, "/a", "answered 404"),
    ],
)
def test_what_is_no_number_is_an_error_with_a_cure(status: int, body: Any, pointer: str, says: str) -> None:
    with pytest.raises(SourceError) as found:
        number(status, json.dumps(body).encode(), pointer, "GET http://x")
    assert says in str(found.value)


def test_null_is_no_data_and_numbers_are_numbers() -> None:
    assert number(200, b'{"a": null}', "/a", "x") is None
    assert number(200, b'{"a": 3}', "/a", "x") == 3.0
    assert number(200, b"-0.25", "", "x") == -0.25
    with pytest.raises(SourceError, match="without JSON"):
        number(200, b'{"a": NaN}', "/a", "x")


async def test_a_request_is_made_as_the_spec_says(bench: Bench) -> None:
    seen: dict[str, Any] = {}

    async def answer(request: web.Request) -> web.Response:
        seen.update(method=request.method, path=request.path_qs, body=await request.text(), headers=request.headers)
        return web.json_response({"score": [0.5]})

    url = await bench.serve(answer)
    secret = Access("games", headers=(("X-Api-Key", SecretKey("judge", "key")),))
    asked = WebRequest(f"{url}/v?of=r1", "/score/0", secret, "POST", '{"of": "r1"}', (("X-Team", "games"),))
    found = await bench.sources(cluster=Cluster(judge={"key": "abc\n"})).ask(asked)
    assert (found.error, found.series) == ("", (({}, 0.5),))
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/v?of=r1", '{"of": "r1"}')
    assert (seen["headers"]["X-Team"], seen["headers"]["X-Api-Key"]) == ("games", "abc")
    assert seen["headers"]["Content-Type"] == "application/json"


async def test_no_content_is_no_data(bench: Bench) -> None:
    async def nothing(_: web.Request) -> web.Response:
        return web.Response(status=204)

    found = await bench.sources().ask(WebRequest(await bench.serve(nothing), "", Access("games")))
    assert (found.error, found.series) == ("", ())


async def test_redirects_are_not_followed(bench: Bench) -> None:
    reached: list[str] = []

    async def other(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.json_response(1)

    elsewhere = await bench.serve(other)

    async def away(_: web.Request) -> web.Response:
        raise web.HTTPFound(f"{elsewhere}/inside")

    found = await bench.sources().ask(WebRequest(await bench.serve(away), "", Access("games")))
    assert "redirects (302), which is not followed: give the final URL" in found.error
    assert reached == []


async def test_an_answer_has_a_largest_size(bench: Bench) -> None:
    async def large(_: web.Request) -> web.Response:
        return web.Response(body=b" " * (LARGEST + 1) + b"1")

    found = await bench.sources().ask(WebRequest(await bench.serve(large), "", Access("games")))
    assert f"answers with more than {LARGEST} bytes" in found.error


async def test_a_host_that_is_not_listed_is_not_asked(bench: Bench) -> None:
    reached: list[str] = []

    async def inside(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.json_response(1)

    found = await bench.sources(hosts=()).ask(WebRequest(await bench.serve(inside), "", Access("games")))
    assert "add it to analysis.hosts of the chart" in found.error
    assert reached == []
