"""Where does a Job stand in its queue of Kueue? Its Workload says what holds it, the visibility API its place."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final, Protocol

from slipway.kube.api import ApiError, Forbidden, NotFound, Page
from slipway.metrics.errors import Denied, Unavailable

JOB_UID_LABEL: Final = "kueue.x-k8s.io/job-uid"
WORKLOADS: Final = ("Workload", "WorkloadBeta1")
"""Newest version first. What is read of both is the same."""


class QueueReader(Protocol):
    """Whoever can list objects and read a subresource: a `KubeClient`."""

    def pages(
        self, kind: str, namespace: str | None, *, selector: str = "", fields: str = "", limit: int = 500
    ) -> AsyncGenerator[Page, None]:
        """List a kind in one namespace."""

    async def get(self, kind: str, namespace: str, name: str, subresource: str = "") -> dict[str, Any]:
        """Return one object, or a subresource of it."""


class Kueue:
    """Reads one Job's Workload, only when somebody asks: Workloads are not watched, Kueue may not be there."""

    def __init__(self, api: QueueReader) -> None:
        self._api = api

    async def place(self, namespace: str, queue: str, job_uid: str) -> list[tuple[dict[str, str], float]]:
        """Return what holds the Job, with its place from 1 (0: unknown); nothing while there is no Workload of it.

        Raises `SourceError` with the cure.
        """
        workload = await self._workload(namespace, job_uid)
        if workload is None:
            return []
        name = str(workload["metadata"]["name"])
        told = held(workload)
        number = await self._number(namespace, queue, name) if told["condition"] == QUOTA_RESERVED else 0
        return [({"workload": name, **told}, float(number))]

    async def _workload(self, namespace: str, job_uid: str) -> Mapping[str, Any] | None:
        for kind in WORKLOADS:
            found: list[Mapping[str, Any]] = []
            try:
                async for page in self._api.pages(kind, namespace, selector=f"{JOB_UID_LABEL}={job_uid}"):
                    found += page.items
            except NotFound:
                continue
            except Forbidden as error:
                raise Denied(
                    "the operator may not list Workloads of Kueue: upgrade the chart, or grant its role that verb"
                ) from error
            except ApiError as error:
                raise Unavailable(f"the Workloads of namespace {namespace} cannot be read: {error}") from error
            return found[0] if found else None
        raise Denied("this cluster has no Kueue: install it, or leave queue out of a new object")

    async def _number(self, namespace: str, queue: str, workload: str) -> int:
        """Return the place of a Workload, 0 where Kueue's visibility API is off or closed to us: it is a courtesy."""
        try:
            found = await self._api.get("VisibleQueue", namespace, queue, "pendingworkloads")
        except ApiError:
            return 0
        waiting: Sequence[Mapping[str, Any]] = found.get("items") or ()
        own = next((one for one in waiting if (one.get("metadata") or {}).get("name") == workload), {})
        place = own.get("positionInLocalQueue")
        return int(place) + 1 if place is not None else 0


QUOTA_RESERVED: Final = "QuotaReserved"
_ORDER: Final = (QUOTA_RESERVED, "Admitted")


def held(workload: Mapping[str, Any]) -> dict[str, str]:
    """Return condition, reason and message of what holds a Workload; empty ones once it is admitted."""
    conditions = {c["type"]: c for c in (workload.get("status") or {}).get("conditions") or ()}
    if (workload.get("spec") or {}).get("active") is False:
        said = str((conditions.get("Evicted") or {}).get("message") or "spec.active is false")
        return {"condition": "Deactivated", "reason": "Deactivated", "message": said}
    for kind in _ORDER:
        found = conditions.get(kind)
        if found is None or found.get("status") != "True":
            return {"condition": kind, **_said(found or conditions.get("Evicted") or {})}
    return {"condition": "", "reason": "", "message": "admitted; it starts"}


def _said(condition: Mapping[str, Any]) -> dict[str, str]:
    return {"reason": str(condition.get("reason") or ""), "message": str(condition.get("message") or "")}
