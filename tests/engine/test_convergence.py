"""Does the engine make plans true, and then leave them alone?"""

from __future__ import annotations

import asyncio

import pytest

from slipway.kube.api import Server
from slipway.names import HASH_ANNOTATION
from tests.engine.cluster import Cluster
from tests.engine.faults import Wire
from tests.engine.replica import Replica
from tests.engine.toy import SPACE, dataset
from tests.engine.virtual import virtual


@virtual
async def test_children_appear_owned_and_the_status_counts_them() -> None:
    cluster = Cluster()
    root = await cluster.create(dataset(maps=2, job=True, value="a"))
    async with Replica(cluster):
        await asyncio.sleep(5)
        children = cluster.of("ConfigMap") + cluster.of("Job")
        assert [c["metadata"]["name"] for c in children] == ["data-0", "data-1", "data-job"]
        for child in children:
            [owner] = child["metadata"]["ownerReferences"]
            assert owner["uid"] == root["metadata"]["uid"]
            assert owner["controller"] is True
            assert owner["blockOwnerDeletion"] is True
        assert cluster.of("Dataset")[0]["status"]["children"] == 3


@virtual
async def test_nothing_is_written_when_nothing_changes() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=2, job=True, route=True, value="a", wake=7))
    async with Replica(cluster) as replica:
        await asyncio.sleep(5)
        before = len(replica.wire.writes)
        reconciles = replica.metric("controller_runtime_reconcile_total", controller="Dataset", result="requeue_after")
        await asyncio.sleep(3600)
        again = replica.metric("controller_runtime_reconcile_total", controller="Dataset", result="requeue_after")
        assert again > reconciles + 400
        assert len(replica.wire.writes) == before


@virtual
@pytest.mark.parametrize(("settled", "looks"), [(True, 1), (False, 2)])
async def test_its_own_status_is_looked_at_again_unless_the_plan_has_considered_it(settled: bool, looks: int) -> None:
    cluster = Cluster()
    async with Replica(cluster) as replica:
        await asyncio.sleep(5)
        await cluster.create(dataset(settled=settled))
        await asyncio.sleep(60)
        assert replica.metric("controller_runtime_reconcile_total", controller="Dataset", result="success") == looks
        cluster.edit("Dataset", SPACE, "data", spec={"settled": settled, "maps": 1})
        await asyncio.sleep(60)
        assert cluster.of("Dataset")[0]["status"]["children"] == 1, "an edit, and a child, are always looked at"


@virtual
async def test_a_child_that_goes_ahead_is_there_before_the_status() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=3, ahead=[1]))
    replica = Replica(cluster, wire=Wire(cluster, crash_after=1)).start()
    await asyncio.sleep(5)
    assert [c["metadata"]["name"] for c in cluster.of("ConfigMap")] == ["data-1"]
    assert not cluster.of("Dataset")[0].get("status")
    await replica.kill()


@virtual
async def test_a_child_that_goes_ahead_holds_nothing_up_when_it_fails() -> None:
    cluster = Cluster()
    wire = Wire(cluster, fault=lambda call: Server("down", status=500) if call.name == "data-1" else None)
    await cluster.create(dataset(maps=3, ahead=[1]))
    async with Replica(cluster, wire=wire):
        await asyncio.sleep(5)
        assert [c["metadata"]["name"] for c in cluster.of("ConfigMap")] == ["data-0", "data-2"]
        assert cluster.of("Dataset")[0]["status"]["children"] == 2
        wire.fault = lambda call: None
        await asyncio.sleep(60)
        assert cluster.of("Dataset")[0]["status"]["children"] == 3


@virtual
async def test_where_it_is_crowded_all_that_goes_ahead_goes_before_any_status() -> None:
    cluster = Cluster()
    replica = Replica(cluster, wire=Wire(cluster, crash_after=2), workers=1)
    replica.engine.queue.backlog.crowded = lambda _: True  # type: ignore[method-assign]
    replica.start()
    await asyncio.sleep(5)
    for name in ("one", "two"):
        await cluster.create(dataset(name, maps=2, ahead=[1]))
    await asyncio.sleep(5)
    assert [c["metadata"]["name"] for c in cluster.of("ConfigMap")] == ["one-1", "two-1"]
    assert not any(root.get("status") for root in cluster.of("Dataset"))
    await replica.kill()
    async with Replica(cluster, "second"):
        await asyncio.sleep(60)
        assert [root["status"]["children"] for root in cluster.of("Dataset")] == [2, 2]


@virtual
async def test_a_status_that_others_wait_before_is_not_hurried_by_its_own_child() -> None:
    cluster = Cluster()
    async with Replica(cluster) as replica:
        replica.engine.queue.backlog.crowded = lambda _: True  # type: ignore[method-assign]
        await cluster.create(dataset(maps=2, ahead=[1]))
        await asyncio.sleep(0.5)
        cluster.edit("ConfigMap", SPACE, "data-1", data={"another": "controller's"})
        await asyncio.sleep(0.2)
        assert [call.kind for call in replica.wire.writes] == ["ConfigMap"]
        await asyncio.sleep(5)
        assert cluster.of("Dataset")[0]["status"]["children"] == 2


@virtual
async def test_what_waited_for_others_is_done_in_its_next_turn() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=2, ahead=[1]))
    async with Replica(cluster) as replica:
        replica.engine.queue.backlog.crowded = lambda _: True  # type: ignore[method-assign]
        await asyncio.sleep(5)
        assert cluster.of("Dataset")[0]["status"]["children"] == 2


@virtual
async def test_a_room_that_never_settles_is_slowed_down_and_hurts_no_other_root() -> None:
    cluster = Cluster()
    await cluster.create(dataset("restless", restless=True))
    async with Replica(cluster) as replica:
        await asyncio.sleep(600)
        assert len(replica.wire.writes) < 30 + 600 / 2 + 10
        await cluster.create(dataset("calm", maps=1))
        await asyncio.sleep(1)
        assert cluster.of("ConfigMap")


@virtual
async def test_a_root_that_writes_down_each_answer_is_never_slowed_down(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster()
    await cluster.create(dataset("measured", measure=True))
    async with Replica(cluster) as replica:
        await asyncio.sleep(600)
        assert len(replica.wire.writes) > 600 / 1.2 - 10  # the oracle thinks for a second
    assert "slowed down" not in caplog.text


@virtual
async def test_nothing_is_written_after_a_restart() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=2, job=True, route=True, value="a"))
    async with Replica(cluster):
        await asyncio.sleep(5)
    async with Replica(cluster, "two") as second:
        await asyncio.sleep(60)
        assert second.leads
        assert second.wire.writes == []


@virtual
async def test_children_that_are_no_longer_wanted_are_deleted_and_only_they() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=3))
    await cluster.create(dataset("other", maps=1))
    async with Replica(cluster):
        await asyncio.sleep(5)
        cluster.edit("Dataset", "demo", "data", spec={"maps": 1})
        await asyncio.sleep(5)
        assert [c["metadata"]["name"] for c in cluster.of("ConfigMap")] == ["data-0", "other-0"]


@virtual
async def test_foreign_edits_of_content_labels_and_whole_lists_are_undone() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=1, route=True, value="a"))
    async with Replica(cluster) as replica:
        await asyncio.sleep(5)
        cluster.edit("ConfigMap", "demo", "data-0", data={"value": "changed"})
        rules = [{"backendRefs": [{"name": "a", "weight": 90}, {"name": "b", "weight": 10}], "filters": ["mirror"]}]
        cluster.edit("HTTPRoute", "demo", "data", spec={"rules": rules})
        await asyncio.sleep(5)
        assert cluster.of("ConfigMap")[0]["data"] == {"value": "a"}
        assert "filters" not in cluster.of("HTTPRoute")[0]["spec"]["rules"][0]
        cluster.edit("ConfigMap", "demo", "data-0", metadata={"labels": None})
        await asyncio.sleep(5)
        assert cluster.of("ConfigMap")[0]["metadata"]["labels"]["slipway.dev/kind"] == "Dataset"
        uid, before = cluster.of("ConfigMap")[0]["metadata"]["uid"], len(replica.wire.writes)
        cluster.edit("ConfigMap", "demo", "data-0", data={"value": "again"})
        await asyncio.sleep(5)
        assert cluster.of("ConfigMap")[0]["data"] == {"value": "a"}
        assert cluster.of("ConfigMap")[0]["metadata"]["uid"] == uid
        assert len(replica.wire.writes) == before + 1


@virtual
async def test_annotations_and_labels_of_others_are_left_alone() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=1))
    async with Replica(cluster) as replica:
        await asyncio.sleep(5)
        before = len(replica.wire.writes)
        cluster.edit("ConfigMap", "demo", "data-0", metadata={"annotations": {"theirs": "yes"}, "labels": {"x": "y"}})
        await asyncio.sleep(5)
        assert len(replica.wire.writes) == before
        cluster.edit("ConfigMap", "demo", "data-0", metadata={"annotations": {HASH_ANNOTATION: "tampered"}})
        await asyncio.sleep(5)
        assert len(replica.wire.writes) == before + 1
        assert cluster.of("ConfigMap")[0]["metadata"]["annotations"]["theirs"] == "yes"


@virtual
async def test_a_deleted_child_comes_back_and_a_deleted_root_is_left_to_garbage_collection() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=2))
    async with Replica(cluster) as replica:
        await asyncio.sleep(5)
        cluster.remove("ConfigMap", "demo", "data-1")
        await asyncio.sleep(5)
        assert len(cluster.of("ConfigMap")) == 2
        cluster.edit("Dataset", "demo", "data", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
        cluster.remove("ConfigMap", "demo", "data-1")
        before = len(replica.wire.writes)
        await asyncio.sleep(60)
        assert len(replica.wire.writes) == before


@virtual
async def test_a_root_deleted_and_made_again_gets_children_of_its_own() -> None:
    cluster = Cluster(garbage_collection=False)
    await cluster.create(dataset(maps=1))
    async with Replica(cluster):
        await asyncio.sleep(5)
        old = cluster.of("ConfigMap")[0]["metadata"]["uid"]
        cluster.remove("Dataset", "demo", "data")
        new = await cluster.create(dataset(maps=1))
        await asyncio.sleep(5)
        [condition] = cluster.of("Dataset")[0]["status"]["conditions"]
        assert condition["reason"] == "ChildNotOurs"  # the collector is late; the old child is not adopted
        assert cluster.of("ConfigMap")[0]["metadata"]["uid"] == old
        cluster.remove("ConfigMap", "demo", "data-0")
        await asyncio.sleep(120)
        [child] = cluster.of("ConfigMap")
        assert child["metadata"]["ownerReferences"][0]["uid"] == new["metadata"]["uid"]
        assert "conditions" not in cluster.of("Dataset")[0]["status"]


@virtual
async def test_a_root_of_another_kind_wakes_those_that_follow_it() -> None:
    cluster = Cluster()
    await cluster.create(dataset(version={"name": "v1"}))
    async with Replica(cluster) as replica:
        await asyncio.sleep(5)
        before = replica.metric("controller_runtime_reconcile_total", controller="Dataset", result="success")
        version = {"apiVersion": "slipway.dev/v1alpha1", "kind": "ModelVersion", "spec": {}}
        await cluster.create({**version, "metadata": {"name": "v1", "namespace": "demo"}})
        await asyncio.sleep(5)
        after = replica.metric("controller_runtime_reconcile_total", controller="Dataset", result="success")
        assert after == before + 1


@virtual
async def test_a_root_of_the_same_kind_wakes_those_that_follow_it() -> None:
    cluster = Cluster()
    await cluster.create(dataset("follower", version={"name": "data"}))
    async with Replica(cluster) as replica:
        await asyncio.sleep(5)
        before = replica.metric("controller_runtime_reconcile_total", controller="Dataset", result="success")
        await cluster.create(dataset("alone"))
        await asyncio.sleep(5)
        alone = replica.metric("controller_runtime_reconcile_total", controller="Dataset", result="success") - before
        await cluster.create(dataset("data"))
        await asyncio.sleep(5)
        after = replica.metric("controller_runtime_reconcile_total", controller="Dataset", result="success")
        assert after > before + 2 * alone


@virtual
async def test_an_ask_is_asked_once_and_its_answer_reaches_the_plan() -> None:
    cluster = Cluster()
    await cluster.create(dataset(ask="42"))
    async with Replica(cluster) as replica:
        await asyncio.sleep(30)
        assert cluster.of("Dataset")[0]["status"]["answer"] == "42.0"
        assert replica.oracle.asked == ["42"]
        cluster.edit("Dataset", "demo", "data", spec={"ask": "43"})
        await asyncio.sleep(30)
        assert cluster.of("Dataset")[0]["status"]["answer"] == "43.0"


@virtual
async def test_events_follow_status_writes() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=2))
    async with Replica(cluster):
        await asyncio.sleep(5)
    notes = [event["note"] for event in cluster.of("Event")]
    assert "2 children" in notes
    assert all(event["regarding"]["name"] == "data" for event in cluster.of("Event"))
