"""What can be asked of a cluster, whoever provides it?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from e2e.cluster import addons, lock
from e2e.setup import tools

REPOSITORY = Path(__file__).resolve().parents[2]


class CommandFailed(RuntimeError):
    """kubectl or helm ended with an error; the text is what it printed."""


class Cluster(ABC):
    """A Kubernetes cluster with a Gateway, Prometheus, a default StorageClass and a registry to pull from."""

    provider: str

    @property
    @abstractmethod
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""

    @property
    @abstractmethod
    def gateway_url(self) -> str:
        """Where this machine reaches the Gateway `slipway-gateway/slipway`, listener http."""

    @property
    @abstractmethod
    def prometheus_from_here(self) -> str:
        """Where this machine reaches Prometheus."""

    @property
    def prometheus_url(self) -> str:
        """Where pods reach Prometheus."""
        return addons.PROMETHEUS_IN_CLUSTER

    @abstractmethod
    def up(self, *, gpus: int = 0) -> None:
        """Bring the cluster up, or find it healthy and leave it as it is."""

    @abstractmethod
    def down(self) -> None:
        """Remove what `up` made."""

    @abstractmethod
    def images(self) -> dict[str, str]:
        """Build and push what changed; return each image of `images/` as a reference with digest."""

    @abstractmethod
    def status(self) -> str:
        """Return what there is, for a person."""

    def in_use(self, what: str) -> AbstractContextManager[None]:
        """Keep other checkouts from taking the cluster over while the caller uses it."""
        return lock.using(what)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it prints; raise CommandFailed with its message."""
        return self._run([str(tools.kubectl()), *arguments], stdin)

    def helm(self, *arguments: str) -> str:
        """Run helm and return what it prints; raise CommandFailed with its message."""
        return self._run([str(tools.helm()), *arguments], None)

    def shell(self) -> int:
        """Open the user's shell with kubectl and helm pointed at the cluster; return its exit code."""
        return subprocess.run([os.environ.get("SHELL") or "/bin/bash"], env=self.environment(), check=False).returncode

    def environment(self) -> dict[str, str]:
        """Return an environment in which kubectl and helm see the cluster, and python is this repository's."""
        path = f"{tools.bin_folder()}:{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def _run(self, command: Sequence[str], stdin: str | None) -> str:
        ran = subprocess.run(
            command,
            input=stdin,
            text=True,
            capture_output=True,
            check=False,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
        )
        if ran.returncode:
            raise CommandFailed(f"{Path(command[0]).name} {' '.join(command[1:6])}: {ran.stderr.strip()[-3000:]}")
        return ran.stdout


def require(program: str, why: str) -> None:
    """End with a message when `program` is not on PATH."""
    if shutil.which(program) is None:
        raise SystemExit(f"{program} is missing on PATH; it is needed to {why}. Install it and try again.")
