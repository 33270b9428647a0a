"""How is the real JobSet run beside an apiserver, without its webhooks?

A webhook needs a Service and a pod behind it. JobSet's only fill in what our JobSets state themselves, and refuse what
would not work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from e2e.setup import gotools
from tests.apiserver.managers import asked, certificates, kubectl
from tests.apiserver.operating import answers, eventually
from tests.apiserver.server import free_port, started

VERSION = "v1alpha2"
CRD = "jobsets.jobset.x-k8s.io"


@contextmanager
def jobset(kubeconfig: Path, folder: Path) -> Iterator[Path]:
    """Install JobSet's CRD and run its manager, with what it writes in `folder`; yield its log."""
    made = gotools.jobset()
    for path in sorted((made / "crds").glob("*.yaml")):
        kubectl(kubeconfig, "apply", "--server-side", "-f", "-", stdin=json.dumps(one_version(path)))
    health = free_port()
    config = folder / "jobset.json"
    config.write_text(json.dumps(configuration(health, certificates(folder, "jobset"))))
    eventually(lambda: asked(kubeconfig, "get", "jobsets", "--all-namespaces").returncode == 0, config)
    command = [str(made / "jobset"), f"--config={config}", f"--kubeconfig={kubeconfig}"]
    with started("jobset", command, folder):
        log = folder / "jobset.log"
        eventually(lambda: answers(f"http://127.0.0.1:{health}/readyz"), log)
        yield log


def one_version(path: Path) -> dict[str, Any]:
    """Return the CRD in `path` with the one version that we use: nothing has to be converted."""
    crd: dict[str, Any] = yaml.safe_load(path.read_text())
    [version] = [one for one in crd["spec"]["versions"] if one["name"] == VERSION]
    spec = {**crd["spec"], "versions": [{**version, "served": True, "storage": True}]}
    spec.pop("conversion", None)
    return {**crd, "spec": spec}


def configuration(health: int, certificates: Path) -> dict[str, Any]:
    """Return JobSet's configuration: no metrics, webhooks that nobody calls, nothing served but its health."""
    return {
        "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": f"127.0.0.1:{health}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": "127.0.0.1", "port": free_port(), "certDir": str(certificates)},
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
    }
