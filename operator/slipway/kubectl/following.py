"""How is a Rollout followed while it changes?

Two threads read the Rollout and its Events and put what comes into one queue; the reader of the queue draws. A
connection that breaks is made again: what is watched may well be the restart of an API server.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from slipway.kubectl.cluster import Cluster, Expired
from slipway.kubectl.failures import Forbidden, Refused, Unreachable
from slipway.kubectl.release import Sight, Told, read, told

PAUSE_SECONDS = 1.0
"""Between two watches, so that a server that ends them at once is not asked without a break."""


@dataclass(frozen=True)
class _Change:
    """What a thread has to say; exactly one of the fields counts."""

    rollout: dict[str, Any] | None = None
    event: dict[str, Any] | None = None
    gone: bool = False
    trouble: str | None = None
    end: Refused | None = None


def follow(cluster: Cluster, manifest: dict[str, Any], tick: float) -> Iterator[Sight]:
    """Yield what is known now, at every change, and every `tick` seconds without one; raise what ends it."""
    meta = manifest["metadata"]
    changes: queue.Queue[_Change] = queue.Queue()

    def rollouts() -> Iterator[_Change]:
        for found in cluster.watch_rollout(meta["namespace"], meta["name"]):
            other = found is not None and found["metadata"]["uid"] != meta["uid"]
            yield _Change(gone=True) if found is None or other else _Change(rollout=found)

    def events() -> Iterator[_Change]:
        found = cluster.watch_events(meta["namespace"], meta["uid"])
        yield from (_Change(event=event) for event in found if event is not None)

    over = threading.Event()
    for source in (rollouts, events):
        threading.Thread(target=_pump, args=(source, changes, source is rollouts, over), daemon=True).start()
    sight, seen = Sight(read(manifest)), dict[str, Told]()
    try:
        while True:
            yield sight
            try:
                change = changes.get(timeout=tick)
            except queue.Empty:
                continue
            sight = _after(sight, seen, change)
    finally:
        over.set()


def _after(sight: Sight, seen: dict[str, Told], change: _Change) -> Sight:
    if change.end is not None:
        raise change.end
    if change.gone:
        return replace(sight, release=None)
    if change.trouble is not None:
        return replace(sight, trouble=change.trouble)
    if change.event is not None:
        seen[change.event["metadata"]["uid"]] = told(change.event)
        return replace(sight, events=tuple(sorted(seen.values(), key=lambda event: event.at)))
    assert change.rollout is not None
    return replace(sight, release=read(change.rollout), trouble="")


def _pump(
    source: Callable[[], Iterator[_Change]], changes: queue.Queue[_Change], needed: bool, over: threading.Event
) -> None:
    """Watch until it is over. What a person has to change ends it; Events that may not be read are done without."""
    while not over.is_set():
        try:
            for change in source():
                changes.put(change)
        except Expired:
            pass  # each watch begins with a list
        except Unreachable as error:
            changes.put(_Change(trouble=str(error)))
        except Refused as error:
            if needed or not isinstance(error, Forbidden):
                changes.put(_Change(end=error))
            return
        over.wait(PAUSE_SECONDS)
