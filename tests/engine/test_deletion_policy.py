"""What becomes of a ModelVersion when its TrainingJob is deleted?"""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.story import NAME, SPACE, Story
from tests.engine.virtual import virtual


@pytest.mark.parametrize(("policy", "stays"), [("Retain", True), ("Delete", False)])
@virtual
async def test_a_version_goes_with_its_run_only_where_that_is_asked_for(policy: str, stays: bool) -> None:
    story = Story()
    story.replica.start()
    node = asyncio.create_task(story.node.run())
    id = ("ModelVersion", SPACE, f"{NAME}-1.0.0")
    try:
        story.apply("dataset.yaml")
        story.apply("training-v1.yaml", deletionPolicy=policy)
        await story._until(lambda: story.status(*id[::2]).get("state") == "Ready")
        # Its owner does not control it: the engine neither takes it for somebody else's nor prunes it.
        await asyncio.sleep(1200)
        assert story.status(*id[::2])["state"] == "Ready"
        (run,) = story.cluster.of("TrainingJob")
        assert run["status"]["state"] == "Succeeded"
        assert story.replica.metric("slipway_children_refused_total", kind="ModelVersion") == 0
        story.cluster.remove("TrainingJob", SPACE, run["metadata"]["name"])
        await asyncio.sleep(60)
        assert (id in story.cluster.objects) is stays
    finally:
        node.cancel()
        await story.replica.end()
