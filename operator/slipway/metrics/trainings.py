"""What does the operator tell Prometheus about TrainingJobs? Read from their status whenever it asks.

Nothing is kept: a TrainingJob that is gone is in no answer, and figures that its pod pushed more than an hour ago are
in none either. Each has one series of every family, so TrainingJobs bound their number. Only the leader tells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from slipway.api.conditions import timestamp
from slipway.metrics.exposition import Figure, gauges, number
from slipway.plan import Manifest

NEWS = timedelta(hours=1)
"""How long figures are told; alerts must not go on about a run of last week."""

FIGURES: Mapping[str, str] = {
    "step": "step",
    "steps": "steps",
    "epoch": "epoch",
    "loss": "loss",
    "validation_loss": "validationLoss",
    "best_validation_loss": "bestValidationLoss",
    "learning_rate": "learningRate",
    "gradient_norm": "gradientNorm",
    "tokens_per_second": "tokensPerSecond",
    "trained_tokens_per_second": "trainedTokensPerSecond",
    "mfu_percent": "mfuPercent",
    "memory_bytes": "memoryBytes",
    "eta_seconds": "etaSeconds",
}
"""Families by what status.progress calls them."""

FAMILIES: Mapping[str, str] = {
    "info": "1 for each TrainingJob, with its state and its line of versions.",
    "restarts": "How often the run was started again, by reason (preempted, failed).",
    "step": "Optimiser steps done, of the stage where the run has stages.",
    "steps": "Optimiser steps planned, of the stage where the run has stages.",
    "epoch": "Passes over the train split done, of the stage where the run has stages.",
    "loss": "Loss of the last step, in nats per trained token.",
    "validation_loss": "Validation loss as last measured, in nats per trained token.",
    "best_validation_loss": "Lowest validation loss so far, in nats per trained token.",
    "learning_rate": "Learning rate of the last step.",
    "gradient_norm": "Norm of the last step's gradient, before clipping.",
    "tokens_per_second": "Tokens trained a second, padding not counted.",
    "trained_tokens_per_second": "Loss-bearing tokens a second.",
    "mfu_percent": "Share of the device's peak that useful work takes, where the peak is known.",
    "memory_bytes": "Memory that the GPU, or else the process, held in the last step.",
    "eta_seconds": "Seconds left at the present speed, of the stage where the run has stages.",
}


async def text(trainings: Iterable[Manifest], now: datetime, wanted: Collection[str] = ()) -> str:
    """Return the gauges of `trainings`, as they are at `now`, in Prometheus' text format; see `gauges`."""
    since = timestamp(now - NEWS)
    return await gauges("slipway_training", FAMILIES, trainings, lambda training: _figures(training, since), wanted)


def _figures(training: Manifest, since: str) -> Iterator[Figure]:
    meta, spec, status = training["metadata"], training.get("spec") or {}, training.get("status") or {}
    own = {"namespace": str(meta.get("namespace") or ""), "training_job": str(meta["name"])}
    yield "info", own | {"model": str(spec.get("model") or ""), "state": str(status.get("state") or "")}, 1.0
    restarts = status.get("restarts") or {}
    for reason in ("preempted", "failed"):
        yield "restarts", own | {"reason": reason}, number(restarts.get(reason)) or 0.0
    progress = status.get("progress") or {}
    if str(progress.get("updatedAt") or "") < since:
        return
    for family, written in FIGURES.items():
        if (value := number(progress.get(written))) is not None:
            yield family, own, value
