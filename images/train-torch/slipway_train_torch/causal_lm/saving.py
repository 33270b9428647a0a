"""How is what a run has reached kept: its state in a checkpoint, its result as an artefact?"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING

from slipway.api.base import significant
from slipway.api.common import ArtifactRef
from slipway.contract.result import Trained
from slipway_pod import artifact as artifacts
from slipway_train_torch.causal_lm import export
from slipway_train_torch.causal_lm.checkpoint import collected
from slipway_train_torch.causal_lm.sharding import parts

if TYPE_CHECKING:
    from slipway_train_torch.causal_lm.recipe import Recipe

log = logging.getLogger("slipway")


def save(run: Recipe) -> None:
    """Publish a checkpoint of `run`, unless the last one is of this step."""
    if run.state.step == run.saved:
        return
    started = time.monotonic()
    layout = run.ladder.layout
    run.state.micro_batch, run.state.recompute = layout.micro_batch, layout.recompute
    run.state.rungs = [rung.model_dump() for rung in run.ladder.rungs]
    random_state, best = run.ranks.gathered(run.device.random_state()), run.best.weights
    tensors = collected(run.parameters, run.optimiser, random_state, best, run.ranks.first)
    if run.ranks.first:
        run.checkpoints.save(run.state, tensors)
    run.saved = run.state.step
    took = time.monotonic() - started
    run.grace.saved(took, run.pace.longest())
    log.info("saved step %d in %.1f s", run.state.step, took)


def undivide(run: Recipe) -> None:
    """Bring the weights that are the result of `run` together in the process that publishes them; all must ask."""
    if not run.sharded:
        return
    run.best.choose(run.measured, run.state.step, run.parameters)
    parts.undivide(run.model, run.ranks.first)
    if run.ranks.first:
        named = run.tuned.named()
        run.parameters = {name: named[name] for name in run.parameters}
        run.best.weights = {name: run.parameters[name].detach() for name in run.best.weights}


def publish(run: Recipe) -> Trained:
    """Publish the artefact of `run`, read it back, and return the result."""
    run.report("Publishing")
    chosen = run.best.choose(run.measured, run.state.step, run.parameters)
    parameters = run.resolved() | ({"publishedStep": str(chosen.step)} if chosen is not None else {})
    kind = export.kind(run.job)
    folder = export.write(
        run.scratch / "model", run.tuned, run.tokenizer, run.whole, run.scratch / "base", parameters,
        run.history(),
    )  # fmt: skip
    where = f"s3://{run.job.store.bucket}/{run.job.store.prefix}/models"
    artifact = artifacts.publish(
        folder, where, run.job.store,
        lambda uri, files: run.seal.record(uri, files, parameters, run.passed.started or run.state.started),
    )  # fmt: skip
    artifacts.verify(ArtifactRef(uri=artifact.uri, digest=artifact.digest), run.job.store)
    loss = chosen.loss if chosen is not None else run.state.validation_loss
    run.result = Trained(
        artifact=artifact,
        kind=kind,
        # Safetensors are always there; the job says what else.
        formats=tuple(dict.fromkeys(("SafeTensors", *run.job.export))),
        steps=run.passed.steps + run.state.step,
        published_step=run.passed.steps + (chosen.step if chosen is not None else run.state.step),
        tokens=run.passed.tokens + run.state.tokens,
        validation_loss=significant(loss) if loss is not None and math.isfinite(loss) else None,
        seconds=round(run.passed.seconds + run.state.seconds),
        rungs=run.rungs(),
        parameters=parameters,
    )
    run.journal.write("Succeeded")
    return run.result.model_copy(update={"report": run.journal.page or None})
