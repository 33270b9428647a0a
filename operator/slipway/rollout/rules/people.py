"""What do people command or edit?"""

from __future__ import annotations

from slipway.api.rollout import RETRY_ANNOTATION
from slipway.plan import Event
from slipway.rollout import reasons
from slipway.rollout.rules.moves import blocking
from slipway.rollout.situation import Situation


def retry_command(s: Situation) -> Situation | None:
    """A retry annotation acts once, and only on the failed version that it names and that is wanted now."""
    written = s.rollout.annotations.get(RETRY_ANNOTATION, "")[:320]
    if written == s.status.handled_retry:
        return None
    name = written.partition("@")[0]
    # The failure that stands in the way may be told of the same bytes under another name.
    cleared = [entry for entry in s.status.failed if entry.version == name or entry == blocking(s)]
    if name != s.spec.version.name or not cleared:
        return s.moved(handled_retry=written)
    return s.moved(
        Event(reasons.RETRY, f"{name} is tried again, as annotation {RETRY_ANNOTATION} asks"),
        handled_retry=written,
        failed=[entry for entry in s.status.failed if entry not in cleared],
    )


def steps_edited(s: Situation) -> Situation | None:
    """An edited list of steps never lets a candidate jump up: its last step is held again."""
    if s.status.candidate is None or s.status.steps == len(s.steps):
        return None
    if s.status.bake_started_at is not None:
        return s.moved(steps=len(s.steps), step=len(s.steps))
    step = min(s.status.step, len(s.steps) - 1)
    event = Event(reasons.STEPS_EDITED, f"spec.strategy changed: going on with step {step + 1} of {len(s.steps)}")
    return s.moved(event, steps=len(s.steps), step=step, step_started_at=None)
