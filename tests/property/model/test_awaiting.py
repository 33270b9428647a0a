"""Whatever raters hand in, take back and get wrong, and whatever becomes of Jobs meanwhile: what holds?"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.api.modelversion import ModelVersionStatus
from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Counted
from tests.unit.model.test_awaiting import Raters, counted, too_few, waiting

Act = Callable[[Raters], None]
VERDICT = ("state", "metrics", "gates", "ratings", "score", "conditions", "message")


def hands_in(maps: dict[str, str]) -> Act:
    return lambda world: world.hand_in(**maps) and None


def counts(result: Counted) -> Act:
    def act(world: Raters) -> None:
        if len(world.counting()) == 1:
            world.say(result)

    return act


def fails(code: int) -> Act:
    def act(world: Raters) -> None:
        for job in world.counting():
            world.ends(job, code, "the end of a log")
            world.done(job, "Failed", "PodFailurePolicy")

    return act


def deletes(kind: str) -> Act:
    def act(world: Raters) -> None:
        for name in world.owned(kind):
            world.remove(kind, name)

    return act


def waits(seconds: int) -> Act:
    return lambda world: world.wait(seconds)


maps = st.dictionaries(st.sampled_from(["mia", "noa", "zoe"]), st.sampled_from(["1", "2"]))
bounds = st.sampled_from(["-0.3", "0", "0.2"])
acts = st.one_of(
    st.builds(hands_in, maps),
    st.builds(counts, st.builds(counted, bounds) | st.builds(too_few)),
    st.builds(fails, st.sampled_from([*ExitCode, 137])),
    st.builds(deletes, st.sampled_from(["Job", "Pod", "ConfigMap"])),
    st.builds(waits, st.integers(0, 900)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(acts, max_size=14))
def test_every_story_of_ratings_comes_to_rest_and_has_one_verdict_at_most(story: list[Act]) -> None:
    world = waiting()
    verdict: dict[str, object] | None = None
    for act in story:
        act(world)
        plan = world.settle()
        status = ModelVersionStatus.model_validate(world.status())
        assert status.dump() == world.status(), "what is written is what is read"
        assert status.state in ("AwaitingRatings", "Ready", "Rejected")
        assert status.ratings is not None
        assert len(world.counting()) <= 1
        judged = status.state != "AwaitingRatings"
        assert (status.ratings.preference is not None) == judged, "nobody hears who is ahead before the verdict"
        assert ("preferred" in {metric.name for metric in status.metrics}) == judged
        assert judged or any(ask.id.startswith("ratings/") for ask in plan.asks)
        if verdict is not None:
            assert {key: world.status().get(key) for key in VERDICT} == verdict
            assert not plan.children
        elif judged:
            verdict = {key: world.status().get(key) for key in VERDICT}
            bound = {metric.name: metric for metric in status.metrics}["preferred"].lower_bound
            assert (status.state == "Ready") == (float(bound or "nan") > 0)
