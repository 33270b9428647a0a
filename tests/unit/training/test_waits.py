"""A pod that is made anew may take its time anew, however long the run has been running before."""

from __future__ import annotations

import pytest

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Preempted, encode
from tests.unit.training import jobset
from tests.unit.training.world import started
from tests.unit.worlds import World

HOUR = 3600
SAVED = encode(Preempted(step=3))


def lone() -> World:
    """Return a run of one pod, which has run for an hour."""
    made = admitted()
    made.pod({"phase": "Running"}, "pod-1")
    made.settle()
    made.wait(HOUR)
    return made


def admitted() -> World:
    made = started(startDeadlineSeconds=600)
    made.put({**made.newest_job(), "status": {"startTime": made.stamp()}})
    made.settle()
    return made


def drained() -> World:
    """Return a run on two nodes that has run for an hour: all saved, and the pod whose node was drained is gone."""
    made = jobset.all_running(startDeadlineSeconds=600)
    made.wait(HOUR)
    gone = jobset.end(made, 1, ExitCode.PREEMPTED, SAVED, evicted=True)
    jobset.end(made, 0, ExitCode.PREEMPTED, SAVED)
    made.remove("Pod", gone)
    return made


def fails_after(made: World, seconds: int) -> None:
    """Assert that the start deadline passes in so many seconds, and not before."""
    made.wait(seconds - 1)
    made.settle()
    assert made.status()["state"] == "Queued"
    made.wait(1)
    made.settle()
    assert made.condition("Ready")["reason"] == "StartDeadlineExceeded"


@pytest.mark.parametrize("there", [False, True])
def test_a_pod_that_was_evicted_and_is_gone_is_waited_for_anew(there: bool) -> None:
    made = lone()
    made.remove("Pod", "pod-1")
    if there:
        made.waiting("ErrImagePull")
    made.settle()
    assert made.status()["state"] == "Queued"
    assert len(made.jobs()) == 1
    fails_after(made, 600)


@pytest.mark.parametrize("there", [False, True])
def test_a_drained_pod_of_several_is_waited_for_anew(there: bool) -> None:
    made = drained()
    if there:
        jobset.wait(made, 1, "Unschedulable", time=2)
    made.settle()
    assert made.status()["state"] == "Queued"
    assert len(jobset.sets(made)) == 1
    fails_after(made, 600)


def test_the_wait_begins_when_the_pod_is_made_anew() -> None:
    made = drained()
    made.settle()
    made.wait(60)
    jobset.wait(made, 0, time=2)
    jobset.wait(made, 1, time=2)
    made.settle()
    fails_after(made, 600)


def test_pods_that_save_while_one_has_ended_are_waited_for() -> None:
    made = jobset.all_running(startDeadlineSeconds=600)
    made.wait(HOUR)
    jobset.end(made, 0, ExitCode.PREEMPTED, SAVED)
    made.settle()
    assert len(jobset.sets(made)) == 1
    made.wait(30)
    jobset.end(made, 1, ExitCode.PREEMPTED, SAVED)
    made.settle()
    for number in range(2):
        jobset.run(made, number, time=2)
    made.settle()
    assert made.status()["state"] == "Running"
    assert "stoppedAt" not in made.status()


def test_a_pod_that_came_and_went_while_nobody_looked_is_waited_for_anew() -> None:
    made = admitted()
    made.wait(HOUR)
    made.waiting("ErrImagePull")
    made.settle()
    fails_after(made, 600)


def test_a_pod_that_never_comes_is_waited_for_from_the_start() -> None:
    fails_after(admitted(), 600)
