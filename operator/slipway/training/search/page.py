"""Who draws the page of a search that has ended, and where does it lie?

The operator does not write to the store: one small Job does, after the search has ended. Nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from slipway.api.common import Resources
from slipway.api.search import Search
from slipway.api.trainingjob_status import TrainingJobStatus
from slipway.attempt import LONGEST_WAIT
from slipway.contract.artifact import digest_of
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import PlotStudy
from slipway.contract.study import PlottedParameter, PlottedStudy, PlottedTrial, study_key
from slipway.jobs import Run
from slipway.names import child_name
from slipway.plan import Manifest
from slipway.settings import Settings
from slipway.training.objects import Training
from slipway.training.search.trials import Seen, best
from slipway.workload import JobShape, job, job_config

COMMAND: Final = ("python", "-m", "slipway_data.study")
RESOURCES: Final = Resources(cpu="100m", memory="256Mi", storage="100Mi")
DEADLINE_SECONDS: Final = 900


@dataclass(frozen=True)
class Page:
    """What the plan of an ended search has for its page."""

    objects: tuple[Manifest, ...] = ()
    keep: frozenset[tuple[str, str]] = frozenset()
    look: timedelta | None = None


def drawing(
    search: Training,
    trials: Sequence[Seen],
    run: Run | None,
    status: TrainingJobStatus,
    now: datetime,
    settings: Settings,
) -> tuple[TrainingJobStatus, Page]:
    """Return `status`, with the page's address once it is there, and what is to be done for it.

    A store that stays away is tried again; a page that fails otherwise leaves its Job, whose log says why.
    """
    told = status.search
    if told is None or told.page is not None or not trials or any(trial.outcome == "Running" for trial in trials):
        return status, Page()
    if run is None:
        return status, Page(_objects(search, trials, settings))
    if run.phase == "Complete":
        page = f"s3://{settings.store.bucket}/{_key(search, settings)}"
        return status.model_copy(update={"search": told.model_copy(update={"page": page})}), Page()
    if run.phase == "Failed" and run.last is not None and run.last.exit_code == ExitCode.STORE_UNREACHABLE:
        left = (run.ended or now) + LONGEST_WAIT - now
        if left <= timedelta():
            return status, Page()  # its Job goes, and with that another one is made
        return status, Page(keep=run.objects, look=left)
    return status, Page(keep=run.objects)


def plotted(search: Search, trials: Sequence[Seen]) -> PlottedStudy:
    """Return what the page shows."""
    leader = best(search.objective, trials)
    return PlottedStudy(
        metric=search.objective.metric,
        direction=search.objective.direction,
        best=leader.number if leader is not None else None,
        parameters=tuple(
            PlottedParameter(
                field=parameter.field,
                log=any(v is not None and v.log for v in (parameter.values.float_, parameter.values.int_)),
                choices=tuple(parameter.values.categorical.choices) if parameter.values.categorical else (),
            )
            for parameter in search.parameters
        ),
        trials=tuple(_plotted(trial) for trial in trials),
    )


def _plotted(trial: Seen) -> PlottedTrial:
    measurements = trial.status.trial.measurements if trial.status.trial is not None else []
    return PlottedTrial(
        number=trial.number,
        name=trial.name,
        state=trial.outcome,
        value=trial.value,
        reason=trial.reason,
        parameters=trial.parameters,
        measured=tuple((m.step, m.value) for m in measurements),
    )


def _objects(search: Training, trials: Sequence[Seen], settings: Settings) -> tuple[Manifest, ...]:
    root = search.root
    assert search.spec.search is not None
    document = PlotStudy(
        namespace=root.namespace,
        name=root.name,
        store=settings.store,
        key=_key(search, settings),
        study=plotted(search.spec.search, trials),
    )
    mark = digest_of([document.fingerprint(), settings.images.data]).removeprefix("sha256:")[:8]
    name = child_name(root.name, f"study-{mark}")
    shape = JobShape(
        settings.images.data,
        COMMAND,
        RESOURCES,
        deadline_seconds=DEADLINE_SECONDS,
        pod=search.spec.pod,
        queue=search.spec.queue,
    )
    return job_config(root, name, document), job(root, name, name, shape, settings)


def _key(search: Training, settings: Settings) -> str:
    return study_key(settings.store.prefix, search.root.namespace, search.root.name, search.root.uid)
