"""On which control plane does a bench run? An etcd and a kube-apiserver of its own, without a kubelet."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.api import Api, Object, until
from bench.process import child_named
from e2e.setup import gotools
from tests.apiserver.server import ApiServer, running

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Ground:
    """A control plane and what is known of its processes."""

    server: ApiServer
    folder: Path
    apiserver_pid: int
    etcd_pid: int

    def api(self) -> Api:
        """Return the administrator's client, not yet open."""
        tls = ssl.create_default_context(cafile=str(self.server.ca))
        return Api(self.server.url, tls, {"Authorization": f"Bearer {self.server.token}"})


@contextmanager
def control_plane() -> Iterator[Ground]:
    """Run etcd and kube-apiserver as long as the block lasts."""
    with running() as server:
        yield Ground(server, server.folder, child_named("kube-apiserver"), child_named("etcd"))


async def define(api: Api, definitions: list[Object]) -> None:
    """Create CRDs and wait until they are served."""
    names = []
    for definition in definitions:
        if definition.get("kind") == "CustomResourceDefinition":
            names.append(definition["metadata"]["name"])
            await api.apply(f"{CRDS}/{names[-1]}", definition)
    established: set[str] = set()

    async def look() -> None:
        found, _ = await api.listed(CRDS)
        for one in found:
            conditions = (one.get("status") or {}).get("conditions") or ()
            if any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
                established.add(one["metadata"]["name"])

    for _ in range(200):
        await look()
        if established.issuperset(names):
            break
        await asyncio.sleep(0.1)
    await until(lambda: established.issuperset(names), 1, "CRDs established")
    await asyncio.sleep(1.0)  # until every apiserver handler knows them


def documents(*files: Path) -> list[Object]:
    """Return every object of YAML files."""
    return [one for file in files for one in yaml.safe_load_all(file.read_text()) if one]


def gateway_definitions() -> list[Object]:
    """Return the CRDs of the Gateway API."""
    return documents(*sorted(gotools.gateway_api().glob("*.yaml")))


def own_address() -> str:
    """Return an address of this machine that is no loopback address: EndpointSlices refuse those."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return str(probe.getsockname()[0])


async def namespace(api: Api, name: str) -> None:
    """Create a namespace unless it is there."""
    await api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}}, ok=(409,))
