"""What becomes of a root while the API server misbehaves?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from slipway.kube.api import ApiError, Conflict, Forbidden, Invalid, Server, Timeout, TooMany, Unreachable
from slipway.names import UID_LABEL
from tests.engine.cluster import Cluster
from tests.engine.faults import Call, Wire
from tests.engine.replica import Replica
from tests.engine.toy import dataset
from tests.engine.virtual import virtual


def first(times: int, error: Callable[[], ApiError], verb: str, kind: str = "") -> Callable[[Call], Exception | None]:
    """Return a fault that fails the first calls of a verb."""
    left = times

    def fault(call: Call) -> Exception | None:
        nonlocal left
        if left and call.verb == verb and kind in ("", call.kind):
            left -= 1
            return error()
        return None

    return fault


def complaint(cluster: Cluster) -> str:
    """Return the reason of the one condition that the root has."""
    [condition] = cluster.of("Dataset")[0]["status"]["conditions"]
    return str(condition["reason"])


@pytest.mark.parametrize(
    "error",
    [
        lambda: Server("etcd leader changed", status=500),
        lambda: Timeout("no answer"),
        lambda: Unreachable("connection reset"),
        lambda: TooMany("later", status=429, retry_after=3.0),
        lambda: Conflict("the object has been modified", status=409),
    ],
    ids=["500", "timeout", "reset", "429", "409"],
)
@pytest.mark.parametrize("verb", ["status", "apply"])
def test_passing_failures_are_overcome(verb: str, error: Callable[[], ApiError]) -> None:
    @virtual
    async def run() -> None:
        cluster = Cluster()
        await cluster.create(dataset(maps=2))
        wire = Wire(cluster, first(3, error, verb))
        async with Replica(cluster, wire=wire):
            await asyncio.sleep(60)
            assert len(cluster.of("ConfigMap")) == 2
            assert cluster.of("Dataset")[0]["status"]["state"] == "Ready"
            assert "conditions" not in cluster.of("Dataset")[0]["status"]

    run()


@virtual
async def test_retry_after_is_honoured() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=1))
    at: list[float] = []

    def fault(call: Call) -> Exception | None:
        if call.verb != "status":
            return None
        at.append(asyncio.get_running_loop().time())
        return TooMany("later", status=429, retry_after=20.0) if len(at) == 1 else None

    async with Replica(cluster, wire=Wire(cluster, fault)):
        await asyncio.sleep(60)
    assert 20.0 <= at[1] - at[0] < 21.0


@virtual
async def test_a_server_that_fails_for_good_is_asked_less_and_less() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=1))
    wire = Wire(cluster, first(10**9, lambda: Server("down", status=503), "status"))
    async with Replica(cluster, wire=wire):
        await asyncio.sleep(3600)
        assert 15 < len(wire.writes) < 60


@virtual
async def test_a_failing_child_does_not_hold_up_the_others_but_stops_deletions() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=2, job=True, value="a"))
    down = False

    def fault(call: Call) -> Exception | None:
        broken = down and call.verb == "apply" and call.name == "data-0"
        return Server("webhook failed", status=500) if broken else None

    async with Replica(cluster, wire=Wire(cluster, fault)):
        await asyncio.sleep(5)
        down = True
        cluster.edit("Dataset", "demo", "data", spec={"value": "b", "job": False, "route": True})
        await asyncio.sleep(5)
        assert [m["data"]["value"] for m in cluster.of("ConfigMap")] == ["a", "b"]
        assert cluster.of("HTTPRoute")
        assert cluster.of("Job")
        down = False
        await asyncio.sleep(400)
        assert [m["data"]["value"] for m in cluster.of("ConfigMap")] == ["b", "b"]
        assert not cluster.of("Job")


@virtual
async def test_a_hanging_server_does_not_stop_the_other_roots() -> None:
    cluster = Cluster()
    await cluster.create(dataset("stuck", maps=1))
    await cluster.create(dataset("free", maps=1))
    wire = Wire(cluster, hangs=lambda call: call.name == "stuck-0")
    replica = Replica(cluster, wire=wire, workers=2).start()
    await asyncio.sleep(30)
    assert [m["metadata"]["name"] for m in cluster.of("ConfigMap")] == ["free-0"]
    wire.hangs = lambda call: False
    await replica.kill()


@pytest.mark.parametrize(
    ("error", "reason", "says"),
    [
        (lambda: Invalid("spec.ports: Required value", status=422), "ChildRefused", "Correct the field"),
        (lambda: Forbidden("exceeded quota", status=403), "ChildForbidden", "Raise the quota"),
    ],
    ids=["422", "403"],
)
def test_a_refused_child_is_told_in_the_status_and_retried_calmly(
    error: Callable[[], ApiError], reason: str, says: str
) -> None:
    @virtual
    async def run() -> None:
        cluster = Cluster()
        await cluster.create(dataset(maps=2))
        refusing = True

        def fault(call: Call) -> Exception | None:
            return error() if refusing and call.verb == "apply" and call.name == "data-0" else None

        async with Replica(cluster, wire=Wire(cluster, fault)) as replica:
            await asyncio.sleep(600)
            [condition] = cluster.of("Dataset")[0]["status"]["conditions"]
            assert (condition["type"], condition["status"]) == ("ChildrenApplied", "False")
            assert condition["reason"] == reason
            assert "ConfigMap demo/data-0" in condition["message"]
            assert says in condition["message"]
            tries = [c for c in replica.wire.writes if c.name == "data-0"]
            assert 5 < len(tries) < 15
            assert len([c for c in replica.wire.writes if c.verb == "status"]) < 6
            assert [m["metadata"]["name"] for m in cluster.of("ConfigMap")] == ["data-1"]
            assert [e["note"] for e in cluster.of("Event") if e["reason"] == reason]
            refusing = False
            await asyncio.sleep(300)
            assert len(cluster.of("ConfigMap")) == 2
            assert "conditions" not in cluster.of("Dataset")[0]["status"]

    run()


@virtual
async def test_a_job_that_cannot_be_changed_in_place_is_reported() -> None:
    cluster = Cluster()
    await cluster.create(dataset(job=True, value="a"))
    async with Replica(cluster) as replica:
        await asyncio.sleep(5)
        cluster.edit("Dataset", "demo", "data", spec={"value": "b"})
        await asyncio.sleep(60)
        [condition] = cluster.of("Dataset")[0]["status"]["conditions"]
        assert "kubectl delete job data-job -n demo" in condition["message"]
        assert len(replica.wire.writes) < 20
        cluster.remove("Job", "demo", "data-job")
        await asyncio.sleep(1)
        assert cluster.of("Job")[0]["spec"]["template"]["spec"]["containers"][0]["args"] == ["b"]
        await asyncio.sleep(1)
        assert "conditions" not in cluster.of("Dataset")[0]["status"]


@virtual
async def test_an_object_of_somebody_else_is_not_taken_over() -> None:
    cluster = Cluster()
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"value": "theirs"}}
    await cluster.create({**theirs, "metadata": {"name": "data-0", "namespace": "demo"}})
    await cluster.create(dataset(maps=2, value="ours"))
    async with Replica(cluster):
        await asyncio.sleep(10)
        assert [m["data"]["value"] for m in cluster.of("ConfigMap")] == ["theirs", "ours"]
        assert complaint(cluster) == "ChildNotOurs"


@virtual
@pytest.mark.parametrize("owner", [None, "another-root"])
async def test_what_bears_a_spec_is_not_taken_over_either(owner: str | None) -> None:
    """It is tried without a look before: the server refuses to set otherwise what somebody else has set."""
    cluster = Cluster()
    owners = [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": owner, "controller": True}] if owner else []
    meta = {"name": "data", "namespace": "demo", "ownerReferences": owners}
    theirs = {"rules": [{"backendRefs": [{"name": "theirs"}]}]}
    api = "gateway.networking.k8s.io/v1"
    made = await cluster.create({"apiVersion": api, "kind": "HTTPRoute", "metadata": meta, "spec": theirs})
    await cluster.create(dataset(maps=1, route=True))
    async with Replica(cluster):
        await asyncio.sleep(10)
        assert cluster.of("HTTPRoute") == [made]
        assert complaint(cluster) == "ChildNotOurs"


@virtual
async def test_what_never_changes_is_not_taken_over() -> None:
    """It is created: whoever has the name keeps the object, also where nothing in it would contradict ours."""
    cluster = Cluster()
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"other": "theirs"}}
    made = await cluster.create({**theirs, "metadata": {"name": "data-0", "namespace": "demo"}})
    await cluster.create(dataset(maps=1, immutable=True))
    async with Replica(cluster):
        await asyncio.sleep(10)
        assert cluster.of("ConfigMap") == [made]
        assert complaint(cluster) == "ChildNotOurs"


@virtual
async def test_what_is_ours_and_out_of_sight_is_applied() -> None:
    """A child whose label is gone is out of our sight, and is ours all the same."""
    cluster = Cluster()
    await cluster.create(dataset(job=True))
    async with Replica(cluster):
        await asyncio.sleep(5)
        job = await cluster.get("Job", "demo", "data-job")
        uid = job["metadata"]["labels"].pop(UID_LABEL)
        await cluster.replace(job)
        await asyncio.sleep(10)
        [job] = cluster.of("Job")
        assert job["metadata"]["labels"][UID_LABEL] == uid


@virtual
async def test_a_kind_that_the_cluster_lacks_is_said_and_found_once_installed() -> None:
    cluster = Cluster(absent={"HTTPRoute"})
    await cluster.create(dataset(maps=1, route=True))
    async with Replica(cluster) as replica:
        await asyncio.sleep(30)
        assert replica.engine.ready
        assert len(cluster.of("ConfigMap")) == 1
        [condition] = cluster.of("Dataset")[0]["status"]["conditions"]
        assert condition["reason"] == "ChildKindUnknown"
        cluster.absent.clear()
        await asyncio.sleep(400)
        assert len(cluster.of("HTTPRoute")) == 1
        assert replica.engine.store.get("HTTPRoute", "demo", "data") is not None


@virtual
async def test_a_bug_in_a_room_backs_off_and_hurts_no_other_root() -> None:
    cluster = Cluster()
    await cluster.create(dataset("bad", bug=True))
    await cluster.create(dataset("good", maps=1))
    async with Replica(cluster) as replica:
        await asyncio.sleep(3600)
        assert len(cluster.of("ConfigMap")) == 1
        errors = replica.metric("controller_runtime_reconcile_errors_total", controller="Dataset")
        assert 15 < errors < 60
        cluster.edit("Dataset", "demo", "bad", spec={"bug": False, "maps": 1})
        await asyncio.sleep(5)
        assert len(cluster.of("ConfigMap")) == 2


@virtual
async def test_a_plan_made_from_an_old_status_is_not_written() -> None:
    """Another process wrote the status a moment ago; our watch has not told us yet."""
    cluster = Cluster()
    await cluster.create(dataset(maps=1))
    wire = Wire(cluster)
    async with Replica(cluster, wire=wire):
        await asyncio.sleep(5)
        wire.hangs = lambda call: call.verb == "event"  # the watch lags
        cluster.edit("Dataset", "demo", "data", status={"state": "Decided"}, spec={"maps": 2})
        cluster.remove("ConfigMap", "demo", "data-0")
        await asyncio.sleep(700)  # the resync wakes the key
        conflicts = [c for c in wire.calls if c.verb == "get" and c.kind == "Dataset"]
        assert cluster.of("Dataset")[0]["status"]["children"] >= 1
        assert len(conflicts) <= 5
