"""What follows from the measurements in a status, as docs/explanation/judgement.md says it?

Written anew from what is promised to users, and shared with nothing of the operator: a spec and a status as they stand
in the cluster, in JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.world.measures import refused

Json = Mapping[str, Any]


def acting(spec: Json) -> list[Json]:
    """Return the metrics that are no dry run. (No strategy of a history leaves some out at a step.)"""
    return [metric for metric in spec["analysis"]["metrics"] if not metric.get("dryRun")]


def condemning(spec: Json, entries: Iterable[Json]) -> str:
    """Return the metrics that end a candidate: one critical failure, or too much failed weight of the others."""
    found = _by_metric(entries)
    failed = [m for m in acting(spec) if (e := found.get(m["name"])) and _failed(e) and _beyond_limit(m, e)]
    critical = [metric["name"] for metric in failed if metric.get("critical", True)]
    if critical:
        return ", ".join(critical)
    return ", ".join(metric["name"] for metric in failed) if _too_heavy(spec, failed) else ""


def unproven(spec: Json, entries: Iterable[Json], since: str) -> dict[str, Any]:
    """Return the metrics that keep a candidate where it is, and what they said: only Pass, measured since, moves it.

    A failure of metrics that are not critical is borne as long as it would not end the candidate either.
    """
    found = {name: entry for name, entry in _by_metric(entries).items() if entry["at"] >= since}
    failed = [m for m in acting(spec) if (e := found.get(m["name"])) and _failed(e)]
    borne = [] if _too_heavy(spec, failed) else [m["name"] for m in failed if not m.get("critical", True)]
    named = {metric["name"]: found.get(metric["name"], {}).get("outcome") for metric in acting(spec)}
    return {name: outcome for name, outcome in named.items() if outcome != "Pass" and name not in borne}


def silent(spec: Json, status: Json, entries: Iterable[Json], now: datetime, early: float = 0.0) -> list[str]:
    """Return the metrics on which noData.action follows, or follows within `early` seconds.

    They have given no figures for afterSeconds, or have ended in Error more than errorLimit times in a row. Nobody owes
    requests to a candidate without a share: then only what cannot be asked is silent.
    """
    candidate, owed = status.get("candidate") or {}, status.get("percent", 0) + status.get("mirrorPercent", 0) > 0
    # shareSince is there while the gateway has not confirmed the step, stepStartedAt once it has.
    begun = status.get("stepStartedAt") or (candidate.get("shareSince") if status.get("percent") else None)
    if not begun or not _judged(status):
        return []
    found, resumed = _by_metric(entries), candidate.get("resumedAt") or ""
    patience = spec["analysis"].get("noData", {}).get("afterSeconds", 120) - early

    def is_silent(metric: Json) -> bool:
        entry = found.get(metric["name"], {})
        if refused(metric):
            return False  # nobody could answer: the spec is wrong, and not the version
        if found and not entry:
            return False  # it was added, and is still to be looked at
        since = (entry.get("answeredAt") or entry.get("since") or begun) if owed else entry.get("errorsSince")
        if since is None:
            return False
        limit = metric.get("errorLimit")
        often = limit is not None and entry.get("errors", 0) > limit
        return bool(often) or (now - _moment(max(since, begun, resumed))).total_seconds() >= patience

    return [metric["name"] for metric in acting(spec) if is_silent(metric)]


def _judged(status: Json) -> bool:
    candidate = status.get("candidate") or {}
    asked = status.get("percent") or status.get("mirrorPercent") or candidate.get("previewSince")
    return bool(status.get("stable") and asked and candidate.get("trafficSince") and not candidate.get("unjudged"))


def _failed(entry: Json) -> bool:
    return bool(entry["outcome"] == "Fail")


def _beyond_limit(metric: Json, entry: Json) -> bool:
    return bool(entry.get("failures", 0) > metric.get("failureLimit", 0))


def _too_heavy(spec: Json, failed: Sequence[Json]) -> bool:
    """Tell whether those that failed and are not critical outweigh the rest, or have no rest beside them."""
    whole = sum(m.get("weight", 1) for m in acting(spec) if not m.get("critical", True))
    lost = sum(m.get("weight", 1) for m in failed if not m.get("critical", True))
    alone = bool(lost) and len(failed) == len(acting(spec))
    return alone or bool(lost * 100 > whole * spec["analysis"].get("maxFailedWeightPercent", 50))


def _by_metric(entries: Iterable[Json]) -> dict[str, Json]:
    return {entry["metric"]: entry for entry in entries}


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written.replace("Z", "+00:00"))
