"""Which cluster should be used? The one that `CLUSTER` names, else the first that this machine can have."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from e2e.cluster import docker
from e2e.cluster.base import Cluster
from e2e.setup.progress import say

PROVIDERS = ("embedded", "kind", "existing")


class NoCluster(SystemExit):
    """This machine and this user can have none."""


@dataclass(frozen=True)
class Choice:
    """A provider, and why it."""

    provider: str
    reason: str


def choose(environment: Mapping[str, str], docker_answers: Callable[[], bool], is_root: bool, is_linux: bool) -> Choice:
    """Return the provider to use; raise NoCluster when none is possible, SystemExit when the one asked for is unknown.

    A KUBECONFIG alone chooses nothing: a demo must not end up in a cluster that someone needs.
    """
    asked = environment.get("CLUSTER", "")
    if asked:
        if asked not in PROVIDERS:
            raise SystemExit(f"CLUSTER={asked} is unknown: set it to one of {', '.join(PROVIDERS)}, or leave it out")
        return Choice(asked, f"CLUSTER={asked} asks for it")
    if docker_answers():
        return Choice("kind", "a Docker daemon answers")
    if is_root and is_linux:
        return Choice("embedded", "no Docker daemon answers, and this is root on Linux")
    raise NoCluster(
        "no cluster is possible here: no Docker daemon answers, and this is not root on Linux. Start Docker, run this "
        "with sudo, or set CLUSTER=existing and KUBECONFIG for a cluster that you have"
    )


def open_cluster() -> Cluster:
    """Return the cluster to use and print why it; nothing is started yet."""
    choice = choose(os.environ, docker.answers, os.geteuid() == 0, os.uname().sysname == "Linux")
    say(f"cluster: {choice.provider} ({choice.reason})")
    match choice.provider:
        case "kind":
            from e2e.cluster.kind import KindCluster

            return KindCluster()
        case "existing":
            from e2e.cluster.existing import ExistingCluster

            return ExistingCluster()
    from e2e.cluster.embedded.node import EmbeddedCluster

    return EmbeddedCluster()
