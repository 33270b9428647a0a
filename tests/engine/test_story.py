"""Do the real rooms tell the demo's story on the engine, wherever the operator dies?"""

from __future__ import annotations

import functools

import pytest

from slipway.names import VERSION_LABEL
from tests.engine.story import NAME, SPACE, Story
from tests.engine.virtual import virtual


def outcome(story: Story) -> dict[str, object]:
    """Return what a user sees in the end."""
    rollout = story.rollout
    route = story.cluster.objects["HTTPRoute", SPACE, NAME]
    backends = [b for rule in route["spec"]["rules"] for b in rule["backendRefs"] if b["weight"] > 0]
    return {
        "stable": rollout["stable"]["version"],
        "failed": [f["version"] for f in rollout["failed"]],
        "served by": len(backends),
        "stages": {n: story.status("ModelVersion", f"{NAME}-{n}.0.0").get("stage") for n in "1234"},
        "jobs": sorted(job["metadata"]["name"].rpartition("-")[0] for job in story.cluster.of("Job")),
        "deployed": sorted(
            (d["spec"]["template"]["metadata"]["labels"][VERSION_LABEL], d["spec"]["replicas"])
            for d in story.cluster.of("Deployment")
            if d["spec"]["replicas"]
        ),
        "evaluated": sorted(set(story.node.evaluated)),
    }


@functools.cache
def undisturbed() -> Story:
    """Return the story as it goes when nobody dies."""

    @virtual
    async def run() -> None:
        await story.run()

    story = Story()
    run()
    return story


def test_the_demos_story_ends_as_promised() -> None:
    story = undisturbed()
    found = outcome(story)
    assert found["stable"] == f"{NAME}-2.0.0"
    assert found["failed"] == [f"{NAME}-4.0.0"]
    assert found["served by"] == 1
    assert found["deployed"] == [(f"{NAME}-2.0.0", 2)]
    stages = {number: story.status("ModelVersion", f"{NAME}-{number}.0.0")["stage"] for number in range(1, 5)}
    assert (stages[1], stages[2], stages[3]) == ("Archived", "Production", "Rejected")
    assert stages[4] not in {"Canary", "Production"}


def test_no_reconcile_of_the_story_fails_and_few_writes_tell_it() -> None:
    story = undisturbed()
    assert story.errors == 0
    assert len(story.first.writes) < 150


@pytest.mark.parametrize("write", range(3, 125, 20))
def test_the_story_ends_the_same_when_the_operator_is_killed(write: int) -> None:
    broken = Story(crash_after=write)

    @virtual
    async def run() -> None:
        await broken.run()

    run()
    assert broken.crashed
    assert outcome(broken) == outcome(undisturbed())
