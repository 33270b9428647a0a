"""Whatever happens around a ModelVersion, and in whatever order: what holds?"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.api.modelversion import ModelVersionStatus
from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import encode
from slipway.plan import Facts
from tests.unit.model.world import World, figures, rollout, version
from tests.unit.worlds import SETTINGS

JUDGED = ("Ready", "Rejected")
VERDICT = ("state", "metrics", "gates", "verified", "reference", "score", "report", "conditions", "message")
Act = Callable[[World], None]

decimals = st.floats(-20, 20, allow_nan=False).map(lambda x: f"{x:.4g}") | st.just("1e999")
results = st.builds(
    figures,
    loss=decimals,
    reference=st.none() | st.just("0.52"),
    bound=st.none() | decimals,
    mark=st.sampled_from("aaae"),
)


def reports(result: object) -> Act:
    def act(world: World) -> None:
        if len(world.jobs()) == 1:
            world.end(ExitCode.OK, encode(result))  # type: ignore[arg-type]
            world.finish("Complete")

    return act


def fails(code: int, reason: str) -> Act:
    def act(world: World) -> None:
        if len(world.jobs()) == 1:
            world.end(code, "the end of a log")
            world.finish("Failed", reason)

    return act


def deletes(kind: str) -> Act:
    def act(world: World) -> None:
        for child in list(world.store.owned("uid-modelversion-v1", kind)):
            world.remove(kind, child["metadata"]["name"])

    return act


def releases(stable: str, candidate: str) -> Act:
    return lambda world: world.put(rollout(stable=stable, candidate=candidate, v0="c", v1="a"))


def upgrades(image: str) -> Act:
    def act(world: World) -> None:
        images = SETTINGS.images.model_copy(update={"train_torch": image})
        world.room.settings = SETTINGS.model_copy(update={"images": images})

    return act


versions = st.sampled_from(["", "v0", "v1"])
acts = st.one_of(
    st.builds(reports, results),
    st.builds(fails, st.sampled_from([*ExitCode, 137]), st.sampled_from(["PodFailurePolicy", "DeadlineExceeded"])),
    st.builds(deletes, st.sampled_from(["Job", "Pod", "ConfigMap"])),
    st.builds(releases, versions, versions),
    st.builds(upgrades, st.sampled_from(["train@1", "train@2"])),
    st.builds(lambda seconds: lambda world: world.wait(seconds), st.integers(0, 900)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(acts, max_size=12))
def test_every_story_comes_to_rest_and_no_verdict_is_taken_back(story: list[Act]) -> None:
    world = World()
    world.put(version("v0", "c"))
    world.put(version())
    verdict: dict[str, object] | None = None
    for act in story:
        act(world)
        plan = world.settle()
        status = ModelVersionStatus.model_validate(world.status())
        assert status.dump() == world.status(), "what is written is what is read"
        assert len(world.jobs()) <= 1
        assert len({c.type for c in status.conditions}) == len(status.conditions)
        assert status.state != "Ready" or all(gate.outcome == "Pass" for gate in status.gates)
        assert (status.stage == "Rejected") == (status.state == "Rejected")
        if verdict is not None:
            assert {key: world.status().get(key) for key in VERDICT} == verdict
            assert not plan.children
        elif status.state in JUDGED:
            verdict = {key: world.status().get(key) for key in VERDICT}


@settings(max_examples=200, deadline=None)
@given(results)
def test_ready_means_a_finite_bound_above_the_margin(result: object) -> None:
    world = World()
    world.put(version())
    world.settle()
    reports(result)(world)
    world.settle()
    bound = result.lower_bounds.get("loss", {}).get("95")  # type: ignore[attr-defined]
    value = float(result.metrics[0].value)  # type: ignore[attr-defined]
    good = (
        result.digest == version()["spec"]["artifact"]["digest"]  # type: ignore[attr-defined]
        and bound is not None
        and -0.05 < float(bound) < float("inf")
        and abs(value) < float("inf")
        and result.metrics[0].reference is not None  # type: ignore[attr-defined]
    )
    assert (world.status()["state"] == "Ready") == good


@settings(max_examples=100, deadline=None)
@given(st.lists(acts, max_size=8))
def test_a_plan_depends_on_what_is_there_and_not_on_how_it_came_about(story: list[Act]) -> None:
    world = World()
    world.put(version("v0", "c"))
    world.put(version())
    for act in story:
        act(world)
        root = world.get("ModelVersion", "v1")
        first = world.room.plan(root, world.store, Facts(), world.now)
        assert first == world.room.plan(root, world.store, Facts(), world.now)
        world.step()
