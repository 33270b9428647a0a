"""What does a ModelVersion need next?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from slipway.api.conditions import Progressing, kstatus, timestamp
from slipway.api.modelversion import GateResult, ModelVersionStatus, Verified
from slipway.api.ratings import Ratings
from slipway.attempt import Again, Done, Going, Hopeless, Terms, number, outcome
from slipway.contract.result import Evaluated
from slipway.jobs import Run
from slipway.model.awaiting import (
    AWAITING_RATINGS,
    COUNTING,
    AsBefore,
    Count,
    Enough,
    Waits,
    awaiting,
    metric_of,
    sheet_of,
    wanted,
)
from slipway.model.counting import counting
from slipway.model.gates import Figures, judge, score, with_bounds
from slipway.model.objects import BASE, Version, evaluation
from slipway.model.observe import Observed
from slipway.model.preferred import not_asked, unmeasured, with_preference
from slipway.model.stage import stage
from slipway.plan import Event, Plan
from slipway.rooms import stays
from slipway.settings import Settings

STARTING: Final = "Starting"
EVALUATING: Final = "Evaluating"
VERIFYING: Final = "Verifying"
RETRYING: Final = "Retrying"
VERIFIED: Final = "Verified"
GATES_PASSED: Final = "GatesPassed"
GATE_FAILED: Final = "GateFailed"
DIGEST_MISMATCH: Final = "DigestMismatch"
EVALUATION_STARTED: Final = "EvaluationStarted"
TERMS: Final = Terms(
    result=Evaluated,
    doing="the evaluation",
    failed="EvaluationFailed",
    timed_out="EvaluationTimedOut",
    more_time="lower maxExamples or raise evaluation.deadlineSeconds in a new version",
    more_memory="raise evaluation.resources.memory in a new version",
    more_storage="raise evaluation.resources.storage in a new version",
)

Names = frozenset[tuple[str, str]]
"""(kind, name) of children."""
JUDGED: Final = ("Ready", "Rejected")
"""States with a verdict. A verdict is given once: no later event takes it back."""


def decide(version: Version, seen: Observed, now: datetime, settings: Settings) -> Plan:
    """Return the children and status that `version` should have at `now`.

    Total and idempotent. A judged version only ever changes its stage.
    """
    run = seen.run
    if version.status.state in JUDGED:
        return _plan(version, seen, version.status, now, settled=True, **_staying(version, seen, now))
    if version.status.ratings is not None:
        return _awaiting(version, seen, version.status.ratings, now, settings)
    if run is None:
        return _starting(version, seen, now, settings, attempt=1)
    if version.status.state == "Failed" and run.phase != "Active":
        # Its pods may be gone by now, and with them the reason that status still tells.
        return _plan(version, seen, version.status, now, keep=run.objects)
    return _after(run, version, seen, now, settings)


def _after(run: Run, version: Version, seen: Observed, now: datetime, settings: Settings) -> Plan:
    mine = run.objects
    match outcome(run, TERMS, now):
        case Going(_, said, look, reason):
            return _evaluating(version, seen, now, said, mine, reason=reason, wait=look)
        case Again(at, _, said) if at > now:
            said = f"{said}; trying again at {timestamp(at)}"
            return _evaluating(version, seen, now, said, mine, reason=RETRYING, wait=at - now)
        case Again():
            return _starting(version, seen, now, settings, number(run) + 1)
        case Hopeless(reason, said, _):
            return _failed(version, seen, now, reason, f"{said.rstrip('.')}. Delete Job {run.name} to try again.", mine)
        case Done(result) if result.digest != version.digest:
            said = f"the artefact has digest {result.digest}, spec.artifact.digest says {version.digest}."
            return _failed(version, seen, now, DIGEST_MISMATCH, said, mine)
        case Done(result):
            return _judged(version, seen, result, now)


def _starting(version: Version, seen: Observed, now: datetime, settings: Settings, attempt: int) -> Plan:
    if version.spec.evaluation is None:
        said = "checking the digests of the artefact"
    elif seen.compared is None:
        said = "starting the evaluation; there is nothing to compare with"
    else:
        said = f"starting the evaluation against {seen.compared.words}"
    status = version.status.model_copy(
        update={"state": "Pending", "reference": seen.compared.reference if seen.compared is not None else None}
    )
    view = Progressing(ready="False", reconciling=True, reason=STARTING, message=said)
    children = evaluation(version, seen.compared, attempt, settings)
    news = not version.status.conditions or version.status.state == "Failed"
    events = (Event(EVALUATION_STARTED, said),) if news else ()
    return _plan(version, seen, status, now, view, children=children, events=events)


def _evaluating(
    version: Version,
    seen: Observed,
    now: datetime,
    said: str,
    keep: Names,
    *,
    reason: str = "",
    wait: timedelta | None = None,
) -> Plan:
    reference = version.status.reference
    if version.spec.evaluation is None:
        what, doing = VERIFYING, "checking the digests of the artefact"
    elif reference is None:
        what, doing = EVALUATING, "evaluating; there is nothing to compare with"
    else:
        what, doing = EVALUATING, f"evaluating against {reference.name or BASE}"
    status = version.status.model_copy(update={"state": "Evaluating"})
    message = f"{doing}: {said}" if said else doing
    view = Progressing(ready="False", reconciling=True, reason=reason or what, message=message)
    return _plan(version, seen, status, now, view, keep=keep, requeue_after=wait)


def _judged(version: Version, seen: Observed, result: Evaluated, now: datetime) -> Plan:
    verified = Verified(digest=result.digest, signature=result.signature or None)
    update: dict[str, Any] = {"verified": verified, "report": result.report or None}
    if version.spec.evaluation is None:
        signed = f", and is signed with key {result.signature}" if result.signature else ""
        said = f"the artefact has the digest that spec promises{signed}"
        view = Progressing(ready="True", reason=VERIFIED, message=said)
        update |= {"state": "Ready", "score": ""}
        return _verdict(version, seen, update, view, now)
    reference = version.status.reference
    figures = Figures(
        metrics={metric.name: metric for metric in result.metrics},
        lower_bounds=result.lower_bounds,
        reference="" if reference is None else reference.name or BASE,
        unmeasured=unmeasured(version.spec.evaluation, result),
    )
    short = score(version.spec.evaluation, figures)
    update |= {"metrics": with_bounds(version.spec.evaluation, figures), "score": short}
    if result.sheet is None:
        return _concluded(version, seen, update | {"gates": judge(version.spec.evaluation.gates, figures)}, now)
    # What machines can tell comes first: nobody's time goes into a version that fails anyway.
    others = [gate for gate in version.spec.evaluation.gates if gate.metric != result.sheet.metric]
    gates = judge(others, figures)
    if any(gate.outcome != "Pass" for gate in gates):
        gates += not_asked(version.spec.evaluation, result.sheet.metric)
        return _concluded(version, seen, update | {"gates": gates}, now)
    ratings = sheet_of(result.sheet)
    status = version.status.model_copy(update=update | {"gates": gates, "state": "AwaitingRatings", "ratings": ratings})
    said = wanted(version, ratings)
    view = Progressing(ready="False", reconciling=True, reason=AWAITING_RATINGS, message=said)
    events = (Event(AWAITING_RATINGS, said),)
    return _plan(version, seen, status, now, view, keep=seen.owned, events=events)


def _awaiting(version: Version, seen: Observed, ratings: Ratings, now: datetime, settings: Settings) -> Plan:
    evaluated = seen.run.objects if seen.run is not None else frozenset()
    keep = evaluated | (seen.count.objects if seen.count is not None else frozenset())
    match awaiting(version, ratings, seen.files, seen.count, now):
        case AsBefore():
            return _plan(version, seen, version.status, now, keep=keep)
        case Count(config_maps, attempt):
            said = "counting the ratings"
            view = Progressing(ready="False", reconciling=True, reason=COUNTING, message=said)
            children = counting(version, ratings, metric_of(version, ratings), config_maps, attempt, settings)
            # The Job that counted before goes.
            return _plan(version, seen, version.status, now, view, children=children, keep=evaluated)
        case Waits(said, heard, reason, stalled, look):
            view = Progressing(ready="False", reconciling=not stalled, stalled=stalled, reason=reason, message=said)
            status = version.status.model_copy(update={"ratings": heard})
            return _plan(version, seen, status, now, view, keep=keep, requeue_after=look)
        case Enough(counted, heard):
            update = with_preference(version, counted) | {"ratings": heard}
            return _concluded(version, seen, update, now)


def _concluded(version: Version, seen: Observed, update: dict[str, Any], now: datetime) -> Plan:
    """Return the plan of the verdict that follows from the gates in `update`."""
    gates: list[GateResult] = update["gates"]
    failed = [gate.message for gate in gates if gate.outcome != "Pass"]
    if failed:
        view = Progressing(ready="False", stalled=True, reason=GATE_FAILED, message="; ".join(failed))
        return _verdict(version, seen, update | {"state": "Rejected"}, view, now)
    said = f"{update['score']}; {len(gates)} of {len(gates)} gates passed"
    view = Progressing(ready="True", reason=GATES_PASSED if gates else VERIFIED, message=said)
    return _verdict(version, seen, update | {"state": "Ready"}, view, now)


def _verdict(version: Version, seen: Observed, update: dict[str, Any], view: Progressing, now: datetime) -> Plan:
    event = Event(view.reason, view.message, type="Warning" if view.stalled else "Normal")
    status = version.status.model_copy(update=update)
    return _plan(version, seen, status, now, view, events=(event,), **_staying(version, seen, now))


def _staying(version: Version, seen: Observed, now: datetime) -> dict[str, Any]:
    """Return what is kept of a judged version's children, and until when."""
    ends = (run.ended for run in (seen.run, seen.count) if run is not None)
    ended = max((end for end in ends if end is not None), default=None)
    left = stays(ended, version.spec.ttl_seconds_after_finished, now)
    if left is not None and left <= timedelta():
        return {}
    return {"keep": seen.owned, "requeue_after": left}


def _failed(version: Version, seen: Observed, now: datetime, reason: str, said: str, keep: Names) -> Plan:
    view = Progressing(ready="False", stalled=True, reason=reason, message=said)
    status = version.status.model_copy(update={"state": "Failed"})
    return _plan(version, seen, status, now, view, keep=keep, events=(Event(reason, said, type="Warning"),))


def _plan(
    version: Version,
    seen: Observed,
    status: ModelVersionStatus,
    now: datetime,
    view: Progressing | None = None,
    **rest: Any,
) -> Plan:
    """Return the plan, with what every status has: stage, generation and conditions made in this one place."""
    where = stage(version.status.stage, status.state, version.root.name, version.digest, seen.rollouts)
    update: dict[str, Any] = {"stage": where, "observed_generation": version.generation}
    if view is not None:
        before = version.status.conditions
        update |= {"conditions": list(kstatus(before, view, version.generation, now)), "message": view.message[:2048]}
    return Plan(status=status.model_copy(update=update).dump(), **rest)
