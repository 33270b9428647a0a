"""A search whose trials are real pods: what falls behind is ended, and one ModelVersion comes of it, of the best trial.

Two trials run at the same time and are compared after the first measurement, so that one of them is always pruned; the
third one is drawn when that has gone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from e2e.cluster import open_cluster
from e2e.demo.__main__ import fresh
from e2e.demo.prepare import out
from e2e.demo.tape import Tape
from e2e.scenarios.trainings import PATIENCE_SECONDS, POD_SECONDS, Manifest, Trainings, prepared
from slipway.api.search import SearchStatus
from slipway.api.trainingjob_status import TrainingJobStatus
from slipway.names import NAME_LABEL

NAME, MODEL = "hunt", "hunted"
STEPS, BORDER = 12, 3
TRIALS = [f"{NAME}-{number}" for number in range(3)]
RECIPE = {"maxSteps": STEPS, "batchSize": 6, "evaluateEverySteps": BORDER}
SEARCH: Mapping[str, Any] = {
    "parameters": [
        {"field": "learningRate", "values": {"float": {"min": "1e-6", "max": "1e-2", "log": True}}},
        {"field": "rank", "values": {"int": {"min": 4, "max": 16, "step": 4}}},
    ],
    "startupTrials": 1,
    "maxTrials": len(TRIALS),
    "parallelism": 2,
    "pruning": {"minSteps": BORDER, "reductionFactor": 2},
}
SECONDS = 480.0
"""For three trials, two at a time."""


@dataclass(frozen=True)
class Hunt:
    """A search that has succeeded, and its page."""

    trainings: Trainings
    status: TrainingJobStatus
    page: str

    @property
    def told(self) -> SearchStatus:
        """What it tells of its trials."""
        assert self.status.search is not None
        return self.status.search


@pytest.fixture(scope="module")
def hunt() -> Iterator[Hunt]:
    """The search, performed."""
    cluster = open_cluster()
    with cluster.in_use("the test of a search"), fresh(out("search-tape.jsonl")).open("w") as file:
        cluster.up()
        with prepared(cluster, Tape(file)) as trainings:
            trainings.start(NAME, RECIPE, model=MODEL, version="1.0.0", search=SEARCH)
            trainings.until(NAME, "succeeded", lambda status: status.state == "Succeeded", SECONDS)
            status = drawn(trainings)
            assert status.search is not None
            assert status.search.page is not None
            yield Hunt(trainings, status, trainings.stored(status.search.page)[0].decode())


def drawn(trainings: Trainings) -> TrainingJobStatus:
    """Return the status of the search once it has the page's address, or the last one there was."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (status := trainings.status(NAME)).search is None or status.search.page is None:
        if time.monotonic() > deadline:
            break
        time.sleep(POD_SECONDS)
    return status


def trials(trainings: Trainings) -> dict[str, Manifest]:
    """Return the TrainingJobs that the guide lists as the search's trials."""
    found = json.loads(trainings.kubectl("get", "swt", "-l", f"{NAME_LABEL}={NAME}", "-o", "json"))["items"]
    return {one["metadata"]["name"]: one for one in found}


def test_its_trials_are_its_children_and_two_at_most_were_on_their_way(hunt: Hunt) -> None:
    found = trials(hunt.trainings)
    search = json.loads(hunt.trainings.kubectl("get", "swt", NAME, "-o", "json"))
    assert sorted(found) == TRIALS
    for one in found.values():
        (owner,) = one["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("TrainingJob", search["metadata"]["uid"], True)
    sightings = hunt.trainings.tape.history("TrainingJob", NAME)
    assert max((one.status.get("search") or {}).get("running", 0) for one in sightings) == 2


def test_what_falls_behind_is_ended_and_its_pod_goes(hunt: Hunt) -> None:
    assert hunt.told.pruned >= 1
    assert hunt.told.complete >= 1
    assert hunt.told.pruned + hunt.told.complete == len(TRIALS)
    for row in hunt.told.trials:
        status = hunt.trainings.status(row.name)
        assert status.trial is not None
        assert status.trial.measurements[0].step == BORDER
        if row.state == "Pruned":
            assert (status.state, row.reason, row.value, status.artifact) == ("Stopped", "Pruned", None, None)
            assert "is not among the best" in status.message
        else:
            assert (status.state, status.steps, row.value) == ("Succeeded", STEPS, status.validation_loss)
    phases = {pod["status"]["phase"] for name in TRIALS for pod in hunt.trainings.pods(name)}
    assert phases <= {"Succeeded", "Failed"}


def test_one_version_comes_of_it_and_it_is_the_best_trial(hunt: Hunt) -> None:
    best = hunt.told.best
    assert best is not None
    assert best.value is not None
    values = [float(row.value) for row in hunt.told.trials if row.value is not None]
    assert float(best.value) == min(values)
    found = json.loads(hunt.trainings.kubectl("get", "modelversions", "-o", "json"))["items"]
    (version,) = [one for one in found if one["spec"]["model"] == MODEL]
    name = version["metadata"]["name"]
    winner = hunt.trainings.status(best.name)
    assert name == hunt.status.model_version
    assert winner.artifact is not None
    assert version["spec"]["artifact"]["digest"] == winner.artifact.digest
    parameters = version["spec"]["lineage"]["parameters"]
    assert {field: parameters[field] for field in best.parameters} == best.parameters
    hunt.trainings.kubectl("wait", f"modelversion/{name}", "--for=condition=Ready", f"--timeout={PATIENCE_SECONDS}s")


def test_the_page_has_a_plot_and_every_trial(hunt: Hunt) -> None:
    assert "<svg" in hunt.page
    assert "<script" not in hunt.page
    for name in (*TRIALS, "learningRate", "rank"):
        assert name in hunt.page


def test_the_table_tells_how_far_it_is_and_what_came_of_it(hunt: Hunt) -> None:
    best = hunt.told.best
    assert best is not None
    head, row = hunt.trainings.kubectl("get", "trainingjob", NAME).splitlines()
    start = head.index("TRIALS")
    assert row[start:].startswith(f"3 of 3, best {best.value} ")
    assert row[head.index("STATE") :].startswith("Succeeded ")
    assert row[head.index("VERSION") :].startswith(f"{hunt.status.model_version} ")
