"""Every start of a run is counted once, however its pods come and go, and whoever looks when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import NODE_LOST, Preempted, encode
from slipway.training.restarts import REMEMBERED
from slipway.training.room import Room
from tests.unit.training import jobset
from tests.unit.training.kueue import QUEUE, admit, take_back
from tests.unit.training.world import running, started, succeed
from tests.unit.worlds import World

SAVED = encode(Preempted(step=3))


def restarts(made: World) -> tuple[int, int]:
    made.settle()
    found = made.status().get("restarts") or {"preempted": 0, "failed": 0}
    return found["preempted"], found["failed"]


def run(made: World, pod: str) -> None:
    made.pod({"phase": "Running"}, pod)
    made.settle()


def test_a_pod_that_is_deleted_after_its_end_stays_counted_when_the_next_one_ends() -> None:
    made = running()
    for number in (1, 2, 3):
        made.end(ExitCode.PREEMPTED, SAVED, pod=f"pod-{number}")
        assert restarts(made) == (number, 0)
        made.remove("Pod", f"pod-{number}")
        assert restarts(made) == (number, 0)
    assert made.status()["attemptPods"] == {"attempt": 1, "counted": [], "running": []}


def test_it_is_counted_too_where_nobody_looked_between_its_deletion_and_the_next_end() -> None:
    made = running()
    made.end(ExitCode.PREEMPTED, SAVED, pod="pod-1")
    assert restarts(made) == (1, 0)
    made.remove("Pod", "pod-1")
    made.end(1, "boom", pod="pod-2")
    assert restarts(made) == (1, 1)


def test_a_pod_that_ran_and_is_gone_without_a_word_was_disrupted() -> None:
    made = running()
    made.remove("Pod", "pod-1")
    assert restarts(made) == (1, 0)
    run(made, "pod-2")
    made.remove("Pod", "pod-2")
    run(made, "pod-3")
    assert restarts(made) == (2, 0)


@pytest.mark.parametrize(
    ("asked", "grace", "counts"),
    [
        pytest.param(-5, 0, (1, 0), id="by force, before it ended"),
        pytest.param(100, 120, (1, 0), id="it ends within its grace"),
        pytest.param(130, 120, (0, 1), id="when it had failed already"),
    ],
)
def test_a_pod_that_is_deleted_at_work_was_disrupted_whatever_its_exit_code(
    asked: int, grace: int, counts: tuple[int, int]
) -> None:
    made = running()
    made.end(137, pod="pod-1")
    pod = made.get("Pod", "pod-1")
    due = (made.now + timedelta(seconds=asked)).strftime("%Y-%m-%dT%H:%M:%SZ")
    meta = {**pod["metadata"], "deletionTimestamp": due, "deletionGracePeriodSeconds": grace}
    made.put({**pod, "metadata": meta})
    assert restarts(made) == counts


def test_a_pod_whose_node_is_gone_ends_without_a_word_and_is_counted() -> None:
    made = running()
    made.pod({"phase": "Failed", "reason": "NodeLost"}, "pod-1")
    assert restarts(made) == (1, 0)
    made.remove("Pod", "pod-1")
    assert restarts(made) == (1, 0)


def test_a_pod_that_never_ran_is_no_restart() -> None:
    made = started()
    made.pod({"phase": "Pending"}, "pod-1")
    made.settle()
    made.remove("Pod", "pod-1")
    assert restarts(made) == (0, 0)


def test_a_pod_that_its_job_deletes_at_its_deadline_was_not_disrupted() -> None:
    made = running()
    target = {"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded"}
    made.put({**made.newest_job(), "status": {"conditions": [target]}})
    made.remove("Pod", "pod-1")
    assert restarts(made) == (0, 0)


def test_a_result_that_was_seen_or_lost_is_no_restart() -> None:
    made = running()
    succeed(made)
    made.settle()
    made.remove("Pod", "pod-1")
    assert restarts(made) == (0, 0)
    made = running()
    made.remove("Pod", "pod-1")
    made.finish("Complete")
    assert restarts(made) == (0, 0)


def test_another_operator_goes_on_counting_where_the_last_one_was() -> None:
    made = running()
    made.end(ExitCode.PREEMPTED, SAVED, pod="pod-1")
    made.settle()
    run(made, "pod-2")
    made.room = Room(made.settings)
    made.remove("Pod", "pod-2")
    made.end(1, "boom", pod="pod-3")
    assert restarts(made) == (2, 1)


def test_a_status_of_an_older_version_counts_none_of_its_pods_again() -> None:
    made = running()
    made.end(ExitCode.PREEMPTED, SAVED, pod="pod-1")
    made.settle()
    old = {name: value for name, value in made.status().items() if name != "attemptPods"}
    made.put({**made.root(), "status": old})
    assert restarts(made) == (1, 0)
    made.remove("Pod", "pod-1")
    made.end(ExitCode.PREEMPTED, SAVED, pod="pod-2")
    assert restarts(made) == (2, 0)


def test_a_pod_that_we_suspend_was_not_disrupted_and_the_next_one_counts() -> None:
    made = running()
    made.end(1, "boom", pod="pod-1")
    run(made, "pod-2")
    made.edit(suspend=True)
    made.settle()
    made.end(ExitCode.PREEMPTED, SAVED, pod="pod-2")  # in the very second that the run was suspended
    made.edit(suspend=False)
    assert restarts(made) == (0, 1)
    made.remove("Pod", "pod-2")
    run(made, "pod-3")
    made.remove("Pod", "pod-3")
    assert restarts(made) == (1, 1)


def test_a_run_that_its_queue_takes_back_counts_once_and_goes_on_counting() -> None:
    made = started(queue=QUEUE)
    admit(made)
    run(made, "pod-1")
    made.wait(5)
    take_back(made)
    made.settle()
    made.remove("Pod", "pod-1")
    assert restarts(made) == (1, 0)
    made.wait(5)
    admit(made)
    made.wait(1)
    run(made, "pod-2")
    made.remove("Pod", "pod-2")
    assert restarts(made) == (2, 0)


def test_a_pod_deleted_before_its_suspension_is_seen_counts_once() -> None:
    made = started(queue=QUEUE)
    admit(made)
    run(made, "pod-1")
    made.wait(5)
    made.remove("Pod", "pod-1")
    made.settle()
    take_back(made)
    assert restarts(made) == (1, 0)


def test_the_next_attempt_adds_its_own() -> None:
    made = running()
    made.remove("Pod", "pod-1")
    made.end(ExitCode.STORE_UNREACHABLE, "no route", pod="pod-2")
    made.finish("Failed", "PodFailurePolicy")
    made.settle()
    made.wait(3600)
    assert restarts(made) == (1, 1)
    assert made.status()["attemptPods"]["attempt"] == 2
    run(made, "pod-3")
    made.remove("Pod", "pod-3")
    assert restarts(made) == (2, 1)


def test_a_lost_status_counts_what_the_present_attempt_shows() -> None:
    made = running()
    made.end(ExitCode.STORE_UNREACHABLE, "no route", pod="pod-1")
    made.finish("Failed", "PodFailurePolicy")
    made.settle()
    made.wait(3600)
    made.settle()
    made.put({**made.root(), "status": {}})
    made.settle()
    made.end(1, "boom", pod="pod-2")
    assert restarts(made) == (0, 1)


def test_more_ended_pods_than_are_remembered_are_counted_once_each() -> None:
    made = running()
    for number in range(1, REMEMBERED + 4):
        made.end(ExitCode.PREEMPTED, SAVED, pod=f"pod-{number}")
        made.settle()
        made.wait(2)
    assert restarts(made) == (REMEMBERED + 3, 0)
    assert len(made.status()["attemptPods"]["counted"]) == REMEMBERED
    made.remove("Pod", "pod-100")
    made.end(ExitCode.PREEMPTED, SAVED, pod="pod-last")
    assert restarts(made) == (REMEMBERED + 4, 0)


def test_an_operator_that_comes_late_counts_more_pods_than_it_remembers() -> None:
    made = running()
    for number in range(1, 3 * REMEMBERED):
        made.end(ExitCode.PREEMPTED, SAVED, pod=f"pod-{number}")
        made.wait(2)
    assert restarts(made) == (3 * REMEMBERED - 1, 0)
    made.end(1, "boom", pod="pod-last")
    assert restarts(made) == (3 * REMEMBERED - 1, 1)


# On several nodes


@pytest.mark.parametrize("looked", [True, False])
def test_pods_made_anew_in_place_count_once_though_the_drained_one_is_gone(looked: bool) -> None:
    made = jobset.all_running()
    first = jobset.end(made, 0, ExitCode.PREEMPTED, SAVED, evicted=True)
    if looked:
        made.settle()
    made.remove("Pod", first)
    made.wait(1)
    jobset.run(made, 0, time=2)  # made anew while the other one still saves
    made.settle()
    jobset.end(made, 1, ExitCode.PREEMPTED, SAVED)
    made.wait(1)
    jobset.run(made, 1, time=2)
    assert restarts(made) == (1, 0)
    for number in range(2):
        jobset.end(made, number, ExitCode.PREEMPTED, SAVED, time=2)
    assert restarts(made) == (2, 0)


def gone(made: World) -> None:
    for name in made.owned("Pod"):
        made.remove("Pod", name)


@pytest.mark.parametrize("failed", [True, False])
def test_an_attempt_whose_pods_are_gone_after_their_end_is_counted_once(failed: bool) -> None:
    made = jobset.all_running(retries=5)
    jobset.end(made, 0, ExitCode.UNEXPECTED, jobset.failed(NODE_LOST))
    jobset.end(made, 1, ExitCode.UNEXPECTED, jobset.failed("Unexpected", "RuntimeError: so"))
    if failed:
        jobset.finish(made, "Failed")
    assert restarts(made) == (0, 1)
    gone(made)
    if not failed:
        jobset.finish(made, "Failed")
    assert restarts(made) == (0, 1)


def test_an_attempt_whose_pods_leave_no_trace_is_counted_once() -> None:
    made = jobset.all_running(retries=0)
    gone(made)
    assert restarts(made) == (1, 0)
    jobset.finish(made, "Failed")
    assert restarts(made) == (1, 0)


def test_an_attempt_that_nobody_saw_run_is_counted_once() -> None:
    made = jobset.several()
    jobset.begun(made)
    jobset.finish(made, "Failed")
    made.step()
    assert restarts(made) == (1, 0)


def told(made: World) -> Any:
    return made.status()["attemptPods"]


def test_the_pod_that_knows_why_is_waited_for_and_then_counts() -> None:
    made = jobset.all_running()
    jobset.end(made, 0, ExitCode.UNEXPECTED, jobset.failed(NODE_LOST))
    assert restarts(made) == (0, 0)
    assert len(told(made)["running"]) == 2
    jobset.end(made, 1, ExitCode.OUT_OF_MEMORY, jobset.failed("OutOfMemory", "lower maxTokens"))
    assert restarts(made) == (0, 1)
    assert len(told(made)["counted"]) == 2
