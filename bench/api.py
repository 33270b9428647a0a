"""How does the bench itself speak to the apiserver? Fast enough that it is not what is measured."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

import aiohttp
import orjson

Object = dict[str, Any]
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
CONCURRENCY = 24
LATER = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
"""Seconds to wait for an apiserver that asks for it, as while it fills its cache with a definition this young."""


class Refused(RuntimeError):
    """The apiserver refused something that the bench needs."""


class Api:
    """The administrator's requests and watches. Use as an async context manager."""

    def __init__(self, url: str, tls: ssl.SSLContext | bool, headers: Mapping[str, str]) -> None:
        self.url, self._tls, self._headers = url.rstrip("/"), tls, dict(headers)
        self._limit = asyncio.Semaphore(CONCURRENCY)
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Api:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._tls)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=self._headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def call(
        self, method: str, path: str, body: object = None, content: str = "application/json", ok: Iterable[int] = ()
    ) -> Object:
        """Send one request, again where it is to come later; raise `Refused` for an error whose code is not in `ok`."""
        data = None if body is None else orjson.dumps(body)
        async with self._limit:
            for wait in (0.0, *LATER):
                await asyncio.sleep(wait)
                try:
                    status, raw = await self._once(method, path, data, content)
                except aiohttp.ServerDisconnectedError:  # an idle connection was closed as we began to use it
                    status, raw = await self._once(method, path, data, content)
                if status != 429:
                    break
        if status >= 400 and status not in ok:
            raise Refused(f"{method} {path}: {status} {raw[:600].decode(errors='replace')}")
        found: Object = orjson.loads(raw) if raw else {}
        return found

    async def _once(self, method: str, path: str, data: bytes | None, content: str) -> tuple[int, bytes]:
        headers = {"Content-Type": content}
        async with self._session.request(method, self.url + path, data=data, headers=headers) as answer:
            return answer.status, await answer.read()

    async def text(self, path: str) -> str:
        """Return an answer that is no JSON."""
        async with self._session.get(self.url + path) as answer:
            return await answer.text()

    async def apply(self, path: str, body: Object, ok: Iterable[int] = ()) -> Object:
        """Apply an object as the bench."""
        return await self.call("PATCH", f"{path}?fieldManager=bench&force=true", body, APPLY, ok)

    async def merge(self, path: str, body: Object, ok: Iterable[int] = ()) -> Object:
        """Merge into an object."""
        return await self.call("PATCH", path, body, MERGE, ok)

    async def listed(self, path: str) -> tuple[list[Object], str]:
        """Return all objects of a collection and the version of the list."""
        found = await self.call("GET", path)
        return found.get("items") or [], found["metadata"]["resourceVersion"]

    async def watch(self, path: str, since: str) -> AsyncIterator[tuple[float, str, Object]]:
        """Yield (moment on the monotonic clock, type, object) of every event; end when the server ends it."""
        query = f"?watch=true&allowWatchBookmarks=true&resourceVersion={since}"
        async with self._session.get(self.url + path + query) as answer:
            if answer.status >= 400:
                raise Refused(f"watch {path}: {answer.status} {(await answer.text())[:600]}")
            rest = b""
            async for chunk in answer.content.iter_any():
                heard = time.monotonic()
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = orjson.loads(line)
                    yield heard, event["type"], event["object"]


Hear = Callable[[float, str, Object], None]


async def follow(api: Api, path: str, hear: Hear, ready: asyncio.Event | None = None) -> None:
    """Tell `hear` of every object that is there (as SYNC) and of everything that happens to them, without end."""
    first = True
    while True:
        found, version = await api.listed(path)
        now = time.monotonic()
        for one in found:
            hear(now, "SYNC", one)
        if first and ready is not None:
            ready.set()
        first = False
        try:
            async for moment, kind, one in api.watch(path, version):
                if kind == "ERROR":
                    break  # the version is too old: list again
                version = one["metadata"]["resourceVersion"]
                if kind != "BOOKMARK":
                    hear(moment, kind, one)
        except (aiohttp.ClientError, Refused):  # a definition this young may not be watched yet
            await asyncio.sleep(0.2)


async def react(api: Api, path: str, act: Callable[[str, Object], Awaitable[None] | None]) -> None:
    """Do what `act` returns for everything that happens to the objects of a collection, side by side, without end."""
    async with asyncio.TaskGroup() as group:

        def hear(_: float, kind: str, one: Object) -> None:
            work = act(kind, one)
            if work is not None:
                group.create_task(_done(work))

        await follow(api, path, hear)


async def all_of(work: Iterable[Awaitable[object]]) -> None:
    """Do many things at once; the first failure ends them all."""
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(_done(one))


async def _done(work: Awaitable[object]) -> None:
    await work


async def until(found: Callable[[], bool], seconds: float, what: str, step: float = 0.02) -> None:
    """Wait for `found`; raise TimeoutError that says for what."""
    deadline = time.monotonic() + seconds
    while not found():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        await asyncio.sleep(step)


def text_of(value: object) -> str:
    """Return a value as compact JSON, for messages."""
    return json.dumps(value)[:2000]
