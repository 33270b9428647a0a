"""Is what Kueue writes understood? The Workloads are doubles of those of Kueue 0.15, as its API describes them."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.kube.api import ApiError, Forbidden, NotFound, Page, Server
from slipway.metrics.errors import Denied, Unavailable
from slipway.metrics.kueue import Kueue
from slipway.metrics.warnings import Warned

SHORT = "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor default, 1 more needed"


def workload(*conditions: tuple[str, str, str, str], **spec: Any) -> dict[str, Any]:
    written = [{"type": t, "status": s, "reason": r, "message": m} for t, s, r, m in conditions]
    return {"metadata": {"name": "job-x-12345"}, "spec": spec, "status": {"conditions": written}}


class Cluster:
    """Answers lists and one subresource; an ApiError in place of an answer is raised."""

    def __init__(self, listed: dict[str, list[dict[str, Any]] | ApiError], waiting: list[str] | ApiError) -> None:
        self.listed, self.waiting = listed, waiting
        self.asked: list[tuple[str, str, str]] = []

    async def pages(self, kind: str, namespace: str | None, *, selector: str = "", fields: str = "", limit: int = 500):
        self.asked.append((kind, selector, fields))
        found = self.listed.get(kind, NotFound())
        if isinstance(found, ApiError):
            raise found
        yield Page(found, "1")

    async def get(self, kind: str, namespace: str, name: str, subresource: str = "") -> dict[str, Any]:
        assert (kind, name, subresource) == ("VisibleQueue", "gpu", "pendingworkloads")
        if isinstance(self.waiting, ApiError):
            raise self.waiting
        items = [{"metadata": {"name": one}, "positionInLocalQueue": at} for at, one in enumerate(self.waiting)]
        return {"items": items}


async def place(*workloads: dict[str, Any], waiting: list[str] | ApiError | None = None, kind: str = "Workload"):
    cluster = Cluster({kind: list(workloads)}, waiting if waiting is not None else NotFound())
    return await Kueue(cluster).place("demo", "gpu", "uid-1")


async def test_what_holds_a_workload_is_said_with_its_place() -> None:
    pending = workload(("QuotaReserved", "False", "Pending", SHORT))
    labels = {"workload": "job-x-12345", "condition": "QuotaReserved", "reason": "Pending", "message": SHORT}
    assert await place(pending, waiting=["other", "job-x-12345"]) == [(labels, 2.0)]
    assert await place(pending, waiting=["other"]) == [(labels, 0.0)]


@pytest.mark.parametrize("error", [NotFound(), Forbidden(), Server()])
async def test_a_place_that_kueue_does_not_tell_is_no_error(error: ApiError) -> None:
    [(_, number)] = await place(workload(("QuotaReserved", "False", "Pending", SHORT)), waiting=error)
    assert number == 0


@pytest.mark.parametrize(
    ("found", "condition", "said"),
    [
        (workload(), "QuotaReserved", ""),
        (
            workload(
                ("QuotaReserved", "False", "Pending", "Preempted to accommodate a workload"),
                ("Evicted", "True", "Preempted", "Preempted to accommodate a workload"),
            ),
            "QuotaReserved",
            "Preempted to accommodate a workload",
        ),
        (
            workload(("QuotaReserved", "True", "QuotaReserved", "q"), ("Admitted", "False", "NoChecks", "c")),
            "Admitted",
            "c",
        ),
        (workload(("QuotaReserved", "True", "", ""), ("Admitted", "True", "", "")), "", "admitted; it starts"),
        (workload(("Evicted", "True", "Deactivated", "by hand"), active=False), "Deactivated", "by hand"),
    ],
)
async def test_every_stage_of_a_workload_is_known(found: dict[str, Any], condition: str, said: str) -> None:
    [(labels, _)] = await place(found)
    assert (labels["condition"], labels["message"]) == (condition, said)


async def test_an_older_kueue_is_read_too() -> None:
    assert len(await place(workload(), kind="WorkloadBeta1")) == 1


async def test_a_job_without_workload_has_no_place() -> None:
    assert await place() == []


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (NotFound(), Denied, "this cluster has no Kueue: install it"),
        (Forbidden(), Denied, "upgrade the chart, or grant its role that verb"),
        (Server("down"), Unavailable, "the Workloads of namespace demo cannot be read: down"),
    ],
)
async def test_what_cannot_be_read_is_told_with_its_cure(error: ApiError, kind: type[Exception], said: str) -> None:
    cluster = Cluster({"Workload": error, "WorkloadBeta1": error}, [])
    with pytest.raises(kind, match=said):
        await Kueue(cluster).place("demo", "gpu", "uid-1")


async def test_warnings_are_read_with_the_time_they_were_last_seen() -> None:
    old = {"reason": "FailedCreate", "note": "a ", "deprecatedLastTimestamp": "2026-11-20T12:00:00Z", "eventTime": None}
    series = {"count": 3, "lastObservedTime": "2026-11-20T12:00:05.000000Z"}
    new = {"reason": "FailedMount", "note": "b", "eventTime": "2026-11-20T11:00:00.000000Z", "series": series}
    cluster = Cluster({"Event": [old, new]}, [])
    found = await Warned(cluster).about("Job", "demo", "job-x")
    assert [labels["message"] for labels, _ in found] == ["a", "b"]
    assert found[1][1] - found[0][1] == 5
    assert cluster.asked == [("Event", "", "regarding.kind=Job,regarding.name=job-x,type=Warning")]


async def test_events_that_may_not_be_listed_are_told_with_the_cure() -> None:
    with pytest.raises(Denied, match="upgrade the chart"):
        await Warned(Cluster({"Event": Forbidden()}, [])).about("Job", "demo", "job-x")
