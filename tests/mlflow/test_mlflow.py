"""Does a real MLflow server take what a run sends, and give back what a resumed one needs?

How a run behaves where a server is away or answers strangely is tested against a double (tests/unit/train_report).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.setup.mlflow import python_with_mlflow
from slipway.contract.job import Train
from slipway_train_torch.report.mlflow_api import METRICS_PER_CALL, PARAMETER_LIMIT, PARAMETERS_PER_CALL, MLflow, Status
from slipway_train_torch.report.mlflow_run import MLflowRun
from tests.mlflow.server import Server, serving
from tests.unit.train_report.jobs import job, line

PARAMETERS = {"rank": "16", "learningRate": "2e-4", "prompt": "x" * (PARAMETER_LIMIT + 1)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(python_with_mlflow(), tmp_path_factory.mktemp("mlflow")) as found:
        yield found


@pytest.fixture
def given(tmp_path: Path) -> Train:
    return job(tmp_path / "store")


@pytest.fixture(autouse=True)
def no_trouble(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail where the server refused anything: a run would only log it."""
    with caplog.at_level(logging.WARNING, logger="slipway"):
        yield
    assert caplog.text == ""


def told(
    server: Server, given: Train, lines: list[dict[str, Any]], experiment: str, status: Status = "FINISHED", **more: str
) -> None:
    """Let an attempt tell of `lines` and end."""
    attempt = MLflowRun(MLflow(server.url), given, experiment, interval=3600)
    attempt.start(lambda: lines, PARAMETERS | more)
    attempt.end(status, {"slipway.report": "s3://slipway/report.html"})


def history(steps: int) -> list[dict[str, Any]]:
    return [line(step, at=1000.0 + step) for step in range(1, steps + 1)]


def pairs(found: list[dict[str, str]]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in found}


def test_a_run_is_kept_whole(server: Server, given: Train) -> None:
    told(server, given, [*history(3), {"step": 3, "at": 1003.5, "validationLoss": 2.5}], "whole")
    (run,) = server.runs("whole")
    assert (run["info"]["run_name"], run["info"]["status"]) == ("games/assistant-v1", "FINISHED")
    assert int(run["info"]["end_time"]) >= int(run["info"]["start_time"])
    assert pairs(run["data"]["params"]) == PARAMETERS | {"prompt": "x" * PARAMETER_LIMIT}
    tags = pairs(run["data"]["tags"])
    assert (tags["slipway.dataset"], tags["slipway.report"]) == (given.dataset.digest, "s3://slipway/report.html")
    assert server.points(run, "loss") == [(1, 2.99), (2, 2.98), (3, 2.97)]
    assert server.points(run, "validation_loss") == [(3, 2.5)]


def test_a_resumed_run_is_found_again_and_tells_no_step_twice(server: Server, given: Train) -> None:
    told(server, given, history(5), "resumed", "SCHEDULED")
    (run,) = server.runs("resumed")
    assert run["info"]["status"] == "SCHEDULED"
    # Its checkpoint was of step 3: steps 4 and 5 are done, and noted, once more. Memory changed a parameter meanwhile.
    told(server, given, history(8), "resumed", rank="8")
    (run,) = server.runs("resumed")
    assert run["info"]["status"] == "FINISHED"
    assert [step for step, _ in server.points(run, "loss")] == list(range(1, 9))
    assert pairs(run["data"]["params"])["rank"] == "16"


def test_other_runs_of_a_model_are_other_runs_of_its_experiment(server: Server, given: Train) -> None:
    told(server, given, history(1), "several")
    later = given.model_copy(update={"checkpoint_uri": given.checkpoint_uri.replace("0a1b2c3d", "ffffffff")})
    told(server, later, history(2), "several")
    assert [len(server.points(run, "loss")) for run in server.runs("several")] == [1, 2]


def test_the_server_takes_as_much_at_once_as_is_sent(server: Server, given: Train) -> None:
    many = {f"parameter{number}": "x" for number in range(PARAMETERS_PER_CALL + 1)}
    told(server, given, history(METRICS_PER_CALL + 1), "long", **many)
    (run,) = server.runs("long")
    assert len(server.points(run, "loss")) == METRICS_PER_CALL + 1
    assert len(pairs(run["data"]["params"])) == len(PARAMETERS) + len(many)


def test_experiments_may_be_called_what_people_call_them(server: Server, given: Train) -> None:
    told(server, given, history(1), "Blueprints & more: 50 % 'März'")
    assert len(server.runs("Blueprints & more: 50 % 'März'")) == 1
