"""When does a candidate answer those who ask for it, before it has a share?"""

from __future__ import annotations

from slipway.api.abtest import AbTest
from slipway.api.bluegreen import BlueGreen
from slipway.api.canary import Canary
from slipway.api.conditions import timestamp
from slipway.api.rollout import RolloutSpec
from slipway.plan import Event
from slipway.rollout import reasons
from slipway.rollout.analysis import admission
from slipway.rollout.situation import Situation


def previewed(spec: RolloutSpec) -> bool:
    """Tell whether requests can ask for the candidate: by host name or by header."""
    strategy = spec.strategy.chosen
    return isinstance(strategy, BlueGreen) or (isinstance(strategy, Canary | AbTest) and bool(strategy.headers))


def preview_opens(s: Situation) -> Situation | None:
    """Who asks for the candidate reaches it once it has the pods for its step, and is judged from then on."""
    candidate = s.status.candidate
    if candidate is None or s.status.stable is None or candidate.preview_since is not None:
        return None
    if not previewed(s.spec) or not s.wants_this(candidate) or s.ready(candidate) < s.needed:
        return None
    if admission.refused(s.rollout, s.status, s.seen):
        return None
    now = timestamp(s.now)
    opened = candidate.model_copy(update={"preview_since": now, "traffic_since": candidate.traffic_since or now})
    words = f"{candidate.version} answers requests that ask for it"
    return s.moved(Event(reasons.PREVIEW_OPENED, words), candidate=opened)


def preview_closes(s: Situation) -> Situation | None:
    """Nobody can ask for the candidate any more once the spec has no such header or host name."""
    candidate = s.status.candidate
    if candidate is None or candidate.preview_since is None or previewed(s.spec):
        return None
    return s.moved(candidate=candidate.model_copy(update={"preview_since": None}))
