"""What do conditions, the state word and the message say?

The one place that says it: cases from top to bottom, the first that holds is told. The table of states in
docs/explanation/rollout-safety.md is checked against STATES.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from slipway.api.conditions import (
    READY,
    SAMPLES_UNREACHABLE,
    Condition,
    Progressing,
    condition,
    find,
    kstatus,
)
from slipway.api.rollout import RolloutState, RolloutStatus
from slipway.names import REVISION_LABEL, UID_LABEL
from slipway.plan import Event
from slipway.rollout import acceptance, capacity, reasons, shadow, words
from slipway.rollout.analysis import admission
from slipway.rollout.analysis.reach import sparse
from slipway.rollout.phase import revisions, stepless
from slipway.rollout.rules.commands import command_line
from slipway.rollout.rules.moves import blocking
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

WARNINGS: dict[str, Callable[[Situation], str]] = {
    SAMPLES_UNREACHABLE: lambda s: "; ".join(sparse(s.rollout, s.status)),
    reasons.QUERY_REFUSED: lambda s: admission.warning(s.rollout, s.status, s.seen),
    reasons.GATEWAY_NOT_FOUND: acceptance.missing,
}
"""Conditions that are there only while they hold, with their message; empty means that they do not."""


def described(s: Situation) -> RolloutStatus:
    """Return the status of `s` with conditions, state, message and counts."""
    told = next(found for case in CASES if (found := case(s)) is not None)
    view = STATES[told.state].model_copy(update={"reason": told.reason, "message": told.message})
    if told.state == "Degraded" and told.reason != reasons.ROLLED_BACK:
        view = view.model_copy(
            update={"stalled": False, "reconciling": True}
        )  # pods and gateways come back by themselves
    status = s.status.model_copy(
        update={
            "conditions": [*kstatus(s.rollout.status.conditions, view, s.rollout.generation, s.now)],
            "observed_generation": s.rollout.generation,
            "state": told.state,
            "message": told.message[:2048],
            # Job pods of metrics belong to the Rollout too, but to no revision.
            "selector": f"{UID_LABEL}={s.rollout.root.uid},{REVISION_LABEL}",
            "replicas": sum(s.ready(ref) for ref in revisions(s.status)),
        }
    )
    warnings = _warnings(replace(s, status=status))
    return status.model_copy(update={"conditions": [*status.conditions, *warnings]}) if warnings else status


def _warnings(s: Situation) -> list[Condition]:
    """Return the conditions of WARNINGS that hold."""
    before, generation = s.rollout.status.conditions, s.rollout.generation
    told = ((kind, say(s)) for kind, say in WARNINGS.items())
    return [condition(before, kind, "True", kind, words, generation, s.now) for kind, words in told if words]


def transitions(before: RolloutStatus, after: RolloutStatus, moves: Iterable[Event]) -> list[Event]:
    """Return the events that tell what status says now and did not say before; `moves` are told already."""
    told = _turned(before, after)
    if told is not None and told.reason == reasons.SERVING and any(one.reason == reasons.PROMOTED for one in moves):
        told = None  # who is promoted serves
    warnings = ((find(before.conditions, kind), find(after.conditions, kind)) for kind in WARNINGS)
    news = [Event(now.type, now.message, "Warning") for old, now in warnings if now is not None and old is None]
    return [*([told] if told is not None else []), *news]


def _turned(before: RolloutStatus, after: RolloutStatus) -> Event | None:
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
    return Told("Stalled", aim.reason, f"{aim.message}. {words.serving(s)}")


def version_awaited(s: Situation) -> Told | None:
    """The spec names a version that is not ready yet."""
    aim = s.obstacle
    if not isinstance(aim, Waiting) or s.status.retiring:
        return None
    return Told("Pending", aim.reason, f"{aim.message}. {words.serving(s)}")


def query_refused(s: Situation) -> Told | None:
    """A metric asks what Prometheus does not understand: the candidate could never be judged."""
    why = admission.refused(s.rollout, s.status, s.seen)
    if not why:
        return None
    return Told("Stalled", reasons.QUERY_REFUSED, f"{why} {admission.STOPS}. {words.serving(s)}")


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
        f"{found.message}. Remove the steps with mirrorPercent, or use a Gateway that can. {words.serving(s)}"
    )
    return Told("Stalled", reasons.SHADOW_UNSUPPORTED, message)


def candidate_judged(s: Situation) -> Told | None:
    """A candidate is on its way."""
    candidate, stable = s.status.candidate, s.status.stable
    if candidate is None or stable is None:
        return None
    baking = s.status.bake_started_at is not None
    waiting = words.pauses(s, candidate)
    past = "no steps" if stepless(candidate) else "all steps passed"
    number = f"step {s.status.step + 1} of {len(s.steps)}" if s.stepping else past
    step = s.step.where or number
    where = f"bake of {s.spec.bake_seconds} s" if baking else step
    shares = f"{candidate.version} at {s.status.percent} %, {stable.version} at {100 - s.status.percent} %"
    state: RolloutState = "Paused" if waiting else "Baking" if baking else "Progressing"
    reason = reasons.PAUSED if waiting else reasons.BAKING if baking else reasons.PROGRESSING
    trouble = "" if s.ready(stable) else f". {stable.version} has no ready pod{words.lost(s, candidate, stable)}"
    return Told(state, reason, f"{shares}, {where}; {waiting or words.awaits(s, candidate)}{trouble}")


def returning(s: Situation) -> Told | None:
    """A candidate failed, and its pods drain."""
    last = s.status.last_rollback
    if last is None or last.revision not in {ref.revision for ref in s.status.retiring}:
        return None
    if s.wants_this(s.status.stable):
        return None
    told = f"{last.version} is rolled back, {last.message}. {words.drains(s)}"
    return Told("RollingBack", reasons.ROLLING_BACK, told)


def stable_in_trouble(s: Situation) -> Told | None:
    """Stable itself has no endpoint, or the gateway does not take the route."""
    stable = s.status.stable
    if stable is None:
        return None
    if s.ready(stable) == 0:
        why = s.seen.of(stable).problem or "see its pods' events and logs"
        if s.status.retiring and capacity.interrupts(s.spec):
            why = f"it gave way to another version and restarts when that one's pod is gone. {words.drains(s)}"
        elif stable.revision not in s.seen.templates:
            why = (
                "its ControllerRevision is gone, so nobody knows how its pods were made. Name it in spec.version.name "
                "with the spec.serving that it had, or restore the ControllerRevision"
            )
        return Told("Degraded", reasons.STABLE_NOT_READY, f"{stable.version} is stable and has no ready pod: {why}")
    refusal = words.refusal(s)
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
    had = f" had traffic from {failure.traffic_since} and" if failure.traffic_since else ""
    what = f"{failure.version}{had} was rolled back at {failure.at} ({failure.reason}): {failure.message}"
    named = s.spec.version.name
    other = named != failure.version
    same = f"{named} is {failure.version} under another name: the same bytes, served alike. " if other else ""
    return Told("Degraded", reasons.ROLLED_BACK, f"{same}{what}. {words.serving(s)} {cure}")


def interruption_refused(s: Situation) -> Told | None:
    """The next version could only start where stable's last pod is."""
    if s.wants is None or s.wants_this(s.status.stable) or not capacity.refuses(s.spec) or s.status.stable is None:
        return None
    message = (
        f"{s.wants.version} cannot start beside {s.status.stable.version}: strategy.canary.capacity.mode is NoSurge "
        "and spec.serving.replicas is 1. Set capacity.interruption to Accept to bear that nothing serves while the "
        f"model loads, or mode to Surge, or replicas to 2. {words.serving(s)}"
    )
    return Told("Stalled", reasons.INTERRUPTION_REFUSED, message)


def gives_way(s: Situation) -> Told | None:
    """The next version waits until the last one is gone, or until the warm one is ready."""
    previous = s.status.previous
    if previous is not None and s.wants_this(previous):
        ready = f"{s.ready(previous)} of {s.replicas} pods ready"
        problem = s.seen.of(previous).problem
        told = f"{previous.version} is warm and takes all traffic back when it can: {ready}"
        return Told("Progressing", reasons.RETURNED, f"{told}{f', {problem}' if problem else ''}. {words.serving(s)}")
    if s.wants is None or s.wants_this(s.status.stable):
        return Told("Progressing", reasons.DRAINING, words.drains(s)) if s.status.retiring and s.wants is None else None
    return Told("Progressing", reasons.DRAINING, f"{s.wants.version} starts as soon as it can: {words.drains(s)}")


def route_awaited(s: Situation) -> Told | None:
    """Stable serves, but the gateway that the spec names has never yet confirmed it."""
    if not acceptance.awaited(s):
        return None
    through = acceptance.as_before(s)
    if not through and acceptance.late(s):
        return _never_accepted(s)
    cure = (
        "If it stays so: create that Gateway or correct spec.traffic.gateway, and let a listener of it allow routes "
        f"from namespace {s.rollout.root.namespace} (allowedRoutes)"
    )
    if acceptance.missing(s):
        cure = f"Condition {reasons.GATEWAY_NOT_FOUND} says what is missing"
    name = s.rollout.root.name
    message = f"waiting for Gateway {words.gateway(s)} to accept HTTPRoute {name}{words.refusal(s)}. {cure}"
    if not through:
        return Told("Initializing", reasons.ROUTE_PENDING, message)
    return Told("Degraded", reasons.ROUTE_PENDING, f"{through}; {message}")


def _never_accepted(s: Situation) -> Told:
    """The gateway had its time; it is waited for all the same."""
    why = acceptance.why(s) or "create that Gateway or correct spec.traffic.gateway, and see that its controller runs"
    message = acceptance.unheard(s) or (
        f"Gateway {words.gateway(s)} has not accepted HTTPRoute {s.rollout.root.name} within "
        f"{s.spec.progress_deadline_seconds} s, so no request comes through it: {why}. A listener of it has to allow "
        f"routes from namespace {s.rollout.root.namespace} (allowedRoutes)"
    )
    return Told("Degraded", reasons.PROGRESS_DEADLINE, message)


def stable_scales(s: Situation) -> Told | None:
    """Stable serves with fewer pods than the spec says."""
    stable = s.status.stable
    if stable is None or s.ready(stable) >= s.replicas:
        return None
    problem = s.seen.of(stable).problem
    return Told("Progressing", reasons.STABLE_SCALING, words.serving(s) + (f" {problem}" if problem else ""))


def healthy(s: Situation) -> Told | None:
    """Nothing to do."""
    told = [words.serving(s), *([words.drains(s)] if s.status.retiring else []), *words.warm(s)]
    return Told("Healthy", reasons.SERVING, " ".join(told))


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
