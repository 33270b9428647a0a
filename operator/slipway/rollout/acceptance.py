"""Has the Gateway had its time to accept a route for the first time, and what is known of one that has not?

A Gateway that does not exist, or whose controller does not run, says nothing. So it is looked at soon, shortly before
progressDeadlineSeconds are over, and again each time they have passed once more: people create Gateways.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from slipway.api.conditions import READY, RECONCILING, find, moment
from slipway.api.rollout import RolloutStatus
from slipway.plan import Answer, Ask, GatewayFeatures
from slipway.rollout import reasons, shadow, traffic
from slipway.rollout.situation import Situation

SOON = timedelta(seconds=10)
"""After how long without a word a Gateway is looked at: people often apply it beside the Rollout."""
AHEAD = timedelta(seconds=5)
"""How long before the deadline the Gateway is looked at: the verdict is then told with its cause."""


def awaited(s: Situation) -> bool:
    """Tell whether stable serves, and the Gateway that the spec names has never yet confirmed it."""
    before, route = s.rollout.status, s.seen.route
    if s.carried:
        return False
    known = (route is None or route.known) and not traffic.before(s.seen, s.rollout.root.name)
    # Once it served, a route that lags behind one of our writes is no news.
    return not (known and before.stable is not None and before.state != "Initializing" and not _told(before))


def late(s: Situation) -> bool:
    """Tell whether the time is over in which it should have."""
    return _rounds(s) > 0


def why(s: Situation) -> str:
    """Say what is known of the Gateway; empty while it was not looked at, or could not be."""
    answer = _answer(s)
    if answer is None:
        return ""
    if answer.error:
        return answer.error
    if s.seen.route is not None and s.seen.route.known:
        return "its controller answered an older state of the route only; see its logs"
    return "it exists, but its controller has not answered: see whether the one that its GatewayClass names runs"


def missing(s: Situation) -> str:
    """Say that the Gateway does not exist, with the cure; empty where it does, or nobody knows."""
    if not _silent(s):
        return ""
    answer = _answer(s)
    if answer is not None:
        traffic_now = as_before(s) or "no request comes through it"
        return f"{answer.error}; until then {traffic_now}" if answer.refused else ""
    told = find(s.rollout.status.conditions, reasons.GATEWAY_NOT_FOUND)  # what it rested on is gone with an operator
    return told.message if told is not None and told.observed_generation == s.rollout.generation else ""


def as_before(s: Situation) -> str:
    """Say through which Gateways requests come until the one that the spec names took the route; empty for none."""
    through = traffic.before(s.seen, s.rollout.root.name)
    named = ", ".join("/".join(gateway) for gateway in through)
    return f"requests come through Gateway {named} as before" if through else ""


def unheard(s: Situation) -> str:
    """Return what was told of this spec before, while the answer it rests on is gone with an operator; else nothing."""
    before = s.rollout.status
    same = _told(before) and before.observed_generation == s.rollout.generation
    return before.message if same and _answer(s) is None else ""


def asks(s: Situation) -> tuple[Ask, ...]:
    """Return the looks at the Gateway: the one that the present verdict rests on, and the next."""
    if not _silent(s):
        return ()
    rounds, asked = _rounds(s), GatewayFeatures(*shadow.gateway(s.rollout))
    return (
        Ask(_ask_id(s, rounds), asked, None if rounds else _since(s) + SOON),
        Ask(_ask_id(s, rounds + 1), asked, _ends(s, rounds + 1) - AHEAD),
    )


def next_look(s: Situation) -> datetime | None:
    """Return when waiting longer changes what is told."""
    return _ends(s, _rounds(s) + 1) if _silent(s) else None


def _silent(s: Situation) -> bool:
    return _told(s.status) or _because(s.status, reasons.ROUTE_PENDING)


def _told(status: RolloutStatus) -> bool:
    """Tell whether a status says that the time is over."""
    return _because(status, reasons.PROGRESS_DEADLINE)


def _because(status: RolloutStatus, reason: str) -> bool:
    ready = find(status.conditions, READY)
    return status.stable is not None and ready is not None and ready.reason == reason


def _since(s: Situation) -> datetime:
    """Return since when the Gateway has had something to accept: stable's promotion, or the edit that it follows."""
    stable = s.status.stable
    entries = (entry for entry in s.status.history if stable is not None and entry.revision == stable.revision)
    promoted = next((entry.promoted_at for entry in entries if entry.promoted_at), None)
    reconciling = find(s.rollout.status.conditions, RECONCILING)
    turned = moment(reconciling.last_transition_time) if reconciling is not None else s.now
    return max(turned, moment(promoted)) if promoted else turned


def _rounds(s: Situation) -> int:
    """Return how often progressDeadlineSeconds have passed."""
    return max(0, int((s.now - _since(s)) / _patience(s)))


def _ends(s: Situation, rounds: int) -> datetime:
    return _since(s) + rounds * _patience(s)


def _patience(s: Situation) -> timedelta:
    return timedelta(seconds=s.spec.progress_deadline_seconds)


def _answer(s: Situation) -> Answer | None:
    return s.seen.answers.get(_ask_id(s, _rounds(s)))


def _ask_id(s: Situation, rounds: int) -> str:
    return f"accepts@{'/'.join(shadow.gateway(s.rollout))}@{int(_ends(s, rounds).timestamp())}"
