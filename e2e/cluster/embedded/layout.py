"""Where does everything of the embedded node lie, and under which addresses does it answer?"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

NODE_NAME = "node1"
BRIDGE = "slip0"
NODE_IP = "10.87.0.1"
POD_CIDR = "10.87.0.0/16"  # not 10.88, which is Podman's
FIRST_POD_IP = "10.87.0.10"
SERVICE_CIDR = "10.96.0.0/16"
SERVICE_API_IP = "10.96.0.1"
DNS_IP = "10.96.0.10"
API_URL = f"https://{NODE_IP}:6443"
ETCD_URL = "http://127.0.0.1:12379"
ETCD_PEER_URL = "http://127.0.0.1:12380"
REGISTRY = "localhost:5001"
NETWORK = "slipway"  # the name of the CNI network
MARK = "SLIPWAY_NODE"  # environment variable that every process of the node carries


@dataclass(frozen=True)
class Layout:
    """The folders and files below the node's state folder."""

    state: Path

    @classmethod
    def from_environment(cls) -> Layout:
        """Return the layout at `SLIPWAY_STATE`, else `/var/lib/slipway-node`."""
        return cls(Path(os.environ.get("SLIPWAY_STATE") or "/var/lib/slipway-node").absolute())

    @property
    def logs(self) -> Path:
        """One log per component."""
        return self.state / "logs"

    @property
    def pki(self) -> Path:
        """Keys, certificates and tokens."""
        return self.state / "pki"

    @property
    def config(self) -> Path:
        """Configuration files and the components' kubeconfigs."""
        return self.state / "config"

    @property
    def registries(self) -> Path:
        """How containerd reaches each registry, a folder per name."""
        return self.config / "registries"

    @property
    def cni(self) -> Path:
        """The network's configuration and its address book."""
        return self.state / "cni"

    @property
    def containerd(self) -> Path:
        """Everything containerd keeps."""
        return self.state / "containerd"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return self.containerd / "containerd.sock"

    @property
    def kubelet(self) -> Path:
        """The kubelet's root folder: pods and their volumes."""
        return self.state / "kubelet"

    @property
    def pod_logs(self) -> Path:
        """What containers print."""
        return self.state / "pod-logs"

    @property
    def volumes(self) -> Path:
        """What persistent volumes hold."""
        return self.state / "volumes"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def owner(self) -> Path:
        """Which checkout started the node, with what."""
        return self.state / "owner.json"

    @property
    def sysctls(self) -> Path:
        """What kernel settings were before they were changed."""
        return self.state / "sysctls.json"

    @property
    def resolv_conf(self) -> Path:
        """The resolver configuration that pods outside of cluster DNS get."""
        return self.config / "resolv.conf"

    def log(self, component: str) -> Path:
        """Return the log of one component."""
        return self.logs / f"{component}.log"

    def kubeconfig_of(self, component: str) -> Path:
        """Return the kubeconfig of one component."""
        return self.config / f"{component}.kubeconfig"
