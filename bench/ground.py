"""On which control plane does a bench run? An etcd and a kube-apiserver of its own, without a kubelet."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.api import Api, Object, until
from bench.process import child_named
from e2e.setup import gotools
from slipway.kube.connection import Kubeconfig
from tests.apiserver.server import running

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MARK = {"slipway.dev/bench": "true"}
"""What a bench created in a cluster that it does not own, and removes again."""
REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Ground:
    """Something that answers as Kubernetes, and what is known of it."""

    kubeconfig: Path
    folder: Path
    """For logs and settings; gone at the end."""
    apiserver_pid: int = 0
    """0: not a process of this bench."""
    pods: str = ""
    """The image that stands in for models where pods really run; empty where they do not."""
    gateway: str = ""
    """HOST:PORT of the Gateway `slipway-gateway/slipway` where there is one."""

    def api(self) -> Api:
        """Return the administrator's client, not yet open."""
        connection = Kubeconfig(str(self.kubeconfig))
        return Api(connection.server, connection.tls(), connection.headers())


@contextmanager
def control_plane() -> Iterator[Ground]:
    """Run etcd and kube-apiserver, without a kubelet, as long as the block lasts."""
    with running() as server:
        yield Ground(server.kubeconfig, server.folder, child_named("kube-apiserver"))


async def define(api: Api, definitions: list[Object]) -> None:
    """Create the CRDs that are missing and wait until all are served."""
    there = {one["metadata"]["name"] for one in (await api.listed(CRDS))[0]}
    wanted = [one for one in definitions if one.get("kind") == "CustomResourceDefinition"]
    names = [one["metadata"]["name"] for one in wanted]
    for definition in wanted:
        meta = definition["metadata"]
        if meta["name"] not in there:
            await api.apply(f"{CRDS}/{meta['name']}", definition | {"metadata": meta | {"labels": MARK}})
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
    await api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": MARK}}, ok=(409,))
