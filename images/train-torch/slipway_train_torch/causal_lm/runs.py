"""Which program does a job of the recipe causalLM want?"""

from __future__ import annotations

import os
from pathlib import Path

from slipway.contract.job import Train
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.dpo.recipe import Preferences
from slipway_train_torch.causal_lm.recipe import Recipe
from slipway_train_torch.causal_lm.stages.plan import Place
from slipway_train_torch.causal_lm.stages.run import Staged
from slipway_train_torch.report import mlflow_run
from slipway_train_torch.report.journal import Journal


def run_of(job: Train, scratch: Path, stop: StopFlag) -> Recipe | Staged:
    """Return the run of `job`, which has not begun; files lie below `scratch` meanwhile."""
    recipe = job.recipe.causal_lm
    assert recipe is not None, "the operator starts this program for causalLM only"
    journal = Journal(job, scratch, mlflow_run.from_environment(job, os.environ))
    if recipe.stages:
        return Staged(job, scratch, stop, journal, single)
    return single(job, scratch, stop, journal)


def single(job: Train, scratch: Path, stop: StopFlag, journal: Journal, place: Place | None = None) -> Recipe:
    """Return a run of `job` on one Dataset: on pairs of answers, or on answers."""
    recipe = job.recipe.causal_lm
    assert recipe is not None
    kind = Recipe if recipe.dpo is None else Preferences
    return kind(job, scratch, stop, journal, place)
