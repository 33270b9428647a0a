"""Which stage do the Rollouts give a version, and whom do they wake?"""

from __future__ import annotations

import pytest

from tests.unit.model.world import World, figures, judged, rollout, version
from tests.unit.worlds import root


@pytest.mark.parametrize(
    ("story", "stages"),
    [
        pytest.param([{}], ["Candidate"], id="named by none"),
        pytest.param([{"candidate": "v1"}], ["Candidate"], id="the first, on its way"),
        pytest.param([{"stable": "v0", "candidate": "v1"}], ["Canary"], id="on its way"),
        pytest.param(
            [{"stable": "v0", "candidate": "v1"}, {"stable": "v0"}], ["Canary", "Candidate"], id="rolled back"
        ),
        pytest.param([{"stable": "v1"}], ["Production"], id="serving"),
        pytest.param(
            [
                {"candidate": "v1"},
                {"stable": "v1"},
                {"stable": "v2"},
                {"stable": "v2", "candidate": "v1"},
                {"stable": "v1"},
            ],
            ["Candidate", "Production", "Archived", "Canary", "Production"],
            id="replaced, and back",
        ),
        pytest.param([{"stable": "v1"}, {"stable": "v1", "candidate": "v1"}], ["Production"] * 2, id="a new template"),
        pytest.param([{"stable": "v1", "v1": "f"}], ["Candidate"], id="other bytes under its name"),
    ],
)
def test_stages(story: list[dict[str, str]], stages: list[str]) -> None:
    world = judged()
    found = []
    for chapter in story:
        world.put(rollout(**chapter))
        world.settle()
        found.append(world.status()["stage"])
    assert found == stages


def test_archived_is_remembered_when_the_rollout_is_gone() -> None:
    world = judged()
    world.put(rollout(stable="v1"))
    world.settle()
    world.remove("Rollout", "live")
    world.settle()
    assert world.status()["stage"] == "Archived"


def test_rejected_stays_rejected_whatever_rollouts_say() -> None:
    world = judged(figures(loss="9", bound="-9"))
    world.put(rollout(stable="v1"))
    world.settle()
    assert world.status()["stage"] == "Rejected"


def test_rollouts_of_other_models_do_not_count() -> None:
    world = judged()
    other = rollout(stable="v1")
    world.put({**other, "spec": {"model": "other"}})
    world.settle()
    assert world.status()["stage"] == "Candidate"


def woken(world: World, changed: dict, before: dict | None = None) -> list[str]:
    return [key.name for key in world.room.wakes(changed, world.store, before)]


def test_a_rollout_wakes_the_versions_whose_stage_it_moves_and_no_others() -> None:
    world = judged(figures(), version("v2", "c"), version("v3", "e"), version("other", "f", model="other"))
    first = rollout(stable="v1")
    world.put(first)
    assert woken(world, first) == ["v1"]
    world.settle()
    assert woken(world, first) == []
    second = rollout(stable="v2", v2="c")
    world.put(second)
    assert woken(world, second) == ["v1", "v2"]
    assert woken(world, second, before=first) == ["v1", "v2"]
    assert woken(world, second, before={**second, "metadata": {}}) == [], "what a stage rests on is as it was"
    assert woken(world, root("Dataset", "d", {"model": "assistant"})) == []
