"""How do the tests start a training run and look at what it left?"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from slipway.api.causal_lm import CausalLM
from slipway.api.common import ArtifactRef, ArtifactStatus
from slipway.api.trainingjob import Checkpoint
from slipway.api.trainingjob import Recipe as RecipeSpec
from slipway.contract.job import Store, Train
from slipway.contract.result import Preempted, Trained
from slipway_pod.artifact import fetch
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.recipe import Recipe
from slipway_train_torch.causal_lm.runs import run_of

QUICK: dict[str, Any] = {"rank": 4, "max_steps": 6, "batch_size": 4, "max_tokens": 192, "learning_rate": "5e-3"}


@dataclass(frozen=True)
class Bench:
    """A store with a dataset and a base model in it."""

    store: Store
    dataset: ArtifactRef
    base: ArtifactRef
    folder: Path

    def job(self, name: str = "run", checkpoint: Checkpoint | None = None, **recipe: Any) -> Train:
        """Return a job; each name has its own checkpoints."""
        return Train(
            namespace="tests",
            name=name,
            store=self.store,
            model="tiny",
            dataset=self.dataset,
            base_model=self.base,
            recipe=RecipeSpec(causal_lm=CausalLM(**{**QUICK, **recipe})),
            checkpoint=checkpoint or Checkpoint(every_steps=100, keep=2),
            checkpoint_uri=f"s3://slipway/checkpoints/{name}/",
            export=("SafeTensors",),
            seed=7,
        )

    def recipe(self, job: Train, stop: StopFlag | None = None) -> Recipe:
        """Return a run of `job` that has not begun."""
        made = run_of(job, Path(tempfile.mkdtemp(dir=self.folder)), stop or StopFlag())
        assert isinstance(made, Recipe), "it has no stages"
        return made

    def run(self, job: Train, stop: StopFlag | None = None) -> Trained | Preempted:
        """Run `job` to its end."""
        return self.recipe(job, stop).run()

    def artefact(self, artifact: ArtifactStatus) -> Path:
        """Return a folder with what a run published."""
        target = Path(tempfile.mkdtemp(dir=self.folder))
        fetch(ArtifactRef(uri=artifact.uri, digest=artifact.digest), target, self.store)
        return target

    def reference(self, result: Trained | Preempted) -> ArtifactRef:
        """Return what names the artefact that a run published."""
        assert isinstance(result, Trained)
        return ArtifactRef(uri=result.artifact.uri, digest=result.artifact.digest)

    def adapter(self, result: Trained | Preempted) -> dict[str, torch.Tensor]:
        """Return the weights of a published adapter."""
        assert isinstance(result, Trained)
        return load_file(self.artefact(result.artifact) / "adapter" / "adapter_model.safetensors")

    def history(self, result: Trained | Preempted) -> list[dict[str, Any]]:
        """Return the history of a published run."""
        assert isinstance(result, Trained)
        text = (self.artefact(result.artifact) / "history.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Tell whether two sets of weights are equal to the last bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
