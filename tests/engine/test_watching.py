"""Is every change heard of, whatever happens to the watches?"""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.cluster import Cluster
from tests.engine.faults import Wire
from tests.engine.replica import Replica
from tests.engine.toy import dataset
from tests.engine.virtual import virtual


@virtual
async def test_a_child_deleted_while_the_watch_was_gone_is_noticed_by_the_list() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=2, value="a"))
    async with Replica(cluster) as replica:
        await asyncio.sleep(5)
        cluster.remove("ConfigMap", "demo", "data-1")
        cluster.compact()
        cluster.break_streams()
        await asyncio.sleep(5)
        assert len(cluster.of("ConfigMap")) == 2
        assert replica.metric("slipway_relists_total", kind="ConfigMap") == 1


@virtual
async def test_a_root_deleted_while_kopf_had_no_watch_is_found_soon_after_its_list() -> None:
    cluster = Cluster()
    await cluster.create(dataset("gone"))
    await cluster.create(dataset("stays"))
    async with Replica(cluster) as replica:
        await asyncio.sleep(30)
        cluster.remove("Dataset", "demo", "gone")
        cluster.compact()
        cluster.break_streams()
        await asyncio.sleep(1)
        assert replica.engine.store.get("Dataset", "demo", "gone") is not None  # kopf's gap
        await asyncio.sleep(15)
        assert replica.engine.store.get("Dataset", "demo", "gone") is None
        assert replica.metric("slipway_objects_found_lost_total", kind="Dataset", change="deleted") == 1
        assert replica.engine.store.get("Dataset", "demo", "stays") is not None


@virtual
async def test_a_watch_of_roots_that_is_silently_dead_is_made_good_by_the_resync() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=1))
    wire = Wire(cluster)
    async with Replica(cluster, wire=wire, resync_seconds=600) as replica:
        await asyncio.sleep(30)
        wire.hangs = lambda call: call.verb == "event" and call.kind == "Dataset"
        cluster.edit("Dataset", "demo", "data", spec={"maps": 3})
        await asyncio.sleep(60)
        assert len(cluster.of("ConfigMap")) == 1
        await asyncio.sleep(700)
        assert len(cluster.of("ConfigMap")) == 3
        assert replica.metric("slipway_objects_found_lost_total", kind="Dataset", change="changed") == 1


@virtual
async def test_a_resync_counts_nothing_when_the_watch_is_merely_behind() -> None:
    cluster = Cluster()
    async with Replica(cluster, resync_seconds=10) as replica:
        for i in range(200):
            await cluster.create(dataset(f"d{i}"))
            await asyncio.sleep(0.7)
            if i % 3 == 0:
                cluster.remove("Dataset", "demo", f"d{i}")
        for change in ("deleted", "changed"):
            assert replica.metric("slipway_objects_found_lost_total", kind="Dataset", change=change) == 0


@virtual
async def test_a_child_watch_that_hangs_is_taken_for_dead() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=1))
    wire = Wire(cluster)
    async with Replica(cluster, wire=wire) as replica:
        await asyncio.sleep(5)
        wire.hangs = lambda call: call.verb == "event" and call.kind == "ConfigMap"
        cluster.remove("ConfigMap", "demo", "data-0")
        await asyncio.sleep(60)
        assert replica.engine.watch_ages()["ConfigMap"] > 50
        assert not cluster.of("ConfigMap")
        wire.hangs = lambda call: False
        await asyncio.sleep(60)
        assert len(cluster.of("ConfigMap")) == 1
        assert replica.engine.watch_ages()["ConfigMap"] < 61


@virtual
async def test_a_kind_that_never_changes_is_not_taken_for_failing(caplog: pytest.LogCaptureFixture) -> None:
    """API servers send no bookmarks for it."""
    cluster = Cluster(silent={"HTTPRoute"})
    async with Replica(cluster) as replica:
        for _ in range(60):
            await asyncio.sleep(60)
            assert replica.engine.watch_ages()["HTTPRoute"] < 95
        assert not replica.metric("slipway_relists_total", kind="HTTPRoute")
    assert "watch failed" not in caplog.text


@virtual
async def test_nothing_is_reconciled_before_every_kind_is_listed() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=1))
    wire = Wire(cluster, hangs=lambda call: call.verb == "list" and call.kind == "Pod")
    replica = Replica(cluster, wire=wire).start()
    await asyncio.sleep(60)
    assert not replica.engine.ready
    assert "Pod" in replica.engine.health.waiting_for()
    assert wire.writes == []
    await replica.kill()


@virtual
async def test_operator_waits_for_its_crds() -> None:
    cluster = Cluster(absent={"Rollout"})
    await cluster.create(dataset(maps=1))
    async with Replica(cluster) as replica:
        await asyncio.sleep(60)
        assert not replica.engine.ready
        cluster.absent.clear()
        await asyncio.sleep(20)
        assert replica.engine.ready
        assert len(cluster.of("ConfigMap")) == 1
