"""What is told of a run while it runs, and of its result?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from slipway.api.trainingjob_status import RunMemory
from slipway.contract.progress import Progress
from slipway.contract.training_report import Lowest
from slipway_train_torch.causal_lm import early, methods
from slipway_train_torch.causal_lm.checkpoint import mark
from slipway_train_torch.report.build import Facts

if TYPE_CHECKING:
    from slipway_train_torch.causal_lm.recipe import Recipe


def progress(run: Recipe, phase: str) -> Progress:
    """Return the newest figures of `run`, which may not be set up yet."""
    steps = getattr(run, "steps", 0)
    validation = run.state.validation_loss
    best = early.best(run.measured)
    layout = run.ladder.layout if hasattr(run, "ladder") else None
    pace = run.pace if run.pace.known() else None
    left = (steps - run.state.step) * pace.step_seconds() if pace is not None and not run.stop.is_set() else None
    newest = run.newest()
    return Progress(
        phase=phase,
        step=run.state.step,
        steps=steps,
        epoch=round(run.state.step / run.per_epoch, 2) if steps else None,
        eta_seconds=round(left) if left is not None else None,  # it trains no more once it is asked to stop
        tokens_per_second=pace.tokens_per_second() if pace is not None else None,
        trained_tokens_per_second=pace.trained_tokens_per_second() if pace is not None else None,
        mfu_percent=pace.mfu_percent() if pace is not None else None,
        loss=newest.get("loss"),
        learning_rate=newest.get("learningRate"),
        gradient_norm=newest.get("gradientNorm"),
        memory_bytes=newest.get("memoryBytes"),
        memory=memory(run),
        stop_seconds=run.grace.seconds,
        validation_loss=validation if validation is not None and math.isfinite(validation) else None,
        validation_step=run.state.evaluated if validation is not None else None,
        best_step=best.step if best is not None else None,
        best_validation_loss=best.loss if best is not None else None,
        micro_batch_size=layout.micro_batch if layout is not None else None,
        recompute=layout.recompute if layout is not None else None,
        report=run.journal.page or None,
        **run.shown(),
    )


def facts(run: Recipe) -> Facts:
    """Return where `run` is and what it did; it is set up."""
    best, done, before = early.best(run.measured), run.result, run.passed
    loss = run.state.validation_loss if done is None or done.validation_loss is None else done.validation_loss
    return Facts(
        mark=mark(run.whole),
        step=before.steps + run.state.step,
        steps=before.steps + int(run.steps),
        tokens=before.tokens + run.state.tokens,
        seconds=before.seconds + run.state.seconds,
        history=run.history(),
        rungs=run.rungs(),
        parameters=run.resolved() if done is None else done.parameters,
        best=Lowest(step=before.steps + best.step, validation_loss=best.loss) if best is not None else None,
        validation_loss=float(loss) if loss is not None else None,
        published_step=done.published_step if done is not None else None,
        artifact=done.artifact if done is not None else None,
        memory=memory(run),
    )


def memory(run: Recipe) -> RunMemory | None:
    """Return what `run` was estimated to hold and what it held; None before its data and model are known."""
    if not hasattr(run, "memory"):
        return None
    layout = run.ladder.layout if hasattr(run, "ladder") else run.asked()
    return run.memory.told(layout, run.newest().get("memoryBytes") if run.pace.known() else None)


def resolved(run: Recipe) -> dict[str, str]:
    """Return every parameter that `run` had, defaults filled in."""
    found: dict[str, Any] = methods.resolved(run.recipe) | {
        "precision": run.device.precision,
        "device": run.device.torch.type,
        "threads": torch.get_num_threads(),
        "microBatchSize": run.ladder.layout.micro_batch,
        "recompute": run.ladder.layout.recompute,
        "steps": run.steps,
        "seed": run.job.seed,
        "trainRows": len(run.train_split.examples),
        "trainRowsCut": run.train_split.truncated,
        "trainRowsLeftOut": len(run.train_split.untrained),
        "torch": torch.__version__,
    }
    found |= run.vocabulary.parameters()
    if run.place is not None:
        found |= run.place.parameters()
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in found.items()}
