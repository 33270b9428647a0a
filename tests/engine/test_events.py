"""Are transitions told once, and noise held back?"""

from __future__ import annotations

import asyncio

from slipway.kube.api import NotFound, Server
from slipway.kube.events import BURST, Recorder, shortened
from slipway.metrics.operator import OperatorMetrics
from slipway.plan import Event
from tests.engine.cluster import Cluster
from tests.engine.faults import Wire
from tests.engine.toy import dataset
from tests.engine.virtual import VirtualClock, virtual


async def recorder(cluster: Cluster) -> tuple[Recorder, Wire, dict, asyncio.Task[None]]:
    wire = Wire(cluster)
    made = Recorder(wire, VirtualClock(), OperatorMetrics(), "replica-1")
    return made, wire, await cluster.create(dataset()), asyncio.create_task(made.run())


@virtual
async def test_an_event_says_what_about_which_object() -> None:
    cluster = Cluster()
    made, _, root, task = await recorder(cluster)
    made.record(root, Event("Failed", "row 7 is broken", "Warning"))
    await made.flush()
    [event] = cluster.of("Event")
    assert (event["reason"], event["note"], event["type"]) == ("Failed", "row 7 is broken", "Warning")
    assert event["regarding"]["uid"] == root["metadata"]["uid"]
    assert event["metadata"]["namespace"] == "demo"
    assert event["reportingInstance"] == "replica-1"
    assert event["eventTime"].endswith("Z")
    task.cancel()


@virtual
async def test_repetitions_become_one_series_with_few_writes() -> None:
    cluster = Cluster()
    made, wire, root, task = await recorder(cluster)
    for _ in range(20):
        made.record(root, Event("Retried", "again"))
        await made.flush()
        await asyncio.sleep(20)
    [event] = cluster.of("Event")
    assert 18 <= event["series"]["count"] <= 20
    assert len([c for c in wire.calls if c.verb == "merge"]) < 15
    await asyncio.sleep(600)
    made.record(root, Event("Retried", "again"))
    await made.flush()
    assert len(cluster.of("Event")) == 2  # the old series is over
    task.cancel()


@virtual
async def test_an_object_that_talks_too_much_is_silenced_and_others_are_not() -> None:
    cluster = Cluster()
    made, _, root, task = await recorder(cluster)
    other = await cluster.create(dataset("other"))
    for i in range(100):
        made.record(root, Event("Noise", str(i)))
    made.record(other, Event("Heard", "yes"))
    await made.flush()
    assert len([e for e in cluster.of("Event") if e["reason"] == "Noise"]) == BURST
    assert [e for e in cluster.of("Event") if e["reason"] == "Heard"]
    await asyncio.sleep(61)
    made.record(root, Event("Later", "one more"))
    await made.flush()
    assert [e for e in cluster.of("Event") if e["reason"] == "Later"]
    task.cancel()


@virtual
async def test_failures_to_write_are_dropped_and_a_vanished_series_begins_anew() -> None:
    cluster = Cluster()
    made, wire, root, task = await recorder(cluster)
    wire.fault = lambda call: Server("down", status=500)
    made.record(root, Event("Lost", "x"))
    await made.flush()
    wire.fault = lambda call: NotFound("expired", status=404) if call.verb == "merge" else None
    made.record(root, Event("Kept", "x"))
    made.record(root, Event("Kept", "x"))
    await made.flush()
    assert [e["reason"] for e in cluster.of("Event")] == ["Kept", "Kept"]
    task.cancel()


def test_a_note_is_cut_between_characters() -> None:
    assert shortened("short") == "short"
    assert len(shortened("ä" * 2000).encode()) <= 1024
    assert shortened("ä" * 2000).endswith("ä…")
