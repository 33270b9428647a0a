"""Which program does a job of the recipe causalLM want?"""

from __future__ import annotations

from pathlib import Path

from slipway.contract.job import Train
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.dpo.recipe import Preferences
from slipway_train_torch.causal_lm.recipe import Recipe
from slipway_train_torch.causal_lm.stages.plan import Place
from slipway_train_torch.causal_lm.stages.run import Staged


def run_of(job: Train, scratch: Path, stop: StopFlag) -> Recipe | Staged:
    """Return the run of `job`, which has not begun; files lie below `scratch` meanwhile."""
    recipe = job.recipe.causal_lm
    assert recipe is not None, "the operator starts this program for causalLM only"
    return Staged(job, scratch, stop, single) if recipe.stages else single(job, scratch, stop)


def single(job: Train, scratch: Path, stop: StopFlag, place: Place | None = None) -> Recipe:
    """Return a run of `job` on one Dataset: on pairs of answers, or on answers."""
    recipe = job.recipe.causal_lm
    assert recipe is not None
    kind = Recipe if recipe.dpo is None else Preferences
    return kind(job, scratch, stop, place)
