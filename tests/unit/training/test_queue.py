"""A run in a queue of Kueue: it waits, has its turn, is taken back, and goes on; each wait has its own bound."""

from __future__ import annotations

import pytest

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Preempted, encode
from slipway.plan import QueuePlace
from tests.unit.training.kueue import QUEUE, admit, answer, pending, take_back
from tests.unit.training.world import dataset, started, succeed, world
from tests.unit.worlds import NAMESPACE

SHORT = "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor default, 1 more needed"


def queued(**spec):
    return started(queue=QUEUE, **spec)


def admitted(**spec):
    made = queued(**spec)
    made.wait(60)
    admit(made)
    made.settle()
    made.pod({"phase": "Running"}, "pod-1")
    made.settle()
    return made


def taken_back(**spec):
    made = admitted(**spec)
    made.wait(100)
    take_back(made)
    made.settle()
    return made


def test_the_job_is_made_for_its_queue_and_waits() -> None:
    made = queued()
    job = made.newest_job()
    assert job["spec"]["suspend"] is True
    labels = job["metadata"]["labels"]
    assert (labels["kueue.x-k8s.io/queue-name"], labels["kueue.x-k8s.io/priority-class"]) == ("gpu", "low")
    assert made.status()["state"] == "Queued"
    assert made.condition("Ready")["reason"] == "WaitingInQueue"
    assert made.status()["message"].endswith("waits in queue gpu")
    made.wait(3600)
    made.settle()
    assert made.newest_job()["spec"]["suspend"] is True, "only Kueue lets it go"


def test_status_tells_what_kueue_says_and_the_place() -> None:
    made = queued()
    made.wait(30)
    [ask] = made.plan().asks
    assert ask.question == QueuePlace(NAMESPACE, "gpu", made.newest_job()["metadata"]["uid"])
    answer(made, pending(SHORT, place=3))
    made.settle()
    assert made.status()["message"].endswith(f"waits in queue gpu, number 3: {SHORT}")
    made.wait(25)
    plan = made.settle()
    assert made.status()["message"].endswith(f"number 3: {SHORT}"), "the last answer holds until there is a newer one"
    assert len(plan.asks) == 2


@pytest.mark.parametrize(
    ("series", "error", "reason", "said"),
    [
        ([], "", "NotTakenByKueue", "integrations.frameworks of its configuration has batch/job"),
        (
            [pending("LocalQueue gpu doesn't exist", reason="Inadmissible")],
            "",
            "QueueInadmissible",
            "gpu: LocalQueue gpu doesn't exist; create or activate that queue",
        ),
        ([], "this cluster has no Kueue: install it", "WaitingInQueue", "gpu; this cluster has no Kueue: install it"),
        (
            [({"workload": "w", "condition": "Deactivated", "reason": "Deactivated", "message": "by hand."}, 0.0)],
            "",
            "WorkloadDeactivated",
            """(by hand); to go on: kubectl patch workload w -n demo --type merge -p '{"spec":{"active":true}}'""",
        ),
    ],
)
def test_what_keeps_a_queue_from_taking_it_is_told_with_its_cure(series, error, reason, said) -> None:
    made = queued()
    made.wait(30)
    answer(made, *series, error=error)
    made.settle()
    assert made.condition("Ready")["reason"] == reason
    assert said in made.status()["message"]


def test_it_asks_less_often_the_longer_it_waits_and_nothing_while_it_runs() -> None:
    made = queued()
    waits = []
    for hours in (0, 0.5, 2):
        made.wait(3600 * hours)
        wait = made.settle().requeue_after
        assert wait is not None
        waits.append(wait.total_seconds())
    assert [wait <= limit for wait, limit in zip(waits, (20, 60, 300), strict=True)] == [True] * 3
    assert waits[2] > 20
    admit(made)
    made.pod({"phase": "Running"}, "pod-1")
    assert made.settle().asks == ()


def test_a_turn_is_a_run() -> None:
    made = admitted()
    assert made.status()["state"] == "Running"
    assert made.newest_job()["spec"]["suspend"] is False
    succeed(made)
    made.settle()
    assert made.status()["state"] == "Succeeded"
    version = made.get("ModelVersion", "assistant-1.0.0")
    assert version["spec"]["queue"] == QUEUE, "its evaluation waits in the same queue"


def test_a_run_that_is_taken_back_was_preempted_and_is_never_let_go_by_us() -> None:
    made = taken_back()
    assert made.status()["restarts"] == {"preempted": 1, "failed": 0}
    assert made.status()["state"] == "Queued"
    assert "its pod saves a checkpoint" in made.status()["message"]
    assert made.events[-1].reason == "Preempted"
    made.end(ExitCode.PREEMPTED, encode(Preempted(step=3)), pod="pod-1")
    made.settle()
    assert made.status()["restarts"] == {"preempted": 1, "failed": 0}, "the same thing, seen twice"
    made.wait(600)
    made.settle()
    assert made.newest_job()["spec"]["suspend"] is True
    assert made.status()["runningSeconds"] == 100, "time in the queue is no time of running"


def test_it_goes_on_and_is_counted_again() -> None:
    made = taken_back()
    made.end(ExitCode.PREEMPTED, encode(Preempted(step=3)), pod="pod-1")
    made.settle()
    for number in (2, 3):
        made.wait(50)
        admit(made)
        made.wait(1)
        made.pod({"phase": "Running"}, f"pod-{number}")
        made.settle()
        assert made.status()["state"] == "Running"
        assert made.status()["restarts"]["preempted"] == number - 1
        made.wait(10)
        take_back(made)
        made.settle()
        assert made.status()["restarts"] == {"preempted": number, "failed": 0}
        made.remove("Pod", f"pod-{number}")
        made.settle()


def test_a_pod_that_fails_after_a_preemption_is_a_failure() -> None:
    made = taken_back()
    made.remove("Pod", "pod-1")
    made.wait(50)
    admit(made)
    made.wait(1)
    made.end(1, "boom", pod="pod-2")
    made.settle()
    assert made.status()["restarts"] == {"preempted": 1, "failed": 1}


def test_a_preemption_that_nobody_saw_is_counted_once() -> None:
    made = admitted()
    made.wait(100)
    take_back(made)
    made.remove("Pod", "pod-1")
    made.wait(1000)
    admit(made)
    made.wait(1)
    made.pod({"phase": "Running"}, "pod-2")
    made.settle()
    made.settle()
    assert made.status()["restarts"] == {"preempted": 1, "failed": 0}
    assert made.status()["runningSeconds"] < 1000


def test_suspend_takes_the_job_out_of_the_queue_and_back_in() -> None:
    made = taken_back()
    made.remove("Pod", "pod-1")
    made.wait(10)
    admit(made)
    made.pod({"phase": "Running"}, "pod-2")
    made.settle()
    first = made.jobs()
    made.edit(suspend=True)
    made.settle()
    assert made.jobs() == [], "a suspended Job in a queue is started by Kueue"
    assert made.condition("Ready")["reason"] == "Stopping"
    assert "pod-2" in made.status()["message"]
    made.edit(suspend=False)
    made.settle()
    assert made.jobs() == [], "its last pod still writes checkpoints"
    made.remove("Pod", "pod-2")
    made.settle()
    assert made.jobs() == first
    assert made.newest_job()["spec"]["suspend"] is True
    assert made.status()["restarts"] == {"preempted": 1, "failed": 0}, "our own suspension is no preemption"


def test_a_suspended_run_has_left_its_queue() -> None:
    made = queued()
    made.edit(suspend=True)
    made.settle()
    assert made.jobs() == []
    assert made.status()["state"] == "Suspended"


def test_a_job_that_somebody_else_suspended_is_left_alone() -> None:
    made = started()
    made.pod({"phase": "Running"}, "pod-1")
    made.settle()
    take_back(made)
    made.settle()
    assert made.newest_job()["spec"]["suspend"] is True
    assert made.condition("Ready")["reason"] == "SuspendedByOthers"
    assert "kubectl patch job assistant-v1-train-" in made.status()["message"]
    assert made.status()["restarts"]["preempted"] == 1


def test_a_job_that_we_suspended_goes_on_even_if_we_died_in_between() -> None:
    made = started(suspend=False)
    made.pod({"phase": "Running"}, "pod-1")
    made.settle()
    made.edit(suspend=True)
    made.settle()
    made.remove("Pod", "pod-1")
    made.settle()
    made.edit(suspend=False)
    plan = made.plan()
    made.put({**made.root(), "status": plan.status})  # the process died here: the Job was never let go
    made.settle()
    assert made.newest_job()["spec"]["suspend"] is False
    assert made.condition("Ready")["reason"] == "WaitingForPod"


def test_a_queue_may_take_so_long_and_no_longer() -> None:
    made = queued(queueDeadlineSeconds=600)
    made.wait(30)
    answer(made, pending(SHORT))
    made.settle()
    made.wait(570)
    made.settle()
    assert made.status()["state"] == "Failed"
    assert made.condition("Stalled")["reason"] == "QueueDeadlineExceeded"
    assert "longer than spec.queueDeadlineSeconds (600 s): waits in queue gpu" in made.status()["message"]
    assert made.jobs() == []


def test_each_wait_in_a_queue_is_measured_anew() -> None:
    made = taken_back(queueDeadlineSeconds=600)
    made.remove("Pod", "pod-1")
    made.wait(599)
    plan = made.settle()
    assert plan.requeue_after is not None
    assert plan.requeue_after.total_seconds() == 1
    assert made.status()["state"] == "Queued"


def test_a_pod_may_take_so_long_to_start_and_no_longer() -> None:
    made = queued(startDeadlineSeconds=300)
    made.wait(5000)
    admit(made)
    made.settle()
    made.waiting("ErrImagePull", "no such image")
    made.wait(299)
    made.settle()
    assert made.status()["state"] == "Queued"
    assert made.condition("Ready")["reason"] == "ImagePullFailed"
    made.wait(1)
    made.settle()
    assert made.condition("Stalled")["reason"] == "StartDeadlineExceeded"
    assert "no pod of Job" in made.status()["message"]
    assert "ErrImagePull: no such image" in made.status()["message"]
    assert made.jobs() == [], "it gives its quota back"


def test_a_dataset_that_is_late_is_no_wait_in_a_queue() -> None:
    made = world(data=dataset("Preparing"), queue=QUEUE, queueDeadlineSeconds=1)
    made.settle()
    made.wait(100)
    made.settle()
    assert made.status()["state"] == "Pending"
