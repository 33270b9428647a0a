"""Which replica may write?"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from slipway.kube.api import ApiError, Conflict, KubeApi, NotFound
from slipway.kube.clock import Clock, micro_time

logger = logging.getLogger(__name__)


class LeadershipLost(Exception):
    """The Lease could not be renewed in time. Another replica may write now; this process must end at once."""


@dataclass
class Elector:
    """Leader election by one Lease, as client-go does it.

    Only the local monotonic clock counts: another's Lease has run out when it did not change for its whole duration
    while we looked. `renew_deadline` is shorter than `duration`, so a leader stops before anybody else may start.
    """

    api: KubeApi
    clock: Clock
    identity: str
    namespace: str
    name: str = "slipway-operator"
    duration: float = 15.0
    renew_deadline: float = 10.0
    period: float = 4.0
    """Between two renewals: they are most of what an idle operator does. The deadline leaves time for another try."""
    retry_period: float = 1.0
    """Between two looks of one who waits, and before a renewal that failed is tried again."""
    on_change: Callable[[bool], None] = lambda leading: None
    jitter: random.Random = field(default_factory=random.Random)
    leading: asyncio.Event = field(default_factory=asyncio.Event)
    _lease: dict[str, Any] | None = None
    _seen_at: float = 0.0
    _renewed_at: float = 0.0
    _written: bool = False
    """The Lease is as the last attempt wrote it, for all we know: the next one need not look first."""

    def fence(self) -> None:
        """Raise `LeadershipLost` unless this replica leads now. Called before every write."""
        if not self.leading.is_set() or self.clock.monotonic() - self._renewed_at > self.renew_deadline:
            raise LeadershipLost(f"the Lease was not renewed for {self.renew_deadline:g} s")

    async def run(self) -> None:
        """Wait for the Lease, then keep it; raise `LeadershipLost` when it cannot be kept. Released when cancelled."""
        try:
            while not await self._attempt():  # noqa: ASYNC110
                # More often than it is renewed: a Lease that was given back must not lie about.
                await asyncio.sleep(self.retry_period * self.jitter.uniform(0.8, 1.2))
            self._lead(True)
            while True:
                await asyncio.sleep(self.period)
                await self._renew()
        except asyncio.CancelledError:
            if self.leading.is_set():
                await self._release()
            raise
        finally:
            self._lead(False)

    def _lead(self, leading: bool) -> None:
        if leading:
            self.leading.set()
            logger.info("leading", extra={"lease": self.name, "identity": self.identity})
        else:
            self.leading.clear()
        self.on_change(leading)

    async def _renew(self) -> None:
        deadline = self._renewed_at + self.renew_deadline
        try:
            async with asyncio.timeout_at(deadline):
                while not await self._attempt():
                    if self._holder() not in ("", self.identity):
                        raise LeadershipLost(f"the Lease is held by {self._holder()}")
                    await asyncio.sleep(self.retry_period * self.jitter.uniform(0.5, 1.0))
        except TimeoutError:
            raise LeadershipLost(f"the Lease was not renewed for {self.renew_deadline:g} s") from None

    async def _attempt(self) -> bool:
        """Try once to take or renew the Lease; tell whether this replica holds it now."""
        started = self.clock.monotonic()
        try:
            async with asyncio.timeout(0.3 * self.renew_deadline):  # a hanging request must leave time for another
                return await self._take(started)
        except (ApiError, TimeoutError) as error:
            if not isinstance(error, Conflict):
                logger.warning("Lease not reached", extra={"lease": self.name, "error": str(error)})
            return False

    async def _take(self, started: float) -> bool:
        known, self._written = self._written, False
        if not known:
            await self._look()
        holder = self._holder()
        if holder not in ("", self.identity) and started < self._seen_at + self._duration():
            return False
        wanted = self._wanted(holder)
        try:
            written = await (self.api.create(wanted) if self._lease is None else self.api.replace(wanted))
        except Conflict:
            await self._look()  # whose it is must be known at once
            raise
        self._lease, self._seen_at = written, started
        self._written = True
        self._renewed_at = started  # when we asked, not when it was answered: the earlier time is the safe one
        return True

    async def _look(self) -> None:
        try:
            found: dict[str, Any] | None = await self.api.get("Lease", self.namespace, self.name)
        except NotFound:
            found = None
        if _version(found) != _version(self._lease):
            self._lease, self._seen_at = found, self.clock.monotonic()

    def _wanted(self, holder: str) -> dict[str, Any]:
        now = micro_time(self.clock.now())
        spec = dict((self._lease or {}).get("spec") or {})
        if holder != self.identity:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + (1 if self._lease else 0)
        spec |= {"holderIdentity": self.identity, "leaseDurationSeconds": round(self.duration), "renewTime": now}
        meta = {"name": self.name, "namespace": self.namespace}
        if self._lease is not None:
            meta["resourceVersion"] = self._lease["metadata"]["resourceVersion"]
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}

    async def _release(self) -> None:
        """Let another replica start at once."""
        assert self._lease is not None
        spec = {**self._lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        spec["renewTime"] = micro_time(self.clock.now())
        try:
            async with asyncio.timeout(self.renew_deadline / 2):
                await self.api.replace({**self._lease, "spec": spec})
            logger.info("Lease released", extra={"lease": self.name})
        except (ApiError, TimeoutError) as error:
            logger.warning("Lease not released; it runs out by itself", extra={"error": str(error)})

    def _holder(self) -> str:
        return str(((self._lease or {}).get("spec") or {}).get("holderIdentity") or "")

    def _duration(self) -> float:
        return float(((self._lease or {}).get("spec") or {}).get("leaseDurationSeconds") or self.duration)


def _version(lease: dict[str, Any] | None) -> str:
    return str(lease["metadata"]["resourceVersion"]) if lease else ""
