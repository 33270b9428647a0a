"""What does a cluster need besides Kubernetes? The Gateway API, a Gateway, Prometheus: applied and waited for."""

from __future__ import annotations

import json
import os
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from e2e.cluster import certificate
from e2e.setup import gotools
from e2e.setup.progress import say

MANIFESTS = Path(__file__).parent / "manifests"
GATEWAY_NAMESPACE = "slipway-gateway"
MONITORING_NAMESPACE = "monitoring"
GATEWAY_NODE_PORT = "30080"
PROMETHEUS_NODE_PORT = "30090"
DEPLOYMENTS = ((GATEWAY_NAMESPACE, "traefik"), (MONITORING_NAMESPACE, "prometheus"))
PROMETHEUS_IN_CLUSTER = f"http://prometheus-server.{MONITORING_NAMESPACE}.svc"


class Kubectl(Protocol):
    """Whoever can run kubectl against the cluster."""

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return its output."""
        ...


def render(template: Path, values: Mapping[str, str]) -> str:
    """Return a manifest with `$NAME` filled in; a name without a value is an error."""
    return string.Template(template.read_text()).substitute(values)


def apply(cluster: Kubectl, *manifests: str) -> None:
    """Apply manifests, field conflicts decided in our favour: the addons are nobody else's."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin="\n---\n".join(manifests))


def install(cluster: Kubectl, images: Mapping[str, str], gateway_address: str) -> None:
    """Apply the Gateway API definitions, Traefik with a Gateway, and Prometheus."""
    crds = sorted(gotools.gateway_api().glob("*.yaml"))
    apply(cluster, *(crd.read_text() for crd in crds))
    names = [f"crd/{plural}.{group}" for group, _, plural in (crd.stem.partition("_") for crd in crds)]
    names = [name for name in names if "vap_" not in name]  # a policy that comes in the same folder
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
    values = {
        "TRAEFIK_IMAGE": images["traefik"],
        "TRAEFIK_TLS": json.dumps(certificate.traefik_file().read_text()),
        "PROMETHEUS_IMAGE": images["prometheus"],
        "GATEWAY_ADDRESS": gateway_address,
        "GATEWAY_NODE_PORT": GATEWAY_NODE_PORT,
        "PROMETHEUS_NODE_PORT": PROMETHEUS_NODE_PORT,
        "SCRAPE_INTERVAL": os.environ.get("SLIPWAY_SCRAPE_INTERVAL", "2s"),
    }
    apply(cluster, render(MANIFESTS / "gateway.yaml", values), render(MANIFESTS / "prometheus.yaml", values))


def pretend_gpus(cluster: Kubectl, node: str, count: int) -> None:
    """Let a node claim GPUs that it does not have."""
    amount = {"nvidia.com/gpu": str(count)}
    patch = json.dumps({"status": {"capacity": amount, "allocatable": amount}})
    cluster.kubectl("patch", "node", node, "--subresource=status", "--type=merge", "-p", patch)
    say(f"      {node} claims {count} nvidia.com/gpu: enough to schedule by, not to compute with")


def wait_ready(cluster: Kubectl, deployments: Sequence[tuple[str, str]], seconds: int = 180) -> None:
    """Wait until deployments (namespace, name) are rolled out and the Gateway is programmed."""
    for namespace, name in deployments:
        cluster.kubectl("rollout", "status", f"deployment/{name}", "-n", namespace, f"--timeout={seconds}s")
    gateway = ["gateway/slipway", "-n", GATEWAY_NAMESPACE]
    cluster.kubectl("wait", "--for=condition=Programmed", f"--timeout={seconds}s", *gateway)
