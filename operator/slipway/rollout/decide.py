"""What should a Rollout's status, objects, questions and next wake-up be?

Answers are judged first, then rules move the situation until none applies (rules/: their order is the order of
safety), and everything else follows from the status that results: weights, sizes, conditions, questions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from slipway.api.analysis import MetricStatus
from slipway.api.conditions import moment
from slipway.api.rollout import RolloutStatus, held_since
from slipway.plan import Event, Plan
from slipway.rollout import acceptance, measure_job, objects, reasons, shadow, traffic
from slipway.rollout.analysis import admission, evidence, verdict
from slipway.rollout.analysis.evidence import PATIENCE, Known
from slipway.rollout.conditions import described, transitions
from slipway.rollout.observe import Seen
from slipway.rollout.rollout import Rollout
from slipway.rollout.rules import RULES
from slipway.rollout.situation import Situation
from slipway.settings import Settings

MOST_MOVES = 50
"""Far above what any situation needs: a rule that never rests is a defect, not a state."""


def decide(rollout: Rollout, seen: Seen, settings: Settings, now: datetime) -> Plan:
    """Return what `rollout` should have at `now`. Total and idempotent."""
    known = evidence.fold(rollout, {**seen.answers, **measure_job.answers(seen.measuring, now)})
    heard = acceptance.fold(rollout, shadow.fold(rollout, known.status, seen.answers), seen, now)
    drain = timedelta(seconds=settings.drain_seconds)
    moved = settle(Situation(rollout, heard, seen, drain, now))
    settled = replace(moved, status=admission.fold(rollout, moved.status, seen))
    status = described(settled)
    told = replace(settled, status=status)
    due = (
        *admission.checks(rollout, status, seen),
        *shadow.asks(rollout, status, now),
        *evidence.asks(rollout, status, known, now),
        *acceptance.asks(told),
    )
    events = [
        *_turns(rollout.status.analysis, heard.analysis),
        *settled.events,
        *transitions(rollout.status, status, settled.events),
    ]
    quiet = only_numbers(rollout, known, settled)
    return Plan(
        status=(rollout.status if quiet else status).dump(),
        children=[
            *objects.children(rollout, status, seen, settings),
            *measure_job.children(rollout, status, evidence.jobs(rollout, status, known, now)),
        ],
        ahead=frozenset(
            ("HTTPRoute", route.name)
            for route in (traffic.routes(rollout, status, seen) if goes_ahead(rollout, status, seen) else ())
        ),
        keep=objects.kept(rollout.spec, status, seen),
        rests_on=frozenset(("HTTPRoute", name) for name in seen.routes),
        events=() if quiet else events,
        asks=(*known.answered, *due) if quiet else due,
        requeue_after=wake_up(told),
        settled=True,
    )


def only_numbers(rollout: Rollout, known: Known, settled: Situation) -> bool:
    """Tell whether the status need not be written yet: without what was measured since, it would be as it is."""
    if not evidence.unwritten(rollout, known, settled.now):
        return False
    before = settled.status.model_copy(update={"analysis": rollout.status.analysis})
    return described(replace(settled, status=before)) == rollout.status


def goes_ahead(rollout: Rollout, status: RolloutStatus, seen: Seen) -> bool:
    """Tell whether the route goes before the status, which it then bears itself (rules/memory.py reads it again).

    A metric ended the candidate just now: requests fail until its route knows. Whatever else ends a candidate is found
    again after a crash, in pods, spec or annotations: the status goes first. Or a first version serves just now, which
    the written status names as candidate: requests wait for the route, and many such statuses need be written once
    only, with what the gateway said.
    """
    last = status.last_rollback
    if last is not None and last != rollout.status.last_rollback and last.reason == reasons.METRIC_FAILED:
        return True
    before, stable = rollout.status, status.stable
    if before.stable is not None or before.candidate is None or stable is None or seen.route is not None:
        return False
    return before.candidate.revision == stable.revision


def settle(situation: Situation) -> Situation:
    """Apply the first rule that moves the situation, again and again, until none does."""
    for _ in range(MOST_MOVES):
        moved = next((after for rule in RULES if (after := rule(situation)) is not None), None)
        if moved is None:
            return situation
        situation = moved
    raise AssertionError(f"the rules do not rest: {[event.reason for event in situation.events]}")


def wake_up(s: Situation) -> timedelta | None:
    """Return the time to the next moment that can change anything by itself."""
    moments = list(_moments(s))
    if not moments:
        return None
    wait = min(moments) - s.now
    return wait if wait > timedelta(0) else PATIENCE


def _moments(s: Situation) -> Iterable[datetime]:
    status, spec = s.status, s.spec
    measured = evidence.next_look(s.rollout, status, s.now)
    if measured is not None:
        yield measured
    features = shadow.next_due(s.rollout, status, s.now)
    if features is not None:
        yield features if features > s.now else s.now + PATIENCE
    candidate = status.candidate
    if candidate is not None and candidate.waiting_since is not None:
        yield from _future(s, candidate.waiting_since, spec.progress_deadline_seconds)
    if status.previous is not None:
        yield from _future(s, status.previous.since, s.warmth.total_seconds())
    if status.retiring:
        yield from _future(s, status.retiring_since, s.drain.total_seconds())
    if s.at_target is not None and status.bake_started_at is not None:
        yield from _future(s, status.bake_started_at, spec.bake_seconds)
    elif s.at_target is not None and s.stepping:
        yield from _future(s, held_since(status), s.step.hold.total_seconds())
    accepted = acceptance.next_look(s)
    if accepted is not None:
        yield accepted
    silence = verdict.silence_deadline(s.rollout, status)
    if silence is not None and silence > s.now:
        yield silence


def _future(s: Situation, since: str | None, seconds: float) -> Iterable[datetime]:
    """Return the moment `seconds` after `since` where it lies ahead; one that passed changes nothing any more."""
    if since is not None and (then := moment(since) + timedelta(seconds=seconds)) > s.now:
        yield then


def _turns(before: Iterable[MetricStatus], after: Iterable[MetricStatus]) -> Iterable[Event]:
    """Yield an event for every metric that turned bad, cannot be measured, or is good again.

    A candidate whose first requests are still to come has no data, which is no news.
    """
    old = {entry.metric: entry for entry in before}
    for entry in after:
        last, said = old.get(entry.metric), f"{entry.metric}: {entry.message}"
        if last is not None and entry.outcome == "Pass" and (last.failures > 0 or last.outcome == "Error"):
            yield Event(reasons.MEASURED_WELL, said)
        elif entry.outcome in reasons.MEASURED_BADLY and entry.outcome != (last.outcome if last else "NoData"):
            yield Event(reasons.MEASURED_BADLY[entry.outcome], said, "Warning")
