"""What takes traffic away from a candidate, and pods away after their traffic? Nothing here waits for anything."""

from __future__ import annotations

from datetime import timedelta

from slipway.api.conditions import READY, find, timestamp, timestamp_after
from slipway.api.rollout import MOST_RETIRING, Paused
from slipway.plan import Event
from slipway.rollout import reasons
from slipway.rollout.analysis import admission, verdict
from slipway.rollout.phase import answering, revisions
from slipway.rollout.revision import kept_reference
from slipway.rollout.routes import service_name
from slipway.rollout.rules.moves import resumed, retire, roll_back, seconds
from slipway.rollout.situation import Situation
from slipway.rollout.wanted import NEVER_SERVES, Unusable

RESTART_LIMIT = 5
"""Restarts of one serving container after which a candidate is given up, though it may be ready in between."""


LOSS_LIMIT = 3
"""Losses of the last ready pod under traffic, within LOSS_WINDOW, after which a candidate is given up. Each costs its
users failed requests that nobody counts: the pod that would have counted them was not there."""
LOSS_WINDOW = timedelta(hours=1)
FOLLOWING = 2
"""Places among what retires that are left for stable and the candidate."""


def verdict_failed(s: Situation) -> Situation | None:
    """A metric that failed ends the candidate."""
    failing = verdict.failing(s.rollout, s.status) if s.status.candidate is not None else ""
    return roll_back(s, reasons.METRIC_FAILED, failing) if failing else None


def query_mended(s: Situation) -> Situation | None:
    """Silence is counted anew once a query is no longer refused: until then nobody could have answered it."""
    candidate, ready = s.status.candidate, find(s.rollout.status.conditions, READY)
    if candidate is None or ready is None or ready.reason != reasons.QUERY_REFUSED:
        return None
    now = timestamp(s.now)
    if candidate.resumed_at == now or admission.refused(s.rollout, s.status, s.seen):
        return None
    return s.moved(**resumed(s))


def silent_too_long(s: Situation) -> Situation | None:
    """Silence ends or pauses the candidate where the user says so; else it only never promotes.

    What cannot be asked as the spec has it is the spec's silence, and no candidate's. Nor is that of a gateway which
    never took the route: nobody reached the candidate.
    """
    if s.status.step_started_at is None and not _ever_taken(s):
        return None
    silence = verdict.silent(s.rollout, s.status, s.now, admission.excused(s.rollout, s.status, s.seen))
    if silence is None or silence.action == "Hold" or (silence.action == "Pause" and s.status.paused is not None):
        return None
    metric, lasting, action = silence
    last = next((entry.message for entry in s.status.analysis if entry.metric == metric), "no measurement yet")
    words = f"{metric} gave no answer for {seconds(lasting)}: {last}"
    if action == "Rollback":
        return roll_back(s, reasons.NO_DATA, words)
    assert s.status.candidate is not None
    held = Paused(by="NoData", since=timestamp(s.now), percent=s.status.percent, message=words[:2048])
    name = s.status.candidate.version
    return s.moved(Event(reasons.PAUSED, f"{name} stays at {s.status.percent} %: {words}", "Warning"), paused=held)


def _ever_taken(s: Situation) -> bool:
    """Tell whether a gateway has said something of the route, be it one before an edit."""
    route = s.seen.route
    return route is not None and (route.known or bool(route.before))


def pods_gave_up(s: Situation) -> Situation | None:
    """A candidate whose pods cannot become ready, or do not stay up, ends."""
    candidate = s.status.candidate
    if candidate is None:
        return None
    pods = s.seen.of(candidate)
    if pods.hopeless:
        return roll_back(s, reasons.FETCH_FAILED, f"its artefact cannot be brought to the pods: {pods.problem}")
    if pods.restarts >= RESTART_LIMIT:
        why = pods.problem or "see the log of the pod before its restart"
        return roll_back(s, reasons.CRASH_LOOP, f"a pod restarted {pods.restarts} times: {why}")
    deadline = timedelta(seconds=s.spec.progress_deadline_seconds)
    if candidate.waiting_since is None or s.elapsed(candidate.waiting_since) < deadline:
        return None
    why = pods.problem or "the pods tell no reason; see their events and logs"
    message = f"{pods.ready} of {s.needed} pods ready after {seconds(deadline)}: {why}"
    return roll_back(s, reasons.PROGRESS_DEADLINE, message)


def no_longer_wanted(s: Situation) -> Situation | None:
    """A candidate that the spec does not name any more gives its traffic back before anything else starts.

    While the version named cannot serve (not evaluated yet, or misspelt) the candidate stays at its share, still
    judged, and goes no further; only a verdict on the candidate's own version takes its traffic away.
    """
    candidate = s.status.candidate
    if candidate is None or s.wants_this(candidate):
        return None
    share = f"at {s.status.percent} %"
    if s.wants is not None:
        back = s.wants_this(s.status.stable)
        reason = reasons.RETURNED if back else reasons.SUPERSEDED
        why = f"{share}, the spec went back to {s.wants.version}" if back else f"{share} by {s.wants.version}"
        words = f"{candidate.version} withdrawn {why}" if back else f"{candidate.version} superseded {why}"
        return retire(s, Event(reason, words), words)
    aim = s.obstacle
    if isinstance(aim, Unusable) and aim.reason in NEVER_SERVES and candidate.version == s.spec.version.name:
        words = f"{candidate.version} withdrawn {share}: {aim.message}"
        return retire(s, Event(reasons.WITHDRAWN, words, "Warning"), words)
    return None


def endpoints_lost(s: Situation) -> Situation | None:
    """A candidate without a ready endpoint has no weight; it resumes its step when it is back, but not for ever."""
    candidate = s.status.candidate
    if candidate is None or s.status.stable is None or not answering(s.status) or s.ready(candidate) > 0:
        return None
    why = s.seen.of(candidate).problem or "no pod is ready"
    words = f"{candidate.version} lost its last endpoint at {s.status.percent} %: {why}"
    losses = [at for at in candidate.lost_at if s.elapsed(at) < LOSS_WINDOW] + [timestamp(s.now)]
    if len(losses) >= LOSS_LIMIT:
        times = f"it lost its last ready pod {len(losses)} times since {losses[0]}: {why}"
        return roll_back(s, reasons.UNSTEADY, times)
    event = Event(reasons.ENDPOINTS_LOST, f"{words}. Traffic goes back to {s.status.stable.version}", "Warning")
    closed = candidate.model_copy(update={"preview_since": None, "lost_at": losses})
    return s.moved(event, candidate=closed, percent=0, mirror_percent=0, step_started_at=None, bake_started_at=None)


def readiness_awaited(s: Situation) -> Situation | None:
    """The progress deadline runs while fewer pods are ready than the present step needs.

    An autoscaler that finds no room for more, once the share is given, does not end a candidate.
    """
    candidate = s.status.candidate
    if candidate is None:
        return None
    short = s.ready(candidate) < s.owed
    if short == (candidate.waiting_since is not None):
        return None
    since = timestamp(s.now) if short else None
    return s.moved(candidate=candidate.model_copy(update={"waiting_since": since}))


def weight_returned(s: Situation) -> Situation | None:
    """A revision that somebody gave requests again, by editing the route, is drained anew once that is undone."""
    if not s.status.retiring or s.status.retiring_since is None:
        return None
    if not any(_has_weight(s, ref.revision) for ref in s.status.retiring):
        return None
    return s.moved(retiring_since=None)


def stray_drains(s: Situation) -> Situation | None:
    """A revision that nobody names any more, and that somebody gave requests by editing the route, is drained anew.

    Its objects are still there because the operator died after the status that ended its first drain.
    """
    if s.status.stable is None:
        return None
    unnamed = s.seen.services & set(s.seen.templates) - {ref.revision for ref in revisions(s.status)}
    strays = [kept_reference(name, s.seen.templates[name]) for name in sorted(unnamed) if _has_weight(s, name)]
    found = strays[: max(0, MOST_RETIRING - len(s.status.retiring) - FOLLOWING)]
    return s.moved(retiring=[*s.status.retiring, *found], retiring_since=None) if found else None


def _has_weight(s: Situation, revision: str) -> bool:
    """Tell whether a route gives `revision` requests, whatever the status intends."""
    name = service_name(s.rollout.root, revision)
    return any(rule.weights.get(name) for route in s.seen.routes.values() for rule in route.rules)


def weight_gone(s: Situation) -> Situation | None:
    """Draining begins when the gateway confirmed that the revision has no traffic any more."""
    if not s.status.retiring or s.status.retiring_since is not None or not s.carried:
        return None
    return s.moved(retiring_since=timestamp_after(s.now))


def drained(s: Situation) -> Situation | None:
    """A drained revision goes: requests in flight had their time, gateways that lag had theirs."""
    if not s.status.retiring or s.status.retiring_since is None or s.elapsed(s.status.retiring_since) < s.drain:
        return None
    names = ", ".join(ref.version for ref in s.status.retiring)
    event = Event(reasons.RETIRED, f"{names} had no traffic for {seconds(s.drain)}: pods are removed")
    return s.moved(event, retiring=[], retiring_since=None)
