"""Does a search come out the same wherever the operator dies, with the real sampler?"""

from __future__ import annotations

import asyncio
import functools
import math
from typing import Any

import pytest

from slipway.contract.job import PlotStudy, Train, parse_job
from slipway.contract.result import Preempted, Trained
from slipway.plan import Answer, Draw, Question
from slipway.search.study import Study
from slipway.search.suggest import suggest
from slipway.training.room import Room
from tests.engine.cluster import Cluster
from tests.engine.faults import Wire
from tests.engine.node import Node
from tests.engine.replica import Replica
from tests.engine.story import SETTINGS
from tests.engine.virtual import EPOCH, virtual
from tests.unit.training.world import SPEC, dataset

SPACE, NAME = "demo", "hunt"
ENDED = ("Succeeded", "Failed", "Stopped")


class TunedNode(Node):
    """Trains to a loss that depends on the learning rate: least at 1e-3."""

    def _result(self, job: dict[str, Any]) -> Any:
        task = self._task(job)
        if isinstance(task, PlotStudy):
            return Preempted(step=0)  # it says nothing, and nobody reads what it says
        made = super()._result(job)
        assert isinstance(made, Trained)
        assert isinstance(task, Train)
        assert task.recipe.causal_lm is not None
        loss = 1 + abs(math.log10(float(task.recipe.causal_lm.learning_rate)) + 3)
        return made.model_copy(update={"validation_loss": f"{loss:.4f}"})

    def _task(self, job: dict[str, Any]) -> Any:
        volumes = job["spec"]["template"]["spec"]["volumes"]
        config = next(v["configMap"]["name"] for v in volumes if "configMap" in v)
        return parse_job(self._cluster.objects["ConfigMap", job["metadata"]["namespace"], config]["data"]["job.json"])


class Library:
    """Answers as the sampler's process does, without the process."""

    def __init__(self) -> None:
        self.asked: list[Study] = []

    async def ask(self, question: Question) -> Answer:
        assert isinstance(question, Draw)
        await asyncio.sleep(1)
        self.asked.append(Study.model_validate_json(question.study))
        return Answer(EPOCH, message=suggest(self.asked[-1]).model_dump_json())


class Hunt:
    """A search on the engine, whose operator may be killed at any write."""

    def __init__(self, crash_after: int | None = None, **search: Any) -> None:
        self.cluster, self.most = Cluster(), 0
        self.node = TunedNode(self.cluster, lambda digest: 1.0)
        self.first = Wire(self.cluster, crash_after=crash_after)
        self.search = {
            "parameters": [
                {"field": "learningRate", "values": {"float": {"min": "1e-5", "max": "1e-1", "log": True}}},
                {"field": "rank", "values": {"int": {"min": 4, "max": 64, "step": 4}}},
            ],
            "startupTrials": 2,
            "maxTrials": 4,
            **search,
        }
        self.crashed = False
        self.replica = self._start("first", self.first)

    def _start(self, name: str, wire: Wire) -> Replica:
        replica = Replica(self.cluster, name, {"TrainingJob": Room(SETTINGS)}, wire)
        replica.engine.asks._asker = Library()
        return replica

    def trials(self) -> list[dict[str, Any]]:
        return [job for job in self.cluster.of("TrainingJob") if job["metadata"]["name"] != NAME]

    def status(self) -> dict[str, Any]:
        return self.cluster.objects["TrainingJob", SPACE, NAME].get("status") or {}

    async def run(self) -> None:
        data = dataset()
        await self.cluster.create({**data, "status": data["status"]})
        meta = {"name": NAME, "namespace": SPACE}
        whole = {"apiVersion": "slipway.dev/v1alpha1", "kind": "TrainingJob", "metadata": meta}
        await self.cluster.create({**whole, "spec": {**SPEC, "search": self.search}})
        self.replica.start()
        others = [
            asyncio.create_task(self.node.run()),
            asyncio.create_task(self._replace()),
            asyncio.create_task(self._count()),
        ]
        try:
            async with asyncio.timeout(900):
                while "page" not in self.status().get("search", {}):  # noqa: ASYNC110
                    await asyncio.sleep(1)
            await asyncio.sleep(30)
        finally:
            for other in others:
                other.cancel()
            await self.replica.end()

    async def _replace(self) -> None:
        await self.first.crashed.wait()
        self.crashed = True
        await self.replica.kill()
        self.replica = self._start("second", Wire(self.cluster)).start()

    async def _count(self) -> None:
        while True:
            running = [job for job in self.trials() if (job.get("status") or {}).get("state") not in ENDED]
            self.most = max(self.most, len(running))
            await asyncio.sleep(0.1)

    def outcome(self) -> dict[str, Any]:
        """Return what a user sees in the end."""
        version = self.cluster.objects["ModelVersion", SPACE, "assistant-1.0.0"]
        digest = version["spec"]["artifact"]["digest"]
        told = self.status()["search"]
        return {
            "state": self.status()["state"],
            "search": {name: value for name, value in told.items() if name != "page"},
            "page": told["page"].startswith(f"s3://slipway/slipway/studies/{SPACE}/{NAME}-"),
            "recipes": {job["metadata"]["name"]: job["spec"]["recipe"]["causalLM"] for job in self.trials()},
            "values": {job["metadata"]["name"]: job["status"]["validationLoss"] for job in self.trials()},
            "version": version["spec"]["lineage"]["parameters"],
            "published": [
                job["metadata"]["name"] for job in self.trials() if job["status"]["artifact"]["digest"] == digest
            ],
            "versions": len(self.cluster.of("ModelVersion")),
        }


def hunted(crash_after: int | None = None, **search: Any) -> Hunt:
    """Return a search that has ended."""
    made: list[Hunt] = []

    @virtual
    async def run() -> None:
        made.append(Hunt(crash_after, **search))
        await made[0].run()

    run()
    return made[0]


@functools.cache
def undisturbed(**search: Any) -> Hunt:
    """Return the search as it goes when nobody dies."""
    return hunted(None, **search)


def test_a_search_ends_in_one_version_of_its_best_trial() -> None:
    hunt = undisturbed(sampler="TPE")
    found = hunt.outcome()
    assert found["state"] == "Succeeded"
    assert sorted(found["recipes"]) == [f"{NAME}-{n}" for n in range(4)]
    assert found["search"]["best"]["value"] == min(found["values"].values())
    assert found["published"] == [found["search"]["best"]["name"]]
    assert found["versions"] == 1
    assert hunt.most == 1
    assert 48 < len(hunt.first.writes) < 60


@pytest.mark.parametrize("write", range(1, 50, 4))
def test_the_search_ends_the_same_when_the_operator_is_killed(write: int) -> None:
    broken = hunted(write, sampler="TPE")
    assert broken.crashed
    assert broken.most <= 1
    found, straight = broken.outcome(), undisturbed(sampler="TPE").outcome()
    assert found == straight


@pytest.mark.parametrize("write", [5, 11, 17, 23, 41])
def test_trials_beside_each_other_stay_within_bounds_when_the_operator_is_killed(write: int) -> None:
    broken = hunted(write, sampler="Random", parallelism=2)
    assert broken.crashed
    assert broken.most <= 2
    assert broken.outcome() == undisturbed(sampler="Random", parallelism=2).outcome()


def test_deleting_a_search_deletes_its_trials() -> None:
    hunt = hunted(None, sampler="Random")
    hunt_again: list[int] = []

    @virtual
    async def run() -> None:
        hunt.cluster.remove("TrainingJob", SPACE, NAME)
        hunt_again.append(len(hunt.trials()))

    run()
    assert hunt_again == [0]
    assert len(hunt.cluster.of("ModelVersion")) == 1
