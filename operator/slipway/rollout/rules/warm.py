"""How long does a version that was replaced stay warm, and how does it take everything back?"""

from __future__ import annotations

from slipway.plan import Event
from slipway.rollout import history, reasons
from slipway.rollout.rules.moves import blocking, plain, seconds
from slipway.rollout.situation import Situation


def warm_returns(s: Situation) -> Situation | None:
    """Naming the version that is still warm switches back in one write: it was judged, and its pods are ready."""
    previous, stable = s.status.previous, s.status.stable
    if previous is None or stable is None or s.status.candidate is not None or not s.wants_this(previous):
        return None
    if s.ready(previous) < s.replicas:
        return None
    words = f"all traffic back to {previous.version}, which was kept warm; {stable.version} retires"
    return s.moved(
        Event(reasons.RETURNED, words),
        stable=plain(previous),
        previous=None,
        retiring=[*s.status.retiring, stable],
        retiring_since=None,
        analysis=[],
        history=history.promoted(s, previous),
    )


def warm_ends(s: Situation) -> Situation | None:
    """The warm version goes when its time is over, or when another one needs the room."""
    previous = s.status.previous
    if previous is None:
        return None
    waits = s.wants is not None and not s.wants_this(s.status.stable) and not s.wants_this(previous)
    if s.elapsed(previous.since) < s.warmth and not (waits and blocking(s) is None):
        return None
    why = f"{s.wants.version} comes" if waits and s.wants is not None else f"its {seconds(s.warmth)} are over"
    return s.moved(
        Event(reasons.COOLED, f"{previous.version} is kept warm no longer: {why}"),
        previous=None,
        retiring=[*s.status.retiring, plain(previous)],
        retiring_since=None,
    )
