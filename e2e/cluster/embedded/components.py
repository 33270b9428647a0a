"""With which flags do the node's components run? Pure: a layout in, command lines and configuration files out."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.cluster.embedded.layout import (
    DNS_IP,
    ETCD_PEER_URL,
    ETCD_URL,
    NODE_IP,
    NODE_NAME,
    POD_CIDR,
    SERVICE_CIDR,
    Layout,
)

Command = list[str]


def etcd(layout: Layout, program: Path) -> Command:
    """Return the command line of etcd."""
    return [
        str(program),
        "--name=node1",
        f"--data-dir={layout.state / 'etcd'}",
        f"--listen-client-urls={ETCD_URL}",
        f"--advertise-client-urls={ETCD_URL}",
        f"--listen-peer-urls={ETCD_PEER_URL}",
        f"--initial-advertise-peer-urls={ETCD_PEER_URL}",
        f"--initial-cluster=node1={ETCD_PEER_URL}",
        "--auto-compaction-retention=1h",
    ]


def apiserver(layout: Layout, kube: Path) -> Command:
    """Return the command line of the apiserver: Node and RBAC authorisation, bound service account tokens."""
    pki = layout.pki
    return [
        str(kube),
        "kube-apiserver",
        f"--etcd-servers={ETCD_URL}",
        f"--advertise-address={NODE_IP}",
        "--secure-port=6443",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--anonymous-auth=false",
        f"--token-auth-file={pki / 'tokens.csv'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--kubelet-client-certificate={pki / 'apiserver-kubelet.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-kubelet.key'}",
        "--kubelet-preferred-address-types=InternalIP",  # else `kubectl logs` looks up the node's name
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki / 'service-accounts.key'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        "--allow-privileged=true",
        "--profiling=false",
    ]


def controller_manager(layout: Layout, kube: Path) -> Command:
    """Return the command line of the controller manager."""
    return [
        str(kube),
        "kube-controller-manager",
        f"--kubeconfig={layout.kubeconfig_of('kube-controller-manager')}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={layout.pki / 'service-accounts.key'}",
        f"--root-ca-file={layout.pki / 'ca.crt'}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--enable-hostpath-provisioner=false",
        f"--flex-volume-plugin-dir={layout.state / 'volume-plugins'}",
    ]


def scheduler(layout: Layout, kube: Path) -> Command:
    """Return the command line of the scheduler."""
    kubeconfig = layout.kubeconfig_of("kube-scheduler")
    return [
        str(kube),
        "kube-scheduler",
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
    ]


def kubelet(layout: Layout, kube: Path) -> Command:
    """Return the command line of the kubelet."""
    return [
        str(kube),
        "kubelet",
        f"--config={layout.config / 'kubelet.json'}",
        f"--kubeconfig={layout.kubeconfig_of('kubelet')}",
        f"--root-dir={layout.kubelet}",
        f"--cert-dir={layout.kubelet / 'pki'}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_IP}",
    ]


def kube_proxy(layout: Layout, kube: Path) -> Command:
    """Return the command line of kube-proxy."""
    return [
        str(kube),
        "kube-proxy",
        f"--kubeconfig={layout.kubeconfig_of('kube-proxy')}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={POD_CIDR}",
        f"--hostname-override={NODE_NAME}",
        "--conntrack-max-per-core=0",  # the kernel's own limit stays
        "--bind-address=127.0.0.1",
        "--iptables-min-sync-period=100ms",
    ]


def kubelet_config(layout: Layout) -> dict[str, object]:
    """Return the kubelet's configuration file."""
    return {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "address": NODE_IP,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "failSwapOn": False,
        "failCgroupV1": False,
        "oomScoreAdj": 0,
        "clusterDNS": [DNS_IP],
        "clusterDomain": "cluster.local",
        "resolvConf": str(layout.resolv_conf),
        "podLogsDir": str(layout.pod_logs),
        "volumePluginDir": str(layout.state / "volume-plugins"),
        # The node's images partly come from no registry, so nothing may collect them; `images` prunes its own.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "200Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "serializeImagePulls": False,
        "shutdownGracePeriod": "0s",
        "registerWithTaints": [],
    }


def registry_config(storage: Path, address: str) -> str:
    """Return the registry's configuration (JSON is YAML)."""
    return json.dumps(
        {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
            "http": {"addr": address, "headers": {"X-Content-Type-Options": ["nosniff"]}},
        },
        indent=1,
    )
