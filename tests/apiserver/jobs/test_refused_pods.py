"""What a real apiserver refuses a pod for is told with its cure, and goes on by itself when it is mended.

All cases wait at the same time: each is made first, then looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.apiserver import objects
from tests.apiserver.jobs.cluster import Cluster
from tests.apiserver.server import ApiServer

PRIORITIES = "/apis/scheduling.k8s.io/v1/priorityclasses"
RUNTIMES = "/apis/node.k8s.io/v1/runtimeclasses"


def _quota(cluster: Cluster, **hard: str) -> None:
    limits = {name.replace("_", "."): value for name, value in hard.items()}
    cluster.create(cluster.core("resourcequotas"), {"metadata": {"name": "compute"}, "spec": {"hard": limits}})
    path = cluster.core("resourcequotas/compute")
    cluster.until(lambda: bool((cluster.get(path) or {}).get("status", {}).get("hard")))


def _raise(cluster: Cluster) -> None:
    cluster.patch(cluster.core("resourcequotas/compute"), {"spec": {"hard": {"requests.memory": "100Gi"}}})


def _limit(cluster: Cluster) -> None:
    limit = {"type": "Container", "max": {"memory": "64Mi"}}
    cluster.create(cluster.core("limitranges"), {"metadata": {"name": "small"}, "spec": {"limits": [limit]}})


def _default_limits(cluster: Cluster) -> None:
    limit = {"type": "Container", "default": {"cpu": "4"}}
    cluster.create(cluster.core("limitranges"), {"metadata": {"name": "defaults"}, "spec": {"limits": [limit]}})


@dataclass(frozen=True)
class Case:
    """What is in the way, how it is told, and what mends it."""

    name: str
    reason: str
    said: str
    mend: Callable[[Cluster], object]
    before: Callable[[Cluster], object] = lambda cluster: None
    pod: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case("quota", "QuotaExceeded", "raise ResourceQuota compute", _raise, lambda c: _quota(c, requests_memory="1Gi")),
    Case(
        "unstated",
        "QuotaNeedsLimits",
        "give the namespace a LimitRange with defaults for limits.cpu",
        _default_limits,
        lambda c: _quota(c, limits_cpu="8"),
    ),
    Case(
        "limits",
        "LimitRangeViolated",
        "keep resources within the namespace's LimitRange",
        lambda c: c.delete(c.core("limitranges/small")),
        _limit,
    ),
    Case(
        "priority",
        "PriorityClassNotFound",
        "create PriorityClass slipway-low, or correct pod.priorityClassName",
        lambda c: c.create(PRIORITIES, {"metadata": {"name": "slipway-low"}, "value": -5}),
        pod={"priorityClassName": "slipway-low"},
    ),
    Case(
        "account",
        "ServiceAccountNotFound",
        "create ServiceAccount trainer in this namespace",
        lambda c: c.create(c.core("serviceaccounts"), {"metadata": {"name": "trainer"}}),
        pod={"serviceAccountName": "trainer"},
    ),
    Case(
        "runtime",
        "RuntimeClassNotFound",
        "create RuntimeClass sandboxed",
        lambda c: c.create(RUNTIMES, {"metadata": {"name": "sandboxed"}, "handler": "runsc"}),
        pod={"runtimeClassName": "sandboxed"},
    ),
)


@pytest.fixture(scope="module")
def waiting(installed: ApiServer, operator: Any) -> dict[str, Cluster]:
    """A namespace for each case, with a Dataset whose pod is refused."""
    made = {}
    for case in CASES:
        made[case.name] = cluster = Cluster.fresh(installed, operator)
        case.before(cluster)
        pod = {"pod": case.pod} if case.pod else {}
        cluster.apply(objects.dataset(case.name), **pod)
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_told_and_goes_on_when_it_is_mended(waiting: dict[str, Cluster], case: Case) -> None:
    cluster = waiting[case.name]
    cluster.until(
        lambda: cluster.reason("Dataset", case.name) == case.reason, lambda: cluster.status("Dataset", case.name)
    )
    assert case.said in cluster.status("Dataset", case.name)["message"]
    case.mend(cluster)
    pod = cluster.pod_of(case.name)
    cluster.run(pod)
    cluster.until(
        lambda: cluster.reason("Dataset", case.name) == "Preparing", lambda: cluster.status("Dataset", case.name)
    )


def test_a_quota_of_jobs_is_told_too(cluster: Cluster) -> None:
    cluster.create(
        cluster.core("resourcequotas"), {"metadata": {"name": "compute"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    )
    path = cluster.core("resourcequotas/compute")
    cluster.until(lambda: bool((cluster.get(path) or {}).get("status", {}).get("hard")))
    name = cluster.apply(objects.dataset())

    def refused() -> dict[str, Any]:
        conditions = cluster.status("Dataset", name).get("conditions") or ()
        return next((c for c in conditions if c["type"] == "ChildrenApplied"), {})

    cluster.until(lambda: refused().get("reason") == "ChildForbidden", lambda: cluster.status("Dataset", name))
    assert "Raise the quota" in refused()["message"]
    cluster.patch(path, {"spec": {"hard": {"count/jobs.batch": "5"}}})
    cluster.until(lambda: bool(cluster.list(cluster.batch())), lambda: cluster.status("Dataset", name))
    cluster.until(lambda: not refused(), lambda: cluster.status("Dataset", name))
