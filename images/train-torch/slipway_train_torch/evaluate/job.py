"""What does an evaluation job do, from its artefacts to its result?"""

from __future__ import annotations

import logging
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.api.common import (
    ArtifactRef,
    BlenderExecution,
    BlueprintDistance,
    BlueprintValidity,
    Evaluation,
    EvaluationMetric,
    HeldOutLoss,
    NamedMetric,
)
from slipway.api.preference import HumanPreference
from slipway.contract.dataset import EXPORTS
from slipway.contract.execution import Task
from slipway.contract.job import Evaluate, Store, Subject
from slipway.contract.ratings import Sheet
from slipway.contract.result import Evaluated
from slipway_pod import trust, verify
from slipway_pod.artifact import fetch
from slipway_pod.errors import BadConfig
from slipway_train_torch.evaluate import asking, executed, likeness, rated, validity
from slipway_train_torch.evaluate.changes import fitting, listed
from slipway_train_torch.evaluate.compare import Compared, compare
from slipway_train_torch.evaluate.files import bring
from slipway_train_torch.evaluate.general import texts
from slipway_train_torch.evaluate.items import Item, chosen
from slipway_train_torch.evaluate.measure import ENGINES, Bench, measure
from slipway_train_torch.evaluate.results import Figure, Results, key_of
from slipway_train_torch.evaluate.tasks import as_items, chosen_tasks

log = logging.getLogger("slipway")

DATA, TASKS, GENERAL = "data", "tasks", "general"


def evaluate(job: Evaluate) -> Evaluated:
    """Verify the artefact of `job`, measure it and its reference item by item, and return what the figures say."""
    if job.evaluation is None or job.data is None:
        return verify.check(job)
    if executes(job.evaluation):
        return _evaluate(job, job.evaluation, job.data, shared())
    with tempfile.TemporaryDirectory() as scratch:
        return _evaluate(job, job.evaluation, job.data, Path(scratch))


def ask(job: Evaluate) -> None:
    """Measure what needs the model on both subjects of `job`, and leave the answers that another container runs.

    Everything else that `evaluate` needs is in the store then, or in the folder that both containers share.
    """
    if job.evaluation is None or job.data is None:
        raise BadConfig("NothingToAsk", "the job has no evaluation: it needs no container that asks")
    trust.to_evaluate(job)
    session = _opened(job, job.evaluation, job.data, shared())
    for named in job.evaluation.metrics:
        for subject in (job.subject, job.reference):
            if subject is None or (job.reference is None and isinstance(named.measure.chosen, HumanPreference)):
                continue
            if isinstance(named.measure.chosen, BlenderExecution):
                session.ask(named, named.measure.chosen, subject)
            else:
                session.figures(named, subject)


def executes(evaluation: Evaluation) -> bool:
    """Tell whether a metric of `evaluation` runs what the model writes, which takes containers before and after."""
    return any(isinstance(named.measure.chosen, BlenderExecution) for named in evaluation.metrics)


def shared() -> Path:
    """Return the folder that the container that asks and the one that compares have in common."""
    return Path(tempfile.gettempdir()) / "evaluate"


def _evaluate(job: Evaluate, evaluation: Evaluation, data: ArtifactRef, scratch: Path) -> Evaluated:
    key = trust.to_evaluate(job)
    session = _opened(job, evaluation, data, scratch)
    figures: dict[str, tuple[Sequence[Figure], Sequence[Figure] | None]] = {}
    found: dict[str, Compared] = {}
    sheet: Sheet | str | None = None
    for named in evaluation.metrics:
        if isinstance(named.measure.chosen, HumanPreference):
            # Its answers are not in the report: that says which answer is whose.
            sheet = session.sheet(named, named.measure.chosen, job)
            continue
        now = session.figures(named, job.subject)
        then = session.figures(named, job.reference) if job.reference is not None else None
        figures[named.name] = (now, then)
        compared = compare(named, evaluation, now, then)
        log.info("%s", _words(named, compared))
        if compared is not None:
            found[named.name] = compared
    result = Evaluated(
        digest=job.subject.artifact.digest,
        signature=key,
        metrics=tuple(one.metric for one in found.values()),
        lower_bounds={name: one.lower_bounds for name, one in found.items() if one.lower_bounds},
        report=session.results.report(job.fingerprint().removeprefix("sha256:"), _report(job, evaluation, figures)),
        sheet=sheet if isinstance(sheet, Sheet) else None,
        no_sheet=sheet if isinstance(sheet, str) else "",
    )
    return fitting(result)


def _opened(job: Evaluate, evaluation: Evaluation, data: ArtifactRef, scratch: Path) -> _Session:
    # Before anything is measured, and whatever is known of it already: these very bytes are what may serve.
    bring(job.subject, scratch, job.store)
    fetch(data, scratch / DATA, job.store, without=EXPORTS)
    return _Session(job.store, evaluation, data, scratch, Results(job.store), Bench(threads(evaluation)))


@dataclass(frozen=True)
class _Session:
    """What all measurements of one job share."""

    store: Store
    evaluation: Evaluation
    data: ArtifactRef
    scratch: Path
    results: Results
    bench: Bench

    def figures(self, named: NamedMetric, subject: Subject) -> tuple[Figure, ...]:
        """Return the figures of `subject`, measured or remembered. It is fetched only when it must be measured."""

        def measured() -> Iterable[Figure]:
            if isinstance(named.measure.chosen, BlenderExecution):
                return executed.figures(named.measure.chosen, self._tasks(named.measure.chosen), key)
            items = self._items(named.measure)
            if isinstance(named.measure.chosen, BlueprintDistance):
                return likeness.figures(items, self.figures(answers_of(named, named.measure.chosen), subject))
            log.info("%s of %s: %d items", named.name, subject.name, len(items))
            return self.results.as_they_come(key, items, lambda done: self._rest(named, subject, items, done))

        key = self._key(named, subject)
        return self.results.measured(key, measured)

    def sheet(self, named: NamedMetric, metric: HumanPreference, job: Evaluate) -> Sheet | str | None:
        """Lay out what people are to rate, or say why there is too little; None where there is nothing to compare."""
        if job.reference is None:
            return None
        answered = (self.figures(named, job.subject), self.figures(named, job.reference))
        items = chosen(self.scratch / DATA, named.measure)
        return rated.sheet(named.name, metric, items, job, answered, self.results)

    def ask(self, named: NamedMetric, metric: BlenderExecution, subject: Subject) -> None:
        """Let `subject` answer the tasks of `metric`, unless its figures are known; the answers wait to be run."""
        key = self._key(named, subject)
        if self.results.known(key):
            log.info("%s of %s is already measured", named.name, subject.name)
            return
        tasks = self._tasks(metric)
        log.info("%s of %s: %d tasks, %d answers to each", named.name, subject.name, len(tasks), metric.samples)
        items = asking.asked(as_items(tasks, self.scratch / DATA), metric)

        def rest(done: int) -> Iterator[Figure]:
            served = bring(subject, self.scratch, self.store)
            self.bench.clear()
            return asking.said(served, items, metric, self.evaluation.seed, self.bench.threads, done)

        # They wait in the store too, until there are figures: the folder in which they are run goes with the pod.
        asking.leave(tasks, self.results.as_they_come(key, items, rest), metric, key)

    def _rest(self, named: NamedMetric, subject: Subject, items: Sequence[Item], done: int) -> Iterator[Figure]:
        served = bring(subject, self.scratch, self.store)
        return measure(served, named.measure, items, self.scratch / DATA, self.evaluation.seed, self.bench, done)

    def _tasks(self, metric: BlenderExecution) -> tuple[Task, ...]:
        folder = self.scratch / TASKS / metric.tasks.digest.removeprefix("sha256:")
        fetch(metric.tasks, folder, self.store)
        return chosen_tasks(folder, metric)

    def _items(self, measure: EvaluationMetric) -> tuple[Item, ...]:
        match measure.chosen:
            case HeldOutLoss(max_examples=limit, data=ArtifactRef() as general):
                folder = self.scratch / GENERAL / general.digest.removeprefix("sha256:")
                fetch(general, folder, self.store, without=EXPORTS)
                return texts(folder, general, limit)
        return chosen(self.scratch / DATA, measure)

    def _key(self, named: NamedMetric, subject: Subject) -> str:
        measure = named.measure
        if isinstance(measure.chosen, HumanPreference):
            measure = EvaluationMetric(human_preference=rated.asked_for(measure.chosen))
        # What is measured on other data does not depend on the dataset.
        other = measure.chosen.data if isinstance(measure.chosen, HeldOutLoss) else None
        return key_of(subject, other or self.data, measure, self.evaluation.seed, ENGINES, marks(named.measure))


def answers_of(named: NamedMetric, metric: BlueprintDistance) -> NamedMetric:
    """Return the metric whose answers `metric` looks at: a blueprintValidity with its numbers, answered for both."""
    same = BlueprintValidity(max_examples=metric.max_examples, max_new_tokens=metric.max_new_tokens)
    return NamedMetric(name=named.name, measure=EvaluationMetric(blueprint_validity=same))


def marks(measure: EvaluationMetric) -> tuple[str, ...]:
    """Return what, beside the engines, figures of `measure` depend on."""
    match measure.chosen:
        case BlenderExecution():
            return executed.MARKS
        case BlueprintValidity():
            return validity.MARKS
        case BlueprintDistance():
            return (*likeness.MARKS, *validity.MARKS)
    return ()


def threads(evaluation: Evaluation) -> int:
    """Return the threads to compute with: the CPU request, for threads that share a core wait for each other."""
    written = evaluation.resources.cpu
    cpus = float(written[:-1]) / 1000 if written.endswith("m") else float(written)
    return max(1, min(math.ceil(cpus), os.cpu_count() or 1))


def _report(
    job: Evaluate, evaluation: Evaluation, figures: Mapping[str, tuple[Sequence[Figure], Sequence[Figure] | None]]
) -> Iterator[dict[str, Any]]:
    """Yield what was compared, then one line for every item of every metric: what lost most comes first.

    `item` is its place in the choice, which is the same whatever the figures are.
    """
    yield {key: value for key, value in job.dump().items() if key in ("subject", "reference", "data", "evaluation")}
    for named in evaluation.metrics:
        for one in listed(named, *figures.get(named.name, ((), None))):
            line = {"metric": named.name, "item": one.at, "gain": one.gain, "subject": one.now.line()}
            line |= {"reference": one.then.line()} if one.then is not None else {}
            yield {key: value for key, value in line.items() if value is not None}


def _words(named: NamedMetric, found: Compared | None) -> str:
    if found is None:
        return f"{named.name} is not a finite number"
    metric = found.metric
    text = f"{named.name} {metric.value} over {metric.samples} items"
    if metric.reference is None:
        return text
    bounds = ", ".join(f"{bound} at {confidence} %" for confidence, bound in found.lower_bounds.items())
    return f"{text}; reference {metric.reference}, improvement {metric.improvement}, lower bound {bounds or 'none'}"
