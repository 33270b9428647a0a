"""Which gateway do the users of a bench come through? Traefik, as in the cluster, as a process of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.api import Api
from bench.ground import Ground
from bench.process import Child, running
from e2e.cluster import certificate
from e2e.setup import tools
from tests.apiserver.server import free_port

CLASS = "/apis/gateway.networking.k8s.io/v1/gatewayclasses/traefik"
GATEWAY = "/apis/gateway.networking.k8s.io/v1/namespaces/slipway-gateway/gateways/slipway"


@dataclass(frozen=True)
class Gateway:
    """A running Traefik."""

    child: Child
    port: int

    @property
    def address(self) -> str:
        """Where users reach it."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def traefik(kubeconfig: Path, folder: Path, gateway_api: bool) -> Iterator[Gateway]:
    """Run Traefik with the provider that a system's routes need, else as the cluster's own."""
    port = free_port()
    provider = "kubernetesgateway" if gateway_api else "kubernetescrd"
    command = [
        str(tools.traefik()),
        f"--entrypoints.http.address=127.0.0.1:{port}",
        f"--providers.{provider}=true",
        # As in e2e/cluster/manifests/gateway.yaml.
        "--providers.providersthrottleduration=50ms",
        f"--providers.file.filename={certificate.traefik_file()}",
        "--providers.file.watch=false",
        "--log.level=INFO",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]
    if gateway_api:
        command.append("--providers.kubernetesgateway.statusaddress.ip=127.0.0.1")
    with running("traefik", command, folder / "traefik.log", {"KUBECONFIG": str(kubeconfig)}) as child:
        yield Gateway(child, port)


async def of(api: Api, ground: Ground, stack: ExitStack, *, gateway_api: bool) -> str:
    """Return HOST:PORT of the gateway for a system's routes: the cluster's own where it has one that reads them."""
    if gateway_api and ground.gateway:
        return ground.gateway
    found = stack.enter_context(traefik(ground.kubeconfig, ground.folder, gateway_api))
    if gateway_api:
        await declare(api, found.port)
    return found.address


async def declare(api: Api, port: int) -> None:
    """Create the Gateway that Slipway's routes attach to."""
    spec = {"controllerName": "traefik.io/gateway-controller"}
    await api.apply(
        CLASS,
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "traefik"},
            "spec": spec,
        },
    )
    listener = {
        "name": "http",
        "protocol": "HTTP",
        "port": port,
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    await api.apply(
        GATEWAY,
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "slipway", "namespace": "slipway-gateway"},
            "spec": {"gatewayClassName": "traefik", "listeners": [listener]},
        },
    )
