"""What does the operator tell Prometheus about Rollouts? Read from their status whenever it asks.

Nothing is kept: a Rollout that is gone, a metric that its spec no longer has and a measurement of more than an hour ago
are in no answer. A Rollout has at most 16 metrics of two sides, so Rollouts bound the number of series. Only the leader
tells: the others see the same objects, and their figures would count twice. Thousands of Rollouts are written in
portions, between which the event loop turns: a scrape delays no verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from slipway.api.conditions import timestamp
from slipway.plan import Manifest

PORTION = 100
"""Rollouts written in one go: about a millisecond."""
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


async def text(rollouts: Iterable[Manifest], now: datetime) -> str:
    """Return the gauges of `rollouts`, as they are at `now`, in Prometheus' text format."""
    since = timestamp(now - NEWS)
    lines: dict[str, list[str]] = {name: [] for name in FAMILIES}
    for number, rollout in enumerate(list(rollouts), start=1):
        for family, labels, value in _figures(rollout, since):
            lines[family].append(_line(family, labels, value))
        if number % PORTION == 0:
            await asyncio.sleep(0)
    return "".join(
        f"# HELP slipway_rollout_{name} {said}\n# TYPE slipway_rollout_{name} gauge\n{''.join(lines[name])}"
        for name, said in FAMILIES.items()
    )


def _figures(rollout: Manifest, since: str) -> Iterator[tuple[str, dict[str, str], float]]:
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


def _measurement(own: dict[str, str], entry: Manifest) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield one entry of status.analysis. What is absent or no number is left out: no data is no 0."""
    for side in ("candidate", "stable"):
        if (value := _number(entry.get(side))) is not None:
            yield "measurement", own | {"side": side}, value
    for name in ("bound", "samples"):
        if (value := _number(entry.get(name))) is not None:
            yield name, own, value
    yield "outcome", own | {"outcome": str(entry.get("outcome") or "")}, 1.0


def _number(written: Any) -> float | None:
    try:
        return float(written)
    except (TypeError, ValueError):
        return None


def _line(family: str, labels: Mapping[str, str], value: float) -> str:
    written = ",".join(f'{name}="{_escaped(word)}"' for name, word in labels.items())
    return f"slipway_rollout_{family}{{{written}}} {value!r}\n"


def _escaped(word: str) -> str:
    return word.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
