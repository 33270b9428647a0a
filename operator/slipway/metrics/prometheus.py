"""What does Prometheus answer to one question?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson

from slipway.plan import Answer, PrometheusQuery, Question


class PrometheusError(Exception):
    """Prometheus did not give a usable answer."""


class Unavailable(PrometheusError):
    """It could not be reached, was too slow, or failed."""


class BadQuery(PrometheusError):
    """It refuses the query."""


class Malformed(PrometheusError):
    """Its answer is not what its API promises."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Prometheus:
    """Instant queries against one Prometheus-compatible server. NaN and infinities stay what they are."""

    def __init__(self, url: str, timeout: float = 5.0, now: Callable[[], datetime] = _utc_now) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._now = now
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, question: Question) -> Answer:
        """Return the answer to `question`; a failure is an answer with `error` set."""
        assert isinstance(question, PrometheusQuery)
        try:
            return Answer(self._now(), series=await self.query(question.query))
        except PrometheusError as error:
            return Answer(self._now(), error=str(error))

    async def query(self, query: str) -> tuple[tuple[dict[str, str], float], ...]:
        """Return the series of an instant query as (labels, value)."""
        if not self._url:
            raise Unavailable("no Prometheus configured: set prometheus.url of the chart")
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._session.post(f"{self._url}/api/v1/query", data={"query": query}) as answer,
            ):
                return parse(answer.status, await answer.read())
        except TimeoutError:
            raise Unavailable(f"Prometheus at {self._url} gave no answer within {self._timeout:g} s") from None
        except aiohttp.ClientError as error:
            raise Unavailable(f"Prometheus at {self._url} cannot be reached: {error}") from error


def parse(status: int, raw: bytes) -> tuple[tuple[dict[str, str], float], ...]:
    """Return the series of an answer of /api/v1/query. `float` reads NaN, +Inf and -Inf as Prometheus writes them."""
    try:
        body: dict[str, Any] = orjson.loads(raw)
    except orjson.JSONDecodeError:
        kind = Unavailable if status >= 500 else Malformed
        raise kind(f"Prometheus answered {status} without JSON: {raw[:200].decode(errors='replace')}") from None
    if status in {400, 422}:
        raise BadQuery(f"Prometheus refuses the query: {body.get('error', status)}. Correct it.")
    if status != 200 or body.get("status") != "success":
        raise Unavailable(f"Prometheus answered {status}: {body.get('error', 'no reason given')}")
    try:
        data = body["data"]
        if data["resultType"] == "scalar":
            return (({}, float(data["result"][1])),)
        if data["resultType"] == "vector":
            return tuple((dict(series["metric"]), float(series["value"][1])) for series in data["result"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Malformed(f"Prometheus' answer cannot be read: {error!r}") from error
    raise BadQuery(f"the query gives a {data['resultType']}; write one that gives an instant vector or a scalar")
