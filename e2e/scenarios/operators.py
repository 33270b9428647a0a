"""Which pod of the operator leads, and how does it end?"""

from __future__ import annotations

import time

from e2e.cluster.base import Cluster, CommandFailed
from e2e.cluster.embedded.node import EmbeddedCluster
from e2e.demo.cast import SYSTEM
from e2e.scenarios.sigkill import sigkill

LEASE = "slipway-operator"
PODS = ("-l", "app.kubernetes.io/component=operator")
PROGRAM = "slipway.main"
CHECKSUM = "slipway\\.dev/settings-checksum"
"""Annotation of the operator's pods, as jsonpath writes it: with which settings they started."""


def holder(cluster: Cluster) -> str:
    """Return the identity that holds the Lease, as pod_suffix: a restarted process has another one."""
    return cluster.kubectl("-n", SYSTEM, "get", "lease", LEASE, "-o", "jsonpath={.spec.holderIdentity}")


def leader(cluster: Cluster) -> str:
    """Return the pod that holds the Lease."""
    return holder(cluster).partition("_")[0]


def pods(cluster: Cluster) -> list[str]:
    """Return the operator's pods."""
    found = cluster.kubectl("-n", SYSTEM, "get", "pods", *PODS, "-o", "jsonpath={.items[*].metadata.name}")
    return found.split()


def kill(cluster: Cluster, pod: str) -> None:
    """Kill a pod's operator without a word of warning.

    On a node whose processes are ours to kill: SIGKILL. Elsewhere the pod is deleted by force, which the kubelet
    softens to a SIGTERM and two seconds.
    """
    if isinstance(cluster, EmbeddedCluster):
        sigkill(cluster, SYSTEM, pod, PROGRAM)
        return
    cluster.kubectl("-n", SYSTEM, "delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")


def evict(cluster: Cluster, pod: str) -> None:
    """Delete a pod the polite way: it hands the Lease over."""
    cluster.kubectl("-n", SYSTEM, "delete", "pod", pod, "--wait=false")


def await_another(cluster: Cluster, before: str, seconds: float = 60) -> str:
    """Return the new holder of the Lease, once it is not `before`; raise TimeoutError when nobody takes it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            now = holder(cluster)
        except CommandFailed:
            now = ""
        if now not in ("", before):
            return now
        time.sleep(0.2)
    raise TimeoutError(f"nobody took the Lease {LEASE} from {before} within {seconds:.0f} s")


def await_settings(cluster: Cluster, seconds: float = 60) -> str:
    """Return the pod that leads, once it is one with the newest settings; raise TimeoutError when there is none.

    In an upgrade a pod with the old ones may take the Lease once more before it goes, and would act by them.
    """
    template = f"jsonpath={{.items[0].spec.template.metadata.annotations.{CHECKSUM}}}"
    wanted = cluster.kubectl("-n", SYSTEM, "get", "deployments", *PODS, "-o", template)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            pod = leader(cluster)
            own = f"jsonpath={{.metadata.annotations.{CHECKSUM}}}"
            told = cluster.kubectl("-n", SYSTEM, "get", "pod", pod, "-o", own)
        except CommandFailed:
            told = ""  # nobody leads yet, or who led is gone
        if told == wanted:
            return pod
        time.sleep(0.2)
    raise TimeoutError(f"no operator with the settings {wanted[:12]} took the Lease {LEASE} within {seconds:.0f} s")
