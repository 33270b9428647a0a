"""What follows when people edit the spec in the middle of a release, or the status?"""

from __future__ import annotations

from slipway.plan import Event
from slipway.rollout import reasons
from slipway.rollout.history import returnable
from slipway.rollout.phase import stepless
from slipway.rollout.rules.moves import unconfirmed
from slipway.rollout.situation import Situation
from slipway.rollout.steps import hash_of, step_at_most


def status_edited(s: Situation) -> Situation | None:
    """Without a candidate there is no share and no step, whatever somebody wrote into the status by hand."""
    status = s.status
    said = status.percent or status.step or status.step_started_at or status.bake_started_at
    if status.candidate is not None or not said:
        return None
    return s.moved(percent=0, step=0, step_started_at=None, bake_started_at=None)


def window_closed(s: Situation) -> Situation | None:
    """A return without analysis that the spec does not allow any more is judged, from the step of its present share."""
    candidate = s.status.candidate
    if candidate is None or not candidate.unjudged:
        return None
    if candidate.revision in {past.revision for past in returnable(s.spec, s.status)}:
        return None
    earning = candidate.model_copy(update={"unjudged": False})
    step = len(s.steps) if stepless(earning) else step_at_most(s.steps, s.status.percent)
    event = Event(
        reasons.STEPS_EDITED,
        f"spec.rollbackWindow does not reach {candidate.version} any more: it earns its traffic",
    )
    return s.moved(event, **unconfirmed(s.moved(candidate=earning)), step=step)


def steps_edited(s: Situation) -> Situation | None:
    """An edited list of steps never lets a candidate jump up: the step of its present share is held anew."""
    hashed = hash_of(s.steps) if s.status.candidate is not None else ""
    if s.status.candidate is None or s.status.steps_hash == hashed:
        return None
    if s.status.bake_started_at is not None or stepless(s.status.candidate):
        return s.moved(steps=len(s.steps), steps_hash=hashed, step=len(s.steps))
    step = step_at_most(s.steps, s.status.percent)
    event = Event(
        reasons.STEPS_EDITED, f"spec.strategy changed: step {step + 1} of {len(s.steps)} is held from its beginning"
    )
    return s.moved(event, **unconfirmed(s), steps=len(s.steps), steps_hash=hashed, step=step)
