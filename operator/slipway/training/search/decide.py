"""What does a search need next?

Its trials are TrainingJobs, and what it knows of them is what they show: a restart, another leader or a lost status
changes nothing. It makes one trial at a time, ends those that fall behind, and at its end makes one ModelVersion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from slipway.api.conditions import Progressing, timestamp
from slipway.api.search import Search
from slipway.api.trainingjob_status import ENDED, Snapshot, TrainingJobStatus
from slipway.plan import Event, Facts, Manifest, Plan
from slipway.settings import Settings
from slipway.training.clock import time_left
from slipway.training.datasets import inputs, lacking
from slipway.training.decide import PUBLISHING, QUEUED, STOPPING, SUSPENDED, TAKEN_CURE, TRAINED, VERSION_TAKEN
from slipway.training.objects import Training, snapshot
from slipway.training.plans import dumped, plan
from slipway.training.publish import holds, model_version, taken
from slipway.training.search.draws import draw, most
from slipway.training.search.objects import kept, trial, trial_name
from slipway.training.search.page import drawing
from slipway.training.search.pruning import behind
from slipway.training.search.space import fault
from slipway.training.search.told import clocked, told
from slipway.training.search.trials import Observed, Seen, best
from slipway.training.trial import SEARCH_ENDED, Stop, result_of

INVALID_SEARCH: Final = "InvalidSearch"
SEARCHING: Final = "Searching"
STARTED: Final = "SearchStarted"
TOO_MANY_FAILED: Final = "TooManyFailedTrials"
NONE_COMPLETED: Final = "NoTrialCompleted"
DEADLINE: Final = "DeadlineExceeded"


def decide(search: Training, seen: Observed, facts: Facts, now: datetime, settings: Settings) -> Plan:
    """Return the trials and status that `search` should have at `now`. Total and idempotent."""
    wanted = search.spec.search
    assert wanted is not None
    if search.status.state in ENDED:
        return _ended(search, seen, now, settings)
    status = clocked(search.status, seen.trials, now).model_copy(
        update={
            "search": told(wanted, seen.trials, most(wanted)),
            "snapshot": search.status.snapshot or _snapshot(search, seen, settings),
        }
    )
    if status.snapshot is None or (not seen.trials and status.artifact is None):
        unready = _unready(search, seen, status, now)
        if unready is not None:
            return unready
    verdict = _verdict(search, wanted, seen.trials, status, now)
    if verdict is None:
        return _searching(search, wanted, seen, status, facts, now)
    reason, said = verdict
    running = [each for each in seen.trials if each.outcome == "Running"]
    if running:
        view = Progressing(ready="False", reconciling=True, reason=STOPPING, message=f"{said}; ending what still runs")
        return plan(search, status, now, "Running", view, **_trials(search, seen, _all(seen, said)))
    leader = best(wanted.objective, seen.trials)
    if reason == TOO_MANY_FAILED or leader is None:
        return _failed(search, seen, status, now, reason, said, leader)
    return _publishing(search, seen, status, now, leader)


# Before the first trial


def _snapshot(search: Training, seen: Observed, settings: Settings) -> Snapshot | None:
    """Return what all trials have in common: as the first one had it, else as it is now."""
    pinned = next((each.status.snapshot for each in seen.trials if each.status.snapshot is not None), None)
    data = (pinned.dataset, tuple(pinned.stages or ())) if pinned is not None else inputs(search.spec, seen.data)
    return snapshot(search, *data, settings) if data is not None else None


def _unready(search: Training, seen: Observed, status: TrainingJobStatus, now: datetime) -> Plan | None:
    """Return the plan of a search that must not start yet, or whose space is none."""
    if seen.version is not None:
        return _stalled(search, seen, status, now, VERSION_TAKEN, f"{taken(search)}; {TAKEN_CURE}")
    if wrong := fault(search.spec):
        said = f"{wrong.rstrip('.')}. A spec never changes: create the corrected TrainingJob with a new name"
        return _stalled(search, seen, status, now, INVALID_SEARCH, said)
    lack = lacking(search.spec, seen.data, search.root.namespace) if status.snapshot is None else None
    if lack is not None and lack.stalled:
        return _stalled(search, seen, status, now, lack.reason, lack.said)
    if lack is not None:
        view = Progressing(ready="False", reconciling=True, reason=lack.reason, message=lack.said)
        return plan(search, status, now, "Pending", view, **_trials(search, seen))
    return None


def _stalled(
    search: Training, seen: Observed, status: TrainingJobStatus, now: datetime, reason: str, said: str
) -> Plan:
    view = Progressing(ready="False", stalled=True, reason=reason, message=said)
    events = (Event(reason, said, type="Warning"),)
    return plan(search, status, now, "Pending", view, events=events, **_trials(search, seen))


# While trials run


def _verdict(
    search: Training, wanted: Search, trials: Sequence[Seen], status: TrainingJobStatus, now: datetime
) -> tuple[str, str] | None:
    """Return why no more trials are made, as reason and message; None while there is no reason."""
    failed = [each for each in trials if each.outcome == "Failed" and not each.exploded]
    if len(failed) > wanted.max_failed_trials:
        last = failed[-1]
        return TOO_MANY_FAILED, (
            f"{len(failed)} trials failed, more than spec.search.maxFailedTrials ({wanted.max_failed_trials}); "
            f"{last.name}: {last.status.message.rstrip('.') or last.reason}"
        )
    if len(trials) >= most(wanted) and not any(each.outcome == "Running" for each in trials):
        return NONE_COMPLETED, f"all {len(trials)} trials have ended"
    deadline = wanted.deadline_seconds
    if deadline is not None and time_left(status, deadline, now) <= timedelta():
        return DEADLINE, f"the search took longer than spec.search.deadlineSeconds ({deadline} s)"
    return None


def _searching(
    search: Training, wanted: Search, seen: Observed, status: TrainingJobStatus, facts: Facts, now: datetime
) -> Plan:
    """Return the plan that ends trials which fall behind and makes the next one where there is room for it."""
    running = [each for each in seen.trials if each.outcome == "Running"]
    stops = behind(seen.trials, wanted.pruning)
    rest = _trials(search, seen, stops)
    if search.spec.suspend:
        return _suspended(search, running, status, now, rest)
    deadline = wanted.deadline_seconds
    if deadline is not None and status.running_since is not None:
        rest["requeue_after"] = time_left(status, deadline, now)
    said = f"{len(running)} of {len(seen.trials)} trials are on their way; there will be up to {most(wanted)}"
    if len(running) < wanted.parallelism and len(seen.trials) < most(wanted):
        following = draw(search, seen.trials, facts, now)
        name = trial_name(search, following.number)
        rest["asks"] = (following.ask,) if following.ask is not None else ()
        if following.look is not None:
            rest["requeue_after"] = min(following.look, rest.get("requeue_after", following.look))
        if following.error:
            said = f"trial {name} has no parameters yet, and is tried again: {following.error}"
        elif following.parameters is None:
            said += f"; drawing the parameters of {name}"
        else:
            rest["children"] = [*rest["children"], trial(search, following.number, following.parameters)]
            said += f"; making {name}"
    started = not seen.trials and search.status.state in ("Pending", "Suspended")
    events = (Event(STARTED, f"searching with up to {most(wanted)} trials"),) if started else ()
    busy = any(each.status.state in ("Running", "Publishing") for each in running)
    state, reason = ("Running", SEARCHING) if busy else ("Queued", QUEUED)
    view = Progressing(ready="False", reconciling=True, reason=reason, message=said)
    return plan(search, status, now, state, view, events=events, **rest)


def _suspended(
    search: Training, running: Sequence[Seen], status: TrainingJobStatus, now: datetime, rest: dict[str, Any]
) -> Plan:
    stopped = all(each.status.state in ("Suspended", "Pending") for each in running)
    said = (
        "suspended; set spec.suspend to false to go on"
        if stopped
        else "its trials save a checkpoint, then they are suspended"
    )
    state, reason = ("Suspended", SUSPENDED) if stopped else ("Running", STOPPING)
    view = Progressing(ready="False", reconciling=not stopped, reason=reason, message=said)
    return plan(search, status, now, state, view, **rest)


def _all(seen: Observed, why: str) -> Mapping[int, Stop]:
    """Return that every trial still on its way is to end."""
    return {each.number: Stop(SEARCH_ENDED, why) for each in seen.trials if each.outcome == "Running"}


def _trials(search: Training, seen: Observed, stops: Mapping[int, Stop] = {}) -> dict[str, Any]:
    """Return what becomes of the trials that are there: all are kept, and some are told something."""
    changed = (kept(search, each, stops.get(each.number)) for each in seen.trials)
    children: list[Manifest] = [child for child in changed if child is not None]
    return {"children": children, "keep": seen.owned}


# At the end


def _publishing(search: Training, seen: Observed, status: TrainingJobStatus, now: datetime, leader: Seen) -> Plan:
    """Return the plan that makes the ModelVersion of the best trial; the search has succeeded when it is there."""
    result, fixed = result_of(leader.status), leader.status.snapshot
    if result is None or fixed is None:
        said = f"the best trial, {leader.name}, does not tell what it made; its status was changed by hand"
        return _failed(search, seen, status, now, NONE_COMPLETED, said, leader)
    found = status.model_copy(
        update={
            "snapshot": fixed,
            "artifact": result.artifact,
            "validation_loss": result.validation_loss,
            "steps": result.steps,
            "published_step": result.published_step,
        }
    )
    rest = _trials(search, seen)
    if seen.version is None:
        said = f"creating ModelVersion {search.model_version} of the best trial, {leader.name}"
        view = Progressing(ready="False", reconciling=True, reason=PUBLISHING, message=said)
        return plan(search, found, now, "Publishing", view, unowned=(model_version(search, fixed, result),), **rest)
    if not holds(seen.version, result.artifact.digest):
        said = f"{taken(search)}; the artefact is {result.artifact.uri} ({result.artifact.digest})"
        return _failed(search, seen, found, now, VERSION_TAKEN, said, leader)
    drawn = ", ".join(f"{field} {value}" for field, value in leader.parameters.items())
    said = f"ModelVersion {search.model_version} is the best of {len(seen.trials)} trials, {leader.name}: {drawn}"
    ended = found.model_copy(
        update={"model_version": search.model_version, "finished_at": status.finished_at or timestamp(now)}
    )
    view = Progressing(ready="True", reason=TRAINED, message=said)
    return plan(search, ended, now, "Succeeded", view, succeeded="True", events=(Event(TRAINED, said),), **rest)


def _ended(search: Training, seen: Observed, now: datetime, settings: Settings) -> Plan:
    """Return the plan of a search that has ended: what still runs is ended, and its page is drawn."""
    before = search.status.model_copy(update={"observed_generation": search.generation})
    status, page = drawing(search, seen.trials, seen.run, before, now, settings)
    changed = _trials(search, seen, _all(seen, "the search has ended"))["children"]
    trials = frozenset(owned for owned in seen.owned if owned[0] == "TrainingJob")
    return Plan(
        dumped(status),
        children=[*changed, *page.objects],
        keep=trials | page.keep,
        requeue_after=page.look,
    )


def _failed(
    search: Training,
    seen: Observed,
    status: TrainingJobStatus,
    now: datetime,
    reason: str,
    said: str,
    leader: Seen | None,
) -> Plan:
    """Return the plan of a search that has failed for good. Its trials are kept, and the best artefact is named."""
    said = f"{said.rstrip('.')}. "
    if leader is not None and leader.status.artifact is not None and reason != VERSION_TAKEN:
        said += f"The best trial so far, {leader.name}, made {leader.status.artifact.uri}. "
    if leader is None and reason == NONE_COMPLETED:
        said += "None has a value: look at their messages. "
    said += "A finished search never restarts: create a TrainingJob with a new name"
    ended = status.model_copy(update={"finished_at": status.finished_at or timestamp(now)})
    view = Progressing(ready="False", stalled=True, reason=reason, message=said)
    events = (Event(reason, said, type="Warning"),)
    return plan(search, ended, now, "Failed", view, succeeded="False", events=events, **_trials(search, seen))
