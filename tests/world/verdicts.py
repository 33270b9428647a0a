"""What is wrong with what a plan makes of its measurements?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from slipway.rollout.routes import ROUTE_ROLLBACK
from tests.world.judgement import Json, acting, condemning, silent, unproven

Fault = tuple[str, str]
"""A rule, and how it is broken."""
ROUNDED = 1.0
"""Seconds by which a silence may seem shorter than it is: times in a status are whole."""


def faults(root: Json, after: Json, route: Json, now: datetime) -> Iterator[Fault]:
    """Yield the faults of a plan: consequences without a cause, and causes without their consequence.

    A verdict that the `route` bears was decided before a crash, and is not decided again.
    """
    before = root.get("status") or {}
    # Nothing follows from silence where no gateway has ever taken the route: nobody reached the candidate.
    confirmed = before.get("stepStartedAt") or after.get("stepStartedAt")
    action = _action(root["spec"]) if confirmed or (route.get("status") or {}).get("parents") else "Hold"
    rolled, paused = after.get("lastRollback"), after.get("paused")
    if rolled and rolled not in (before.get("lastRollback"), borne(route)):
        yield from _groundless_return(root["spec"], before, after, rolled, action, now)
    by_silence = paused is not None and paused["by"] == "NoData" and paused != before.get("paused")
    if by_silence and not (action == "Pause" and _overdue(root["spec"], before, after, now)):
        yield "silence", f"paused for no silence on which noData says Pause: {after['paused']['message']}"
    if after.get("candidate") and after.get("stable"):
        yield from _without_consequence(root["spec"], after, action, now)
    reason = next((c["reason"] for c in after.get("conditions") or () if c["type"] == "Ready"), "")
    if reason == "QueryRefused" and not any(f"metric {m['name']}:" in after["message"] for m in acting(root["spec"])):
        yield "verdict", f"a dry run holds the candidate: {after['message']}"


def _groundless_return(
    spec: Json, before: Json, after: Json, rolled: Json, action: str, now: datetime
) -> Iterator[Fault]:
    told = f"{rolled['version']} is rolled back: {rolled['message']}"
    if rolled["reason"] == "MetricFailed" and not condemning(spec, after["analysis"]):
        yield "verdict", f"{told}. No metric that acts says so"
    if rolled["reason"] == "NoData" and not (action == "Rollback" and _overdue(spec, before, after, now)):
        yield "silence", f"{told}. There is no silence on which noData says Rollback"


def _without_consequence(spec: Json, after: Json, action: str, now: datetime) -> Iterator[Fault]:
    entries, version = after.get("analysis") or (), after["candidate"]["version"]
    failed = condemning(spec, entries)
    if failed:
        yield "verdict", f"{version} stays though {failed} failed"
    names = silent(spec, after, entries, now)
    if names and action == "Rollback":
        yield "silence", f"{version} stays though {names} are silent and noData says Rollback"
    if names and action == "Pause" and not after.get("paused"):
        yield "silence", f"{version} is not paused though {names} are silent and noData says so"
    held = unproven(spec, entries, after.get("bakeStartedAt") or after.get("stepStartedAt") or "")
    unsaid = [name for name in names if name in held and name not in after["message"]]
    if unsaid and after["state"] in ("Progressing", "Baking") and not after["candidate"].get("waitingSince"):
        yield "silence", f"{version} is held for {unsaid}, of which the message says nothing: {after['message']}"


def _overdue(spec: Json, before: Json, after: Json, now: datetime) -> bool:
    """Tell whether something was silent as the plan was made: after a move nobody waits."""
    return bool(silent(spec, before, after.get("analysis") or (), now, early=ROUNDED))


def borne(route: Json) -> Any:
    """Return the verdict that a route bears, or None."""
    return json.loads((route.get("metadata", {}).get("annotations") or {}).get(ROUTE_ROLLBACK) or "null")


def _action(spec: Json) -> str:
    return str(spec["analysis"].get("noData", {}).get("action", "Hold"))
