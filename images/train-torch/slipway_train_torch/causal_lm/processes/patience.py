"""How long does a pod try to reach the first one, and what does it say when that was in vain?

A pod has an address once it has a node. Until then it is on its way, and its mates wait however long nodes take: to
bound that is startDeadlineSeconds' part. With an address it pulls its image, and then answers; where it does not, a
policy, a mesh or a resolver is in the way, which no time mends, while all GPUs of the run are held.
"""

from __future__ import annotations

import logging
import socket
import time
from typing import Final

from slipway_pod.errors import PodError

log = logging.getLogger("slipway")

PATIENCE_SECONDS: Final = 1800.0
"""More than the largest image takes on a slow network."""
UNREACHED: Final = "FirstPodUnreached"


class Patience:
    """Counts the time in which pod `number` was kept from a first pod that must be there."""

    def __init__(self, number: int, coordinator: str, seconds: float) -> None:
        self._number = number
        self._coordinator = coordinator
        self._seconds = seconds
        self._since: float | None = None

    def answered(self) -> None:
        """Note that the first pod was reached."""
        self._since = None

    def in_vain(self, why: str) -> None:
        """Note a try that failed for `why`; raise PodError when all have failed for too long."""
        host, _, port = self._coordinator.rpartition(":")
        if not _there(host):
            self._since = None
            return
        now = time.monotonic()
        if self._since is None:
            self._since = now
            log.warning("pod 0 of the run is not reached at %s (%s); trying on", self._coordinator, why)
        if now - self._since >= self._seconds:
            said = (
                f"pod {self._number} of the run tried for {self._seconds / 60:.0f} minutes to reach pod 0 at "
                f"{self._coordinator}, in vain ({why}). Pods of a run talk at port {port} and at others that they "
                "choose: see that no NetworkPolicy and no service mesh is in the way, that names of the cluster "
                "resolve in this namespace, and what the log of pod 0 says"
            )
            raise PodError(UNREACHED, said)


def _there(host: str) -> bool:
    """Tell whether the pod `host` has a node, as far as names tell; where they tell nothing, that is in the way.

    Its domain has the addresses of all pods of the run, of which the one that asks is one.
    """
    domain = host.partition(".")[2]
    return _resolves(host) or not domain or not _resolves(domain)


def _resolves(name: str) -> bool:
    try:
        return bool(socket.getaddrinfo(name, None))
    except OSError:
        return False
