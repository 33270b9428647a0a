"""How does a pod come to use more memory than it may, so that the kernel kills its program?

Either from outside: on a node whose processes are this machine's, its container's limit is lowered to little more than
is in use, and a process beside the program takes what is left. Or from inside: the program has a leak.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Final

from e2e.cluster.base import Cluster
from e2e.cluster.embedded import process
from e2e.cluster.embedded.cgroups import MemoryGroup
from e2e.scenarios.manifests import NAMESPACE

SPARE: Final = 64 * 2**20
"""Bytes of the lowered limit that are free at first."""
SECONDS: Final = 60

_EATER: Final = """
import os, sys
from pathlib import Path

group, *victims = map(Path, sys.argv[1:])
(group / "cgroup.procs").write_text(str(os.getpid()))
eaten = []
while any((victim / "exe").exists() for victim in victims):
    eaten.append(bytearray(b"x") * 2**22)
"""

LEAK: Final = "leak"
_MODULE: Final = "sitecustomize"
"""Python imports a module of this name whenever it starts."""
_MOUNT: Final = "/mnt/leak"
_APP: Final = "/opt/slipway/app"
"""Where images/train-torch has its own modules."""
_OPENED: Final = "/slipway/scratch/leak"
_LEAK: Final = f"""
import os, threading, time

def leak():
    while not os.path.exists({_OPENED!r}):
        time.sleep(0.1)
    kept = []
    while True:  # slowly enough for a run to notice how little is left
        kept.append(bytearray(b"x") * (8 * 2**20))
        time.sleep(0.05)

threading.Thread(target=leak, daemon=True).start()
"""


def starve(cluster: Cluster, pod: str, program: str) -> None:
    """Let the kernel kill the processes of a pod that have the word `program` in their command line; return then.

    What the program itself holds stays far below the limit that it was started with.
    """
    uid = cluster.kubectl("-n", NAMESPACE, "get", "pod", pod, "-o", "jsonpath={.metadata.uid}")
    found = process.of_pod(uid, program)
    if not found:
        raise LookupError(f"pod {pod} has no process {program} on this machine")
    group = MemoryGroup.of(found[0])
    group.limit(group.used + SPARE)
    # The kernel takes who holds most, and a pod's processes rather than the machine's.
    eater = [sys.executable, "-c", _EATER, str(group.folder), *(f"/proc/{one}" for one in found)]
    subprocess.run(eater, check=True, timeout=SECONDS)


def leak() -> dict[str, Any]:
    """Return the ConfigMap that has a leak for Python programs."""
    meta = {"name": LEAK, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {f"{_MODULE}.py": _LEAK}}


def leaking() -> dict[str, Any]:
    """Return the pod options of a training program that may leak."""
    return {
        "env": [{"name": "PYTHONPATH", "value": f"{_MOUNT}:{_APP}"}],
        "volumes": [{"name": LEAK, "mountPath": _MOUNT, "source": {"configMap": {"name": LEAK}}}],
    }


def open_leak(cluster: Cluster, pod: str) -> None:
    """Let the program of a pod that is `leaking` leak: it holds more and more until the kernel kills it."""
    cluster.kubectl("-n", NAMESPACE, "exec", pod, "--", "touch", _OPENED)
