"""Does MLflow get every figure of a run once, whatever becomes of the run and of the server?"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.contract.job import Train
from slipway_train_torch.report import mlflow_run
from slipway_train_torch.report.journal import Journal
from slipway_train_torch.report.mlflow_api import MLflow
from slipway_train_torch.report.mlflow_run import MLflowRun, from_environment
from tests.unit.train_report.jobs import facts, job, line
from tests.unit.train_report.mlflow_server import Server, serving

PARAMETERS = {"rank": "16", "learningRate": "2e-4"}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture
def given(tmp_path: Path) -> Train:
    return job(tmp_path / "store")


def history(steps: int) -> list[dict[str, Any]]:
    return [line(step, at=1000.0 + step) for step in range(1, steps + 1)]


def told(server: Server, given: Train, lines: list[dict[str, Any]], status: str = "FINISHED", **api: str) -> None:
    """Let an attempt tell of `lines` and end."""
    attempt = MLflowRun(MLflow(server.url, **api), given, "assistant", interval=3600)
    attempt.start(lambda: lines, PARAMETERS)
    attempt.end(status, {"slipway.report": "s3://slipway/report.html"})  # type: ignore[arg-type]


def test_a_run_is_told_whole(server: Server, given: Train) -> None:
    told(server, given, [*history(3), {"step": 3, "at": 1003.5, "validationLoss": 2.5}])
    run = server.only()
    assert server.experiments == {"assistant": run.experiment}
    assert (run.name, run.status) == ("games/assistant-v1", "FINISHED")
    assert run.end_time is not None
    assert run.params == PARAMETERS
    assert run.tags["slipway.dataset"] == given.dataset.digest
    assert run.tags["slipway.report"] == "s3://slipway/report.html"
    assert run.points("loss") == [(1, 2.99), (2, 2.98), (3, 2.97)]
    assert run.points("validation_loss") == [(3, 2.5)]
    times = [metric["timestamp"] for metric in run.metrics if metric["key"] == "loss"]
    assert times == [1_001_000, 1_002_000, 1_003_000]
    assert {metric["key"] for metric in run.metrics} == {
        "loss", "validation_loss", "learning_rate", "gradient_norm", "tokens_per_second", "trained_tokens_per_second",
        "memory_bytes",
    }  # fmt: skip


def test_a_resumed_run_is_the_same_run_and_tells_no_step_twice(server: Server, given: Train) -> None:
    told(server, given, history(5), "SCHEDULED")
    assert (server.only().status, server.only().end_time) == ("SCHEDULED", None)
    # Its checkpoint was of step 3: steps 4 and 5 are done, and noted, once more.
    told(server, given, history(8))
    run = server.only()
    assert run.status == "FINISHED"
    assert [step for step, _ in run.points("loss")] == list(range(1, 9))


def test_a_measurement_that_was_lost_with_the_pod_is_made_up_for(server: Server, given: Train) -> None:
    told(server, given, history(4), "SCHEDULED")
    told(server, given, [*history(4), {"step": 4, "validationLoss": 2.5}, line(5)])
    assert server.only().points("validation_loss") == [(4, 2.5)]
    assert [step for step, _ in server.only().points("loss")] == [1, 2, 3, 4, 5]


def test_a_server_that_was_away_gets_what_it_missed(
    server: Server, given: Train, caplog: pytest.LogCaptureFixture
) -> None:
    lines = history(2)
    server.down = True
    attempt = MLflowRun(MLflow(server.url), given, "assistant", interval=0.01)
    with caplog.at_level(logging.WARNING, logger="slipway"):
        attempt.start(lambda: lines, PARAMETERS)
        for _ in range(3):
            assert server.answered.wait(30)
            server.answered.clear()
        lines += history(6)[2:]
        server.down = False
        attempt.end("FINISHED", {})
    assert [step for step, _ in server.only().points("loss")] == [1, 2, 3, 4, 5, 6]
    assert server.only().params == PARAMETERS
    assert caplog.text.count("MLflow is not told of this run for now: refused with 503") == 1


def test_parameters_that_were_lost_are_sent_by_the_next_attempt(server: Server, given: Train) -> None:
    told(server, given, history(1), "SCHEDULED")
    server.only().params.clear()
    told(server, given, history(2))
    assert server.only().params == PARAMETERS


def test_a_layout_that_memory_changed_is_no_conflict(server: Server, given: Train) -> None:
    told(server, given, history(1), "SCHEDULED")
    attempt = MLflowRun(MLflow(server.url), given, "assistant", interval=3600)
    attempt.start(lambda: history(2), PARAMETERS | {"rank": "8"})
    attempt.end("FINISHED", {})
    assert server.only().params == PARAMETERS
    assert server.only().status == "FINISHED"


def test_long_histories_are_sent_in_pieces_that_servers_take(server: Server, given: Train) -> None:
    told(server, given, history(1500))
    assert len(server.only().points("loss")) == 1500
    assert server.calls.count("runs/log-batch") >= 9


def test_other_runs_are_other_runs(server: Server, given: Train, tmp_path: Path) -> None:
    told(server, given, history(1))
    later = given.model_copy(update={"checkpoint_uri": given.checkpoint_uri.replace("0a1b2c3d", "ffffffff")})
    told(server, later, history(1))
    assert len(server.runs) == 2
    assert len(server.experiments) == 1


def test_what_is_no_number_is_left_out(server: Server, given: Train) -> None:
    told(server, given, [line(1), {"step": 1, "validationLoss": math.nan}])
    assert server.only().points("validation_loss") == []


@pytest.mark.parametrize(
    ("credentials", "header"),
    [({"token": "secret-token"}, "Bearer secret-token"), ({"user": "ann", "password": "pass"}, "Basic YW5uOnBhc3M=")],
)
def test_credentials_are_sent_and_never_logged(
    server: Server, given: Train, caplog: pytest.LogCaptureFixture, credentials: dict[str, str], header: str
) -> None:
    server.authorization = header
    told(server, given, history(1), **credentials)
    assert server.only().status == "FINISHED"
    server.authorization = "something else"
    with caplog.at_level(logging.WARNING, logger="slipway"):
        told(server, given, history(2), **credentials)
    assert "refused with 401" in caplog.text
    assert not any(secret in caplog.text for secret in ("secret-token", "pass", "YW5uOnBhc3M="))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://name.invalid:5000"])
def test_no_trouble_reaches_the_run(given: Train, url: str, caplog: pytest.LogCaptureFixture) -> None:
    attempt = MLflowRun(MLflow(url), given, "assistant", interval=3600)
    attempt.start(lambda: history(1), {})
    attempt.end("FINISHED", {})
    assert "no answer" in caplog.text


def test_an_answer_that_makes_no_sense_is_trouble_like_any_other(
    server: Server, given: Train, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "answer", lambda path, body: {"surprise": []})
    told(server, given, history(1))
    assert "MLflow is not told" in caplog.text


def test_mlflows_own_variables_ask_for_it(server: Server, given: Train, caplog: pytest.LogCaptureFixture) -> None:
    assert from_environment(given, {}) is None
    assert from_environment(given, {"MLFLOW_TRACKING_URI": "databricks"}) is None
    assert "does not begin with http" in caplog.text
    attempt = from_environment(given, {"MLFLOW_TRACKING_URI": server.url, "MLFLOW_EXPERIMENT_NAME": "mine"})
    assert attempt is not None
    attempt.start(lambda: history(1), {})
    attempt.end("FINISHED", {})
    assert list(server.experiments) == ["mine"]


def test_the_journal_tells_how_an_attempt_ends(server: Server, given: Train, tmp_path: Path) -> None:
    for step, end, status in ((2, "stop", "SCHEDULED"), (3, "fail", "FAILED"), (4, "write", "FINISHED")):
        found = facts(step)
        attempt = MLflowRun(MLflow(server.url), given, "assistant", interval=3600)
        journal = Journal(given, tmp_path, attempt)
        journal.begin(lambda found=found: found)
        if end == "stop":
            journal.write("Stopped")
        elif end == "fail":
            journal.fail(ValueError("x"))
        else:
            journal.write("Succeeded")
        assert server.only().status == status
    assert server.only().tags["slipway.report"].endswith("report.html")
    assert [step for step, _ in server.only().points("loss")] == [1, 2, 3, 4]


def test_a_slow_server_holds_up_no_end(given: Train, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_run, "PATIENCE_SECONDS", 0.05)
    go_on = threading.Event()
    answer = server.answer
    monkeypatch.setattr(server, "answer", lambda path, body: go_on.wait(30) and answer(path, body))
    attempt = MLflowRun(MLflow(server.url), given, "assistant", interval=3600)
    attempt.start(lambda: history(1), {})
    attempt.end("FINISHED", {})
    assert server.runs == {}
    go_on.set()
