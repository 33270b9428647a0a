"""A run's job, a store in a folder, and facts as a run in progress has them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from slipway.api.causal_lm import CausalLM
from slipway.api.common import ArtifactRef
from slipway.api.trainingjob import Checkpoint, Recipe
from slipway.contract.job import Store, Train
from slipway.contract.training_report import TrainingReport, folder
from slipway_train_torch.report.build import Facts


def job(store: Path) -> Train:
    (store / "slipway").mkdir(parents=True, exist_ok=True)
    return Train(
        namespace="games",
        name="assistant-v1",
        store=Store(endpoint=f"file://{store}", bucket="slipway", prefix="home"),
        model="assistant",
        dataset=ArtifactRef(uri="s3://slipway/datasets/graphs/", digest="sha256:" + "d" * 64),
        base_model=ArtifactRef(uri="s3://slipway/models/base/", digest="sha256:" + "b" * 64),
        recipe=Recipe(causal_lm=CausalLM()),
        checkpoint=Checkpoint(),
        checkpoint_uri="s3://slipway/home/checkpoints/games/assistant-v1-0a1b2c3d/",
        export=("SafeTensors",),
        seed=7,
    )


def line(step: int, **more: float) -> dict[str, Any]:
    return {
        "step": step,
        "loss": 3.0 - step / 100,
        "learningRate": 2e-4,
        "gradientNorm": 0.9,
        "seconds": 0.5,
        "tokensPerSecond": 400.0,
        "trainedTokensPerSecond": 100.0,
        "memoryBytes": 3 * 2**30,
        **more,
    }


def facts(step: int, **more: Any) -> Facts:
    """Return the facts of a run after `step`, measured once on the way."""
    history = [line(number) for number in range(1, step + 1)]
    if step >= 2:
        history.insert(2, {"step": 2, "validationLoss": 2.75})
    found = Facts(
        mark="sha256:1", step=step, steps=40, tokens=200 * step, seconds=0.5 * step, history=history,
        parameters={"rank": "16", "learningRate": "2e-4"},
    )  # fmt: skip
    return replace(found, **more)


class Place:
    """Where the report of `job` lies."""

    def __init__(self, given: Train) -> None:
        self.folder = Path(given.store.endpoint.removeprefix("file://")) / given.store.bucket / folder(given)

    def report(self) -> TrainingReport:
        return TrainingReport.model_validate_json((self.folder / "report.json").read_bytes())

    def page(self) -> str:
        return (self.folder / "report.html").read_text(encoding="utf-8")

    def steps(self) -> list[int]:
        """Return the steps of history.jsonl that have a loss, in its order."""
        lines = map(json.loads, (self.folder / "history.jsonl").read_text(encoding="utf-8").splitlines())
        return [found["step"] for found in lines if "loss" in found]
