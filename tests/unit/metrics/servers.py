"""A web server and an apiserver's Secrets, for tests of sources."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from slipway.kube.api import ApiError, NotFound
from slipway.metrics.credentials import Files, Secrets
from slipway.metrics.gateways import Gateways
from slipway.metrics.http import Http
from slipway.metrics.kueue import Kueue
from slipway.metrics.prometheus import Prometheus
from slipway.metrics.ratings import RatingMaps
from slipway.metrics.sources import Sources
from slipway.metrics.warnings import Warned
from slipway.metrics.web import Web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Cluster:
    """Secrets by name, in namespace games."""

    def __init__(self, **secrets: dict[str, str] | ApiError) -> None:
        self.secrets = secrets
        self.read: list[tuple[str, str, str]] = []

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        self.read.append((kind, namespace, name))
        found = self.secrets.get(name.replace("-", "_"))
        if found is None or namespace != "games":
            raise NotFound()
        if isinstance(found, ApiError):
            raise found
        return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in found.items()}}


class Bench:
    """Everything that answers questions, and a server to ask."""

    def __init__(self) -> None:
        self.http = Http()
        self.servers: list[TestServer] = []

    async def serve(self, handler: Handler, path: str = "/{rest:.*}") -> str:
        app = web.Application()
        app.router.add_route("*", path, handler)
        server = TestServer(app)
        await server.start_server()
        self.servers.append(server)
        return str(server.make_url("/")).rstrip("/")

    def sources(
        self,
        own: str = "",
        cluster: Cluster | None = None,
        hosts: tuple[str, ...] = ("*",),
        files: Files | None = None,
        *,
        secrets: bool = True,
    ) -> Sources:
        prometheus = Prometheus(self.http, own, 0.3, files)
        api = cluster or Cluster()
        return Sources(
            prometheus,
            Web(self.http, 0.3),
            Secrets(api, secrets),
            Gateways(api),
            hosts,
            warned=Warned(api),
            kueue=Kueue(api),
            ratings=RatingMaps(api),
        )

    async def close(self) -> None:
        await self.http.close()
        for server in self.servers:
            await server.close()
