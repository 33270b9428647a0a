"""What does kopf report after a 410? Our resync exists because it reports no deletions, and starts when it re-lists."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import Any

import kopf
from aiohttp import web
from aiohttp.test_utils import TestServer

from slipway.kube.resources import ROOTS
from slipway.kube.roots import RootWatch
from slipway.kube.store import Store

GROUP = "/apis/slipway.dev/v1alpha1"
CRDS = "apiextensions.k8s.io"


def _resource(plural: str, kind: str, namespaced: bool = True) -> dict[str, Any]:
    verbs = ["get", "list", "watch", "patch"]
    return {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": namespaced, "verbs": verbs}


def _group(name: str, version: str) -> dict[str, Any]:
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


# kopf waits until it has seen namespaces, events and CRDs, although it is told to watch neither.
SERVED = {
    GROUP: [_resource(r.plural, r.kind) for r in ROOTS],
    "/api/v1": [_resource("namespaces", "Namespace", False), _resource("events", "Event")],
    f"/apis/{CRDS}/v1": [_resource("customresourcedefinitions", "CustomResourceDefinition", False)],
}


class Apis:
    """As much of an API server as kopf needs; its Datasets are in the test's hands."""

    def __init__(self) -> None:
        self.datasets: dict[str, int] = {}
        self.version = 10
        self.lists = 0
        self.expire = asyncio.Event()
        self.others: list[str] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        if request.method != "GET":
            self.others.append(f"{request.method} {path}")
        if path == "/api":
            return web.json_response({"versions": ["v1"]})
        if path == "/apis":
            return web.json_response({"groups": [_group("slipway.dev", "v1alpha1"), _group(CRDS, "v1")]})
        if path in SERVED:
            return web.json_response({"resources": SERVED[path]})
        if not path.startswith(f"{GROUP}/"):
            return web.json_response({"message": "not found"}, status=404)
        if "watch" in request.query:
            return await self.watch(request, path.endswith("/datasets"))
        return web.json_response(self.list(path.endswith("/datasets")))

    def list(self, datasets: bool) -> dict[str, Any]:
        self.lists += datasets
        items = [
            {
                "apiVersion": "slipway.dev/v1alpha1",
                "kind": "Dataset",
                "metadata": {"name": name, "namespace": "demo", "uid": name, "resourceVersion": str(version)},
            }
            for name, version in self.datasets.items()
            if datasets
        ]
        return {"metadata": {"resourceVersion": str(self.version)}, "items": items}

    async def watch(self, request: web.Request, datasets: bool) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        await (self.expire.wait() if datasets else asyncio.Event().wait())
        self.expire.clear()
        gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}
        await stream.write(json.dumps(gone).encode() + b"\n")
        return stream


class Plain:
    """A connection without credentials."""

    def __init__(self, server: str) -> None:
        self.server = server

    def headers(self) -> Mapping[str, str]:
        return {}

    def tls(self) -> ssl.SSLContext | bool:
        return True

    def forget(self) -> None:
        pass

    def for_kopf(self) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=self.server)


async def test_after_a_410_kopf_lists_again_and_is_silent_about_what_is_gone() -> None:
    apis, store, heard = Apis(), Store(), asyncio.Queue()  # type: ignore[var-annotated]
    apis.datasets = {"gone": 5, "stays": 6}
    server = TestServer(apis.app())
    await server.start_server()
    connection = Plain(str(server.make_url("/")).rstrip("/"))
    watch = RootWatch(store, connection, lambda kind, type: heard.put_nowait(type))
    task = asyncio.create_task(watch.run())
    async with asyncio.timeout(20):
        assert [await heard.get(), await heard.get()] == [None, None]
        del apis.datasets["gone"]
        apis.expire.set()
        assert await heard.get() is None  # the one that stays is listed again: this is what starts our resync
    await asyncio.sleep(0.5)  # nothing is expected: there is no event to wait for
    assert heard.empty()
    assert apis.lists == 2
    assert store.get("Dataset", "demo", "gone") is not None
    assert apis.others == []
    watch.stop()
    async with asyncio.timeout(20):
        await task
    await server.close()
