"""How does a cluster come up where Docker runs? By kind, with a registry beside it and two ports on the loopback."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from e2e.cluster import addons, lock, release
from e2e.cluster.base import Cluster
from e2e.cluster.build import build_all
from e2e.cluster.docker import answers, docker
from e2e.setup import cache, tools
from e2e.setup.__main__ import prepare
from e2e.setup.progress import Steps, say

NAME = "slipway"
NODE = f"{NAME}-control-plane"
REGISTRY = "localhost:5001"
REGISTRY_CONTAINER = "slipway-registry"
REGISTRY_IMAGE = "docker.io/library/registry:2"
IMAGES = {"traefik": "docker.io/library/traefik:v3.7", "prometheus": "docker.io/prom/prometheus:v3.11.0"}


class KindCluster(Cluster):
    """A cluster of one kind node."""

    provider = "kind"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, apart from the user's own."""
        return cache.root() / "kind" / "kubeconfig"

    @property
    def gateway_url(self) -> str:
        """The Gateway's port, mapped to the loopback."""
        return f"http://127.0.0.1:{addons.GATEWAY_NODE_PORT}"

    @property
    def prometheus_from_here(self) -> str:
        """Prometheus' port, mapped to the loopback."""
        return f"http://127.0.0.1:{addons.PROMETHEUS_NODE_PORT}"

    def up(self, *, gpus: int = 0) -> None:
        """Create the cluster, or find it, and renew its addons."""
        if not answers():
            raise SystemExit("CLUSTER=kind needs a Docker daemon, and none answers: start Docker and try again")
        with lock.changing("bringing the cluster up"):
            prepare("kind")
            exists = self._exists()
            steps = Steps(2 if exists else 4)
            if not exists:
                with steps.step("starting the registry"):
                    self._start_registry()
                with steps.step("creating the kind cluster (its node image is about 1 GB)"):
                    self._create()
            with steps.step("applying Gateway and Prometheus"):
                addons.install(self, IMAGES, "127.0.0.1")
                if gpus:
                    addons.pretend_gpus(self, NODE, gpus)
            with steps.step("waiting until their pods are ready"):
                addons.wait_ready(self, addons.DEPLOYMENTS)
        say(f"the cluster is up: export KUBECONFIG={self.kubeconfig}, or `make shell`; Gateway at {self.gateway_url}")

    def down(self) -> None:
        """Delete the cluster and the registry; refuse while another process uses them."""
        with lock.changing("removing the cluster"):
            if users := lock.other_users():
                raise SystemExit(f"the cluster is in use by {'; '.join(users)}: end that first, then try again")
            self._kind("delete", "cluster", "--name", NAME, "--kubeconfig", str(self.kubeconfig))
            docker("rm", "--force", "--volumes", REGISTRY_CONTAINER)

    def images(self) -> dict[str, str]:
        """Build with Docker and push to the registry beside the cluster."""
        with lock.changing("building images"):
            return build_all(REGISTRY, builder="docker")

    def status(self) -> str:
        """Return whether the cluster exists and who uses it."""
        lines = [f"kind cluster {NAME}: {'there' if self._exists() else 'not there'}"]
        return "\n".join(lines + [f"in use by {user}" for user in lock.other_users()])

    def _exists(self) -> bool:
        return self.kubeconfig.exists() and NAME in self._kind("get", "clusters").split()

    def _start_registry(self) -> None:
        docker("rm", "--force", REGISTRY_CONTAINER)
        port = REGISTRY.rpartition(":")[2]
        docker("run", "--detach", "--publish", f"127.0.0.1:{port}:5000", "--name", REGISTRY_CONTAINER, REGISTRY_IMAGE)

    def _create(self) -> None:
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        config = self.kubeconfig.with_name("config.json")
        config.write_text(json.dumps(kind_config(), indent=1))
        where = ["--name", NAME, "--kubeconfig", str(self.kubeconfig)]
        self._kind("delete", "cluster", *where)
        self._kind("create", "cluster", *where, "--config", str(config), "--wait", "120s")
        docker("network", "connect", "kind", REGISTRY_CONTAINER)
        # Inside the node, localhost is the node: the registry's name there is that of its container.
        for name, hosts in release.hosts(REGISTRY, f"http://{REGISTRY_CONTAINER}:5000").items():
            folder = f"/etc/containerd/certs.d/{name}"
            docker("exec", NODE, "mkdir", "-p", folder)
            docker("exec", "--interactive", NODE, "cp", "/dev/stdin", f"{folder}/hosts.toml", stdin=hosts)

    def _kind(self, *arguments: str) -> str:
        ran = subprocess.run([str(tools.kind()), *arguments], text=True, capture_output=True, check=False)
        if ran.returncode:
            raise SystemExit(f"kind {' '.join(arguments[:2])} failed: {ran.stderr[-3000:]}")
        return ran.stdout


def kind_config() -> dict[str, object]:
    """Return kind's configuration: one node, the two ports, and containerd told where registries are described."""
    ports = [
        {"containerPort": int(port), "hostPort": int(port), "listenAddress": "127.0.0.1"}
        for port in (addons.GATEWAY_NODE_PORT, addons.PROMETHEUS_NODE_PORT)
    ]
    patch = '[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"\n'
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [{"role": "control-plane", "extraPortMappings": ports}],
        "containerdConfigPatches": [patch],
    }
