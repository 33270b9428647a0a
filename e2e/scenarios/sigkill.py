"""How does a program in a pod end without a word of warning, on a node whose processes are this machine's?"""

from __future__ import annotations

import signal

from e2e.cluster.base import Cluster
from e2e.cluster.embedded import process


def sigkill(cluster: Cluster, namespace: str, pod: str, program: str) -> None:
    """Send SIGKILL to the processes of a pod that have the word `program` in their command line.

    From inside it cannot be done: the first process of a container takes no SIGKILL from its own namespace.
    """
    uid = cluster.kubectl("-n", namespace, "get", "pod", pod, "-o", "jsonpath={.metadata.uid}")
    found = process.of_pod(uid, program)
    if not found:
        raise LookupError(f"pod {pod} has no process {program} on this machine")
    process.kill(found, signal.SIGKILL)
