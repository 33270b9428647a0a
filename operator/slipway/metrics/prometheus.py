"""What does Prometheus answer to one question?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from slipway.metrics.credentials import Credentials, Files
from slipway.metrics.errors import BadQuery, Malformed, Unavailable
from slipway.metrics.http import Http

Series = tuple[tuple[dict[str, str], float], ...]


class Prometheus:
    """Instant queries against Prometheus-compatible servers. NaN and infinities stay what they are."""

    def __init__(self, http: Http, url: str, timeout: float = 5.0, files: Files | None = None) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._own: Callable[[], Credentials] = (files or Files()).credentials

    async def query(self, query: str, within: float | None = None) -> Series:
        """Return the series of an instant query to the installation's own server, as (labels, value)."""
        if not self._url:
            raise Unavailable(
                "no Prometheus configured: set prometheus.url of the chart, or spec.analysis.prometheus.url"
            )
        return await self.query_at(self._url, self._own(), query, within)

    async def query_at(self, url: str, credentials: Credentials, query: str, within: float | None = None) -> Series:
        """Return the series of an instant query to the server at `url`."""
        url = url.rstrip("/")
        status, raw = await self._http.fetch(
            "POST",
            f"{url}/api/v1/query",
            credentials,
            within or self._timeout,
            name=f"Prometheus at {url}",
            data={"query": query},
        )
        return parse(status, raw)


def parse(status: int, raw: bytes) -> Series:
    """Return the series of an answer of /api/v1/query. `float` reads NaN, +Inf and -Inf as Prometheus writes them.

    What is not Prometheus' JSON is not quoted: the server may be one that its asker cannot read otherwise.
    """
    if status in {401, 403}:
        raise Unavailable(f"Prometheus answered {status}: its credentials are missing or wrong")
    try:
        body: dict[str, Any] = orjson.loads(raw)
    except orjson.JSONDecodeError:
        kind = Unavailable if status >= 500 else Malformed
        raise kind(f"Prometheus answered {status} without JSON: is the URL that of its API?") from None
    if not isinstance(body, dict):
        raise Malformed(f"Prometheus answered {status} with JSON that is not its API's: is the URL right?")
    if status in {400, 422}:
        raise BadQuery(f"Prometheus refuses the query: {str(body.get('error', status))[:600]}. Correct it")
    if status != 200 or body.get("status") != "success":
        raise Unavailable(f"Prometheus answered {status}: {str(body.get('error', 'no reason given'))[:600]}")
    try:
        data = body["data"]
        if data["resultType"] == "scalar":
            return (({}, float(data["result"][1])),)
        if data["resultType"] == "vector":
            return tuple((dict(series["metric"]), float(series["value"][1])) for series in data["result"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Malformed(f"Prometheus' answer cannot be read: {error!r}") from error
    raise BadQuery(f"the query gives a {data['resultType']}; write one that gives an instant vector or a scalar")
