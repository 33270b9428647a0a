"""Does a standby know what it would do, do nothing, and lead at once where there is something to do?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from slipway.kube.engine import EXIT_OK
from tests.engine.cluster import Cluster
from tests.engine.replica import Replica
from tests.engine.toy import dataset
from tests.engine.virtual import virtual


@asynccontextmanager
async def pair(cluster: Cluster) -> AsyncIterator[tuple[Replica, Replica]]:
    """Run a leader and a standby that has seen everything."""
    one = Replica(cluster, "one").start()
    await asyncio.sleep(5)
    two = Replica(cluster, "two").start()
    await asyncio.sleep(30)
    assert one.leads
    assert two.wire.writes == []
    yield one, two
    await two.end()


def reconciles(replica: Replica, result: str) -> float:
    return replica.metric("controller_runtime_reconcile_total", controller="Dataset", result=result)


@virtual
async def test_roots_at_rest_are_not_looked_at_again_when_leading_begins() -> None:
    cluster = Cluster()
    for number in range(20):
        await cluster.create(dataset(f"data-{number}", maps=2, value="a"))
    async with pair(cluster) as (one, two):
        assert reconciles(two, "rehearsed") >= 20
        assert await one.end() == EXIT_OK
        await asyncio.sleep(5)
        assert two.leads
        assert reconciles(two, "success") == 0
        assert two.wire.writes == []
        cluster.edit("Dataset", "demo", "data-7", spec={"maps": 3})
        await asyncio.sleep(1)
        assert len(cluster.of("ConfigMap")) == 41


@virtual
async def test_what_happened_while_nobody_led_is_done_first_thing() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=2))
    async with pair(cluster) as (one, two):
        await one.kill()
        await cluster.create(dataset("new", maps=1))
        cluster.remove("ConfigMap", "demo", "data-0")
        cluster.edit("ConfigMap", "demo", "data-1", data={"value": "foreign"})
        await asyncio.sleep(5)
        assert not two.leads
        assert len(cluster.of("ConfigMap")) == 1
        await asyncio.sleep(20)
        assert two.leads
        assert {m["metadata"]["name"]: m["data"]["value"] for m in cluster.of("ConfigMap")} == {
            "data-0": "",
            "data-1": "",
            "new-0": "",
        }


@virtual
async def test_what_wants_to_be_woken_is_woken_by_the_one_who_leads() -> None:
    cluster = Cluster()
    await cluster.create(dataset(wake=40))
    async with pair(cluster) as (one, two):
        assert await one.end() == EXIT_OK
        await asyncio.sleep(45)
        assert reconciles(two, "requeue_after") == 1


@virtual
async def test_an_open_question_is_asked_by_the_one_who_leads() -> None:
    cluster = Cluster()
    async with pair(cluster) as (one, two):
        await one.kill()
        await cluster.create(dataset(ask="42"))
        await asyncio.sleep(3)
        assert two.oracle.asked == []
        await asyncio.sleep(25)
        assert cluster.of("Dataset")[0]["status"]["answer"] == "42.0"


@virtual
async def test_a_bug_in_a_room_does_not_end_the_standby() -> None:
    cluster = Cluster()
    async with pair(cluster) as (one, two):
        await cluster.create(dataset("broken", bug=True))
        await cluster.create(dataset("good", maps=1))
        await asyncio.sleep(5)
        assert await one.end() == EXIT_OK
        await asyncio.sleep(5)
        assert two.leads
        cluster.edit("Dataset", "demo", "broken", spec={"bug": False, "maps": 1})
        await asyncio.sleep(310)
        assert len(cluster.of("ConfigMap")) == 2


@virtual
async def test_what_the_watch_of_a_standby_lost_is_found_when_it_leads() -> None:
    cluster = Cluster()
    await cluster.create(dataset(maps=1))
    await cluster.create(dataset("gone", maps=1))
    async with pair(cluster) as (one, two):
        two.engine.roots._tell = lambda type, obj: None  # type: ignore[attr-defined]
        cluster.edit("Dataset", "demo", "data", spec={"maps": 2})
        cluster.remove("Dataset", "demo", "gone")
        await cluster.create(dataset("new", maps=1))
        await asyncio.sleep(1)
        assert two.engine.store.get("Dataset", "demo", "new") is None
        assert await one.end() == EXIT_OK
        await asyncio.sleep(5)
        assert two.engine.store.get("Dataset", "demo", "gone") is None
        assert {m["metadata"]["name"] for m in cluster.of("ConfigMap")} == {"data-0", "data-1", "new-0"}
