"""A Dataset of .blend files: Blender reads them in a container that has nothing to lose."""

from __future__ import annotations

import json

from slipway.contract.exitcodes import ExitCode
from tests.unit.dataset.world import World


def blends() -> World:
    world = World()
    world.edit(steps=[{"parse": {"as": "Blend"}}])
    world.settle()
    return world


def test_files_are_brought_then_read_then_prepared() -> None:
    pod = blends().newest_job()["spec"]["template"]["spec"]
    bring, blender, main = [*pod["initContainers"], *pod["containers"]]
    assert [one["name"] for one in (bring, blender, main)] == ["bring", "blender", "main"]
    assert [one["image"] for one in (bring, blender, main)] == ["data@1", "blender@1", "data@1"]
    assert bring["env"] == main["env"]
    assert "AWS" not in json.dumps(blender)
    assert {one["name"] for one in blender["volumeMounts"]} == {"job", "exchange", "blender-scratch"}
    assert pod["automountServiceAccountToken"] is False


def test_other_formats_need_no_blender() -> None:
    world = World()
    world.settle()
    assert "initContainers" not in world.newest_job()["spec"]["template"]["spec"]


def test_a_source_that_does_not_answer_is_tried_again_by_whichever_container_meets_it() -> None:
    world = blends()
    said = {"exitCode": int(ExitCode.STORE_UNREACHABLE), "reason": "Error", "finishedAt": world.stamp(), "message": ""}
    world.pod({"phase": "Failed", "initContainerStatuses": [{"name": "bring", "state": {"terminated": said}}]})
    world.finish("Failed", "BackoffLimitExceeded")
    world.settle()
    assert world.condition("Reconciling")["status"] == "True"
    assert world.status()["state"] != "Failed"
