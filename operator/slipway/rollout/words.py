"""How is a Rollout's situation put into words?

Each phrase says what is, where, and what to do or to wait for; conditions.py puts them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from slipway.api.conditions import moment
from slipway.api.rollout import CandidateStatus, RevisionRef, held_since
from slipway.rollout import acceptance, reasons
from slipway.rollout.analysis import goal, verdict
from slipway.rollout.rules.commands import command_line
from slipway.rollout.rules.moves import seconds
from slipway.rollout.situation import Situation


def serving(s: Situation) -> str:
    """Say what serves now, at which share, with how many pods."""
    stable, candidate = s.status.stable, s.status.candidate
    if stable is None:
        return "Nothing serves yet."
    share = f" at {100 - s.status.percent} %, {candidate.version} at {s.status.percent} %" if candidate else " at 100 %"
    return f"Serving: {stable.version}{share} ({s.ready(stable)} of {s.replicas} pods ready)."


def drains(s: Situation) -> str:
    """Say what the removal of retiring pods waits for."""
    names = ", ".join(ref.version for ref in s.status.retiring)
    if not names:
        return "the pods of its last attempt are removed."
    if s.status.retiring_since is None:
        return f"Waiting for the gateway to confirm that {names} has no traffic."
    return f"{names} has no traffic and drains for {seconds(s.drain)}."


def warm(s: Situation) -> list[str]:
    """Say what can be returned to at once, and until when."""
    previous = s.status.previous
    if previous is None:
        return []
    until = clock(moment(previous.since), s.warmth)
    return [f"{previous.version} stays warm until {until}: naming it in spec.version.name returns at once."]


def pauses(s: Situation, candidate: CandidateStatus) -> str:
    """Say who paused the candidate and how it goes on; empty while nobody has."""
    paused = s.status.paused
    if paused is not None:
        return (
            f"paused since {paused.since}: {paused.message}. To go on: {command_line(s, 'resume', candidate.version)}"
        )
    if s.at_target is None or not (s.stepping and s.step.pause):
        return ""
    on = f"to go on: {command_line(s, 'promote', candidate.version)}"
    if s.step.gate:
        return f"paused by this step; {on}"
    ends = clock(moment(held_since(s.status) or candidate.since), s.step.hold)
    waiting = unproven(s)
    return f"paused by this step until {ends}{f' and for {waiting}' if waiting else ''}; {on} now"


def awaits(s: Situation, candidate: CandidateStatus) -> str:
    """Say what the candidate's next move waits for."""
    if candidate.waiting_since is not None:
        pods = s.seen.of(candidate)
        return f"{pods.ready} of {s.needed} pods ready" + (f": {pods.problem}" if pods.problem else "")
    awaited = _of_the_gateway(s)
    if awaited:
        return awaited
    if candidate.unjudged:
        return "it was stable before and returns without analysis (spec.rollbackWindow)"
    waiting = unproven(s)
    if waiting:
        return f"waiting for {waiting}"
    if s.ready(candidate) < s.needed:
        problem = s.seen.of(candidate).problem
        return f"every metric passes; {s.ready(candidate)} of {s.needed} pods ready{f': {problem}' if problem else ''}"
    ends = moment(s.status.bake_started_at or held_since(s.status) or candidate.since)
    hold = timedelta(seconds=s.spec.bake_seconds) if s.status.bake_started_at else s.step.hold
    goals = f"; {goal.so_far(s.spec, s.status)}" if goal.test_of(s.spec) and s.stepping else ""
    return f"every metric passes; held until {clock(ends, hold)}{goals}"


def _of_the_gateway(s: Situation) -> str:
    """Say what the candidate waits for that only the gateway can do; empty for nothing."""
    if s.target > s.status.percent and acceptance.holds(s):
        return f"waiting for Gateway {gateway(s)} before its share rises (condition {reasons.GATEWAY_NOT_FOUND})"
    if s.status.step_started_at is not None:
        return ""
    late = verdict.overdue(s.rollout, s.status, s.now)
    quiet = f"; {', '.join(name for _, name in late)}: {_silence(s, late)}" if late else ""
    return f"waiting for Gateway {gateway(s)} to confirm the shares{refusal(s)}{quiet}"


def _silence(s: Situation, late: Sequence[tuple[datetime, str]]) -> str:
    """Say how long the metrics that are overdue have been silent, and what follows."""
    patience = s.spec.analysis.no_data.after_seconds
    long = (s.now - late[0][0]).total_seconds() >= patience
    how = f"no answer for {patience} s and more" if long else "more errors in a row than errorLimit"
    return f"{how}, held as noData says"


def lost(s: Situation, candidate: CandidateStatus, stable: RevisionRef) -> str:
    """Say why stable has no pod beside a candidate."""
    if candidate.interrupts and s.replicas == 1:
        served = "" if s.status.percent else "; nothing serves until the candidate is ready"
        return f": it gave way (capacity.mode: NoSurge, one replica){served}"
    return f": {s.seen.of(stable).problem}"


def gateway(s: Situation) -> str:
    """Return the Gateway that the spec names, with its namespace."""
    gateway = s.spec.traffic.gateway
    return f"{gateway.namespace or s.rollout.root.namespace}/{gateway.name}"


def refusal(s: Situation) -> str:
    """Say what the gateway has against a route; empty while it has nothing."""
    refused = ((name, route.problem) for name, route in s.seen.routes.items() if route.problem)
    return next((f": HTTPRoute {name}: {problem}" for name, problem in refused), "")


def unproven(s: Situation) -> str:
    """Name the metrics that do not pass, with the silent ones' time of silence."""
    since = s.status.bake_started_at or s.status.step_started_at or ""
    found = {entry.metric: entry for entry in s.status.analysis}
    late = verdict.overdue(s.rollout, s.status, s.now)
    words = []
    for metric in verdict.holding(s.rollout, s.status, since):
        entry = found.get(metric.name)
        if entry is None or (entry.outcome == "Pass" and entry.at < since):
            words.append(f"{metric.name} (not measured at this share yet)")
        else:
            words.append(f"{metric.name} ({entry.outcome}: {entry.message})")
    told = ", ".join(words)
    return f"{told}; {_silence(s, late)}" if late and told else told


def clock(start: datetime, hold: timedelta) -> str:
    """Return the time of day at which `hold` from `start` is over."""
    return (start + hold).strftime("%H:%M:%S UTC")
