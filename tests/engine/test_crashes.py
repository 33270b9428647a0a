"""Does the state come out the same wherever the process dies?"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.engine.cluster import Cluster
from tests.engine.faults import Wire
from tests.engine.replica import Replica
from tests.engine.toy import dataset
from tests.engine.virtual import virtual

VOLATILE = {"uid", "resourceVersion", "generation", "creationTimestamp"}
ENOUGH = 400


def state(cluster: Cluster) -> Any:
    """Return everything but identities, leases and events."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: bare(v) for k, v in value.items() if k not in VOLATILE and k not in {"slipway.dev/applied-hash"}}
        if isinstance(value, list):
            return [bare(v) for v in value]
        return value

    objects = [o for o in cluster.objects.values() if o["kind"] not in {"Lease", "Event"}]
    text = json.dumps([bare(o) for o in sorted(objects, key=lambda o: (o["kind"], o["metadata"]["name"]))])
    for root in cluster.of("Dataset"):
        text = text.replace(root["metadata"]["uid"], root["metadata"]["name"])
    return json.loads(text)


async def story(crash_after: int | None) -> tuple[Any, bool]:
    """Create, change and shrink a root; die after the given write, and let another replica finish."""
    cluster = Cluster()
    wire = Wire(cluster, crash_after=crash_after)
    await cluster.create(dataset(maps=3, job=True, value="a", ask="7"))
    replica, crashed = Replica(cluster, "first", wire=wire).start(), False

    async def settle() -> None:
        nonlocal replica, crashed
        try:
            async with asyncio.timeout(30):
                await wire.crashed.wait()
        except TimeoutError:
            return
        if not crashed:
            crashed = True
            await replica.kill()
            replica = Replica(cluster, "second").start()
        await asyncio.sleep(60)  # the dead one's Lease runs out

    await settle()
    cluster.edit("Dataset", "demo", "data", spec={"maps": 1, "job": False, "value": "b"})
    await settle()
    cluster.edit("Dataset", "demo", "data", spec={"maps": 2, "job": True, "value": "c", "ask": "8"})
    await settle()
    await replica.end()
    return state(cluster), crashed


@virtual
async def test_dying_after_any_write_ends_in_the_same_state() -> None:
    straight, crashed = await story(None)
    assert not crashed
    assert len([o for o in straight if o["kind"] in {"ConfigMap", "Job"}]) == 3
    for n in range(1, ENOUGH):
        ended, crashed = await story(n)
        if not crashed:
            assert n > 15, "the story has fewer writes than it should"
            return
        assert ended == straight, f"dying after write {n} changed the outcome"
    raise AssertionError("the story never ends")
