"""Has the Gateway had its time to accept a route for the first time, and what is known of one that has not?

A Gateway that does not exist, or whose controller does not run, says nothing. So it is looked at soon, and again each
minute: people create Gateways.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from slipway.api.conditions import READY, RECONCILING, find, moment, timestamp
from slipway.api.rollout import RolloutStatus
from slipway.plan import Answer, Ask, GatewayFeatures
from slipway.rollout import reasons, shadow, traffic
from slipway.rollout.observe import Seen
from slipway.rollout.rollout import Rollout
from slipway.rollout.situation import Situation

SOON = timedelta(seconds=10)
"""After how long without a word a Gateway is looked at: people often apply it beside the Rollout."""


def fold(rollout: Rollout, status: RolloutStatus, seen: Seen, now: datetime) -> RolloutStatus:
    """Return the status with the moment of an edit that names another Gateway: its time begins then."""
    edited = rollout.status.observed_generation != rollout.generation
    if not edited or seen.route is None or seen.route.named:
        return status
    return status.model_copy(update={"gateway_since": timestamp(now)})


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
    return s.now >= _ends(s)


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
    if answer is not None and _conclusive(answer):
        return f"{answer.error}; until then {as_before(s) or 'no request comes through it'}" if answer.refused else ""
    told = find(s.rollout.status.conditions, reasons.GATEWAY_NOT_FOUND)  # what it rested on is gone with an operator
    return told.message if told is not None and told.observed_generation == s.rollout.generation else ""


def holds(s: Situation) -> bool:
    """Tell whether a share waits for a Gateway that does not exist; who returns without analysis waits for nothing."""
    candidate = s.status.candidate
    return candidate is not None and not candidate.unjudged and bool(missing(s))


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
    """Return the looks at the Gateway: those that the present verdict rests on, and the next."""
    if not _silent(s):
        return ()
    asked, number = GatewayFeatures(*shadow.gateway(s.rollout)), _due(s)
    kept = [Ask(_ask_id(s, number - 1), asked)] if _ask_id(s, number - 1) in s.seen.answers else []
    due = [Ask(_ask_id(s, number), asked)] if number else []
    return (*kept, *due, Ask(_ask_id(s, number + 1), asked, _look_at(s, number + 1)))


def next_look(s: Situation) -> datetime | None:
    """Return when waiting longer changes what is told."""
    return _ends(s) if _silent(s) and not late(s) else None


def _silent(s: Situation) -> bool:
    """Tell whether the Gateway has said nothing of the route yet, or nothing since an edit that names it."""
    route = s.seen.route
    unheard = route is None or not route.known or bool(traffic.before(s.seen, s.rollout.root.name))
    return s.status.stable is not None and (unheard or _told(s.status))


def _told(status: RolloutStatus) -> bool:
    """Tell whether a status says that the time is over."""
    ready = find(status.conditions, READY)
    return status.stable is not None and ready is not None and ready.reason == reasons.PROGRESS_DEADLINE


def _since(s: Situation) -> datetime:
    """Return since when the Gateway has had something to accept: stable's promotion, or the edit that it follows."""
    stable, before = s.status.stable, s.rollout.status
    entries = (entry for entry in s.status.history if stable is not None and entry.revision == stable.revision)
    promoted = next((entry.promoted_at for entry in entries if entry.promoted_at), None)
    moments = [moment(at) for at in (promoted, s.status.gateway_since) if at]
    unwell = find(before.conditions, RECONCILING) or find(before.conditions, READY)
    if unwell is None or (unwell.type == READY and unwell.status == "True"):
        return s.now
    return max(moment(unwell.last_transition_time), *moments)


def _ends(s: Situation) -> datetime:
    return _since(s) + timedelta(seconds=s.spec.progress_deadline_seconds)


def _due(s: Situation) -> int:
    """Return how many looks are due by now."""
    waited = s.now - _since(s) - SOON
    return 1 + int(waited / shadow.AGAIN) if waited >= timedelta(0) else 0


def _look_at(s: Situation, number: int) -> datetime:
    return _since(s) + SOON + (number - 1) * shadow.AGAIN


def _answer(s: Situation) -> Answer | None:
    """Return what the newest look found; the one before where it is still under way, or could not tell."""
    looks = [s.seen.answers.get(_ask_id(s, number)) for number in (_due(s), _due(s) - 1)]
    found = [answer for answer in looks if answer is not None]
    return next(filter(_conclusive, found), found[0] if found else None)


def _conclusive(answer: Answer) -> bool:
    return answer.refused or not answer.error


def _ask_id(s: Situation, number: int) -> str:
    return f"accepts@{'/'.join(shadow.gateway(s.rollout))}@{int(_look_at(s, number).timestamp())}"
