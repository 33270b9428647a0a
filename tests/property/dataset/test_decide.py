"""What holds for every Dataset, whatever happens to it and in whatever order?"""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from slipway.api.dataset_refresh import REFRESH_ANNOTATION
from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, Unchanged, encode
from slipway.dataset.room import Room
from slipway.plan import Plan
from tests.unit.dataset.world import UID, World, refused
from tests.unit.worlds import SETTINGS

SPECS: list[dict[str, Any]] = [
    {},
    {"schema": "Completion"},
    {"quality": {"minRows": 7}},
    {"resources": {"memory": "4Gi"}},
    {"colour": "red"},
    {"refresh": {"everySeconds": 60}},
]
WAITING = {
    "phase": "Pending",
    "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "ErrImagePull"}}}],
}

happenings = st.one_of(
    st.tuples(st.just("step")),
    st.tuples(st.just("wait"), st.sampled_from([1, 25, 90, 1000])),
    st.tuples(st.just("edit"), st.sampled_from(range(len(SPECS)))),
    st.tuples(st.just("succeed"), st.sampled_from("abc")),
    st.tuples(st.just("unchanged"), st.booleans()),
    st.tuples(st.just("ask"), st.sampled_from("12")),
    st.tuples(st.just("end"), st.sampled_from([1, 10, 31, 137, 143]), st.sampled_from(["", "boom"])),
    st.tuples(st.just("fail"), st.sampled_from([ExitCode.BAD_DATA, ExitCode.STORE_UNREACHABLE, ExitCode.UNEXPECTED])),
    st.tuples(st.just("waiting")),
    st.tuples(st.just("job"), st.sampled_from([("Complete", ""), ("Failed", "DeadlineExceeded"), ("Failed", "x")])),
    st.tuples(st.just("remove"), st.sampled_from(["Job", "ConfigMap", "Pod"])),
    st.tuples(st.just("upgrade"), st.sampled_from(["data@1", "data@2"])),
)


def happen(world: World, what: tuple[Any, ...]) -> None:
    match what:
        case ("step",):
            world.step()
        case ("wait", seconds):
            world.wait(seconds)
        case ("edit", which):
            world.edit(**SPECS[which])
        case ("upgrade", image):
            images = SETTINGS.images.model_copy(update={"data": image})
            world.room = Room(SETTINGS.model_copy(update={"images": images}))
        case ("remove", kind):
            for child in world.store.owned(UID, kind)[:1]:
                world.remove(kind, child["metadata"]["name"])
        case ("ask", value):
            root = world.root()
            world.put({**root, "metadata": {**root["metadata"], "annotations": {REFRESH_ANNOTATION: value}}})
        case _ if not world.jobs():
            return
        case ("unchanged", refused_before):
            result = Unchanged(inputs={"files": "sha256:" + "1" * 64}, refused=refused_before)
            world.end(ExitCode.OK, encode(result), "Completed")
            world.finish("Complete")
        case ("succeed", mark):
            world.succeed(mark)
        case ("end", code, said):
            world.end(code, said)
        case ("fail", code):
            world.fail(refused(), code)
        case ("waiting",):
            world.pod(WAITING)
        case ("job", (condition, reason)):
            world.finish(condition, reason)


def mark(plan: Plan) -> tuple[Any, ...]:
    return plan.status, tuple(plan.children), plan.keep


@settings(max_examples=300, deadline=None)
@given(st.lists(happenings, max_size=14))
@example([("step",), ("succeed", "a"), ("step",), ("edit", 1), ("step",)])
def test_whatever_happens(story: list[tuple[Any, ...]]) -> None:
    world = World()
    for what in story:
        before = world.status()
        happen(world, what)
        if before.get("artifact") is not None:
            # Monotone: data once published is only ever replaced by data.
            assert world.status().get("artifact") is not None
        if before.get("state") == "Ready" and before["observedGeneration"] == world.root()["metadata"]["generation"]:
            # Nothing but another spec takes it away, whatever becomes of looks at its source.
            assert world.status()["state"] == "Ready"
    # Total and idempotent: it comes to rest, and deciding again changes nothing.
    world.settle()
    rest = world.plan()
    assert mark(world.plan()) == mark(rest)
    assert rest.status == world.status()
    status = world.status()
    # What people and programs are told fits together.
    assert (status["state"] == "Ready") == (world.condition("Ready")["status"] == "True")
    assert (status["state"] == "Failed") == bool(world.condition("Stalled"))
    assert (status["state"] == "Preparing") == bool(world.condition("Reconciling"))
    assert status["message"]
    assert status["observedGeneration"] == world.root()["metadata"]["generation"]
    if status["state"] == "Ready":
        assert status["digest"] == status["artifact"]["digest"]
    # One preparation at a time.
    if status["state"] == "Preparing":
        assert len(world.jobs()) == 1
        assert set(world.owned("ConfigMap")) <= set(world.jobs())
        # Nothing is waited for in vain: the Job is at work and will be heard of, or a time is set.
        job = world.store.owned(UID, "Job")[0]
        assert rest.requeue_after is not None or not (job.get("status") or {}).get("conditions")


@given(st.permutations(["a", "b", "c"]))
def test_the_order_of_pods_does_not_matter(order: list[str]) -> None:
    world = World()
    world.settle()
    stories = {
        "a": lambda: world.end(31, ""),
        "b": lambda: world.fail(Failed(reason="Unexpected", message="boom"), 1),
        "c": lambda: world.succeed("c"),
    }
    for name in order:
        stories[name]()
    world.settle()
    assert world.status()["state"] == "Ready"
