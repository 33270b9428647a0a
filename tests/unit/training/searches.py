"""A store with a search in it, its trials, and pods that do as told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, encode
from slipway.kube.matching import stamped
from slipway.plan import Answer, Draw, Facts, Plan, QueuePlace, Warnings
from slipway.search.study import ChoiceAxis, Drawn, FloatAxis, IntAxis, Study, text
from slipway.training.room import Room
from tests.unit.training.world import SPEC, dataset, trained
from tests.unit.worlds import NAMESPACE, SETTINGS, World, root

NAME = "hunt"
SEARCH: dict[str, Any] = {
    "parameters": [
        {"field": "learningRate", "values": {"float": {"min": "1e-5", "max": "1e-2", "log": True}}},
        {"field": "rank", "values": {"int": {"min": 4, "max": 64, "step": 4}}},
    ],
    "maxTrials": 4,
    "parallelism": 2,
}
PRUNING = {"minSteps": 2, "reductionFactor": 2}


def by_hash(study: Study) -> Drawn:
    """Draw as a sampler would that learns nothing, in no time."""
    found = {}
    for axis in study.axes:
        mark = int(hashlib.sha256(f"{study.seed}{study.number}{axis.field}".encode()).hexdigest()[:8], 16)
        match axis:
            case FloatAxis(low=low, high=high):
                found[axis.field] = text(axis, low + (high - low) * (mark % 1000) / 1000)
            case IntAxis(low=low, high=high, step=step):
                found[axis.field] = str(low + mark % ((high - low) // step + 1) * step)
            case ChoiceAxis(choices=choices):
                found[axis.field] = choices[mark % len(choices)]
    return Drawn(parameters=found)


@dataclass
class Searches(World):
    """The search is the root meant by default; its trials are roots too."""

    draws: Callable[[Study], Drawn] = by_hash
    asked: list[Study] = field(default_factory=list)
    facts: dict[str, Facts] = field(default_factory=dict)
    configs: dict[str, str] = field(default_factory=dict)
    """Job files by name: the store keeps only their hash."""
    broken: str = ""
    """What the sampler complains about instead of drawing."""

    def trials(self) -> list[str]:
        return self.owned("TrainingJob")

    def running(self) -> list[str]:
        ended = ("Succeeded", "Failed", "Stopped")
        return [name for name in self.trials() if self.status(name).get("state") not in ended]

    def recipe(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.root(name)["spec"]["recipe"]["causalLM"]
        return found

    def stored_config(self, job: str) -> str:
        return self.configs[job]

    # What the engine does

    def plan(self, name: str = "") -> Plan:
        return self.room.plan(self.root(name), self.store, self.facts.get(name or self.name, Facts()), self.now)

    def step(self, name: str = "") -> Plan:
        self.owner = self.root(name)
        plan = super().step(name)
        known = self.facts.get(name or self.name, Facts()).answers
        self.facts[name or self.name] = Facts({a.id: known.get(a.id) or self._answer(a.question) for a in plan.asks})
        return plan

    def rest(self) -> None:
        """Step all until nothing changes any more."""
        for _ in range(300):
            before = self.writes, [sorted(facts.answers) for facts in self.facts.values()]
            for name in [self.name, *self.trials()]:
                self.step(name)
            if before == (self.writes, [sorted(facts.answers) for facts in self.facts.values()]):
                return
        raise AssertionError("deciding does not come to rest")

    def _answer(self, question: object) -> Answer:
        if isinstance(question, Warnings | QueuePlace):
            return Answer(self.now)  # nothing is wrong with Jobs that wait, and Kueue says nothing of them
        assert isinstance(question, Draw)
        if self.broken:
            return Answer(self.now, error=self.broken)
        study = Study.model_validate_json(question.study)
        self.asked.append(study)
        return Answer(self.now, message=self.draws(study).model_dump_json())

    def _apply(self, child: Mapping[str, Any]) -> None:
        if child["kind"] == "ConfigMap":
            self.configs[child["metadata"]["name"]] = child["data"]["job.json"]
        if child["kind"] != "TrainingJob":
            super()._apply(child)
            return
        made = stamped(child, self.owner)
        there = self.store.get("TrainingJob", NAMESPACE, made["metadata"]["name"])
        if there is None:
            meta = {"creationTimestamp": self.stamp(), "generation": 1, **made["metadata"]}
            self.put({**made, "metadata": meta})
            return
        free = ("suspend", "ttlSecondsAfterFinished")
        fixed = [{k: v for k, v in spec.items() if k not in free} for spec in (there["spec"], made["spec"])]
        assert fixed[0] == fixed[1], "spec is immutable"
        after = {**there, "spec": made["spec"], "metadata": {**there["metadata"], **made["metadata"]}}
        if after != there:
            self.put(after)

    # What pods do

    def run(self, name: str) -> None:
        """Let the pod of a trial start."""
        self.pod({"phase": "Running"}, f"{name}-pod", name)
        self.rest()

    def measure(self, name: str, step: int, loss: str) -> None:
        """Let the pod of a trial push a measurement."""
        progress = {"step": step, "steps": 64, "validationLoss": loss, "validationStep": step}
        self.put({**self.root(name), "status": {**self.status(name), "progress": progress}})
        self.rest()

    def finish_with(self, name: str, loss: str | None, **more: Any) -> None:
        """Let a trial end well."""
        self.report(name, loss, **more)
        self.rest()

    def report(self, name: str, loss: str | None, **more: Any) -> None:
        """Let the pod of a trial end well, before anybody looks."""
        mark = hashlib.sha256(name.encode()).hexdigest()[0]
        told = {"validation_loss": loss, "tokens": 1000, "seconds": 10} | more
        said = encode(trained(mark, **told))
        self.end(ExitCode.OK, said, "Completed", f"{name}-pod", name=name)
        self.finish("Complete", name=name)

    def fail_with(self, name: str, reason: str) -> None:
        """Let a trial end badly."""
        said = encode(Failed(reason=reason, message="it went wrong: do better"))
        self.end(ExitCode.BAD_CONFIG, said, pod=f"{name}-pod", name=name)
        self.finish("Failed", "PodFailurePolicy", name=name)
        self.rest()


def searching(*, data: dict[str, Any] | None = None, spec: Mapping[str, Any] = {}, **search: Any) -> Searches:
    """Return a search that has come to rest."""
    made = Searches(Room(SETTINGS), NAME)
    whole = json.loads(json.dumps({**SPEC, **spec, "search": {**SEARCH, **search}}))
    made.put(root("TrainingJob", NAME, whole))
    made.put(data or dataset())
    made.rest()
    return made
