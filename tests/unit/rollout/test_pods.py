"""Do pods that are not ready keep a version from traffic, and does someone read why?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from slipway.contract.result import Failed, encode
from slipway.names import REVISION_LABEL
from slipway.rollout.pods import read
from tests.unit.rollout.world import World, baking, canary, serving, waiting

MISMATCH = encode(Failed(reason="DigestMismatch", message="file model.gguf has other bytes than its manifest says"))


def fetching(code: int, message: str) -> dict[str, object]:
    ended = {"terminated": {"exitCode": code, "reason": "Error", "message": message}}
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    return {
        "phase": "Pending",
        "initContainerStatuses": [
            {"name": "fetch", "ready": False, "restartCount": 3, "state": state, "lastState": ended}
        ],
    }


UNSCHEDULABLE = {
    "phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes: Insufficient nvidia.com/gpu"}],
}
TROUBLES = [
    (waiting("ImagePullBackOff", "no such image"), "ImagePullBackOff: no such image"),
    (waiting("CrashLoopBackOff"), "CrashLoopBackOff"),
    (UNSCHEDULABLE, "Insufficient nvidia.com/gpu"),
    (fetching(31, "store did not answer"), "store did not answer"),
]


@pytest.mark.parametrize(("broken", "words"), TROUBLES)
def test_pods_that_never_get_ready_fail_by_the_deadline_with_their_reason(broken, words) -> None:  # type: ignore[no-untyped-def]
    world = serving()
    world.broken["v2"] = broken
    world.want("v2")
    world.run(60)
    assert world.routed() == {"v1": 100, "v2": 0}
    assert world.state == "Progressing"
    assert words in world.status.message
    world.run(90)
    assert world.state == "Degraded"
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "ProgressDeadlineExceeded"
    assert words in world.status.last_rollback.message
    assert world.replicas() == {"v1": 2}


def test_a_pod_holds_its_place_until_it_goes_or_was_evicted() -> None:
    def pod(name: str, phase: str, **meta: str) -> dict[str, object]:
        return {"metadata": {"name": name, "labels": {REVISION_LABEL: "r"}, **meta}, "status": {"phase": phase}}

    there = [pod("a", "Running"), pod("b", "Pending")]
    gone = [pod("c", "Failed"), pod("d", "Succeeded"), pod("e", "Running", deletionTimestamp="2026-11-20T03:00:00Z")]
    assert read([*there, *gone], ())["r"].alive == 2


def test_an_artefact_with_wrong_bytes_fails_at_once() -> None:
    world = serving()
    world.broken["v2"] = fetching(12, MISMATCH)
    world.want("v2")
    world.run(3)
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "FetchFailed"
    assert "other bytes than its manifest" in world.status.last_rollback.message


def test_a_first_version_that_never_gets_ready_says_so_and_goes_on_trying() -> None:
    world = World()
    world.broken["v1"] = waiting("ImagePullBackOff", "no such image")
    world.run(200)
    assert world.state == "Degraded"
    assert "no such image" in world.status.message
    world.broken.clear()
    world.until("Healthy")


@pytest.mark.parametrize("make", [lambda: canary(50), baking])
def test_a_candidate_without_endpoints_has_no_weight_until_it_is_ready(make) -> None:  # type: ignore[no-untyped-def]
    world = make()
    world.broken["v2"] = waiting("CrashLoopBackOff")
    world.tick()
    assert world.routed() == {"v1": 100, "v2": 0}
    assert "EndpointsLost" in world.reasons()
    world.run(30)
    assert world.routed() == {"v1": 100, "v2": 0}
    world.broken.clear()
    world.until("Healthy")
    assert world.status.stable is not None
    assert world.status.stable.version == "v2"


def test_a_candidate_that_comes_and_goes_is_given_up_at_the_third_loss() -> None:
    world = canary(50)
    for _ in range(2):
        world.broken["v2"] = waiting("NotReady")
        world.tick()
        assert world.routed() == {"v1": 100, "v2": 0}
        world.broken.clear()
        world.run(3)
        assert world.routed() == {"v1": 50, "v2": 50}
    world.broken["v2"] = waiting("NotReady")
    world.tick()
    assert world.status.candidate is None
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "Unsteady"
    assert "lost its last ready pod 3 times since" in world.status.message
    world.broken.clear()
    world.run(60)
    assert world.state == "Degraded"
    assert world.routed()["v1"] == 100


def test_losses_long_ago_are_forgiven() -> None:
    world = canary(50, strategy={"canary": {"steps": [{"percent": 50, "holdSeconds": 4 * 3600}]}})
    for _ in range(4):
        world.broken["v2"] = waiting("NotReady")
        world.tick()
        world.broken.clear()
        world.run(3)
        assert world.routed() == {"v1": 50, "v2": 50}
        world.run(1900, step=10)
    assert world.status.candidate is not None
    assert len(world.status.candidate.lost_at) == 2


def test_a_candidate_that_does_not_come_back_fails() -> None:
    world = canary(50)
    world.broken["v2"] = waiting("CrashLoopBackOff")
    world.run(150)
    assert world.status.last_rollback is not None
    assert world.state == "Degraded"


def test_a_candidate_that_restarts_and_restarts_fails_though_it_is_ready_in_between() -> None:
    world = canary(50)
    statuses = [{"name": "engine", "ready": True, "restartCount": 5, "state": {"running": {}}}]
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    world.broken["v2"] = ready | {"containerStatuses": statuses}
    world.tick()
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "CrashLoop"


def test_stable_without_endpoints_keeps_its_traffic_and_is_told() -> None:
    world = serving()
    world.broken["v1"] = waiting("CrashLoopBackOff")
    world.tick()
    assert world.routed() == {"v1": 100}
    assert world.state == "Degraded"
    assert "no ready pod" in world.status.message
    world.broken.clear()
    world.until("Healthy")


def test_a_pod_in_two_slices_is_one_endpoint_and_a_leaving_one_is_none() -> None:
    labels = {"slipway.dev/revision": "r1"}

    def made(name: str, *endpoints: dict[str, object]) -> dict[str, object]:
        return {"metadata": {"name": name, "labels": labels}, "endpoints": list(endpoints)}

    here = {"conditions": {"ready": True}, "targetRef": {"name": "p1"}}
    leaving = {"conditions": {"ready": True, "terminating": True}, "targetRef": {"name": "p2"}}
    found = read([], [made("v4", here, leaving), made("v6", here)])
    assert found["r1"].ready == 1


def test_a_pod_that_is_being_deleted_tells_no_trouble() -> None:
    meta = {"name": "p1", "labels": {"slipway.dev/revision": "r1"}, "deletionTimestamp": "2026-11-20T03:00:00Z"}
    assert read([{"metadata": meta, "status": waiting("CrashLoopBackOff")}], []) == {}


def test_the_deadline_wakes_the_operator() -> None:
    world = serving()
    world.broken["v2"] = waiting("ImagePullBackOff")
    world.want("v2")
    plan = world.tick()
    assert plan.requeue_after == timedelta(seconds=120)
