"""How does the embedded cluster come up, stay, and go? One node, started over whatever an earlier run left."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

from e2e.cluster import addons, lock
from e2e.cluster.base import Cluster, CommandFailed
from e2e.cluster.build import build_all
from e2e.cluster.embedded import components, containerd, images, leftovers, network, pki, process, registry
from e2e.cluster.embedded.layout import DNS_IP, NODE_IP, NODE_NAME, REGISTRY, Layout
from e2e.cluster.embedded.waiting import explain, wait_for
from e2e.setup import debian, tools
from e2e.setup.__main__ import prepare
from e2e.setup.progress import Steps, say

MANIFESTS = Path(__file__).parent / "manifests"
COMPONENTS = {"etcd", "apiserver", "containerd", "registry", "controller-manager", "scheduler", "kubelet", "kube-proxy"}
PORTS = {
    "apiserver": (NODE_IP, 6443),
    "etcd": ("127.0.0.1", 12379),
    "registry": ("127.0.0.1", 5001),
    "kubelet": (NODE_IP, 10250),
}
DEPLOYMENTS = (("kube-system", "coredns"), ("local-path-storage", "local-path-provisioner"), *addons.DEPLOYMENTS)


class EmbeddedCluster(Cluster):
    """Etcd, apiserver, controllers, kubelet, containerd and what pods need, as processes of this machine."""

    provider = "embedded"

    def __init__(self, layout: Layout | None = None) -> None:
        self.layout = layout or Layout.from_environment()

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.layout.kubeconfig

    @property
    def gateway_url(self) -> str:
        """The Gateway's port on the node."""
        return f"http://{NODE_IP}:{addons.GATEWAY_NODE_PORT}"

    @property
    def prometheus_from_here(self) -> str:
        """Prometheus' port on the node."""
        return f"http://{NODE_IP}:{addons.PROMETHEUS_NODE_PORT}"

    def up(self, *, gpus: int = 0) -> None:
        """Bring the node up, or find it healthy and only renew its addons."""
        if os.geteuid() != 0:
            raise SystemExit("the embedded cluster needs root (containers, a bridge, mounts): run this with sudo")
        with lock.changing("bringing the cluster up"):
            owner = self._owner()
            fresh = owner != lock.CHECKOUT or not self.healthy()
            if fresh:
                self._clear(owner)
                prepare("embedded")
            steps = Steps(5 if fresh else 2)
            if fresh:
                self._start(steps)
            self._add(steps, gpus)
        say(f"the cluster is up: export KUBECONFIG={self.kubeconfig}, or `make shell`; Gateway at {self.gateway_url}")

    def down(self) -> None:
        """Remove the node with everything it made; refuse while another process uses it."""
        with lock.changing("removing the cluster"):
            if users := lock.other_users():
                raise SystemExit(f"the cluster is in use by {'; '.join(users)}: end that first, then try again")
            found = leftovers.find(self.layout)
            if not found:
                say("there is no embedded cluster on this machine")
                return
            say(f"removing the embedded cluster: {found}")
            leftovers.remove(self.layout)
            if left := leftovers.find(self.layout):
                details = "\n".join(f"  {kind}: {', '.join(items)}" for kind, items in vars(left).items() if items)
                raise SystemExit(f"this would not go:\n{details}\nTry again; a reboot removes it for certain.")
            say("nothing of it is left: no process, mount, link, rule, cgroup or file")

    def images(self) -> dict[str, str]:
        """Build and push what changed and drop older images from the node; exit where there is no registry."""
        if not registry.answers():
            raise SystemExit(
                "the cluster's registry does not answer, so images have nowhere to go: run `make up` first"
            )
        with lock.changing("building images"):
            references = build_all(REGISTRY, builder="buildah")
            containerd.forget_images(self.layout, set(references.values()))
        return references

    def status(self) -> str:
        """Return whether the node is healthy, whose it is, and what of it is there."""
        state = "healthy" if self.healthy() else "not healthy"
        lines = [f"embedded cluster of {self._owner() or 'nobody'}: {state if self._owner() else 'not there'}"]
        lines += [f"in use by {user}" for user in lock.other_users()]
        lines += [f"{kind}: {len(found)}" for kind, found in vars(leftovers.find(self.layout)).items()]
        return "\n".join(lines)

    def healthy(self) -> bool:
        """Return whether all components are kept running, and apiserver, node, containerd and registry answer."""
        ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        return (
            process.kept(self.layout) >= COMPONENTS
            and self._api_ready()
            and containerd.answers(self.layout)
            and registry.answers()
            and self._succeeds("get", "node", NODE_NAME, "-o", ready) == "True"
        )

    def crash(self, component: str) -> None:
        """Kill a component's process; its keeper starts it again. Return once the apiserver answers."""
        found = process.of_component(self.layout, component)
        if not found:
            raise LookupError(f"there is no {component} to kill: is the cluster up?")
        process.kill(found)
        wait_for(self.layout, f"the {component}, killed,", self._api_ready, [component])

    def _owner(self) -> str:
        try:
            return str(json.loads(self.layout.owner.read_text())["checkout"])
        except (OSError, ValueError, KeyError):
            return ""

    def _clear(self, owner: str) -> None:
        found = leftovers.find(self.layout)
        if not found:
            return
        if owner and owner != lock.CHECKOUT:
            say(f"taking over the machine from the idle cluster of {owner}")
        say(f"removing what an earlier run left: {found}")
        leftovers.remove(self.layout)

    def _start(self, steps: Steps) -> None:
        layout, kube = self.layout, tools.kube()
        with steps.step("making the network and the certificates"):
            layout.volumes.mkdir(parents=True, exist_ok=True)
            layout.owner.write_text(json.dumps({"checkout": lock.CHECKOUT}))
            network.bring_up(layout)
            _check_ports()
            pki.create(layout)
            (layout.config / "kubelet.json").write_text(json.dumps(components.kubelet_config(layout), indent=1))
        with steps.step("starting etcd, apiserver, containerd and the registry"):
            process.start(layout, "etcd", components.etcd(layout, tools.etcd()))
            process.start(layout, "apiserver", components.apiserver(layout, kube))
            pause, _ = images.archives()["pause"]
            config = layout.config / "containerd.toml"
            config.write_text(containerd.config(layout, pause))
            containerd.describe_registries(layout)
            process.start(layout, "containerd", ["/usr/bin/containerd", "--config", str(config)])
            registry.start(layout, tools.from_debian("docker-registry", debian.NODE))
            wait_for(layout, "containerd", lambda: containerd.answers(layout), ["containerd"])
            wait_for(layout, "the registry", registry.answers, ["registry"])
            images.load(layout)
            # The answer must be 200: only then are the roles there that the other components live by.
            wait_for(layout, "the apiserver", self._api_ready, ["etcd", "apiserver"])
        with steps.step("starting controllers, scheduler, kubelet and kube-proxy"):
            process.start(layout, "controller-manager", components.controller_manager(layout, kube))
            process.start(layout, "scheduler", components.scheduler(layout, kube))
            process.start(layout, "kubelet", components.kubelet(layout, kube))
            process.start(layout, "kube-proxy", components.kube_proxy(layout, kube))
            wait_for(layout, "the node", self.healthy, ["kubelet", "containerd"])

    def _add(self, steps: Steps, gpus: int) -> None:
        with steps.step("applying DNS, storage, Gateway and Prometheus"):
            references = images.load(self.layout)
            values = {
                "COREDNS_IMAGE": references["coredns"],
                "LOCAL_PATH_IMAGE": references["local-path"],
                "BUSYBOX_IMAGE": references["busybox"],
                "DNS_IP": DNS_IP,
                "VOLUMES": str(self.layout.volumes),
                "FORWARD": _forward(self.layout.resolv_conf.read_text()),
            }
            own = (addons.render(MANIFESTS / name, values) for name in ("coredns.yaml", "local-path.yaml"))
            addons.apply(self, *own)
            addons.install(self, references, NODE_IP)
            if gpus:
                addons.pretend_gpus(self, NODE_NAME, gpus)
        with steps.step("waiting until their pods are ready"):
            try:
                addons.wait_ready(self, DEPLOYMENTS)
            except CommandFailed as failure:
                pods = self._succeeds("get", "pods", "-A", "-o", "wide")
                raise SystemExit(explain(self.layout, f"{failure}\n{pods}", ["kubelet"])) from failure

    def _api_ready(self) -> bool:
        return self._succeeds("get", "--raw", "/readyz", "--request-timeout=2s") == "ok"

    def _succeeds(self, *arguments: str) -> str:
        """Return what kubectl prints, or an empty text when it fails."""
        if not self.kubeconfig.exists():
            return ""
        try:
            return self.kubectl(*arguments).strip()
        except (CommandFailed, subprocess.SubprocessError):
            return ""


def _forward(resolv_conf: str) -> str:
    return "forward . /etc/resolv.conf" if network.has_resolver(resolv_conf) else ""


def _check_ports() -> None:
    for component, (address, port) in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise SystemExit(
                    f"port {port} on {address}, which the {component} needs, is taken ({error.strerror}). "
                    f"`ss -ltnp 'sport = :{port}'` shows by whom; end that program and try again."
                ) from error
