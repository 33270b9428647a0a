"""What does a TrainingJob need next?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from slipway.api.causal_lm import CausalLM
from slipway.api.conditions import READY, Progressing, find, moment, timestamp
from slipway.api.trainingjob_status import ENDED, TrainingJobStatus
from slipway.attempt import Again, Done, Going, Hopeless, Terms, if_lost, number, outcome
from slipway.contract.result import Trained
from slipway.jobs import Run
from slipway.plan import Event, Plan
from slipway.settings import Settings
from slipway.training import grace
from slipway.training.again import again, charged, failures, forgiving
from slipway.training.clock import ticked, time_left
from slipway.training.datasets import DATASET_NOT_READY, inputs, lacking, names
from slipway.training.layout import ended, noticed, running
from slipway.training.memory import ahead
from slipway.training.objects import Training, checkpoints, run_objects, snapshot
from slipway.training.observe import Observed
from slipway.training.plans import at_rest
from slipway.training.plans import dumped as _dumped
from slipway.training.plans import plan as _plan
from slipway.training.publish import holds, made_by, made_with, model_version, taken
from slipway.training.report import linked
from slipway.training.restarts import earlier_restarts, paused
from slipway.training.trial import Stop, measured, remembered
from slipway.training.waits import stopped, wait

VERSION_TAKEN: Final = "VersionTaken"
TAKEN_CURE: Final = "create a TrainingJob with another spec.version, or delete that ModelVersion"
SUSPENDED: Final = "Suspended"
STARTED: Final = "TrainingStarted"
QUEUED: Final = "WaitingForPod"
RUNNING: Final = "Training"
STOPPING: Final = "Stopping"
RESUMING: Final = "Resuming"
PREEMPTED: Final = "Preempted"
RESUME: Final = "suspended; set spec.suspend to false to go on"
TAKEN_BACK: Final = "the Job was suspended from outside; the run goes on from its last checkpoint when it may"
PUBLISHING: Final = "Publishing"
TRAINED: Final = "Trained"
TERMS: Final = Terms(
    result=Trained,
    doing="the run",
    failed="TrainingFailed",
    timed_out="DeadlineExceeded",
    more_time="raise spec.deadlineSeconds",
    more_memory="raise spec.resources.memory, or lower microBatchSize or maxTokens",
    more_storage="raise spec.resources.storage",
)


def decide(training: Training, seen: Observed, now: datetime, settings: Settings) -> Plan:
    """Return the children and status that `training` should have at `now`. Total and idempotent."""
    ticking = ticked(training.status, seen.run, now, ours=training.spec.suspend)
    status = grace.learned(linked(measured(stopped(training.status, ticking, now), seen.pruning), seen.run))
    if status.state in ENDED:
        return _ended(training, seen, status, now)
    stop = training.trial.stop if training.trial is not None else None
    if stop is not None and not _done(seen.run, now):
        return _stopped(training, status, stop, now)
    return _living(training, seen, status, now, settings)


def _living(training: Training, seen: Observed, status: TrainingJobStatus, now: datetime, settings: Settings) -> Plan:
    """Return the plan of a run that has not ended and is not to be ended."""
    if seen.run is not None and status.snapshot is None:
        return _remembering(seen.run, training, seen, status, now, settings)
    if seen.run is None and (status.artifact is None or status.snapshot is None):
        return _before(training, seen, status, now, settings)
    if status.artifact is not None and seen.version is not None and holds(seen.version, status.artifact.digest):
        return _succeeded(training, seen, status, now)
    if seen.run is not None:
        return _after(seen.run, training, seen, status, now, settings)
    return _begin(training, seen, status, now, settings, _attempt(status))


# Before the run


def _before(training: Training, seen: Observed, status: TrainingJobStatus, now: datetime, settings: Settings) -> Plan:
    """Return what is missing for a start, all of it checked before a GPU is asked for; or the start."""
    if seen.version is not None and not made_by(seen.version, training.root.name):
        said = f"{taken(training)}; {TAKEN_CURE}"
        return _waiting(training, status, now, VERSION_TAKEN, said, stalled=True)
    lack = lacking(training.spec, seen.data, training.root.namespace) if status.snapshot is None else None
    if lack is not None:
        return _waiting(training, status, now, lack.reason, lack.said, stalled=lack.stalled)
    if seen.lingering or training.spec.suspend:
        return _paused(training, seen, status, now)
    return _estimated(training, seen, status, now, settings)


def _estimated(
    training: Training, seen: Observed, status: TrainingJobStatus, now: datetime, settings: Settings
) -> Plan:
    """Return the start, once it is known what the run takes of its GPUs; a run that has begun knows."""
    data = inputs(training.spec, seen.data) if status.snapshot is None else None
    if data is None:
        return _begin(training, seen, status, now, settings, _attempt(status))
    match ahead.look(training, data, seen.estimation, seen.estimates, now, settings, status):
        case ahead.Known(found, told):
            begun = _begin(training, seen, found, now, settings, _attempt(status))
            return replace(begun, events=(*told, *begun.events))
        case ahead.Refused(found, reason, said):
            return _failed(training, seen, found, now, reason, said)
        case ahead.Waits(reason, said, rest):
            view = Progressing(ready="False", reconciling=True, reason=reason, message=said)
            return _plan(training, status, now, "Pending", view, **rest)


def _paused(training: Training, seen: Observed, status: TrainingJobStatus, now: datetime) -> Plan:
    """Return the plan of a run that may not start, or not yet: two pods must not write the same checkpoints."""
    if seen.lingering:
        pod = seen.lingering[0]
        said = (
            f"pod {pod} of a Job that is gone saves a checkpoint; the run goes on only when it has ended. "
            f"{if_lost(pod, training.root.namespace)}"
        )
        view = Progressing(ready="False", reconciling=True, reason=STOPPING, message=said)
        return _plan(training, status, now, "Running", view)
    said = "spec.suspend is true; nothing has started" if status.started_at is None else RESUME
    return _plan(training, status, now, "Suspended", Progressing(ready="False", reason=SUSPENDED, message=said))


def _attempt(status: TrainingJobStatus) -> int:
    """Return the number of the attempt that a run without a Job goes on with."""
    return status.earlier_restarts.attempt if status.earlier_restarts is not None else 1


def _remembering(
    run: Run, training: Training, seen: Observed, status: TrainingJobStatus, now: datetime, settings: Settings
) -> Plan:
    """Return what follows where status was lost while a Job runs, by hand or by a restore.

    The Job's name carries a digest of what it was told: if the data is still the same, the snapshot is what it was.
    """
    data = inputs(training.spec, seen.data)
    if data is None:
        which = ", ".join(names(training.spec))
        said = f"status is lost, and not all data is Ready (Dataset {which}); {run.title} is left alone"
        view = Progressing(ready="False", reconciling=True, reason=DATASET_NOT_READY, message=said)
        return _plan(training, status, now, "Pending", view, keep=seen.owned)
    fixed = snapshot(training, *data, settings)
    *_, job = run_objects(training, fixed, number(run), settings, suspend=False, grace=grace.asked(run))
    if job["metadata"]["name"] != run.name:
        return _begin(training, seen, status, now, settings, number(run) + 1)
    before = earlier_restarts(status, number(run))
    remembered = status.model_copy(
        update={"snapshot": fixed, "checkpoint": checkpoints(training, settings), "earlier_restarts": before}
    )
    return _after(run, training, seen, remembered, now, settings)


def _waiting(
    training: Training, status: TrainingJobStatus, now: datetime, reason: str, said: str, *, stalled: bool = False
) -> Plan:
    view = Progressing(ready="False", reconciling=not stalled, stalled=stalled, reason=reason, message=said)
    events = (Event(reason, said, type="Warning"),) if stalled else ()
    return _plan(training, status, now, "Pending", view, events=events)


def _begin(
    training: Training, seen: Observed, status: TrainingJobStatus, now: datetime, settings: Settings, attempt: int
) -> Plan:
    fixed = status.snapshot
    if fixed is None:
        data = inputs(training.spec, seen.data)
        assert data is not None, "asked for before"
        fixed = snapshot(training, *data, settings)
    if seen.version is not None and not made_with(seen.version, fixed):
        said = f"{taken(training)}, made by another recipe; {TAKEN_CURE}"
        return _waiting(training, status, now, VERSION_TAKEN, said, stalled=True)
    before = earlier_restarts(status, attempt)
    status = status.model_copy(
        update={"snapshot": fixed, "checkpoint": checkpoints(training, settings), "earlier_restarts": before}
    )
    granted = grace.wanted(status, training.spec.checkpoint)
    children = run_objects(training, fixed, attempt, settings, suspend=training.spec.suspend, grace=granted)
    said = f"starting {children[-1]['kind']} {children[-1]['metadata']['name']} on {fixed.dataset.digest[:19]}"
    reason = RESUMING if training.spec.suspend else QUEUED
    view = Progressing(ready="False", reconciling=True, reason=reason, message=said)
    return _plan(training, status, now, "Queued", view, children=children, events=(Event(STARTED, said),))


# During the run


def _after(
    run: Run, training: Training, seen: Observed, status: TrainingJobStatus, now: datetime, settings: Settings
) -> Plan:
    match _outcome(run, training, status, now):
        case Done(result):
            return _publishing(training, seen, status, result, now)
        case Hopeless(reason, said, _):
            return _failed(training, seen, status, now, reason, said)
        case Again() as found:
            return _once_more(found, run, training, seen, status, now, settings)
        case Going() if time_left(status, training.spec.deadline_seconds, now) <= timedelta():
            said = f"the run took longer than spec.deadlineSeconds ({training.spec.deadline_seconds} s)"
            return _failed(training, seen, status, now, TERMS.timed_out, said)
        case Going() as going:
            return _going(going, run, training, seen, status, now, settings)


def _once_more(
    found: Again,
    run: Run,
    training: Training,
    seen: Observed,
    status: TrainingJobStatus,
    now: datetime,
    settings: Settings,
) -> Plan:
    """Return the next attempt, once it is time and no pod of the last one is left."""
    if not seen.lingering and found.at <= now:
        status = status if run.tries_again else forgiving(found, status)
        return _begin(training, seen, status, now, settings, number(run) + 1)
    when = f"at {timestamp(found.at)}"
    if seen.lingering:
        when = f"when pod {seen.lingering[0]} has ended. {if_lost(seen.lingering[0], training.root.namespace)}"
    said = f"{found.said}; it goes on from its last checkpoint {when}"
    view = Progressing(ready="False", reconciling=True, reason=found.reason, message=said)
    # A pod that ends wakes us.
    left = None if seen.lingering else found.at - now
    return _plan(training, status, now, "Queued", view, keep=seen.owned, requeue_after=left)


def _outcome(
    run: Run, training: Training, status: TrainingJobStatus, now: datetime
) -> Going | Again | Hopeless | Done[Trained]:
    """Return what follows from `run`. A Job's own clock runs while it is queued, which the deadline does not count."""
    found = outcome(run, TERMS, now, None if run.tries_again else failures(status))
    late = wait(run, training.spec, status, now) if isinstance(found, Going) and not training.spec.suspend else None
    if isinstance(found, Going) and late is not None and late.left <= timedelta():
        return Hopeless(late.reason, f"{late.said}: {found.said}" if found.said else late.said)
    timed_out = isinstance(found, Hopeless) and found.reason == TERMS.timed_out
    if timed_out and time_left(status, training.spec.deadline_seconds, now) > timedelta():
        return Again(now, QUEUED, f"{run.title} waited too long for its {run.pods}")
    if isinstance(found, Hopeless) and not run.tries_again and not timed_out:
        return again(run, found, charged(status), training.spec.retries, now)
    return found


def _going(
    going: Going,
    run: Run,
    training: Training,
    seen: Observed,
    status: TrainingJobStatus,
    now: datetime,
    settings: Settings,
) -> Plan:
    suspend = training.spec.suspend
    if suspend and run.queue:
        return _withdrawn(going, run, training, status, now)
    status, told = noticed(status, running(status), _recipe(training))
    if _times_preempted(status) > _times_preempted(training.status) and run.suspended:
        told = (*told, Event(PREEMPTED, TAKEN_BACK))
    short = grace.complaint(status, run, training.spec.checkpoint)
    told = (*told, *grace.warned(training.status, run, short))
    rest: dict[str, Any] = {"keep": seen.owned, "events": told}
    # Who suspended a Job lets it go on: one that Kueue or somebody else stopped is left alone.
    resuming = run.suspended and not suspend and run.queue is None and _paused_by_us(training.status)
    outgrown = grace.wanted(status, training.spec.checkpoint) > grace.asked(run)
    anew = outgrown and run.suspended and not suspend and (resuming or run.queue is not None)
    if anew and not any(pod.open for pod in run.members):
        return _renewed(run, training, status, now, told)
    if status.snapshot is not None and ((resuming and not anew) or (suspend and not run.suspended)):
        asked = grace.asked(run)
        wanted = run_objects(training, status.snapshot, number(run), settings, suspend=suspend, grace=asked)
        rest = {"children": wanted, "events": told}
    late = wait(run, training.spec, status, now) if not suspend else None
    left = time_left(status, training.spec.deadline_seconds, now) if going.running else None
    waits = [one for one in (going.look, left, late.left if late is not None else None) if one is not None]
    rest["requeue_after"] = min(waits, default=None)
    if suspend:
        rests = run.suspended and not going.running
        said = RESUME if rests else "saving a checkpoint, then suspended"
        state, reason = ("Suspended", SUSPENDED) if rests else ("Running", STOPPING)
        return _plan(
            training, status, now, state,
            Progressing(ready="False", reconciling=not rests, reason=reason, message=said), **rest,
        )  # fmt: skip
    if going.running and not run.suspended:
        phase = status.progress.phase if status.progress is not None else None
        state = "Publishing" if phase == PUBLISHING else "Running"
        said = f"{run.title} trains{_stage(status)}{short and f'; {short}'}"
        view = Progressing(ready="False", reconciling=True, reason=RUNNING, message=said)
        return _plan(training, status, now, state, view, **rest)
    reason, said = _held(going, run, resuming=resuming, anew=anew)
    view = Progressing(ready="False", reconciling=True, reason=reason, message=said)
    return _plan(training, status, now, "Queued", view, **rest)


def _held(going: Going, run: Run, *, resuming: bool, anew: bool) -> tuple[str, str]:
    """Return reason and words of a run whose Job has no pod at work."""
    if resuming:
        return RESUMING, f"{run.title} {'is made anew when its pod has ended' if anew else 'goes on'}"
    if run.ending:
        return going.reason, f"{run.title} ends: {going.said}"
    if not run.suspended:
        more = f": {going.said}" if going.said else ""
        return going.reason or QUEUED, f"{run.title} waits for its {run.pods}{more}"
    saving = "; its pod saves a checkpoint" if going.running else ""
    return going.reason or QUEUED, f"{run.title} {going.said}{saving}"


def _withdrawn(going: Going, run: Run, training: Training, status: TrainingJobStatus, now: datetime) -> Plan:
    """Return the plan that takes a Job out of its queue: one that stays there suspended is started by Kueue again."""
    status = paused(status, run, now, preempted=False, pods=run.members)
    said = "taking the Job out of its queue" + ("; its pod saves a checkpoint" if going.running else "")
    view = Progressing(ready="False", reconciling=True, reason=STOPPING, message=said)
    return _plan(training, status, now, "Running" if going.running else "Suspended", view)


def _renewed(run: Run, training: Training, status: TrainingJobStatus, now: datetime, told: tuple[Event, ...]) -> Plan:
    """Return the plan that takes away a suspended Job whose pods would be granted too little time to save themselves.

    What its pods are made from cannot change: the next one is made when it is gone.
    """
    status = paused(status, run, now, preempted=False, pods=run.members)
    longer = grace.wanted(status, training.spec.checkpoint)
    said = f"{run.title} is made anew, with pods that are granted {longer} s to save themselves, not {grace.asked(run)}"
    view = Progressing(ready="False", reconciling=True, reason=RESUMING, message=said)
    return _plan(training, status, now, "Queued", view, events=told)


def _paused_by_us(status: TrainingJobStatus) -> bool:
    """Tell whether the last thing said was that we suspended the Job, or are about to let it go on."""
    ready = find(status.conditions, READY)
    return ready is not None and ready.reason in (SUSPENDED, STOPPING, RESUMING)


def _times_preempted(status: TrainingJobStatus) -> int:
    return status.restarts.preempted if status.restarts is not None else 0


# After the run


def _publishing(training: Training, seen: Observed, status: TrainingJobStatus, result: Trained, now: datetime) -> Plan:
    """Return the plan that makes the ModelVersion; the run has succeeded when it is there."""
    found = status.model_copy(
        update={
            "artifact": result.artifact,
            "validation_loss": result.validation_loss,
            "steps": result.steps,
            "published_step": result.published_step,
        }
    )
    found, smaller = noticed(found, ended(result), _recipe(training))
    if training.trial is not None:
        return _complete(training, seen, remembered(found, result), now)
    if seen.version is not None and holds(seen.version, result.artifact.digest):
        return _succeeded(training, seen, found, now)
    if seen.version is not None:
        said = f"{taken(training)}; the artefact is {result.artifact.uri} ({result.artifact.digest})"
        return _failed(training, seen, found, now, VERSION_TAKEN, said)
    assert status.snapshot is not None
    made = model_version(training, status.snapshot, result)
    view = Progressing(
        ready="False", reconciling=True, reason=PUBLISHING, message=f"creating ModelVersion {training.model_version}"
    )
    return _plan(training, found, now, "Publishing", view, keep=seen.owned, unowned=(made,), events=smaller)


def _succeeded(training: Training, seen: Observed, status: TrainingJobStatus, now: datetime) -> Plan:
    loss = f" with validation loss {status.validation_loss}" if status.validation_loss else ""
    chosen = f", the weights of step {status.published_step} of {status.steps}" if _chosen(status) else ""
    said = f"trained ModelVersion {training.model_version}{loss}{chosen}"
    ended = status.model_copy(
        update={"model_version": training.model_version, "finished_at": status.finished_at or timestamp(now)}
    )
    view = Progressing(ready="True", reason=TRAINED, message=said)
    event = Event(TRAINED, said)
    return _plan(
        training, ended, now, "Succeeded", view, succeeded="True", events=(event,), **_kept(training, seen, ended, now)
    )


def _complete(training: Training, seen: Observed, status: TrainingJobStatus, now: datetime) -> Plan:
    """Return the plan of a trial that has its result: the search that owns it publishes the best one."""
    loss = f" with validation loss {status.validation_loss}" if status.validation_loss else ""
    assert status.artifact is not None
    said = f"made {status.artifact.uri}{loss}"
    ended = status.model_copy(update={"finished_at": status.finished_at or timestamp(now)})
    view = Progressing(ready="True", reason=TRAINED, message=said)
    kept = _kept(training, seen, ended, now)
    return _plan(training, ended, now, "Succeeded", view, succeeded="True", events=(Event(TRAINED, said),), **kept)


def _stopped(training: Training, status: TrainingJobStatus, stop: Stop, now: datetime) -> Plan:
    """Return the plan of a trial that its search has ended: its Job goes, and its pod with it."""
    ended = status.model_copy(update={"finished_at": status.finished_at or timestamp(now)})
    view = Progressing(ready="False", reason=stop.reason, message=stop.message)
    event = Event(stop.reason, stop.message)
    return _plan(training, ended, now, "Stopped", view, succeeded="False", events=(event,))


def _done(run: Run | None, now: datetime) -> bool:
    """Tell whether `run` has a result: it counts, even where the trial was to be ended."""
    return run is not None and isinstance(outcome(run, TERMS, now), Done)


def _recipe(training: Training) -> CausalLM:
    found = training.spec.recipe.chosen
    assert isinstance(found, CausalLM)
    return found


def _stage(status: TrainingJobStatus) -> str:
    """Return which stage the pod has pushed last, for people; nothing for a run without stages."""
    progress = status.progress
    if progress is None or progress.stage is None:
        return ""
    return f", stage {progress.stage} ({progress.stage_number} of {progress.stages})"


def _chosen(status: TrainingJobStatus) -> bool:
    """Tell whether the result has other weights than those after the last step."""
    return status.published_step is not None and status.published_step != status.steps


def _failed(
    training: Training, seen: Observed, status: TrainingJobStatus, now: datetime, reason: str, said: str
) -> Plan:
    """Return the plan of a run that has failed for good. Its Job is kept for its logs, but not running."""
    said = said.rstrip(".")
    if training.trial is None:
        said += ". A finished run never restarts: create a TrainingJob with a new name"
    ended = status.model_copy(update={"finished_at": status.finished_at or timestamp(now)})
    view = Progressing(ready="False", stalled=True, reason=reason, message=said)
    event = Event(reason, said, type="Warning")
    kept = _kept(training, seen, ended, now)
    if seen.run is not None and seen.run.phase == "Active":
        kept = {}  # past its deadline: the Job goes, and its pod with it
    return _plan(training, ended, now, "Failed", view, succeeded="False", events=(event,), **kept)


def _ended(training: Training, seen: Observed, status: TrainingJobStatus, now: datetime) -> Plan:
    fresh = status.model_copy(update={"observed_generation": training.generation})
    return Plan(status=_dumped(fresh), progress=at_rest(status), **_kept(training, seen, fresh, now))


def _kept(training: Training, seen: Observed, status: TrainingJobStatus, now: datetime) -> dict[str, Any]:
    """Return what is kept of an ended run's objects, and until when."""
    # The way out is for a run that goes on; its pods stay for their logs.
    keep = frozenset(child for child in seen.owned if child[0] != "NetworkPolicy")
    ttl = training.spec.ttl_seconds_after_finished
    if ttl is None or status.finished_at is None or not keep:
        return {"keep": keep}
    left = moment(status.finished_at) + timedelta(seconds=ttl) - now
    return {"keep": keep, "requeue_after": left} if left > timedelta() else {}
