"""How is one request made to a server that others chose?

Certificates are always verified, redirects never followed (they could carry credentials to another host, or reach one
that the installation does not allow), cookies never kept, and an answer has a largest size.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp

from slipway.metrics.credentials import Credentials
from slipway.metrics.errors import Malformed, Unavailable

LARGEST = 4 * 1024 * 1024
"""Bytes of an answer."""


class Http:
    """Requests with a time limit. One session for all: connections are kept by host and TLS context."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(
        self,
        method: str,
        url: str,
        credentials: Credentials,
        within: float,
        *,
        name: str,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | bytes | None = None,
        largest: int = LARGEST,
    ) -> tuple[int, bytes]:
        """Return status and body of the answer; raise `Unavailable`, in which `name` is what the server is called."""
        try:
            async with (
                asyncio.timeout(within),
                self._open().request(
                    method,
                    url,
                    headers={**(headers or {}), **credentials.headers},
                    data=data,
                    ssl=credentials.tls,
                    allow_redirects=False,
                ) as answer,
            ):
                if 300 <= answer.status < 400:
                    raise Unavailable(f"{name} redirects ({answer.status}), which is not followed: give the final URL")
                return answer.status, await _body(answer, largest, name)
        except TimeoutError:
            raise Unavailable(f"{name} gave no answer within {within:g} s") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise Unavailable(f"{name} cannot be reached: {error}") from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),  # Lanes are the limit
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "slipway", "Accept": "application/json"},
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session


async def _body(answer: aiohttp.ClientResponse, largest: int, name: str) -> bytes:
    raw = bytearray()
    async for part in answer.content.iter_chunked(65536):
        raw += part
        if len(raw) > largest:
            raise Malformed(f"{name} answers with more than {largest} bytes: ask for less")
    return bytes(raw)
