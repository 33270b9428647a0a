"""How are the engine's calls sent to a real API server?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp
import orjson

from slipway.kube.api import ApiError, Forbidden, Page, Timeout, TooMany, Unreachable, WatchEvent, error_for
from slipway.kube.connection import Connection
from slipway.kube.resources import RESOURCES
from slipway.metrics.operator import OperatorMetrics
from slipway.plan import Manifest

APPLY = "application/apply-patch+yaml"  # JSON is YAML, and json is faster to write
MERGE = "application/merge-patch+json"
JSON = "application/json"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
MARKS_PER_PAGE = 500
"""The server makes each mark of a whole object: it answered 5,000 in more than 15 s while it was busy."""
LONGEST_PAUSE = 60.0


class KubeClient:
    """A thin `KubeApi` on aiohttp: bounded concurrency, a time limit on each call, and 429 heeded by all calls."""

    def __init__(
        self,
        connection: Connection,
        metrics: OperatorMetrics,
        *,
        user_agent: str = "slipway",
        concurrency: int = 32,
        request_timeout: float = 15.0,
    ) -> None:
        self._connection = connection
        self._metrics = metrics
        self._limit = asyncio.Semaphore(concurrency)
        self._timeout = request_timeout
        self._quiet_until = 0.0
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            headers={"User-Agent": user_agent, "Accept": JSON},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            json_serialize=lambda value: orjson.dumps(value).decode(),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def apply(
        self, manifest: Manifest, *, manager: str, subresource: str = "", force: bool = True
    ) -> dict[str, Any]:
        """See `KubeApi.apply`."""
        meta = manifest["metadata"]
        path = RESOURCES[manifest["kind"]].path(meta.get("namespace"), meta["name"], subresource)
        # To look for fields that it does not know, the server would read the body twice; tests have it look.
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Ignore"}
        return await self._call("PATCH", path, query=query, body=manifest, content=APPLY)

    async def get(self, kind: str, namespace: str, name: str, subresource: str = "") -> dict[str, Any]:
        """See `KubeApi.get`."""
        return await self._call("GET", RESOURCES[kind].path(namespace, name, subresource))

    async def pages(
        self, kind: str, namespace: str | None, *, selector: str = "", fields: str = "", limit: int = 500
    ) -> AsyncGenerator[Page, None]:
        """See `KubeApi.pages`; `fields` selects by fields."""
        chosen = {"labelSelector": selector, "fieldSelector": fields}
        query = {"limit": str(limit)} | {name: value for name, value in chosen.items() if value}
        async for page in self._listed(kind, namespace, query, JSON):
            yield page

    async def marks(self, kind: str, namespace: str | None, *, selector: str = "") -> AsyncGenerator[Page, None]:
        """See `KubeApi.marks`."""
        query = {"limit": str(MARKS_PER_PAGE)} | ({"labelSelector": selector} if selector else {})
        async for page in self._listed(kind, namespace, query, METADATA):
            yield page

    async def _listed(
        self, kind: str, namespace: str | None, query: dict[str, str], accept: str
    ) -> AsyncGenerator[Page, None]:
        resource = RESOURCES[kind]
        while True:
            found = await self._call("GET", resource.path(namespace), query=query, accept=accept)
            items = found.get("items") or []
            for item in items:  # built-in kinds come without these two in a list, and metadata with others
                item["kind"], item["apiVersion"] = kind, resource.api_version
            meta = found["metadata"]
            yield Page(items, meta["resourceVersion"])
            if not meta.get("continue"):
                return
            query["continue"] = meta["continue"]

    async def watch(
        self, kind: str, namespace: str | None, *, since: str, selector: str = "", timeout_seconds: int = 300
    ) -> AsyncGenerator[WatchEvent, None]:
        """See `KubeApi.watch`. Holds no slot of the limiter: watches live for minutes."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(timeout_seconds),
        } | ({"labelSelector": selector} if selector else {})
        url = self._connection.server + RESOURCES[kind].path(namespace)
        try:
            async with self._session.get(
                url, params=query, headers=self._connection.headers(), ssl=self._connection.tls()
            ) as answer:
                self._count(answer.status, "WATCH")
                if answer.status >= 400:
                    raise self._refusal(answer, await answer.read())
                yield WatchEvent("BOOKMARK", {"kind": kind, "metadata": {"resourceVersion": since}})
                async for line in _lines(answer.content):
                    yield _event(orjson.loads(line))
        except aiohttp.ClientError as error:
            raise Unreachable(f"the watch on {kind} broke: {error}") from error

    async def delete(
        self, kind: str, namespace: str, name: str, *, uid: str, propagation: str = "Background"
    ) -> dict[str, Any]:
        """See `KubeApi.delete`."""
        options = {"preconditions": {"uid": uid}, "propagationPolicy": propagation}
        return await self._call("DELETE", RESOURCES[kind].path(namespace, name), body=options)

    async def create(self, manifest: Manifest) -> dict[str, Any]:
        """See `KubeApi.create`."""
        path = RESOURCES[manifest["kind"]].path(manifest["metadata"].get("namespace"))
        return await self._call("POST", path, body=manifest)

    async def replace(self, manifest: Manifest) -> dict[str, Any]:
        """See `KubeApi.replace`."""
        meta = manifest["metadata"]
        return await self._call("PUT", RESOURCES[manifest["kind"]].path(meta["namespace"], meta["name"]), body=manifest)

    async def merge(self, kind: str, namespace: str, name: str, patch: Manifest) -> dict[str, Any]:
        """See `KubeApi.merge`."""
        return await self._call("PATCH", RESOURCES[kind].path(namespace, name), body=patch, content=MERGE)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content: str = JSON,
        accept: str = JSON,
    ) -> dict[str, Any]:
        headers = {"Content-Type": content, "Accept": accept}
        try:
            return await self._once(method, path, query, body, headers)
        except Forbidden as error:
            if error.status != 401:
                raise
            self._connection.forget()  # the token may have been rotated a moment ago
            return await self._once(method, path, query, body, headers)

    async def _once(
        self, method: str, path: str, query: dict[str, str] | None, body: Any, headers: dict[str, str]
    ) -> dict[str, Any]:
        async with self._limit:
            await self._pause()
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._send(method, path, query, body, headers)
            except TimeoutError as error:
                self._count("timeout", method)
                raise Timeout(f"{method} {path}: no answer within {self._timeout:g} s") from error
            except aiohttp.ClientError as error:
                self._count("unreachable", method)
                raise Unreachable(f"{method} {path}: {error}") from error

    async def _send(
        self, method: str, path: str, query: dict[str, str] | None, body: Any, headers: dict[str, str]
    ) -> dict[str, Any]:
        headers = {**self._connection.headers(), **headers}
        data = None if body is None else orjson.dumps(body)
        url = self._connection.server + path
        async with self._session.request(
            method, url, params=query, data=data, headers=headers, ssl=self._connection.tls()
        ) as answer:
            self._count(answer.status, method)
            raw = await answer.read()
            if answer.status >= 400:
                raise self._refusal(answer, raw)
            found: dict[str, Any] = orjson.loads(raw)
            return found

    async def _pause(self) -> None:
        """Wait while a 429 asks for silence: one busy answer is meant for the whole client."""
        wait = self._quiet_until - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)

    def _refusal(self, answer: aiohttp.ClientResponse, raw: bytes) -> ApiError:
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            body = {"message": raw[:500].decode(errors="replace").strip()}
        given = answer.headers.get("Retry-After", "")
        error = error_for(answer.status, body, float(given) if given.isdigit() else None)
        if isinstance(error, TooMany):
            wait = min(error.retry_after if error.retry_after is not None else 1.0, LONGEST_PAUSE)
            self._quiet_until = max(self._quiet_until, asyncio.get_running_loop().time() + wait)
        return error

    def _count(self, code: int | str, method: str) -> None:
        self._metrics.requests.labels(code=str(code), method=method).inc()


def _event(line: dict[str, Any]) -> WatchEvent:
    if line["type"] == "ERROR":
        status = line["object"]
        raise error_for(int(status.get("code") or 500), status)
    return WatchEvent(line["type"], line["object"])


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield lines of any length; aiohttp's own iteration fails above 128 KiB."""
    rest = b""
    async for chunk in stream.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line:
                yield line
