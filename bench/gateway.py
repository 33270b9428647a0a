"""Which gateway do the users of a bench come through? Traefik, as in the cluster, as a process of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.api import Api
from bench.process import Child, running
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
def traefik(url: str, token: str, ca: Path, folder: Path, gateway_api: bool) -> Iterator[Gateway]:
    """Run Traefik with the provider that a system's routes need, and the throttle of the cluster's own."""
    port = free_port()
    provider = "kubernetesgateway" if gateway_api else "kubernetescrd"
    command = [
        str(tools.traefik()),
        f"--entrypoints.http.address=127.0.0.1:{port}",
        f"--providers.{provider}=true",
        f"--providers.{provider}.endpoint={url}",
        f"--providers.{provider}.token={token}",
        f"--providers.{provider}.certauthfilepath={ca}",
        # As in e2e/cluster/manifests/gateway.yaml.
        "--providers.providersthrottleduration=50ms",
        "--log.level=INFO",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]
    if gateway_api:
        command.append("--providers.kubernetesgateway.statusaddress.ip=127.0.0.1")
    with running("traefik", command, folder / "traefik.log") as child:
        yield Gateway(child, port)


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
