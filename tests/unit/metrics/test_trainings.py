"""Does a scrape show how runs go, as their statuses have it, and nothing of what is gone?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from slipway.contract.progress import Progress
from slipway.kube.progress import to_status
from slipway.metrics.trainings import FAMILIES, FIGURES, text

NOW = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)
PUSHED = Progress(
    phase="Training", step=12, steps=40, epoch=1.5, eta_seconds=70, tokens_per_second=164.4,
    trained_tokens_per_second=41.2, mfu_percent=32.6, loss=0.51, learning_rate=2e-7, gradient_norm=123456.7,
    memory_bytes=3 * 2**30, validation_loss=0.6, best_step=10, best_validation_loss=0.59, micro_batch_size=8,
)  # fmt: skip


def training(at: str = "2026-11-20T03:29:00Z", **status: Any) -> dict[str, Any]:
    found = {"state": "Running", "progress": to_status(PUSHED, at).dump(), "restarts": {"preempted": 2, "failed": 1}}
    return {"metadata": {"namespace": "games", "name": "v1"}, "spec": {"model": "helper"}, "status": found | status}


def scrape(*trainings: dict[str, Any]) -> dict[str, float]:
    """Return what Prometheus would read: the official parser is the judge of the text."""
    return {
        sample.name + str(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(asyncio.run(text(trainings, NOW)))
        for sample in family.samples
    }


def series(name: str, **labels: str) -> str:
    return f"slipway_training_{name}" + str(sorted({"namespace": "games", "training_job": "v1", **labels}.items()))


ALWAYS = {
    series("info", model="helper", state="Running"): 1,
    series("restarts", reason="preempted"): 2,
    series("restarts", reason="failed"): 1,
}


def test_every_figure_that_a_pod_pushed_is_a_gauge() -> None:
    assert scrape(training()) == ALWAYS | {
        series("step"): 12,
        series("steps"): 40,
        series("epoch"): 1.5,
        series("loss"): 0.51,
        series("validation_loss"): 0.6,
        series("best_validation_loss"): 0.59,
        series("learning_rate"): 2e-7,
        series("gradient_norm"): 123457,
        series("tokens_per_second"): 164,
        series("trained_tokens_per_second"): 41,
        series("mfu_percent"): 33,
        series("memory_bytes"): 3 * 2**30,
        series("eta_seconds"): 70,
    }


def test_every_family_is_told_or_written_by_hand() -> None:
    assert set(FAMILIES) == set(FIGURES) | {"info", "restarts"}


@pytest.mark.parametrize("missing", ["mfuPercent", "validationLoss", "memoryBytes"])
def test_no_data_is_no_zero(missing: str) -> None:
    found = training()
    whole = scrape(found)
    del found["status"]["progress"][missing]
    assert len(scrape(found)) == len(whole) - 1


def test_figures_of_last_week_and_of_a_deleted_run_are_not_told() -> None:
    assert scrape() == {}
    assert scrape(training(at="2026-11-13T03:00:00Z")) == ALWAYS
    assert set(scrape({"metadata": {"namespace": "games", "name": "v1"}})) == {
        series("info", model="", state=""),
        series("restarts", reason="preempted"),
        series("restarts", reason="failed"),
    }


def test_a_status_edited_by_hand_breaks_no_scrape() -> None:
    odd = {"step": "many", "loss": None, "updatedAt": "2026-11-20T03:29:00Z"}
    found = training(progress=odd, restarts={"failed": "x"})
    assert scrape(found)[series("restarts", reason="failed")] == 0
