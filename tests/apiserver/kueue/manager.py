"""How is the real Kueue run beside a real apiserver, without its webhooks?

A webhook needs a Service and a pod behind it. Kueue's only default what our Jobs state themselves (suspend), refuse
what its CRDs mostly refuse too, and convert between versions of its API: here only the newest is served, so that
nothing has to be converted.
"""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from e2e.setup import gotools
from tests.apiserver.operating import eventually
from tests.apiserver.server import ApiServer, free_port, started

API = "/apis/kueue.x-k8s.io/v1beta2"
NAMESPACE = "kueue-system"


@contextmanager
def kueue(server: ApiServer, frameworks: Sequence[str] = ("batch/job",)) -> Iterator[Path]:
    """Install Kueue's CRDs and run its manager, which looks after kinds of jobs; yield its log."""
    folder = gotools.kueue()
    for path in sorted((folder / "crds").glob("*.yaml")):
        for manifest in yaml.safe_load_all(path.read_text()):
            server.kubectl("create", "-f", "-", stdin=json.dumps(newest_only(manifest)))
    server.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    server.kubectl("create", "namespace", NAMESPACE)
    health = free_port()
    config = server.folder / "kueue.yaml"
    config.write_text(json.dumps(configuration(health, certificates(server), frameworks)))
    command = [
        "env",
        f"KUEUE_METRICS_CERTIFICATES={server.folder / 'kueue-certificates'}",
        str(folder / "kueue"),
        f"--config={config}",
        f"--kubeconfig={server.kubeconfig}",
    ]
    with started("kueue", command, server.folder):
        log = server.folder / "kueue.log"
        eventually(lambda: answers(f"http://127.0.0.1:{health}/readyz"), log)
        yield log


def newest_only(crd: dict[str, Any]) -> dict[str, Any]:
    """Return a CRD that serves and stores the newest of its versions, and so converts nothing."""
    versions = crd["spec"]["versions"]
    newest = max(versions, key=lambda version: version["name"])
    return {**crd, "spec": {**crd["spec"], "versions": [{**newest, "served": True, "storage": True}]}}


def certificates(server: ApiServer) -> Path:
    """Return a folder with a certificate that nobody asks for: Kueue's servers do not start without one."""
    made = server.folder / "kueue-certificates"
    made.mkdir()
    for name, kind in (("tls.crt", "crt"), ("tls.key", "key")):
        shutil.copyfile(server.ca.with_suffix(f".{kind}"), made / name)
    return made


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


def answers(url: str) -> bool:
    """Tell whether Kueue says that it is ready."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
