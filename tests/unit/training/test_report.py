"""Does status lead to the page of a run, whoever told of it?"""

from __future__ import annotations

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, encode
from tests.unit.training.world import running, succeed

PAGE = "s3://slipway/slipway/models/reports/demo/assistant-v1-uid-trai/report.html"


def test_a_pushed_report_is_linked_while_the_run_goes() -> None:
    made = running()
    assert "report" not in made.status()
    progress = {"step": 1, "steps": 8, "phase": "Training", "report": PAGE}
    made.put({**made.root(), "status": {**made.status(), "progress": progress}})
    made.settle()
    assert made.status()["report"] == PAGE
    # A later push without it, by a pod that has just started, takes nothing away.
    made.put({**made.root(), "status": {**made.status(), "progress": {"step": 1, "steps": 8, "phase": "Fetching"}}})
    made.settle()
    assert made.status()["report"] == PAGE


def test_a_report_that_no_push_told_of_is_linked_by_the_result() -> None:
    made = running()
    succeed(made, report=PAGE)
    made.settle()
    assert (made.status()["state"], made.status()["report"]) == ("Succeeded", PAGE)


def test_a_run_that_failed_has_its_report() -> None:
    made = running()
    failed = Failed(reason="LossNotFinite", message="the loss became NaN at step 3", report=PAGE)
    made.end(ExitCode.BAD_CONFIG, encode(failed), pod="pod-1")
    made.finish("Failed", "PodFailurePolicy")
    made.settle()
    assert (made.status()["state"], made.status()["report"]) == ("Failed", PAGE)


def test_what_is_no_address_is_not_linked() -> None:
    made = running()
    made.end(1, encode(Failed(reason="Odd", message="x", report="javascript:alert(1)")), pod="pod-1")
    made.settle()
    assert "report" not in made.status()
