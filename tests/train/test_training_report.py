"""Does every run, however it ends, leave a report that says what it did?"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from slipway.api.trainingjob import Checkpoint
from slipway.contract.job import Train
from slipway.contract.progress import Progress
from slipway.contract.result import Preempted, Trained
from slipway.contract.training_report import TrainingReport, folder
from slipway_pod.errors import BadConfig
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.pace import resident_bytes
from tests.train.runs import Bench
from tests.train.test_recipe import stopping_after
from tests.train.test_stops import saying


def place(bench: Bench, job: Train) -> Path:
    return bench.folder / "store" / "slipway" / folder(job)


def report(bench: Bench, job: Train) -> TrainingReport:
    return TrainingReport.model_validate_json((place(bench, job) / "report.json").read_bytes())


def steps(found: TrainingReport, name: str = "Loss") -> list[int]:
    return [point.step for curve in found.curves if curve.name == name for point in curve.points]


def test_a_finished_run_has_a_report_with_its_curves_and_lineage(bench: Bench) -> None:
    job = bench.job(evaluate_every_steps=3)
    recipe = bench.recipe(job)
    pushed: list[Progress] = []
    recipe.progress.update = pushed.append  # type: ignore[method-assign]
    result = recipe.run()
    assert isinstance(result, Trained)
    found = report(bench, job)
    assert result.report == f"s3://slipway/{folder(job)}/report.html"
    assert (found.outcome, found.step, found.steps, found.tokens) == ("Succeeded", 6, 6, result.tokens)
    assert steps(found) == steps(found, "LearningRate") == steps(found, "GradientNorm") == [1, 2, 3, 4, 5, 6]
    assert steps(found, "ValidationLoss") == [3, 6]
    assert found.artifact == result.artifact
    assert found.parameters == result.parameters
    assert found.best is not None
    assert f"{found.best.validation_loss:.5f}" == f"{min(p.value for p in found.curves[1].points):.5f}"
    assert (place(bench, job) / "report.html").read_text().startswith("<!DOCTYPE html>")
    # The artefact tells the same, and is told apart from it.
    lines = (place(bench, job) / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == bench.history(result)
    assert not (bench.artefact(result.artifact) / "report.html").exists()
    # What people watch says more with every step.
    last = pushed[-1]
    assert last.report == result.report
    assert last.loss is not None
    assert last.learning_rate is not None
    assert last.gradient_norm is not None
    assert last.tokens_per_second is not None
    assert last.trained_tokens_per_second is not None
    assert 0 < last.trained_tokens_per_second < last.tokens_per_second
    assert last.memory_bytes is not None
    assert last.memory_bytes == pytest.approx(resident_bytes(), rel=0.5)
    assert last.mfu_percent is None, "what a CPU can do at its best is not known"


def test_a_run_that_is_stopped_and_one_that_is_killed_go_on_in_their_report(bench: Bench) -> None:
    job, stop = bench.job(checkpoint=Checkpoint(every_steps=2, keep=2), max_steps=8, epochs=9), StopFlag()
    first = bench.recipe(job, stop)
    first.step = stopping_after(3, stop).__get__(first)  # type: ignore[method-assign]
    assert first.run() == Preempted(step=3)
    assert report(bench, job).outcome == "Stopped"
    second = bench.recipe(job)
    second.setup()
    for _ in range(2):
        second.step()
    second.journal.write("Running")  # and killed, before the next checkpoint
    result = bench.run(job)
    assert isinstance(result, Trained)
    found = report(bench, job)
    assert [(r.step, r.reached, r.ended) for r in found.restarts] == [(3, 3, "Stopped"), (3, 5, "Killed")]
    assert steps(found) == list(range(1, 9))


def test_a_run_that_fails_says_why_and_shows_how_it_came_to_that(bench: Bench) -> None:
    job = bench.job()
    recipe = saying(bench.recipe(job), iter([6.0, 5.0, math.nan]))
    with pytest.raises(BadConfig) as caught:
        recipe.run()
    found = report(bench, job)
    assert found.outcome == "Failed"
    assert found.failure is not None
    assert found.failure.reason == "LossNotFinite"
    assert [point.value for point in found.curves[0].points] == [6.0, 5.0]
    assert caught.value.result().report == f"s3://slipway/{folder(job)}/report.html"


def test_rungs_are_in_the_report(bench: Bench) -> None:
    job = bench.job("squeezed")
    recipe = bench.recipe(job)
    whole = recipe.loss

    def loss(lines: object) -> object:
        if len(lines) > 2:  # type: ignore[arg-type]
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 EiB")
        return whole(lines)  # type: ignore[arg-type]

    recipe.loss = loss  # type: ignore[method-assign,assignment]
    recipe.run()
    assert [(rung.step, rung.micro_batch) for rung in report(bench, job).rungs] == [(1, 2)]
    assert "2 rows at a time" in (place(bench, job) / "report.html").read_text()
