"""How is a cluster used that somebody else runs? Checked for what is needed, told what is missing, never changed."""

from __future__ import annotations

import os
from pathlib import Path

from e2e.cluster import addons, docker
from e2e.cluster.base import Cluster, CommandFailed
from e2e.cluster.build import build_all
from e2e.setup import debian
from e2e.setup.progress import say

GATEWAY = ("gateway", "slipway", "-n", addons.GATEWAY_NAMESPACE)


class ExistingCluster(Cluster):
    """The cluster that KUBECONFIG names; addresses come from the environment where they cannot be found."""

    provider = "existing"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig that the user named."""
        return Path(_setting("KUBECONFIG", "the cluster's kubeconfig"))

    @property
    def gateway_url(self) -> str:
        """`SLIPWAY_GATEWAY_URL`, else the address in the Gateway's status."""
        if url := os.environ.get("SLIPWAY_GATEWAY_URL"):
            return url
        address = self.kubectl("get", *GATEWAY, "-o", "jsonpath={.status.addresses[0].value}")
        return f"http://{address}"

    @property
    def prometheus_from_here(self) -> str:
        """`SLIPWAY_PROMETHEUS_FROM_HERE`, for example a port-forward."""
        return _setting("SLIPWAY_PROMETHEUS_FROM_HERE", "an address at which this machine reaches Prometheus")

    @property
    def prometheus_url(self) -> str:
        """`SLIPWAY_PROMETHEUS_URL`, else the service prometheus in namespace monitoring."""
        return os.environ.get("SLIPWAY_PROMETHEUS_URL") or addons.PROMETHEUS_IN_CLUSTER

    def up(self, *, gpus: int = 0) -> None:
        """Check that everything needed is there, and say all that is missing at once."""
        if gpus:
            raise SystemExit("a cluster that somebody else runs claims no GPUs on paper: leave --gpu out")
        missing = self._missing()
        if missing:
            raise SystemExit("this cluster lacks:\n" + "\n".join(f"  {line}" for line in missing))
        say(f"the cluster has what is needed; Gateway at {self.gateway_url}")

    def down(self) -> None:
        """Leave the cluster as it is."""
        say("this cluster is not ours: nothing was removed")

    def images(self) -> dict[str, str]:
        """Build and push to `SLIPWAY_REGISTRY`."""
        registry = _setting("SLIPWAY_REGISTRY", "a registry that you may push to and the cluster pulls from")
        scheme = "http" if registry.startswith("localhost") else "https"
        builder = "docker" if docker.answers() else "buildah"
        if builder == "buildah":
            debian.install(debian.IMAGES)
        return build_all(registry, builder=builder, scheme=scheme)

    def status(self) -> str:
        """Return what the cluster has and lacks."""
        return "\n".join(self._missing()) or f"the cluster of {self.kubeconfig} has what is needed"

    def _missing(self) -> list[str]:
        wanted = {
            ("get", "crd", "httproutes.gateway.networking.k8s.io"): "the Gateway API (standard channel, 1.5 or later)",
            ("get", *GATEWAY): f"a Gateway named slipway in namespace {addons.GATEWAY_NAMESPACE}, listener http",
        }
        missing = [what for command, what in wanted.items() if not self._works(*command)]
        marked = "{.items[*].metadata.annotations.storageclass\\.kubernetes\\.io/is-default-class}"
        if "true" not in self.kubectl("get", "storageclass", "-o", f"jsonpath={marked}"):
            missing.append("a default StorageClass")
        return missing

    def _works(self, *arguments: str) -> bool:
        try:
            self.kubectl(*arguments)
        except CommandFailed:
            return False
        return True


def _setting(name: str, what: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"CLUSTER=existing needs {name}: set it to {what}")
    return value
