"""What is the next move, and which comes first?

The order of RULES is the order of safety: whatever takes traffic away from a candidate stands before whatever gives it
some, and nothing that takes it away waits for anything. Each rule looks at the whole situation and moves it, or passes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from slipway.api.conditions import timestamp
from slipway.api.rollout import RETRY_ANNOTATION, CandidateStatus, FailedRevision, RevisionRef
from slipway.plan import Event
from slipway.rollout import reasons
from slipway.rollout.analysis import evidence
from slipway.rollout.pods import NONE
from slipway.rollout.situation import Situation
from slipway.rollout.wanted import NEVER_SERVES, Unusable

Rule = Callable[[Situation], Situation | None]

RESTART_LIMIT = 5
"""Restarts of one serving container after which a candidate is given up, though it may be ready in between."""
REMEMBERED = 16


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
    if s.status.candidate is None or s.status.steps == s.steps:
        return None
    if s.status.bake_started_at is not None:
        return s.moved(steps=s.steps, step=s.steps)
    step = min(s.status.step, s.steps - 1)
    event = Event(reasons.STEPS_EDITED, f"spec.strategy changed: going on with step {step + 1} of {s.steps}")
    return s.moved(event, steps=s.steps, step=step, step_started_at=None)


def verdict_failed(s: Situation) -> Situation | None:
    """A metric that failed ends the candidate."""
    failing = evidence.failing(s.spec.analysis, s.status.analysis) if s.status.candidate is not None else None
    if failing is None:
        return None
    in_a_row = f" {failing.failures} times in a row" if failing.failures > 1 else ""
    return roll_back(s, reasons.METRIC_FAILED, f"{failing.metric} failed{in_a_row}: {failing.message}")


def silent_too_long(s: Situation) -> Situation | None:
    """Silence ends the candidate where the user says so; else it only never promotes."""
    silence = evidence.silent(s.spec.analysis, s.status, s.now)
    if silence is None or s.spec.analysis.no_data.action != "Rollback":
        return None
    metric, lasting = silence
    last = next((entry.message for entry in s.status.analysis if entry.metric == metric), "no measurement yet")
    return roll_back(s, reasons.NO_DATA, f"{metric} gave no answer for {seconds(lasting)}: {last}")


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
    """A candidate without a ready endpoint has no weight; it resumes its step when it is back."""
    candidate = s.status.candidate
    if candidate is None or s.status.stable is None or s.status.percent == 0 or s.ready(candidate) > 0:
        return None
    why = s.seen.of(candidate).problem or "no pod is ready"
    words = f"{candidate.version} lost its last endpoint at {s.status.percent} %: {why}"
    event = Event(reasons.ENDPOINTS_LOST, f"{words}. Traffic goes back to {s.status.stable.version}", "Warning")
    return s.moved(event, percent=0, step_started_at=None, bake_started_at=None)


def readiness_awaited(s: Situation) -> Situation | None:
    """The progress deadline runs while fewer pods are ready than the present step needs."""
    candidate = s.status.candidate
    if candidate is None:
        return None
    short = s.ready(candidate) < (s.needed if s.status.stable is not None else s.replicas)
    if short == (candidate.waiting_since is not None):
        return None
    since = timestamp(s.now) if short else None
    return s.moved(candidate=candidate.model_copy(update={"waiting_since": since}))


def weight_gone(s: Situation) -> Situation | None:
    """Draining begins when the gateway confirmed that the revision has no traffic any more."""
    if not s.status.retiring or s.status.retiring_since is not None or not s.carried:
        return None
    return s.moved(retiring_since=timestamp(s.now))


def drained(s: Situation) -> Situation | None:
    """A drained revision goes: requests in flight had their time, gateways that lag had theirs."""
    if not s.status.retiring or s.status.retiring_since is None or s.elapsed(s.status.retiring_since) < s.drain:
        return None
    names = ", ".join(ref.version for ref in s.status.retiring)
    event = Event(reasons.RETIRED, f"{names} had no traffic for {seconds(s.drain)}: pods are removed")
    return s.moved(event, retiring=[], retiring_since=None)


def candidate_starts(s: Situation) -> Situation | None:
    """A wanted revision starts once nothing else is in the way, its own former pods included."""
    wanted = s.wants
    if wanted is None or s.status.candidate is not None or s.status.retiring or s.wants_this(s.status.stable):
        return None
    # Pods outlive their Deployment by a moment: their endpoints and restarts say nothing about a new attempt.
    leftovers = wanted.revision in s.seen.deployed or s.seen.of(wanted) != NONE
    if s.status.stable is not None and (remembered(s, wanted) or leftovers):
        return None
    since = timestamp(s.now)
    candidate = CandidateStatus(**wanted.model_dump(), since=since)
    over = f" beside {s.status.stable.version}" if s.status.stable is not None else " as the first version"
    return s.moved(
        Event(reasons.CANDIDATE_STARTED, f"{wanted.version} (revision {wanted.revision}) starts{over}"),
        candidate=candidate,
        step=0,
        steps=s.steps,
        percent=0,
        step_started_at=None,
        bake_started_at=None,
        analysis=[],
    )


def first_version_serves(s: Situation) -> Situation | None:
    """With no stable version there is nothing to compare with and nothing to return to: ready is enough."""
    candidate = s.status.candidate
    if candidate is None or s.status.stable is not None or s.ready(candidate) < s.replicas:
        return None
    words = f"{candidate.version} is ready and serves 100 % as the first version, unjudged"
    return s.moved(
        Event(reasons.PROMOTED, words), stable=plain(candidate), candidate=None, step=0, percent=0, analysis=[]
    )


def share_changes(s: Situation) -> Situation | None:
    """The share follows the step: up only when the candidate has the capacity for it, down at any time."""
    candidate, before = s.status.candidate, s.status.percent
    if candidate is None or s.status.stable is None or before == s.target:
        return None
    rising = s.target > before
    if rising and (not s.wants_this(candidate) or s.ready(candidate) < s.needed):
        return None
    event = Event(reasons.SHARE_CHANGED, f"{candidate.version}: {before} % → {s.target} % of requests")
    since = candidate.traffic_since or timestamp(s.now)
    return s.moved(
        event,
        candidate=candidate.model_copy(update={"traffic_since": since}),
        percent=s.target,
        step_started_at=None,
        bake_started_at=None,
    )


def share_took_effect(s: Situation) -> Situation | None:
    """A step's time runs from the gateway's confirmation."""
    candidate = s.status.candidate
    waiting = candidate is not None and s.status.percent > 0 and s.status.percent == s.target
    if not waiting or s.status.step_started_at is not None or not s.carried:
        return None
    return s.moved(step_started_at=timestamp(s.now))


def step_passed(s: Situation) -> Situation | None:
    """A step ends when its time is over and every metric passes on it."""
    candidate, status = s.at_target, s.status
    if candidate is None or status.step >= s.steps or not s.wants_this(candidate):
        return None
    hold = timedelta(seconds=s.rollout.canary.steps[status.step].hold_seconds)
    if s.elapsed(status.step_started_at) < hold or not proven(s, status.step_started_at):
        return None
    event = Event(reasons.STEP_PASSED, f"{candidate.version} passed {status.percent} %: {figures(s)}")
    return s.moved(event, step=status.step + 1)


def bake_begins(s: Situation) -> Situation | None:
    """With all traffic the candidate is judged on, while the old version stays warm at full size."""
    candidate, status = s.at_target, s.status
    if candidate is None or status.stable is None or status.step < s.steps or status.bake_started_at is not None:
        return None
    words = f"{candidate.version} serves 100 % and is judged for {s.spec.bake_seconds} s more"
    return s.moved(
        Event(reasons.BAKING, f"{words}; {status.stable.version} stays warm"), bake_started_at=timestamp(s.now)
    )


def baked(s: Situation) -> Situation | None:
    """A bake that ends with every metric passing makes the candidate stable; its warm pods go on serving."""
    candidate, status = s.at_target, s.status
    if candidate is None or status.stable is None or status.bake_started_at is None or not s.wants_this(candidate):
        return None
    over = s.elapsed(status.bake_started_at) >= timedelta(seconds=s.spec.bake_seconds)
    if not over or not proven(s, status.bake_started_at) or s.ready(candidate) < s.replicas:
        return None
    event = Event(reasons.PROMOTED, f"{candidate.version} is stable, {status.stable.version} retires: {figures(s)}")
    return s.moved(
        event,
        stable=plain(candidate),
        candidate=None,
        retiring=[status.stable],
        retiring_since=None,
        step=0,
        percent=0,
        step_started_at=None,
        bake_started_at=None,
    )


RULES: tuple[Rule, ...] = (
    # What people command or edit
    retry_command,
    steps_edited,
    # Traffic away from the candidate, for good
    verdict_failed,
    silent_too_long,
    pods_gave_up,
    no_longer_wanted,
    # Traffic away until it is ready again
    endpoints_lost,
    readiness_awaited,
    # Pods away, once their traffic is
    weight_gone,
    drained,
    # Traffic towards the candidate
    candidate_starts,
    first_version_serves,
    share_changes,
    share_took_effect,
    step_passed,
    bake_begins,
    baked,
)


def roll_back(s: Situation, reason: str, message: str) -> Situation | None:
    """Return all traffic to stable at once and remember the revision; without a stable version there is no return."""
    candidate, stable = s.status.candidate, s.status.stable
    if candidate is None or stable is None:
        return None
    share = "in the bake" if s.status.bake_started_at else f"at {s.status.percent} %"
    failed = FailedRevision(
        **plain(candidate).model_dump(), reason=reason, message=f"{share}: {message}"[:2048], at=timestamp(s.now)
    )
    event = Event(
        reasons.ROLLED_BACK,
        f"{candidate.version} rolled back {share}, {stable.version} serves 100 %: {message}",
        "Warning",
    )
    others = [entry for entry in s.status.failed if entry.revision != candidate.revision]
    return retire(s.moved(last_rollback=failed, failed=[failed, *others][:REMEMBERED]), event)


def retire(s: Situation, event: Event, cancelled: str = "") -> Situation:
    """Take the candidate's traffic and let it drain. Judgements that it did not live to see are cancelled."""
    assert s.status.candidate is not None
    judgements = evidence.cancelled(s.status.analysis, cancelled) if cancelled else s.status.analysis
    return s.moved(
        event,
        candidate=None,
        retiring=[plain(s.status.candidate)],
        retiring_since=None,
        step=0,
        percent=0,
        step_started_at=None,
        bake_started_at=None,
        analysis=judgements,
    )


def remembered(s: Situation, ref: RevisionRef) -> FailedRevision | None:
    """Return the failure of the same bytes served the same way, under whatever name."""
    same = (entry for entry in s.status.failed if (entry.digest, entry.template) == (ref.digest, ref.template))
    return next(same, None)


def blocking(s: Situation) -> FailedRevision | None:
    """Return the remembered failure that keeps the version wanted from starting."""
    return remembered(s, s.wants) if s.wants is not None and not s.wants_this(s.status.stable) else None


def proven(s: Situation, since: str | None) -> bool:
    """Tell whether every metric passes, measured since."""
    return since is not None and evidence.all_pass(s.spec.analysis, s.status.analysis, since)


def plain(candidate: CandidateStatus) -> RevisionRef:
    """Return a candidate's identity."""
    return RevisionRef(**{name: getattr(candidate, name) for name in RevisionRef.model_fields})


def figures(s: Situation) -> str:
    """Return every metric's newest figures in one line."""
    return "; ".join(f"{entry.metric}: {entry.message}" for entry in s.status.analysis)


def seconds(span: timedelta) -> str:
    """Return a span in whole seconds."""
    return f"{int(span.total_seconds())} s"
