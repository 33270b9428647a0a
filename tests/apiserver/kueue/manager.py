"""How is the real Kueue run beside a real apiserver, without its webhooks?

A webhook needs a Service and a pod behind it. Kueue's only default what our Jobs state themselves (suspend), refuse
what its CRDs mostly refuse too, and convert between versions of its API: here only the newest is served, so that
nothing has to be converted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from e2e.setup import gotools
from tests.apiserver.managers import certificates, kubectl
from tests.apiserver.operating import answers, eventually
from tests.apiserver.server import free_port, started

NAMESPACE = "kueue-system"


@contextmanager
def kueue(kubeconfig: Path, folder: Path, frameworks: Sequence[str] = ("batch/job",)) -> Iterator[Path]:
    """Install Kueue's CRDs and run its manager, which looks after kinds of jobs, with what it writes in `folder`; yield
    its log.
    """
    made = gotools.kueue()
    for path in sorted((made / "crds").glob("*.yaml")):
        for manifest in yaml.safe_load_all(path.read_text()):
            kubectl(kubeconfig, "apply", "--server-side", "-f", "-", stdin=json.dumps(newest_only(manifest)))
    kubectl(kubeconfig, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kubectl(kubeconfig, "apply", "-f", "-", stdin=json.dumps(space))
    health = free_port()
    config, keys = folder / "kueue.yaml", certificates(folder, "kueue")
    config.write_text(json.dumps(configuration(health, keys, frameworks)))
    command = [
        "env",
        f"KUEUE_METRICS_CERTIFICATES={keys}",
        str(made / "kueue"),
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
    ]
    with started("kueue", command, folder):
        log = folder / "kueue.log"
        eventually(lambda: answers(f"http://127.0.0.1:{health}/readyz"), log)
        yield log


def newest_only(crd: dict[str, Any]) -> dict[str, Any]:
    """Return a CRD that serves and stores the newest of its versions, and so converts nothing."""
    versions = crd["spec"]["versions"]
    newest = max(versions, key=lambda version: version["name"])
    return {**crd, "spec": {**crd["spec"], "versions": [{**newest, "served": True, "storage": True}]}}


def configuration(health: int, certificates: Path, frameworks: Sequence[str]) -> dict[str, Any]:
    """Return Kueue's configuration: these kinds of jobs only, no webhooks, nothing served but its health."""
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "namespace": NAMESPACE,
        "health": {"healthProbeBindAddress": f"127.0.0.1:{health}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": "127.0.0.1", "port": free_port(), "certDir": str(certificates)},
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "integrations": {"frameworks": list(frameworks)},
        "featureGates": {"VisibilityOnDemand": False},
    }
