"""When are requests copied to a candidate?"""

from __future__ import annotations

from slipway.api.conditions import timestamp
from slipway.plan import Event
from slipway.rollout import reasons, shadow
from slipway.rollout.analysis import admission
from slipway.rollout.situation import Situation


def mirror_stops(s: Situation) -> Situation | None:
    """Copies end with the step that wants them, and with the Gateway that said it can make them."""
    before = s.status.mirror_percent
    if before == 0 or (shadow.wanted(s.spec, s.status) and shadow.possible(s.rollout, s.status)):
        return None
    return s.moved(mirror_percent=0, step_started_at=None)


def mirror_follows(s: Situation) -> Situation | None:
    """Copies begin, and change, when the candidate has the pods for them and the gateway can make them."""
    candidate, before, target = s.status.candidate, s.status.mirror_percent, shadow.wanted(s.spec, s.status)
    if candidate is None or target in (0, before) or not shadow.possible(s.rollout, s.status):
        return None
    if target > before and (not s.wants_this(candidate) or s.status.paused or s.ready(candidate) < s.needed):
        return None
    if admission.refused(s.rollout, s.status, s.seen):
        return None
    words = f"{target} % of requests are copied to {candidate.version}, which answers nobody"
    since = candidate.traffic_since or timestamp(s.now)
    return s.moved(
        Event(reasons.MIRRORED, words),
        candidate=candidate.model_copy(update={"traffic_since": since}),
        mirror_percent=target,
        step_started_at=None,
    )
