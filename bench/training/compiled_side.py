"""What does the recipe make of the plan with its layers compiled? Step by step, as it is told to.

python -m bench.training.compiled_side PLAN BASE DATASET FOLDER METHOD VARIANT LAST

A line on standard input lets it do one step, which it answers with a line of JSON. After step LAST it stops as it would
for SIGTERM: with a checkpoint in FOLDER, from which the next process that is told the same goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

import torch
from transformers import AttentionInterface

from bench.training.plan import Plan, peak_mib
from bench.training.slipway_side import job
from bench.training.variants import VARIANTS, Variant
from slipway.api.causal_lm import CausalLM
from slipway.api.trainingjob import Recipe as RecipeSpec
from slipway.contract.job import Train
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm import faster, flat
from slipway_train_torch.causal_lm.layers import stack
from slipway_train_torch.causal_lm.recipe import Recipe
from slipway_train_torch.report.journal import Journal

RECOMPILATIONS = 256
"""Of one function. Torch's own limit is 8, and our functions differ from layer to layer."""


class Paced(Recipe):  # type: ignore[misc]
    """The recipe, which waits for a word before each step and tells what the step took."""

    last = 0

    def step(self) -> None:
        """Do a step when told to."""
        sys.stdin.readline()
        began, cpu = time.monotonic(), cpu_seconds()
        super().step()
        took = {"seconds": time.monotonic() - began, "cpu": cpu_seconds() - cpu}
        newest = self.state.history[-1]
        say(took | {"step": self.state.step, "loss": newest["loss"], "norm": newest["gradientNorm"]})
        if self.state.step == self.last:
            self.stop.set()


def main() -> None:
    """Run the command line."""
    plan = Plan.read(Path(sys.argv[1]))
    base, dataset, folder = map(Path, sys.argv[2:5])
    method, variant = sys.argv[5], VARIANTS[sys.argv[6]]
    if not variant.exchanged:
        faster.quicken = lambda model: None
    store = folder / "store"
    (store / "slipway").mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "work", ignore_errors=True)
    (folder / "work").mkdir()
    told = tuned_by(method, job(plan, base, dataset, store))
    run = Paced(told, folder / "work", StopFlag(), Journal(told, folder / "work"))
    run.last = int(sys.argv[7])
    with run.progress:
        run.setup()
        compile_layers(run.model, variant)
        say({"ready": True})
        run.setup = lambda: None
        run.trained()
    say({"peak_mib": peak_mib(), "weights": digest(run.parameters), "graphs": graphs(), "torch": torch.__version__})


def tuned_by(method: str, told: Train) -> Train:
    """Return the job with its recipe's method exchanged."""
    assert told.recipe.causal_lm is not None
    recipe = told.recipe.causal_lm.dump() | {"method": method}
    return told.model_copy(update={"recipe": RecipeSpec(causal_lm=CausalLM.model_validate(recipe))})


def compile_layers(model: torch.nn.Module, variant: Variant) -> None:
    """Let each decoder layer be compiled when it is first called: all are alike, so most are found compiled."""
    if not variant.compiled:
        return
    torch._dynamo.config.recompile_limit = RECOMPILATIONS
    torch._dynamo.config.accumulated_recompile_limit = RECOMPILATIONS * 8
    # It loops over the rows of a batch: compiled, it would be compiled again for every batch.
    AttentionInterface.register(flat.NAME, torch.compiler.disable(flat.attend))
    for layer in stack(model)[1]:
        layer.compile(dynamic=variant.dynamic)


def cpu_seconds() -> float:
    """Return the CPU time of this process and of the compilers that it called."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def graphs() -> int:
    """Return how many graphs were compiled so far."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


def digest(parameters: dict[str, torch.nn.Parameter]) -> str:
    """Return a hash of all that is trained, to the last bit."""
    found = hashlib.sha256()
    for name in sorted(parameters):
        found.update(parameters[name].detach().numpy().tobytes())
    return found.hexdigest()


def say(line: dict[str, object]) -> None:
    """Tell the bench."""
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
