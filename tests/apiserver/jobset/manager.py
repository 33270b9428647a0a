"""How is the real JobSet run beside an apiserver, without its webhooks?

A webhook needs a Service and a pod behind it. JobSet's only fill in what our JobSets state themselves, and refuse what
would not work.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from e2e.setup import gotools, tools
from tests.apiserver.kueue.manager import answers
from tests.apiserver.operating import eventually
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
    config.write_text(json.dumps(configuration(health, certificates(folder))))
    eventually(lambda: asked(kubeconfig, "get", "jobsets", "--all-namespaces").returncode == 0, config)
    command = [str(made / "jobset"), f"--config={config}", f"--kubeconfig={kubeconfig}"]
    with started("jobset", command, folder):
        log = folder / "jobset.log"
        eventually(lambda: answers(f"http://127.0.0.1:{health}/readyz"), log)
        yield log


def kubectl(kubeconfig: Path, *arguments: str, stdin: str = "") -> None:
    """Run kubectl against the cluster of `kubeconfig`."""
    ran = asked(kubeconfig, *arguments, stdin=stdin)
    assert ran.returncode == 0, ran.stderr


def asked(kubeconfig: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run kubectl and return how it ended."""
    command = [str(tools.kubectl()), f"--kubeconfig={kubeconfig}", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def one_version(path: Path) -> dict[str, Any]:
    """Return the CRD in `path` with the one version that we use: nothing has to be converted."""
    crd: dict[str, Any] = yaml.safe_load(path.read_text())
    [version] = [one for one in crd["spec"]["versions"] if one["name"] == VERSION]
    spec = {**crd["spec"], "versions": [{**version, "served": True, "storage": True}]}
    spec.pop("conversion", None)
    return {**crd, "spec": spec}


def certificates(folder: Path) -> Path:
    """Return a folder with a certificate that nobody asks for: JobSet's server does not start without one."""
    made = folder / "jobset-certificates"
    made.mkdir()
    files = ["-keyout", str(made / "tls.key"), "-out", str(made / "tls.crt")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=jobset", *files]
    subprocess.run(command, check=True, capture_output=True)
    return made


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
