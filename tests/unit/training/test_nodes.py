"""A run on several nodes: one JobSet for each attempt, whose pods start, end and are counted as one."""

from __future__ import annotations

import json

import pytest

from slipway.attempt import FIRST_WAIT
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import parse_job
from slipway.contract.result import NODE_LOST, Preempted, encode
from slipway.plan import Answer, Facts, QueuePlace, Warnings
from slipway.training.nodes import NAME_LIMIT, attempt_name
from slipway.workload import Root
from tests.unit.training.jobset import (
    all_running,
    begun,
    end,
    failed,
    finish,
    gone,
    leave,
    newest,
    pod,
    run,
    sets,
    several,
    succeed,
    target,
    wait,
)
from tests.unit.training.kueue import QUEUE
from tests.unit.training.world import started
from tests.unit.worlds import NAMESPACE


def restarts(made) -> tuple[int, int]:
    found = made.status().get("restarts") or {"preempted": 0, "failed": 0}
    return found["preempted"], found["failed"]


def next_attempt(made, seconds: float = 11) -> None:
    made.wait(seconds)
    made.settle()
    gone(made)
    made.settle()


# What is made


def test_several_nodes_are_one_jobset_and_no_job() -> None:
    made = several()
    assert made.jobs() == []
    jobset = newest(made)
    name = jobset["metadata"]["name"]
    spec = jobset["spec"]
    assert (spec["suspend"], spec["failurePolicy"]) == (False, {"maxRestarts": 0})
    assert spec["network"] == {"enableDNSHostnames": True, "publishNotReadyAddresses": True}
    [group] = spec["replicatedJobs"]
    job = group["template"]["spec"]
    assert (group["replicas"], job["parallelism"], job["completions"], job["completionMode"]) == (1, 2, 2, "Indexed")
    assert job["backoffLimit"] == 0
    assert "suspend" not in job
    assert group["template"]["metadata"]["labels"]["slipway.dev/uid"] == made.uid()
    environment = {one["name"]: one.get("value") for one in job["template"]["spec"]["containers"][0]["env"]}
    assert environment["SLIPWAY_COORDINATOR"] == f"{name}-node-0-0.{name}:29500"
    assert made.owned("ConfigMap") == [name]
    assert made.status()["state"] == "Queued"


def test_the_pods_are_told_of_how_many_they_are_one() -> None:
    made = started()
    made.remove("Job", made.jobs()[0])
    alone = made.step().children[0]["data"]["job.json"]
    one = parse_job(alone)
    many = several()
    many.remove("JobSet", sets(many)[0])
    two = parse_job(many.step().children[0]["data"]["job.json"])
    assert (one.nodes, two.nodes, two.processes) == (1, 2, 1)
    assert not {"nodes", "countersign"} & json.loads(alone).keys(), "Jobs of one pod keep the names that they had"


def test_one_node_is_what_it_always_was() -> None:
    plain, one = started(), started(resources={"cpu": "2", "memory": "8Gi", "nodes": 1})
    assert plain.jobs() == one.jobs()
    assert plain.owned("JobSet") == []


@pytest.mark.parametrize("name", ["a", "3d-models", "assistant.v1", "x" * 63])
def test_a_name_is_a_dns_label_that_leaves_room_for_those_of_pods(name: str) -> None:
    found = attempt_name(Root("TrainingJob", "demo", name, "u"), "01234567")
    assert len(found) <= NAME_LIMIT
    assert found[0].isalpha()
    assert found.replace("-", "").isalnum()
    assert found.endswith("-train-01234567")
    assert len(f"{found}-node-0-63-abcde") <= 63


def test_pods_talk_among_themselves_where_nobody_may_talk() -> None:
    made = several(closed=True, tracking={"mlflow": {"trackingUri": "http://mlflow.demo.svc:5000"}})
    name = sets(made)[0]
    mine = {"matchLabels": {"jobset.sigs.k8s.io/jobset-name": name}}
    out = made.get("NetworkPolicy", name)["spec"]["sealed"].opened()
    assert out["podSelector"] == mine
    among = made.get("NetworkPolicy", f"{name}-nodes")["spec"]["sealed"].opened()
    assert among["podSelector"] == mine
    assert among["ingress"] == [{"from": [{"podSelector": mine}]}]
    assert among["egress"] == [{"to": [{"podSelector": mine}]}]


def test_nobody_else_gets_in_to_them_anywhere_and_nobody_is_shut_in() -> None:
    made = several()
    [name] = sets(made)
    mine = {"matchLabels": {"jobset.sigs.k8s.io/jobset-name": name}}
    [policy] = made.owned("NetworkPolicy")
    spec = made.get("NetworkPolicy", policy)["spec"]["sealed"].opened()
    assert spec == {"podSelector": mine, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": mine}]}]}
    assert started().owned("NetworkPolicy") == [], "one pod listens to nobody"


def test_pods_know_each_other_by_another_word_in_each_attempt() -> None:
    made = all_running()
    for number in range(2):
        end(made, number, 137, evicted=True)
    finish(made, "Failed", "PodFailurePolicy")
    made.settle()
    made.wait(11)
    second = parse_job(made.plan().children[0]["data"]["job.json"])
    for name in sets(made):
        made.remove("JobSet", name)
    gone(made)
    first = parse_job(made.plan().children[0]["data"]["job.json"])
    assert first.countersign != second.countersign
    assert {len(first.countersign), len(second.countersign)} == {32}
    assert first.fingerprint() == second.fingerprint(), "checkpoints of one are those of the other"


# How it goes


def test_it_runs_when_all_pods_run_and_says_what_holds_one_up() -> None:
    made = several()
    begun(made)
    run(made, 0)
    wait(made, 1, "Unschedulable")
    made.wait(30)
    made.settle()
    assert made.status()["state"] == "Queued"
    assert "runningSince" not in made.status(), "the clock of running does not tick for a pod that waits"
    assert "-node-0-1-aaaaa cannot be scheduled: 0/3 nodes" in made.status()["message"]
    run(made, 1)
    made.settle()
    assert made.status()["state"] == "Running"
    assert made.status()["message"] == f"JobSet {sets(made)[0]} trains"


def test_the_start_deadline_holds_for_the_last_pod() -> None:
    made = several(startDeadlineSeconds=120)
    begun(made)
    run(made, 0)
    wait(made, 1, "Unschedulable")
    made.wait(121)
    made.settle()
    assert made.status()["state"] == "Failed"
    assert made.condition("Ready")["reason"] == "StartDeadlineExceeded"
    assert made.status()["message"].startswith("not all pods of JobSet ")


def test_a_finished_run_becomes_a_model_version() -> None:
    made = all_running()
    succeed(made)
    assert made.status()["state"] == "Succeeded"
    assert made.get("ModelVersion", "assistant-1.0.0")["spec"]["artifact"]["digest"] == "sha256:" + "a" * 64
    assert restarts(made) == (0, 0)


def test_the_running_deadline_ends_all() -> None:
    made = all_running(deadlineSeconds=600)
    made.wait(601)
    made.settle()
    assert made.condition("Ready")["reason"] == "DeadlineExceeded"
    assert sets(made) == []


# How an attempt ends


def test_the_typed_cause_is_that_of_the_pod_that_knows_it() -> None:
    made = all_running()
    end(made, 0, ExitCode.UNEXPECTED, failed(NODE_LOST))
    made.wait(2)
    end(made, 1, ExitCode.DIGEST_MISMATCH, failed("DigestMismatch", "bytes differ: push them again"))
    finish(made, "Failed")
    made.settle()
    assert made.status()["state"] == "Failed"
    assert made.condition("Ready")["reason"] == "DigestMismatch"
    assert "bytes differ: push them again" in made.status()["message"]
    assert restarts(made) == (0, 1)


def test_an_unexpected_failure_starts_all_again_as_often_as_retries_say() -> None:
    made = all_running(retries=1)
    first = sets(made)[0]
    end(made, 0, ExitCode.UNEXPECTED, failed(NODE_LOST))
    end(made, 1, ExitCode.UNEXPECTED, failed("Unexpected", "RuntimeError: so"))
    finish(made, "Failed")
    made.settle()
    assert made.status()["state"] == "Queued"
    assert made.condition("Ready")["reason"] == "StartingAgain"
    assert "RuntimeError: so; it goes on from its last checkpoint at" in made.status()["message"]
    next_attempt(made)
    [second] = sets(made)
    assert second != first
    assert newest(made)["metadata"]["labels"]["slipway.dev/attempt"] == "2"
    assert restarts(made) == (0, 1)

    begun(made)
    for number in range(2):
        run(made, number)
    made.settle()
    assert made.status()["state"] == "Running"
    for number in range(2):
        end(made, number, ExitCode.UNEXPECTED, failed("Unexpected", "RuntimeError: so"))
    finish(made, "Failed")
    made.settle()
    assert made.status()["state"] == "Failed"
    assert made.condition("Ready")["reason"] == "Unexpected"
    assert restarts(made) == (0, 2)


@pytest.mark.parametrize("word", ["evicted", "deleted", "its node was lost"])
def test_a_disruption_of_one_is_a_new_attempt_and_no_failure(word: str) -> None:
    made = all_running(retries=0)
    first = sets(made)[0]
    end(made, 0, ExitCode.UNEXPECTED, failed(NODE_LOST, "pod 1 of the run is gone: see that pod"))
    if word == "evicted":
        end(made, 1, 137, evicted=True)
    elif word == "deleted":
        made.remove("Pod", f"{first}-node-0-1-aaaaa")
    else:
        pod(made, 1, {"phase": "Failed", "reason": "NodeLost"})
    finish(made, "Failed", "PodFailurePolicy")
    made.settle()
    assert made.status()["state"] == "Queued"
    lost = "a disruption, which counts as no failure, as pod {}-node-0-0-aaaaa tells: pod 1 of the run is gone"
    met = "pod {}-node-0-1-aaaaa was disrupted, which counts as no failure" if word == "evicted" else lost
    assert met.format(first) in made.status()["message"]
    next_attempt(made)
    assert sets(made) != [first]
    assert restarts(made) == (1, 0)


def test_pods_that_leave_no_trace_were_disrupted() -> None:
    made = all_running(retries=0)
    for name in made.owned("Pod"):
        made.remove("Pod", name)
    finish(made, "Failed")
    made.settle()
    assert made.status()["message"].startswith("all pods were disrupted, which counts as no failure")
    next_attempt(made)
    assert newest(made)["metadata"]["labels"]["slipway.dev/attempt"] == "2"
    assert restarts(made) == (1, 0)


def test_no_attempt_begins_while_pods_of_the_last_one_run() -> None:
    made = all_running()
    end(made, 1, 137, evicted=True)
    finish(made, "Failed", "PodFailurePolicy")
    made.wait(60)
    made.settle()
    assert len(sets(made)) == 1
    running = f"{sets(made)[0]}-node-0-0-aaaaa"
    assert f"when pod {running} has ended. If its node is gone: kubectl" in made.status()["message"]
    assert f"kubectl delete pod {running} -n demo --force" in made.status()["message"]
    end(made, 0, ExitCode.UNEXPECTED, failed(NODE_LOST))
    next_attempt(made)
    assert newest(made)["metadata"]["labels"]["slipway.dev/attempt"] == "2"


def test_a_lost_node_that_is_still_listed_holds_the_run_up_and_is_no_work() -> None:
    made = all_running(retries=0, deadlineSeconds=600, startDeadlineSeconds=60)
    made.wait(60)
    end(made, 0, ExitCode.UNEXPECTED, failed(NODE_LOST))
    target(made)
    lost = leave(made, 1)
    made.settle()
    assert made.status()["state"] == "Queued"
    assert made.condition("Ready")["reason"] == "Ending"
    said = f"pod {lost} has not ended yet, and the run goes on only then. If its node is gone: "
    assert f"{said}kubectl delete pod {lost} -n demo --force" in made.status()["message"]
    made.wait(3600)
    plan = made.settle()
    assert made.status()["runningSeconds"] == 60
    assert (made.status()["state"], plan.asks) == ("Queued", ())
    made.remove("Pod", lost)
    finish(made, "Failed")
    made.settle()
    next_attempt(made)
    assert newest(made)["metadata"]["labels"]["slipway.dev/attempt"] == "2"
    assert restarts(made) == (1, 0)


def test_one_whose_mate_has_failed_does_not_train() -> None:
    made = all_running()
    end(made, 1, ExitCode.UNEXPECTED, failed("Unexpected"))
    made.settle()
    assert made.status()["state"] == "Queued"
    assert "runningSince" not in made.status()


def test_one_whose_mate_is_done_still_does() -> None:
    made = all_running()
    end(made, 1, ExitCode.OK, reason="Completed")
    made.settle()
    assert made.status()["state"] == "Running"


def test_a_pod_of_a_lost_node_is_no_mate_of_one_that_was_made_anew() -> None:
    made = all_running()
    made.wait(60)
    end(made, 0, ExitCode.PREEMPTED, encode(Preempted(step=3)))
    made.wait(5)
    run(made, 0, time=2)
    lost = leave(made, 1)
    made.settle()
    assert made.status()["state"] == "Queued"
    assert f"kubectl delete pod {lost} -n demo --force" in made.status()["message"]
    made.remove("Pod", lost)
    run(made, 1, time=2)
    made.settle()
    assert made.status()["state"] == "Running"
    assert restarts(made) == (1, 0)


def test_an_end_counts_when_all_have_ended() -> None:
    made = all_running(retries=0)
    end(made, 0, ExitCode.UNEXPECTED, failed(NODE_LOST))
    made.settle()
    assert restarts(made) == (0, 0), "who was lost, and why, is not known yet"
    end(made, 1, ExitCode.OUT_OF_MEMORY, failed("OutOfMemory", "lower maxTokens"))
    finish(made, "Failed", "PodFailurePolicy")
    made.settle()
    assert restarts(made) == (0, 1)
    assert made.condition("Ready")["reason"] == "OutOfMemory"


def test_saved_pods_that_are_made_anew_in_place_are_one_preemption() -> None:
    made = all_running()
    for number in range(2):
        end(made, number, ExitCode.PREEMPTED, encode(Preempted(step=3)), evicted=number == 1)
    made.wait(5)
    for number in range(2):
        run(made, number, time=2)
    made.settle()
    assert len(sets(made)) == 1
    assert made.status()["state"] == "Running"
    assert restarts(made) == (1, 0)
    succeed(made, time=2)
    assert made.status()["state"] == "Succeeded"
    assert restarts(made) == (1, 0)


def drained(made, number: int, time: int = 1) -> None:
    """Let all pods save and be made anew, because one was drained, which leaves no trace of it."""
    ended = [end(made, one, ExitCode.PREEMPTED, encode(Preempted(step=3)), time=time) for one in range(2)]
    made.remove("Pod", ended[number])
    made.wait(5)
    for one in range(2):
        run(made, one, time=time + 1)
    made.settle()


@pytest.mark.parametrize("which", [(0,), (1,), (1, 0), (1, 1), (0, 1, 1)])
def test_the_end_of_a_later_round_is_not_taken_for_that_of_another(which: tuple[int, ...]) -> None:
    made = all_running(retries=0)
    for time, number in enumerate(which, 1):
        drained(made, number, time)
        assert made.status()["state"] == "Running"
        assert restarts(made) == (time, 0)
    last = len(which) + 1
    made.wait(60)
    end(made, 0, ExitCode.UNEXPECTED, failed(NODE_LOST), time=last)
    end(made, 1, ExitCode.DIGEST_MISMATCH, failed("DigestMismatch"), time=last)
    finish(made, "Failed", "PodFailurePolicy")
    made.settle()
    assert made.condition("Ready")["reason"] == "DigestMismatch"
    assert restarts(made) == (len(which), 1)


def test_one_that_still_saves_is_of_the_round_of_those_that_have() -> None:
    made = all_running()
    gone_first = end(made, 0, ExitCode.PREEMPTED, encode(Preempted(step=3)))
    made.remove("Pod", gone_first)
    made.wait(5)
    wait(made, 0, time=2)
    made.wait(5)
    end(made, 1, ExitCode.PREEMPTED, encode(Preempted(step=3)))
    made.settle()
    made.wait(5)
    wait(made, 1, time=2)
    made.settle()
    assert restarts(made) == (1, 0)
    for number in range(2):
        run(made, number, time=2)
    made.settle()
    assert restarts(made) == (1, 0)
    assert made.status()["state"] == "Running"


def test_a_store_that_stays_away_is_waited_for_however_often() -> None:
    made = all_running(retries=0)
    end(made, 0, ExitCode.STORE_UNREACHABLE, failed("StoreUnreachable", "no answer"))
    end(made, 1, ExitCode.UNEXPECTED, failed(NODE_LOST))
    finish(made, "Failed")
    made.settle()
    assert made.condition("Ready")["reason"] == "StoreUnreachable"
    next_attempt(made, 31)
    assert newest(made)["metadata"]["labels"]["slipway.dev/attempt"] == "2"


def ended_all(made, code: int, reason: str) -> None:
    """Let all pods start, and end with a failure."""
    begun(made)
    for number in range(2):
        run(made, number)
    made.settle()
    for number in range(2):
        end(made, number, code, failed(reason))
    finish(made, "Failed")
    made.settle()


def test_a_store_that_stayed_away_takes_nothing_from_retries() -> None:
    made = several(retries=1)
    for time in range(2):
        ended_all(made, ExitCode.STORE_UNREACHABLE, "StoreUnreachable")
        next_attempt(made, 31 * 2**time)
    ended_all(made, ExitCode.UNEXPECTED, "Unexpected")
    assert made.condition("Ready")["reason"] == "StartingAgain"
    next_attempt(made)
    ended_all(made, ExitCode.STORE_UNREACHABLE, "StoreUnreachable")
    next_attempt(made, 241)
    for last in (False, True):
        ended_all(made, ExitCode.UNEXPECTED, "Unexpected")
        assert made.status()["state"] == ("Failed" if last else "Queued")
        next_attempt(made)
    assert restarts(made) == (0, 6)


def test_disruptions_make_no_wait_for_the_store_longer() -> None:
    made = several()
    for _ in range(4):
        begun(made)
        for number in range(2):
            end(made, number, 137, evicted=True)
        finish(made, "Failed", "PodFailurePolicy")
        made.settle()
        next_attempt(made)
    begun(made)
    for number in range(2):
        end(made, number, ExitCode.STORE_UNREACHABLE, failed("StoreUnreachable"))
    finish(made, "Failed")
    assert made.settle().requeue_after == FIRST_WAIT


# Suspended, and queued


def test_a_suspended_run_goes_on_where_it_was() -> None:
    made = all_running()
    made.edit(suspend=True)
    made.settle()
    assert newest(made)["spec"]["suspend"] is True
    begun(made, suspended=True)
    for name in made.owned("Pod"):
        made.remove("Pod", name)
    made.settle()
    assert made.status()["state"] == "Suspended"
    made.edit(suspend=False)
    made.settle()
    assert newest(made)["spec"]["suspend"] is False
    begun(made)
    for number in range(2):
        run(made, number, time=2)
    made.settle()
    assert made.status()["state"] == "Running"
    assert restarts(made) == (0, 0)


def test_kueue_has_the_jobset_and_not_its_job() -> None:
    made = several(queue=QUEUE)
    jobset = newest(made)
    labels = jobset["metadata"]["labels"]
    assert (labels["kueue.x-k8s.io/queue-name"], jobset["spec"]["suspend"]) == ("gpu", True)
    template = jobset["spec"]["replicatedJobs"][0]["template"]
    assert not [name for name in template["metadata"]["labels"] if "kueue" in name]
    assert made.status()["message"].endswith("waits in queue gpu")
    begun(made, suspended=True)
    made.wait(30)
    [ask] = made.plan().asks
    assert ask.question == QueuePlace(NAMESPACE, "gpu", jobset["metadata"]["uid"])
    made.facts = Facts({ask.id: Answer(made.now)})
    made.settle()
    assert "integrations.frameworks of its configuration has jobset.x-k8s.io/jobset" in made.status()["message"]


def test_taken_back_by_its_queue_it_was_preempted_once() -> None:
    made = several(queue=QUEUE)
    made.put({**newest(made), "spec": {**newest(made)["spec"], "suspend": False}})
    begun(made)
    for number in range(2):
        run(made, number)
    made.settle()
    assert made.status()["state"] == "Running"
    made.wait(60)
    made.put({**newest(made), "spec": {**newest(made)["spec"], "suspend": True}})
    begun(made, suspended=True)
    for number in range(2):
        end(made, number, ExitCode.PREEMPTED, encode(Preempted(step=3)))
    made.settle()
    assert made.status()["state"] == "Queued"
    assert restarts(made) == (1, 0)


# What is in the way


def test_a_jobset_that_nobody_takes_is_told_with_its_cure() -> None:
    made = several()
    made.wait(21)
    made.settle()
    assert made.condition("Ready")["reason"] == "NotTakenByJobSet"
    said = "waits for its pods: no Job was made of it; see that the controller of JobSet runs: "
    assert said in made.status()["message"]
    [ask] = made.plan().asks
    assert ask.question == Warnings("JobSet", NAMESPACE, sets(made)[0])


def test_a_refused_pod_is_asked_about_where_it_is_told() -> None:
    made = several()
    job = begun(made)
    made.wait(21)
    made.settle()
    [ask] = made.plan().asks
    assert ask.question == Warnings("Job", NAMESPACE, job)
