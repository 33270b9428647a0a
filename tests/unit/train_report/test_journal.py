"""Does one report tell of all attempts of a run, and cost none of them anything?"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from slipway.contract.job import Train
from slipway_pod.errors import BadConfig, StoreUnreachable
from slipway_train_torch.report.journal import Journal
from tests.unit.train_report.jobs import Place, facts, job

START = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


def clock() -> Iterator[datetime]:
    at = START
    while True:
        yield at
        at += timedelta(seconds=1)


class Attempt:
    """A pod's part of a run: it begins after a step, and is moved on by hand."""

    def __init__(self, given: Train, at: int, **more: object) -> None:
        self.found = facts(at, **more)
        ticking = clock()
        scratch = Path(given.store.endpoint.removeprefix("file://"))
        self.journal = Journal(given, scratch, None, lambda: next(ticking))

    def begin(self) -> None:
        self.journal.begin(lambda: self.found)

    def reach(self, step: int) -> None:
        self.found = facts(step)


@pytest.fixture
def given(tmp_path: Path) -> Train:
    return job(tmp_path / "store")


def test_the_report_is_there_from_the_start_at_one_address(given: Train) -> None:
    attempt = Attempt(given, 0)
    assert attempt.journal.page == ""
    attempt.begin()
    assert attempt.journal.page == "s3://slipway/home/models/reports/games/assistant-v1-0a1b2c3d/report.html"
    place = Place(given)
    assert (place.report().outcome, place.report().step, place.report().restarts) == ("Running", 0, ())
    attempt.reach(7)
    attempt.journal.write("Succeeded")
    assert (place.report().outcome, place.report().step) == ("Succeeded", 7)
    assert place.report().speed is not None
    assert (place.report().speed.tokens_per_second, place.report().speed.trained_tokens_per_second) == (400, 100)
    assert "Succeeded" in place.page()


def test_a_run_that_is_killed_goes_on_in_the_same_report_and_tells_no_step_twice(given: Train) -> None:
    place = Place(given)
    first = Attempt(given, 0)
    first.begin()
    first.reach(14)
    first.journal.write("Running")
    # Killed. Its checkpoint was of step 10, with the history up to there.
    second = Attempt(given, 10)
    second.begin()
    second.reach(30)
    second.journal.write("Succeeded")
    report = place.report()
    assert [(found.step, found.reached, found.ended) for found in report.restarts] == [(10, 14, "Killed")]
    assert place.steps() == list(range(1, 31))
    loss = next(curve for curve in report.curves if curve.name == "Loss")
    assert [point.step for point in loss.points] == list(range(1, 31))


def test_another_stage_of_the_same_attempt_is_no_restart(given: Train) -> None:
    attempt = Attempt(given, 0)
    attempt.begin()
    attempt.reach(6)
    attempt.begin()
    assert (Place(given).report().step, Place(given).report().restarts) == (6, ())


def test_every_restart_is_kept_with_its_reason(given: Train) -> None:
    for at, end in ((0, "stop"), (5, "fail"), (9, "killed"), (9, "succeed")):
        attempt = Attempt(given, at)
        attempt.begin()
        attempt.reach(at + 4)
        if end == "stop":
            attempt.journal.write("Stopped")
        elif end == "fail":
            attempt.journal.fail(StoreUnreachable("StoreUnreachable", "no answer"))
        elif end == "succeed":
            attempt.journal.write("Succeeded")
    last = Attempt(given, 13)
    last.begin()
    assert [(found.step, found.ended) for found in Place(given).report().restarts] == [
        (5, "Stopped"),
        (9, "StoreUnreachable"),
        (9, "Killed"),
        (13, "ResultLost"),
    ]
    assert Place(given).report().failure is None, "the attempt before failed, the run did not"


def test_the_report_of_another_run_is_no_restart(given: Train) -> None:
    Attempt(given, 4).begin()
    other = Attempt(given, 0, mark="sha256:2")
    other.begin()
    assert Place(given).report().restarts == ()


def test_an_attempt_that_fails_before_it_begins_keeps_the_curves(given: Train) -> None:
    first = Attempt(given, 0)
    first.begin()
    first.reach(20)
    first.journal.write("Running")
    fault = StoreUnreachable("StoreUnreachable", "no answer for the base model")
    Attempt(given, 0).journal.fail(fault)
    report = Place(given).report()
    assert (report.outcome, report.step) == ("Failed", 20)
    assert report.failure is not None
    assert report.failure.reason == "StoreUnreachable"
    assert {curve.name for curve in report.curves} >= {"Loss", "ValidationLoss"}
    assert fault.report.endswith("/report.html")
    assert fault.result().report == fault.report


def test_a_run_that_fails_at_once_has_a_report(given: Train) -> None:
    fault = BadConfig("NoChatTemplate", "the tokenizer has no chat template")
    Attempt(given, 0).journal.fail(fault)
    assert Place(given).report().step == 0
    assert "NoChatTemplate" in Place(given).page()


def test_an_error_that_nobody_expected_is_told_too(given: Train) -> None:
    attempt = Attempt(given, 3)
    attempt.begin()
    attempt.journal.fail(ZeroDivisionError("division by zero"))
    failure = Place(given).report().failure
    assert failure is not None
    assert (failure.reason, failure.message[:36]) == ("Unexpected", "ZeroDivisionError: division by zero.")


def test_a_store_that_takes_nothing_costs_the_run_a_warning(given: Train, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree(given.store.endpoint.removeprefix("file://"))
    attempt = Attempt(given, 3)
    with caplog.at_level(logging.WARNING, logger="slipway"):
        attempt.begin()
        attempt.journal.write("Succeeded")
    assert attempt.journal.page == ""
    assert "could not be kept" in caplog.text


def test_a_report_that_cannot_be_made_costs_no_run(given: Train, caplog: pytest.LogCaptureFixture) -> None:
    attempt = Attempt(given, 3)
    attempt.begin()
    attempt.found = facts(3, history=[{"step": 1, "loss": "much"}])
    attempt.journal.write("Running")
    assert "could not be made" in caplog.text
    assert Place(given).report().step == 3


def test_a_report_that_is_none_begins_anew(given: Train) -> None:
    Attempt(given, 4).begin()
    (Place(given).folder / "report.json").write_text("{}")
    Attempt(given, 4).begin()
    assert Place(given).report().restarts == ()
