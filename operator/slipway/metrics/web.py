"""Which number stands in a JSON document, and where?"""

from __future__ import annotations

import re
from typing import Any

import orjson

from slipway.metrics.credentials import Credentials
from slipway.metrics.errors import BadQuery, Malformed, Unavailable
from slipway.metrics.http import Http
from slipway.plan import WebRequest

LARGEST = 1024 * 1024
"""Bytes of a document."""
NO_CONTENT = 204
_INDEX = re.compile(r"0|[1-9][0-9]*")


class Web:
    """Measurements over HTTP(S)."""

    def __init__(self, http: Http, timeout: float = 5.0) -> None:
        self._http, self._timeout = http, timeout

    async def measure(self, request: WebRequest, credentials: Credentials) -> float | None:
        """Return the number that `request` asks for; None where the document says null, or there is none (204)."""
        name = f"{request.method} {request.lane}"
        headers = dict(request.headers)
        if request.body:
            headers = {"Content-Type": "application/json"} | headers
        status, raw = await self._http.fetch(
            request.method,
            request.url,
            credentials,
            request.timeout or self._timeout,
            name=name,
            headers=headers,
            data=request.body.encode() if request.body else None,
            largest=LARGEST,
        )
        return None if status == NO_CONTENT else number(status, raw, request.pointer, name)


def number(status: int, raw: bytes, pointer: str, name: str) -> float | None:
    """Return the number at `pointer`. The document is never quoted: its readers may be others than the status'."""
    if status != 200:
        raise Unavailable(f"{name} answered {status}, a measurement needs 200 (or 204 for no data)")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Malformed(f"{name} answered without JSON") from None
    value = at(document, pointer)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadQuery(f"valuePath {pointer} of the answer is a {_kind(value)}: point it at a number")
    return float(value)


def at(document: Any, pointer: str) -> Any:
    """Return what an RFC 6901 JSON pointer points at; raise `BadQuery` naming the first part that is not there."""
    found, walked = document, ""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and _INDEX.fullmatch(name) and int(name) < len(found):
            found = found[int(name)]
        else:
            raise BadQuery(
                f"valuePath {pointer} leads nowhere: {walked or 'the answer'} is a {_kind(found)} without {name!r}"
            )
        walked += f"/{token}"
    return found


def _kind(value: Any) -> str:
    names = {dict: "object", list: "list", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
