"""How does a run go from stage to stage, and where does it go on when it was stopped?"""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable
from pathlib import Path

from slipway.contract.job import Train
from slipway.contract.result import Preempted, Trained
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm import early, saving
from slipway_train_torch.causal_lm.processes import ranks
from slipway_train_torch.causal_lm.recipe import Recipe
from slipway_train_torch.causal_lm.sharding.parts import gathered
from slipway_train_torch.causal_lm.stages import borders
from slipway_train_torch.causal_lm.stages.plan import Passed, Place, place, stage_job, staged
from slipway_train_torch.report.journal import Journal

log = logging.getLogger("slipway")

Maker = Callable[[Train, Path, StopFlag, Journal, Place], Recipe]


class Staged:
    """A run in stages: each is a run of its own that starts from the weights of the one before.

    Inside a stage, checkpoints keep its state; between two, a border does. So a run that is stopped anywhere ends in
    the same bits as one that was not (on a CPU).
    """

    def __init__(self, job: Train, scratch: Path, stop: StopFlag, journal: Journal, make: Maker) -> None:
        """Make a run of `job`; `make` returns the run of one stage."""
        self.job = job
        self.scratch = scratch
        self.stop = stop
        self.journal = journal
        """One for all stages: the run has one report."""
        self.make = make
        self.ranks = ranks.here()
        self.own = scratch / f"rank-{self.ranks.rank}"

    def run(self) -> Trained | Preempted | None:
        """Do what stages remain and publish; or stop when asked to, with everything saved. See Recipe.run."""
        at, passed = self.reached()
        while True:
            here = place(self.job, at, passed)
            log.info("stage %s, %d of %d", here.name, here.number, here.of)
            # The base model stays where it is: what is fetched already is only hashed again.
            if self.ranks.leads:
                shutil.rmtree(self.scratch / "dataset", ignore_errors=True)
            recipe = self.make(stage_job(self.job, at), self.scratch, self.stop, self.journal, here)
            with recipe.progress, self.journal.failure():
                stopped = recipe.trained()
                if stopped is not None:
                    return Preempted(step=passed.steps + stopped.step)
                loss = self.judged(recipe, here)
                if here.last:
                    saving.undivide(recipe)
                    return saving.publish(recipe) if self.ranks.first else None
            passed = self.left(recipe, here, loss)
            at += 1

    def reached(self) -> tuple[int, Passed]:
        """Return the number, from 0, of the stage that is to be done, and what the ones before left."""
        for at in range(len(staged(self.job)) - 1, 0, -1):
            passed = borders.find(stage_job(self.job, at - 1), self.own)
            if passed is not None:
                return at, passed
        return 0, Passed()

    def judged(self, recipe: Recipe, here: Place) -> float | None:
        """Put the weights that the stage results in into place and return their validation loss; raise where the gate
        is missed.
        """
        chosen = recipe.best.choose(recipe.measured, recipe.state.step, recipe.parameters)
        loss = recipe.state.validation_loss if chosen is None else chosen.loss
        before = recipe.measured[0].loss if here.measures_first else None
        here.judge(before, loss)
        return loss

    def left(self, recipe: Recipe, here: Place, loss: float | None) -> Passed:
        """Keep what the stage leaves to the next one, and return it as the next one will find it."""
        state, passed = recipe.state, here.passed
        costs = {
            "history": recipe.history(),
            "summaries": [*passed.summaries, summary(recipe, here, loss)],
            "steps": passed.steps + state.step,
            "tokens": passed.tokens + state.tokens,
            "seconds": passed.seconds + state.seconds,
            "started": passed.started or state.started,
            "rungs": [rung.model_dump() for rung in recipe.rungs()],
        }
        weights = gathered(recipe.parameters, self.ranks.first)
        if self.ranks.first:
            borders.save(recipe.job, passed.digest, weights, costs, self.own)
            recipe.checkpoints.clear()
        self.ranks.wait()
        found = borders.find(recipe.job, self.own)
        assert found is not None, "it was published a moment ago"
        return found


def summary(recipe: Recipe, here: Place, loss: float | None) -> str:
    """Return what the stage was and reached, for the lineage."""
    told = recipe.recipe
    what = "pairs" if told.dpo is not None else "answers"
    found = f"{here.name}: {recipe.state.step} steps on {what} of {recipe.job.dataset.digest[:19]}"
    found += f", learning rate {told.learning_rate}"
    best = early.best(recipe.measured)
    if loss is not None and math.isfinite(loss):
        found += f", validation loss {loss:.6g}"
    if best is not None and early.publishes_best(told):
        found += f" after step {best.step}"
    return found
