"""What do conditions, the state word and the message say?

The one place that says it: cases from top to bottom, the first that holds is told. The table of states in
docs/explanation/rollout-safety.md is checked against STATES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from slipway.api.conditions import READY, Progressing, find, kstatus, moment
from slipway.api.rollout import CandidateStatus, RevisionRef, RolloutState, RolloutStatus
from slipway.names import REVISION_LABEL, UID_LABEL
from slipway.plan import Event
from slipway.rollout import capacity, reasons, shadow
from slipway.rollout.analysis import admission, goal, verdict
from slipway.rollout.phase import revisions
from slipway.rollout.rules.commands import command_line
from slipway.rollout.rules.moves import blocking, seconds
from slipway.rollout.situation import Situation
from slipway.rollout.wanted import Unusable, Waiting


@dataclass(frozen=True)
class Told:
    """A state with its reason and message."""

    state: RolloutState
    reason: str
    message: str


STATES: dict[RolloutState, Progressing] = {
    "Pending": Progressing(ready="False", reconciling=True, reason=""),
    "Initializing": Progressing(ready="False", reconciling=True, reason=""),
    "Progressing": Progressing(ready="False", reconciling=True, reason=""),
    "Paused": Progressing(ready="False", reconciling=True, reason=""),
    "Baking": Progressing(ready="False", reconciling=True, reason=""),
    "RollingBack": Progressing(ready="False", reconciling=True, reason=""),
    "Healthy": Progressing(ready="True", reason=""),
    "Degraded": Progressing(ready="False", stalled=True, reason=""),
    "Stalled": Progressing(ready="False", stalled=True, reason=""),
}
"""What each state means to kubectl wait, Flux and Argo CD. Ready means: the version that the spec names is stable."""


def described(s: Situation) -> RolloutStatus:
    """Return the status of `s` with conditions, state, message and counts."""
    told = next(found for case in CASES if (found := case(s)) is not None)
    view = STATES[told.state].model_copy(update={"reason": told.reason, "message": told.message})
    if told.state == "Degraded" and told.reason != reasons.ROLLED_BACK:
        view = view.model_copy(
            update={"stalled": False, "reconciling": True}
        )  # pods and gateways come back by themselves
    return s.status.model_copy(
        update={
            "conditions": list(kstatus(s.rollout.status.conditions, view, s.rollout.generation, s.now)),
            "observed_generation": s.rollout.generation,
            "state": told.state,
            "message": told.message[:2048],
            # Job pods of metrics belong to the Rollout too, but to no revision.
            "selector": f"{UID_LABEL}={s.rollout.root.uid},{REVISION_LABEL}",
            "replicas": sum(s.ready(ref) for ref in revisions(s.status)),
        }
    )


def transition(before: RolloutStatus, after: RolloutStatus) -> Event | None:
    """Return the event of becoming stalled, degraded or well again; moves tell of themselves."""
    old, new = find(before.conditions, READY), find(after.conditions, READY)
    if new is None or (old is not None and (old.reason, before.state) == (new.reason, after.state)):
        return None
    if after.state == "Stalled" or (after.state == "Degraded" and new.reason != reasons.ROLLED_BACK):
        return Event(new.reason, after.message, "Warning")
    if after.state == "Healthy":
        return Event(new.reason, after.message)
    return None


def cannot_serve(s: Situation) -> Told | None:
    """The spec names a version that cannot serve: someone has to change something."""
    aim = s.obstacle
    if not isinstance(aim, Unusable) or s.status.retiring:
        return None
    return Told("Stalled", aim.reason, f"{aim.message}. {_serving(s)}")


def version_awaited(s: Situation) -> Told | None:
    """The spec names a version that is not ready yet."""
    aim = s.obstacle
    if not isinstance(aim, Waiting) or s.status.retiring:
        return None
    return Told("Pending", aim.reason, f"{aim.message}. {_serving(s)}")


def query_refused(s: Situation) -> Told | None:
    """A metric asks what Prometheus does not understand: the candidate could never be judged."""
    why = admission.refused(s.rollout, s.status, s.seen) if s.status.candidate is not None else ""
    if not why:
        return None
    return Told("Stalled", reasons.QUERY_REFUSED, f"{why} in spec.analysis; until then no traffic moves. {_serving(s)}")


def first_version(s: Situation) -> Told | None:
    """Nothing serves yet."""
    candidate = s.status.candidate
    if s.status.stable is not None or candidate is None:
        return None
    pods = s.seen.of(candidate)
    count = f"{pods.ready} of {s.replicas} pods of the first version {candidate.version} are ready"
    late = s.elapsed(candidate.waiting_since).total_seconds() >= s.spec.progress_deadline_seconds
    if pods.hopeless or (late and candidate.waiting_since is not None):
        why = pods.problem or "the pods tell no reason; see their events and logs"
        return Told("Degraded", reasons.PROGRESS_DEADLINE, f"{count}, and nothing serves: {why}")
    return Told("Initializing", reasons.INITIALIZING, count + (f": {pods.problem}" if pods.problem else ""))


def cannot_copy(s: Situation) -> Told | None:
    """A step wants requests copied, and the Gateway cannot."""
    found = shadow.known(s.rollout, s.status)
    if not shadow.wanted(s.spec, s.status) or found is None or found.supported:
        return None
    message = (
        f"Gateway {found.gateway} cannot copy requests, as mirrorPercent of step {s.status.step + 1} wants: "
        f"{found.message}. Remove the steps with mirrorPercent, or use a Gateway that can. {_serving(s)}"
    )
    return Told("Stalled", reasons.SHADOW_UNSUPPORTED, message)


def candidate_judged(s: Situation) -> Told | None:
    """A candidate is on its way."""
    candidate, stable = s.status.candidate, s.status.stable
    if candidate is None or stable is None:
        return None
    baking = s.status.bake_started_at is not None
    waiting = _pauses(s, candidate)
    past = "no steps" if candidate.interrupts or candidate.unjudged else "all steps passed"
    number = f"step {s.status.step + 1} of {len(s.steps)}" if s.stepping else past
    step = s.step.where or number
    where = f"bake of {s.spec.bake_seconds} s" if baking else step
    shares = f"{candidate.version} at {s.status.percent} %, {stable.version} at {100 - s.status.percent} %"
    state: RolloutState = "Paused" if waiting else "Baking" if baking else "Progressing"
    reason = reasons.PAUSED if waiting else reasons.BAKING if baking else reasons.PROGRESSING
    trouble = "" if s.ready(stable) else f". {stable.version} has no ready pod{_lost(s, candidate, stable)}"
    return Told(state, reason, f"{shares}, {where}; {waiting or _awaits(s, candidate)}{trouble}")


def returning(s: Situation) -> Told | None:
    """A candidate failed, and its pods drain."""
    last = s.status.last_rollback
    if last is None or last.revision not in {ref.revision for ref in s.status.retiring}:
        return None
    if s.wants_this(s.status.stable):
        return None
    return Told("RollingBack", reasons.ROLLING_BACK, f"{last.version} is rolled back, {last.message}. {_drains(s)}")


def stable_in_trouble(s: Situation) -> Told | None:
    """Stable itself has no endpoint, or the gateway does not take the route."""
    stable = s.status.stable
    if stable is None:
        return None
    if s.ready(stable) == 0:
        why = s.seen.of(stable).problem or "see its pods' events and logs"
        if s.status.retiring and capacity.interrupts(s.spec):
            why = f"it gave way to another version and restarts when that one's pod is gone. {_drains(s)}"
        return Told("Degraded", reasons.STABLE_NOT_READY, f"{stable.version} is stable and has no ready pod: {why}")
    refusal = _refusal(s)
    if refusal:
        return Told("Degraded", reasons.ROUTE_NOT_ACCEPTED, f"the gateway refuses the route{refusal}")
    return None


def failed_version(s: Situation) -> Told | None:
    """The spec still names a version that was rolled back."""
    failure = blocking(s)
    if failure is None or s.status.retiring:
        return None
    cure = (
        "Name another version in spec.version.name, or change spec.serving; to try it once more: "
        f"{command_line(s, 'retry', s.spec.version.name)}"
    )
    message = f"{failure.version} was rolled back ({failure.reason}, {failure.message}). {_serving(s)} {cure}"
    return Told("Degraded", reasons.ROLLED_BACK, message)


def interruption_refused(s: Situation) -> Told | None:
    """The next version could only start where stable's last pod is."""
    if s.wants is None or s.wants_this(s.status.stable) or not capacity.refuses(s.spec) or s.status.stable is None:
        return None
    message = (
        f"{s.wants.version} cannot start beside {s.status.stable.version}: strategy.canary.capacity.mode is NoSurge "
        "and spec.serving.replicas is 1. Set capacity.interruption to Accept to bear that nothing serves while the "
        f"model loads, or mode to Surge, or replicas to 2. {_serving(s)}"
    )
    return Told("Stalled", reasons.INTERRUPTION_REFUSED, message)


def gives_way(s: Situation) -> Told | None:
    """The next version waits until the last one is gone, or until the warm one is ready."""
    previous = s.status.previous
    if previous is not None and s.wants_this(previous):
        ready = f"{s.ready(previous)} of {s.replicas} pods ready"
        problem = s.seen.of(previous).problem
        words = f"{previous.version} is warm and takes all traffic back when it can: {ready}"
        return Told("Progressing", reasons.RETURNED, f"{words}{f', {problem}' if problem else ''}. {_serving(s)}")
    if s.wants is None or s.wants_this(s.status.stable):
        return Told("Progressing", reasons.DRAINING, _drains(s)) if s.status.retiring and s.wants is None else None
    return Told("Progressing", reasons.DRAINING, f"{s.wants.version} starts as soon as it can: {_drains(s)}")


def route_awaited(s: Situation) -> Told | None:
    """Stable serves, but the gateway has never yet confirmed it."""
    before = s.rollout.status
    known = s.seen.route is None or s.seen.route.known
    if s.carried or (known and before.stable is not None and before.state != "Initializing"):
        return None  # once it served, a route that lags behind one of our writes is no news
    gateway = s.spec.traffic.gateway
    where = f"{gateway.namespace or s.rollout.root.namespace}/{gateway.name}"
    message = (
        f"waiting for Gateway {where} to accept HTTPRoute {s.rollout.root.name}: does the Gateway exist, and does a "
        f"listener allow routes from namespace {s.rollout.root.namespace}?"
    )
    return Told("Initializing", reasons.ROUTE_PENDING, message)


def stable_scales(s: Situation) -> Told | None:
    """Stable serves with fewer pods than the spec says."""
    stable = s.status.stable
    if stable is None or s.ready(stable) >= s.replicas:
        return None
    problem = s.seen.of(stable).problem
    return Told("Progressing", reasons.STABLE_SCALING, _serving(s) + (f" {problem}" if problem else ""))


def healthy(s: Situation) -> Told | None:
    """Nothing to do."""
    words = [_serving(s), *([_drains(s)] if s.status.retiring else []), *_warm(s)]
    return Told("Healthy", reasons.SERVING, " ".join(words))


CASES: tuple[Callable[[Situation], Told | None], ...] = (
    cannot_serve,
    version_awaited,
    first_version,
    query_refused,
    cannot_copy,
    candidate_judged,
    returning,
    stable_in_trouble,
    failed_version,
    interruption_refused,
    gives_way,
    route_awaited,
    stable_scales,
    healthy,
)


def _serving(s: Situation) -> str:
    stable, candidate = s.status.stable, s.status.candidate
    if stable is None:
        return "Nothing serves yet."
    share = f" at {100 - s.status.percent} %, {candidate.version} at {s.status.percent} %" if candidate else " at 100 %"
    return f"Serving: {stable.version}{share} ({s.ready(stable)} of {s.replicas} pods ready)."


def _drains(s: Situation) -> str:
    names = ", ".join(ref.version for ref in s.status.retiring)
    if not names:
        return "the pods of its last attempt are removed."
    if s.status.retiring_since is None:
        return f"Waiting for the gateway to confirm that {names} has no traffic."
    return f"{names} has no traffic and drains for {seconds(s.drain)}."


def _warm(s: Situation) -> list[str]:
    """Say what can be returned to at once, and until when."""
    previous = s.status.previous
    if previous is None:
        return []
    until = _clock(moment(previous.since), s.warmth)
    return [f"{previous.version} stays warm until {until}: naming it in spec.version.name returns at once."]


def _pauses(s: Situation, candidate: CandidateStatus) -> str:
    """Say who paused the candidate and how it goes on; empty while nobody has."""
    paused = s.status.paused
    if paused is not None:
        return (
            f"paused since {paused.since}: {paused.message}. To go on: {command_line(s, 'resume', candidate.version)}"
        )
    if s.at_target is None or not (s.stepping and s.step.pause):
        return ""
    on = f"to go on: {command_line(s, 'promote', candidate.version)}"
    if s.step.gate:
        return f"paused by this step; {on}"
    ends = _clock(moment(s.status.step_started_at or candidate.since), s.step.hold)
    waiting = _unproven(s)
    return f"paused by this step until {ends}{f' and for {waiting}' if waiting else ''}; {on} now"


def _awaits(s: Situation, candidate: CandidateStatus) -> str:
    """Say what the candidate's next move waits for."""
    if candidate.waiting_since is not None:
        pods = s.seen.of(candidate)
        return f"{pods.ready} of {s.needed} pods ready" + (f": {pods.problem}" if pods.problem else "")
    if s.status.step_started_at is None:
        return f"waiting for the gateway to confirm the shares{_refusal(s)}"
    if candidate.unjudged:
        return "it was stable before and returns without analysis (spec.rollbackWindow)"
    waiting = _unproven(s)
    if waiting:
        return f"waiting for {waiting}"
    ends = moment(s.status.bake_started_at or s.status.step_started_at)
    hold = timedelta(seconds=s.spec.bake_seconds) if s.status.bake_started_at else s.step.hold
    goals = f"; {goal.so_far(s.spec, s.status)}" if goal.test_of(s.spec) and s.stepping else ""
    return f"every metric passes; held until {_clock(ends, hold)}{goals}"


def _lost(s: Situation, candidate: CandidateStatus, stable: RevisionRef) -> str:
    """Say why stable has no pod beside a candidate."""
    if candidate.interrupts and s.replicas == 1:
        served = "" if s.status.percent else "; nothing serves until the candidate is ready"
        return f": it gave way (capacity.mode: NoSurge, one replica){served}"
    return f": {s.seen.of(stable).problem}"


def _refusal(s: Situation) -> str:
    """Say what the gateway has against a route; empty while it has nothing."""
    refused = ((name, route.problem) for name, route in s.seen.routes.items() if route.problem)
    return next((f": HTTPRoute {name}: {problem}" for name, problem in refused), "")


def _unproven(s: Situation) -> str:
    """Name the metrics that do not pass, with the silent ones' time of silence."""
    since = s.status.bake_started_at or s.status.step_started_at or ""
    found = {entry.metric: entry for entry in s.status.analysis}
    silence = verdict.silent(s.rollout, s.status, s.now)
    words = []
    for metric in verdict.holding(s.rollout, s.status, since):
        entry = found.get(metric.name)
        if entry is None or (entry.outcome == "Pass" and entry.at < since):
            words.append(f"{metric.name} (not measured at this share yet)")
        else:
            words.append(f"{metric.name} ({entry.outcome}: {entry.message})")
    if silence is not None and words:
        return (
            f"{', '.join(words)}; no answer for {s.spec.analysis.no_data.after_seconds} s and more, held as noData says"
        )
    return ", ".join(words)


def _clock(start: datetime, hold: timedelta) -> str:
    return (start + hold).strftime("%H:%M:%S UTC")
