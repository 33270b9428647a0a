"""Does exactly one replica write?"""

from __future__ import annotations

import asyncio
from datetime import datetime

from slipway.kube.api import Server
from slipway.kube.engine import EXIT_LOST, EXIT_OK
from slipway.names import root_labels
from slipway.plan import Facts, Manifest, Plan, View
from tests.engine.cluster import Cluster
from tests.engine.faults import Call, Wire
from tests.engine.replica import Replica
from tests.engine.toy import ToyRoom, dataset
from tests.engine.virtual import virtual


def lease(cluster: Cluster) -> dict:
    return cluster.of("Lease")[0]["spec"]


@virtual
async def test_a_killed_leader_is_followed_within_the_leases_duration() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=1))
    one = Replica(cluster, "one").start()
    await asyncio.sleep(5)
    two = Replica(cluster, "two").start()
    await asyncio.sleep(30)
    assert one.leads
    assert not two.leads
    assert two.engine.ready  # warm: it watches
    assert two.wire.writes == []
    await one.kill()
    killed = asyncio.get_running_loop().time()
    cluster.edit("Dataset", "demo", "data", spec={"maps": 2})
    await two.engine.elector.leading.wait()
    assert asyncio.get_running_loop().time() - killed < 15 + 2 * 1.4 + 1
    await asyncio.sleep(5)
    assert len(cluster.of("ConfigMap")) == 2
    assert lease(cluster)["holderIdentity"] == "two"
    assert lease(cluster)["leaseTransitions"] == 1
    await two.end()


@virtual
async def test_a_leader_that_stops_hands_over_at_once() -> None:
    cluster = Cluster()
    one = Replica(cluster, "one").start()
    await asyncio.sleep(5)
    two = Replica(cluster, "two").start()
    await asyncio.sleep(30)
    assert await one.end() == EXIT_OK
    assert lease(cluster)["holderIdentity"] == ""
    await asyncio.sleep(1.5)
    assert two.leads
    await two.end()


@virtual
async def test_what_serves_is_caught_up_with_before_what_trains() -> None:
    replica = Replica(Cluster(), "one").start()
    await asyncio.sleep(5)
    assert [kind async for kind in replica.engine.resync.taken()] == [
        "Rollout",
        "ModelVersion",
        "TrainingJob",
        "Dataset",
    ]
    await replica.end()


@virtual
async def test_stopping_finishes_what_is_in_flight_before_the_lease_is_given_up() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=8))
    third = asyncio.Event()

    def count(call: Call) -> Exception | None:
        if len(wire.writes) == 3:
            third.set()
        return None

    wire = Wire(cluster, count)
    replica = Replica(cluster, wire=wire).start()
    await third.wait()
    assert len(cluster.of("ConfigMap")) < 8
    assert await replica.end() == EXIT_OK
    assert len(cluster.of("ConfigMap")) == 8
    released = max(i for i, call in enumerate(wire.calls) if call.kind == "Lease")
    assert all(call.verb not in {"apply", "status", "delete"} for call in wire.calls[released:])


@virtual
async def test_losing_the_lease_ends_the_process_before_another_may_lead() -> None:
    cluster = Cluster()
    wire = Wire(cluster)
    one = Replica(cluster, "one", wire=wire).start()
    await asyncio.sleep(5)
    two = Replica(cluster, "two").start()
    await asyncio.sleep(30)
    wire.fault = lambda call: Server("down", status=500) if call.kind == "Lease" else None
    await one.lost.wait()
    assert not two.leads
    assert one.task is not None
    assert await one.task == EXIT_LOST
    await asyncio.sleep(10)
    assert two.leads
    await two.end()


@virtual
async def test_a_lease_that_somebody_took_by_hand_ends_the_leader_at_its_next_renewal() -> None:
    cluster = Cluster()
    one = Replica(cluster, "one").start()
    await asyncio.sleep(5)
    [lease] = cluster.of("Lease")
    await cluster.replace({**lease, "spec": {**lease["spec"], "holderIdentity": "other"}})
    await asyncio.wait_for(one.lost.wait(), 5)
    assert one.task is not None
    assert await one.task == EXIT_LOST


@virtual
async def test_hanging_lease_requests_count_as_lost_too() -> None:
    cluster = Cluster()
    wire = Wire(cluster)
    one = Replica(cluster, "one", wire=wire).start()
    await asyncio.sleep(30)
    began = asyncio.get_running_loop().time()
    wire.hangs = lambda call: call.kind == "Lease"
    await one.lost.wait()
    assert asyncio.get_running_loop().time() - began <= 10.1
    await one.kill()


@virtual
async def test_a_renewal_that_hangs_leaves_time_for_another() -> None:
    cluster = Cluster()
    wire = Wire(cluster)
    async with Replica(cluster, wire=wire) as replica:
        await asyncio.sleep(20)
        hung = 0

        def hangs(call: Call) -> bool:
            nonlocal hung
            hung += call.kind == "Lease"
            return hung == 1 and call.kind == "Lease"

        wire.hangs = hangs
        await asyncio.sleep(60)
        assert hung > 10
        assert replica.leads


@virtual
async def test_one_slow_renewal_is_not_a_loss() -> None:
    cluster = Cluster()
    failing = 2

    def fault(call: Call) -> Exception | None:
        nonlocal failing
        if call.kind == "Lease" and asyncio.get_running_loop().time() > 20 and failing:
            failing -= 1
            return Server("down", status=500)
        return None

    async with Replica(cluster, wire=Wire(cluster, fault)) as replica:
        await asyncio.sleep(60)
        assert replica.leads


@virtual
async def test_no_write_leaves_a_process_whose_lease_ran_out_unnoticed() -> None:
    """The process was frozen: when it wakes, its timers have not fired yet and a reconcile goes on first."""
    cluster = Cluster()
    await cluster.create(dataset(maps=1))
    async with Replica(cluster) as replica:
        await asyncio.sleep(30)
        before = len(replica.wire.writes)
        loop = asyncio.get_running_loop()
        cluster.edit("Dataset", "demo", "data", spec={"maps": 2})
        loop.now += 11  # type: ignore[attr-defined]
        await replica.lost.wait()
        assert len(replica.wire.writes) == before


@virtual
async def test_the_new_leader_starts_from_what_the_old_one_wrote_last() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=1))
    one = Replica(cluster, "one").start()
    await asyncio.sleep(5)
    wire = Wire(cluster)
    two = Replica(cluster, "two", wire=wire).start()
    await asyncio.sleep(10)
    wire.hangs = lambda call: call.verb == "event" and call.kind == "Dataset"  # its watch is behind
    cluster.edit("Dataset", "demo", "data", spec={"maps": 2})
    await asyncio.sleep(5)
    await one.end()
    await asyncio.sleep(10)
    assert two.leads
    assert wire.writes == []
    await two.end()


class EndpointsRoom(ToyRoom):
    """Says how many EndpointSlices there are."""

    def plan(self, root: Manifest, view: View, facts: Facts, now: datetime) -> Plan:
        return Plan({"endpoints": len(view.owned(root["metadata"]["uid"], "EndpointSlice"))})


@virtual
async def test_a_new_leader_knows_the_endpoints_that_the_old_one_saw() -> None:
    """The status speaks of them: a leader that has not heard of them would call them lost."""
    cluster, rooms = Cluster(), {"Dataset": EndpointsRoom()}
    root = await cluster.create(dataset())
    one = Replica(cluster, "one", rooms).start()
    await asyncio.sleep(5)
    wire = Wire(cluster)
    two = Replica(cluster, "two", rooms, wire).start()
    await asyncio.sleep(10)
    wire.hangs = lambda call: call.verb == "event" and call.kind == "EndpointSlice"  # its watch is behind
    meta = {"name": "s", "namespace": "demo", "labels": root_labels("Dataset", "data", root["metadata"]["uid"])}
    await cluster.create({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta})
    await asyncio.sleep(5)
    assert cluster.of("Dataset")[0]["status"] == {"endpoints": 1}
    await one.end()
    await asyncio.sleep(10)
    assert two.leads
    assert wire.writes == []
    await two.end()
