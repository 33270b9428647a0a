"""What does the operator tell Prometheus about Rollouts? Read from their status whenever it asks.

Nothing is kept: a Rollout that is gone, a metric that its spec no longer has and a measurement of more than an hour ago
are in no answer. A Rollout has at most 16 metrics of two sides, so Rollouts bound the number of series. Only the leader
tells: the others see the same objects, and their figures would count twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from slipway.api.conditions import timestamp
from slipway.metrics.exposition import Figure, gauges, number
from slipway.plan import Manifest

NEWS = timedelta(hours=1)
"""How long a measurement is told; alerts must not go on about a candidate of last week."""

FAMILIES: Mapping[str, str] = {
    "info": "1 for each Rollout, with its state and versions.",
    "percent": "Share of requests that the candidate is to have.",
    "measurement": "Newest value of a metric, by side (candidate, stable).",
    "bound": "What the candidate's value was held against.",
    "samples": "Requests or votes that the newest value rests on.",
    "outcome": "1 for the newest outcome of a metric; the others are absent.",
}


async def text(rollouts: Iterable[Manifest], now: datetime, wanted: Collection[str] = ()) -> str:
    """Return the gauges of `rollouts`, as they are at `now`, in Prometheus' text format; see `gauges`."""
    since = timestamp(now - NEWS)
    return await gauges("slipway_rollout", FAMILIES, rollouts, lambda rollout: _figures(rollout, since), wanted)


def _figures(rollout: Manifest, since: str) -> Iterator[Figure]:
    meta, spec, status = rollout["metadata"], rollout.get("spec") or {}, rollout.get("status") or {}
    own = {"namespace": str(meta.get("namespace") or ""), "rollout": str(meta["name"])}
    words = {"model": spec.get("model"), "state": status.get("state")}
    words |= {side: (status.get(side) or {}).get("version") for side in ("stable", "candidate")}
    yield "info", own | {name: str(word or "") for name, word in words.items()}, 1.0
    yield "percent", own, float(status.get("percent") or 0)
    for entry in status.get("analysis") or ():
        if str(entry.get("at") or "") < since:
            continue
        yield from _measurement(own | {"metric": str(entry.get("metric") or "")}, entry)


def _measurement(own: dict[str, str], entry: Manifest) -> Iterator[Figure]:
    """Yield one entry of status.analysis. What is absent or no number is left out: no data is no 0."""
    for side in ("candidate", "stable"):
        if (value := number(entry.get(side))) is not None:
            yield "measurement", own | {"side": side}, value
    for name in ("bound", "samples"):
        if (value := number(entry.get(name))) is not None:
            yield name, own, value
    yield "outcome", own | {"outcome": str(entry.get("outcome") or "")}, 1.0
