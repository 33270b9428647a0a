"""What a run went through is read off the tape, and what it learned off its history."""

from __future__ import annotations

import json

import pytest

from e2e.cluster.existing import ExistingCluster
from e2e.demo.tape import Sighting, Tape
from e2e.scenarios.play import Missed
from e2e.scenarios.trainings import Result, Trainings
from slipway.api.trainingjob_status import TrainingJobStatus
from slipway.contract.training_report import TrainingReport
from tests.unit.scenarios.doubles import Kubectl


def trainings(*states: str) -> Trainings:
    tape = Tape()
    tape.add(Sighting(0, "TrainingJob", "one", {"spec": {}, "status": {}}))
    for at, state in enumerate(states, 1):
        tape.add(Sighting(at, "TrainingJob", "one", {"status": {"state": state, "runningSeconds": at}}))
    return Trainings(ExistingCluster(), tape)


def test_states_are_told_once_each_time_they_are_entered() -> None:
    assert trainings("Queued", "Running", "Running", "Queued").states("one") == ["Queued", "Running", "Queued"]
    assert trainings().states("other") == []


def test_nobody_waits_for_a_run_that_has_ended() -> None:
    found = trainings("Running", "Failed")
    assert found.until("one", "ended", lambda status: status.state == "Failed").state == "Failed"
    with pytest.raises(Missed, match="one: not succeeded: Failed"):
        found.until("one", "succeeded", lambda status: status.state == "Succeeded")


def test_what_depends_on_the_clock_is_no_part_of_what_was_learned() -> None:
    line = {"step": 1, "loss": 2.0, "learningRate": 0.1, "gradientNorm": 1.0}
    history = [{**line, "at": 5.0, "tokensPerSecond": 7.0}, {"step": 1, "validationLoss": 3.0, "at": 6.0}]
    ref = {"uri": "s3://slipway/b/", "digest": f"sha256:{'0' * 64}"}
    report = TrainingReport.model_validate(
        {
            "namespace": "a", "name": "b", "model": "c", "outcome": "Succeeded", "updatedAt": "2026-11-28T12:00:00Z",
            "baseModel": ref, "dataset": ref, "recipe": "d", "codeVersion": "e",
        }
    )  # fmt: skip
    weights = {"adapter/adapter_model.safetensors": "ab"}
    result = Result(TrainingJobStatus(), report, history, weights)
    assert result.steps == [line]
    assert result.measurements == [{"step": 1, "validationLoss": 3.0}]
    assert result.learned == (result.steps, result.measurements, "ab")
    other = Result(TrainingJobStatus(), report, [{**one, "at": 9.0} for one in history], weights)
    assert other.learned == result.learned


def pod(name: str, phase: str = "Running", **labels: str) -> dict[str, object]:
    return {"metadata": {"name": name, "labels": labels}, "status": {"phase": phase}}


def numbered(number: int) -> dict[str, str]:
    return {"batch.kubernetes.io/job-completion-index": str(number)}


def test_pods_that_run_together_are_found_in_their_order() -> None:
    pods = [
        pod("one-1-b", **numbered(1)),
        pod("one-0-a", "Failed", **numbered(0)),
        pod("one-1-a", **numbered(1)),
        pod("one-0-b", **numbered(0)),
    ]
    found = Trainings(Kubectl(json.dumps({"items": pods})), Tape())
    assert found.running_pods("one", 2, besides=["one-1-a"]) == ["one-0-b", "one-1-b"]


def test_a_pod_that_is_alone_has_no_number() -> None:
    found = Trainings(Kubectl(json.dumps({"items": [pod("one-a")]})), Tape())
    assert found.running_pod("one") == "one-a"
