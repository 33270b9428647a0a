"""What does Slipway's recipe make of the plan? `python -m bench.training.slipway_side PLAN BASE DATASET OUT`

The recipe itself, whole, on a store that is a folder; timed around its steps. The last line is one JSON object (Speed).
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import torch

from bench.training.plan import Plan, Speed, peak_mib
from slipway.api.causal_lm import CausalLM
from slipway.api.common import ArtifactRef
from slipway.api.trainingjob import Checkpoint
from slipway.api.trainingjob import Recipe as RecipeSpec
from slipway.contract.job import Store, Train
from slipway.contract.result import Trained
from slipway_pod.artifact import publish_at
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.batches import targets
from slipway_train_torch.causal_lm.recipe import Recipe
from slipway_train_torch.report.journal import Journal


class Timed(Recipe):  # type: ignore[misc]
    """The recipe, with a clock beside it."""

    began = 0.0
    ended = 0.0
    targets = 0
    """Loss-bearing tokens so far. (`trained` is a method of the recipe.)"""

    def step(self) -> None:
        """Do a step, and note what it did."""
        self.began = self.began or time.monotonic()
        self.targets += targets(self.batch())
        super().step()
        self.ended = time.monotonic()
        speed = self.targets / (self.ended - self.began)
        print(
            f"      Slipway: step {self.state.step} of {self.steps}, {speed:.0f} tokens/s", file=sys.stderr, flush=True
        )


def main() -> None:
    """Run the command line."""
    plan = Plan.read(Path(sys.argv[1]))
    base, dataset, out = map(Path, sys.argv[2:5])
    with tempfile.TemporaryDirectory() as folder:
        store, work = Path(folder, "store"), Path(folder, "work")
        (store / "slipway").mkdir(parents=True)
        work.mkdir()
        told = job(plan, base, dataset, store)
        run = Timed(told, work, StopFlag(), Journal(told, work))
        result = run.run()
        assert isinstance(result, Trained)
        artefact = store / result.artifact.uri.removeprefix("s3://")
        shutil.copytree(artefact / "adapter", out, dirs_exist_ok=True)
    speed = Speed(run.targets, run.state.tokens, run.ended - run.began, peak_mib(), {"torch": torch.__version__})
    print(json.dumps(asdict(speed)))


def job(plan: Plan, base: Path, dataset: Path, folder: Path) -> Train:
    """Return the job that does `plan` on a store in `folder`."""
    store = Store(endpoint=f"file://{folder}", bucket="slipway")
    model = publish_at(base, "s3://slipway/models/base/", store)
    data = publish_at(dataset, "s3://slipway/datasets/rows/", store)
    recipe = CausalLM(
        rank=plan.rank,
        learning_rate=plan.learning_rate,
        # Both schedules are the same cosine then; they differ in how they begin to warm up.
        warmup_percent=0,
        epochs=plan.epochs,
        batch_size=plan.batch_size,
        max_tokens=plan.max_tokens,
    )
    return Train(
        namespace="bench",
        name="train",
        store=store,
        model="bench",
        dataset=ArtifactRef(uri=data.uri, digest=data.digest),
        base_model=ArtifactRef(uri=model.uri, digest=model.digest),
        recipe=RecipeSpec(causal_lm=recipe),
        checkpoint=Checkpoint(every_steps=1_000_000),
        checkpoint_uri="s3://slipway/checkpoints/train/",
        export=("SafeTensors",),
        seed=plan.seed,
    )


if __name__ == "__main__":
    main()
