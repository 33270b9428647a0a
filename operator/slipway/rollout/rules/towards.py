"""What gives a candidate traffic, step by step, and makes it stable?"""

from __future__ import annotations

from datetime import timedelta

from slipway.api.conditions import timestamp
from slipway.api.rollout import CandidateStatus, held_since
from slipway.plan import Event
from slipway.rollout import acceptance, capacity, reasons
from slipway.rollout.analysis import admission
from slipway.rollout.history import returnable
from slipway.rollout.phase import judged, stepless
from slipway.rollout.pods import NONE
from slipway.rollout.rules.moves import (
    AT_THE_BEGINNING,
    become_stable,
    figures,
    first_serves,
    onward,
    proven,
    remembered,
    seconds,
    unconfirmed,
)
from slipway.rollout.situation import Situation
from slipway.rollout.steps import hash_of


def candidate_starts(s: Situation) -> Situation | None:
    """A wanted revision starts once nothing else is in the way, its own former pods included."""
    wanted = s.wants
    if wanted is None or s.status.candidate is not None or s.status.retiring or s.wants_this(s.status.stable):
        return None
    if s.wants_this(s.status.previous):
        return None  # it is warm, and takes everything back as soon as its pods are ready
    # Pods outlive their Deployment by a moment: their endpoints and restarts say nothing about a new attempt.
    leftovers = wanted.revision in s.seen.deployed or s.seen.of(wanted) != NONE
    stable = s.status.stable
    if stable is not None and (remembered(s, wanted) or leftovers or not capacity.room(s.spec, stable, s.seen.held)):
        return None
    known = next((past for past in returnable(s.spec, s.status) if past.revision == wanted.revision), None)
    candidate = CandidateStatus(
        **wanted.model_dump(),
        since=timestamp(s.now),
        interrupts=s.status.stable is not None and capacity.interrupts(s.spec),
        unjudged=known is not None,
    )
    over = f" beside {s.status.stable.version}" if s.status.stable is not None else " as the first version"
    if s.status.stable is not None and candidate.interrupts:
        over = f"; {s.status.stable.version} gives way, and nothing serves until it is ready (capacity.mode: NoSurge)"
    if known is not None:
        over += f"; it was stable until {known.replaced_at} and returns without analysis (spec.rollbackWindow)"
    return s.moved(
        Event(
            reasons.CANDIDATE_STARTED,
            f"{wanted.version} (revision {wanted.revision}) starts{over}",
            "Warning" if candidate.interrupts else "Normal",
        ),
        candidate=candidate,
        steps=len(s.steps),
        steps_hash=hash_of(s.steps),
        analysis=[],
        **AT_THE_BEGINNING | ({"step": len(s.steps)} if stepless(candidate) else {}),
    )


def first_version_serves(s: Situation) -> Situation | None:
    """With no stable version there is nothing to compare with and nothing to return to: ready is enough."""
    candidate = s.status.candidate
    if candidate is None or s.status.stable is not None or s.ready(candidate) < s.replicas:
        return None
    return first_serves(s)


def share_changes(s: Situation) -> Situation | None:
    """The share follows the step: up only when the candidate has the capacity for it, down at any time.

    What was written into the status by hand may be more than was ever given: down is no further up than pods carry.
    """
    candidate, before = s.status.candidate, s.status.percent
    if candidate is None or s.status.stable is None or before == s.target:
        return None
    rising = s.target > before
    if rising and (not s.wants_this(candidate) or s.ready(candidate) < s.needed):
        return None
    if rising and (admission.refused(s.rollout, s.status, s.seen) or acceptance.holds(s)):
        return None
    share = s.target if rising else _lowered(s, candidate)
    event = Event(reasons.SHARE_CHANGED, f"{candidate.version}: {before} % → {share} % of requests")
    since = candidate.traffic_since or timestamp(s.now)
    sent = candidate.model_copy(update={"traffic_since": since, "replicas": s.replicas})
    return s.moved(event, **unconfirmed(s.moved(candidate=sent)), percent=share, bake_started_at=None)


def _lowered(s: Situation, candidate: CandidateStatus) -> int:
    """Return the percent of the present step, or as much of it as the candidate's ready pods carry."""
    ready, target = s.ready(candidate), s.target
    enough = ready >= capacity.needed(s.spec, s.status.model_copy(update={"percent": target}))
    return target if enough else min(target, 100 * ready // s.replicas)


def share_took_effect(s: Situation) -> Situation | None:
    """A step's time runs from the gateway's confirmation."""
    candidate = s.status.candidate
    if candidate is None or s.status.stable is None or s.status.percent != s.target:
        return None
    if s.step.mirror != s.status.mirror_percent:
        return None
    # A step without traffic has none to confirm: its time runs from when its pods are ready and can be judged.
    if s.status.percent == 0 and (s.ready(candidate) < s.needed or admission.refused(s.rollout, s.status, s.seen)):
        return None
    if s.status.step_started_at is not None or not s.carried:
        return None
    return s.moved(step_started_at=timestamp(s.now), candidate=candidate.model_copy(update={"share_since": None}))


def step_passed(s: Situation) -> Situation | None:
    """A step ends when its time is over and every metric in force passes on it; a gate waits for people."""
    candidate, status = s.at_target, s.status
    if candidate is None or not s.stepping or s.step.gate or status.paused or not s.wants_this(candidate):
        return None
    if s.elapsed(held_since(status)) < s.step.hold:
        return None
    if judged(status) and not proven(s, status.step_started_at):
        return None
    where = s.step.where or f"{status.percent} %"
    event = Event(reasons.STEP_PASSED, f"{candidate.version} passed {where}: {figures(s)}")
    return s.moved(event, **onward(s))


def bake_begins(s: Situation) -> Situation | None:
    """With all traffic the candidate is judged on, while the old version stays warm at full size."""
    candidate, status = s.at_target, s.status
    if candidate is None or status.stable is None or s.stepping or status.bake_started_at is not None:
        return None
    if candidate.unjudged or status.percent < s.step.percent:
        return None  # stable at once, or paused on its way there
    words = f"{candidate.version} serves 100 % and is judged for {s.spec.bake_seconds} s more"
    way_back = "has no pod" if candidate.interrupts and s.replicas == 1 else "stays warm"
    return s.moved(
        Event(reasons.BAKING, f"{words}; {status.stable.version} {way_back}"), bake_started_at=timestamp(s.now)
    )


def baked(s: Situation) -> Situation | None:
    """A bake that ends with every metric passing makes the candidate stable; its warm pods go on serving."""
    candidate, status = s.at_target, s.status
    if candidate is None or status.stable is None or status.bake_started_at is None or status.paused:
        return None
    if not s.wants_this(candidate):
        return None
    over = s.elapsed(status.bake_started_at) >= timedelta(seconds=s.spec.bake_seconds)
    if not over or not proven(s, status.bake_started_at) or s.ready(candidate) < s.needed:
        return None
    fate = f"stays warm for {seconds(s.warmth)}" if s.warmth else "retires"
    event = Event(reasons.PROMOTED, f"{candidate.version} is stable, {status.stable.version} {fate}: {figures(s)}")
    return become_stable(s, event)


def returned(s: Situation) -> Situation | None:
    """A revision that was stable before is stable again as soon as the gateway has confirmed its traffic."""
    candidate, stable = s.at_target, s.status.stable
    if candidate is None or stable is None or not candidate.unjudged or s.status.percent < 100 or s.status.paused:
        return None
    words = f"{candidate.version} is stable again without analysis, {stable.version} retires"
    return become_stable(s, Event(reasons.PROMOTED, words))
