"""A source that changes: when it is looked at again, and that no look costs the data that there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import Look, PrepareDataset, parse_job
from slipway.contract.result import Failed, Unchanged, encode
from slipway.dataset.room import Room
from tests.unit.dataset import world as worlds
from tests.unit.dataset.world import UID, prepared, refused
from tests.unit.worlds import SETTINGS

HOUR = 3600
SEEN = {"files": "sha256:" + "1" * 64}
NEWER = {"files": "sha256:" + "2" * 64}
ASKED = "slipway.dev/refresh"


class World(worlds.World):
    """A world that remembers what pods are told: the store keeps no content of ConfigMaps."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        super().__init__()

    def _apply(self, child: Mapping[str, Any]) -> None:
        if child["kind"] == "ConfigMap":
            self.files[child["metadata"]["name"]] = child["data"]["job.json"]
        super()._apply(child)


def ready(every: int | None = HOUR, **more: Any) -> World:
    """Return a world with published data, whose source is looked at every so many seconds."""
    world = World()
    world.edit(**({"refresh": {"everySeconds": every}} if every is not None else {}), **more)
    world.settle()
    world.end(ExitCode.OK, encode(prepared("a", inputs=SEEN, revision="c0ffee")), "Completed")
    world.finish("Complete")
    world.settle()
    assert world.status()["state"] == "Ready"
    return world


def ask(world: World, value: str) -> None:
    root = world.root()
    annotations = {**(root["metadata"].get("annotations") or {}), ASKED: value}
    world.put({**root, "metadata": {**root["metadata"], "annotations": annotations}})


def look(world: World) -> str:
    """Return the name of the Job of the look that is on its way."""
    [name] = [job["metadata"]["name"] for job in world.store.owned(UID, "Job") if not job.get("status")]
    return str(name)


def tell(world: World, message: str, code: int = ExitCode.OK) -> None:
    """Let the look end."""
    name = look(world)
    terminated = {"exitCode": code, "message": message, "reason": "Completed", "finishedAt": world.stamp()}
    labels = {"slipway.dev/uid": UID, "batch.kubernetes.io/job-name": name}
    meta = {"name": f"{name}-{world.writes}", "namespace": "demo", "labels": labels, "creationTimestamp": world.stamp()}
    state = {"name": "main", "state": {"terminated": terminated}}
    status = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [state]}
    world.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})
    condition = {"type": "Failed" if code else "Complete", "status": "True", "reason": "PodFailurePolicy"}
    condition |= {"message": "so", "lastTransitionTime": world.stamp()}
    world.put({**world.get("Job", name), "status": {"conditions": [condition]}})


def told(world: World) -> PrepareDataset:
    job = parse_job(world.files[look(world)])
    assert isinstance(job, PrepareDataset)
    return job


def looked(world: World) -> Look:
    found = told(world).look
    assert found is not None
    return found


def unchanged(**more: Any) -> str:
    return encode(Unchanged(inputs=SEEN, revision="c0ffee", **more))


def test_what_the_data_was_made_from_is_remembered_and_the_next_look_is_waited_for() -> None:
    world = ready()
    source = world.status()["source"]
    assert source["inputs"] == SEEN
    assert source["lastCheckedAt"] == world.stamp()
    assert "lookingSince" not in source
    left = world.settle().requeue_after
    assert left is not None
    assert left.total_seconds() == HOUR
    world.wait(HOUR - 1)
    before = world.writes
    world.settle()
    assert world.writes == before


def test_without_refresh_nobody_looks() -> None:
    world = ready(every=None)
    world.wait(10 * 365 * 24 * HOUR)
    before = world.writes
    assert world.settle().requeue_after is None
    assert world.writes == before


def test_a_look_is_told_what_there_is_and_the_data_stays_ready_meanwhile() -> None:
    world = ready()
    first = world.jobs()
    world.wait(HOUR)
    world.settle()
    assert looked(world).dump() == {
        "mark": world.stamp(),
        "artifact": {"uri": prepared("a").artifact.uri, "digest": "sha256:" + "a" * 64},
        "inputs": SEEN,
        "revision": "c0ffee",
    }
    assert world.status()["state"] == "Ready"
    assert world.condition("Ready")["status"] == "True"
    assert not world.condition("Reconciling")
    assert world.status()["source"]["lookingSince"] == world.stamp()
    assert len(world.jobs()) == len(first) + 1
    # However long it takes, no other one begins.
    world.wait(5 * HOUR)
    before = world.writes
    world.settle()
    assert world.writes == before


def test_a_source_that_is_as_it_was_changes_nothing_but_the_time_it_was_looked_at() -> None:
    world = ready()
    data = {name: world.status()[name] for name in ("digest", "artifact", "rows", "report", "conditions", "message")}
    events = len(world.events)
    for _ in range(4):
        world.wait(HOUR)
        world.settle()
        tell(world, unchanged())
        plan = world.settle()
        assert {name: world.status()[name] for name in data} == data
        assert world.status()["source"] == {"inputs": SEEN, "lastCheckedAt": world.stamp(), "command": ""}
        assert plan.requeue_after is not None
        assert plan.requeue_after.total_seconds() == HOUR
    assert len(world.events) == events
    # The Job that made the data and the newest look; and a file for each.
    assert len(world.jobs()) == len(world.owned("ConfigMap")) == 2


def test_a_commit_with_the_same_files_is_remembered_so_that_it_is_not_fetched_again() -> None:
    world = ready()
    world.wait(HOUR)
    world.settle()
    tell(world, encode(Unchanged(inputs=SEEN, revision="beef")))
    world.settle()
    assert world.status()["revision"] == "beef"


def test_changed_data_replaces_the_old_when_it_is_there() -> None:
    world = ready()
    world.wait(HOUR)
    world.settle()
    world.wait(600)
    world.settle()
    assert world.status()["digest"] == "sha256:" + "a" * 64
    tell(world, encode(prepared("b", inputs=NEWER, revision="beef")))
    world.settle()
    assert world.status()["digest"] == "sha256:" + "b" * 64
    assert world.status()["revision"] == "beef"
    assert world.status()["source"] == {"inputs": NEWER, "lastCheckedAt": world.stamp(), "command": ""}
    assert world.events[-1].reason == "Prepared"
    assert world.events[-1].message.startswith("the source changed: 80 rows")
    ask(world, "1")
    world.settle()
    assert looked(world).dump()["inputs"] == NEWER


def test_changed_files_that_give_equal_data_are_no_news() -> None:
    world = ready()
    events = len(world.events)
    world.wait(HOUR)
    world.settle()
    tell(world, encode(prepared("a", inputs=NEWER)))
    world.settle()
    assert world.status()["source"]["inputs"] == NEWER
    assert len(world.events) == events


def test_data_that_cannot_be_used_leaves_the_old_ready_and_says_why() -> None:
    world = ready()
    world.wait(HOUR)
    world.settle()
    failed = refused(inputs=NEWER, report="s3://slipway/r.html", rows={"train": 3})
    tell(world, encode(failed), ExitCode.BAD_DATA)
    world.settle()
    assert world.status()["state"] == "Ready"
    assert world.condition("Ready")["status"] == "True"
    assert world.status()["digest"] == "sha256:" + "a" * 64
    assert world.status()["rows"]["train"] == 80
    complaint = world.condition("RefreshFailed")
    assert (complaint["status"], complaint["reason"]) == ("True", "TooFewRows")
    assert complaint["message"] == (
        "quality.minRows is 10: 3 rows kept. Example: a.jsonl:1: bad. Report: s3://slipway/r.html. The data before is "
        "served. Correct the source, then set annotation slipway.dev/refresh to a new value, or wait for the next look."
    )
    assert world.events[-1].reason == "RefreshFailed"
    assert world.events[-1].type == "Warning"
    # The next look is told what was refused, and finds it so; nobody hears of it twice.
    events = len(world.events)
    world.wait(HOUR)
    world.settle()
    assert world.condition("RefreshFailed") == complaint
    assert looked(world).dump()["refused"] == NEWER
    tell(world, encode(Unchanged(inputs=NEWER, revision="beef", refused=True)))
    world.settle()
    assert world.condition("RefreshFailed") == complaint
    assert world.status()["source"]["refused"] == NEWER
    assert world.status()["revision"] == "c0ffee"
    assert len(world.events) == events
    # Corrected, all is forgotten.
    world.wait(HOUR)
    world.settle()
    tell(world, unchanged())
    world.settle()
    assert not world.condition("RefreshFailed")
    ask(world, "again")
    world.settle()
    assert "refused" not in looked(world).dump()


def test_the_same_failure_is_told_once() -> None:
    world = ready()
    events = len(world.events)
    for _ in range(3):
        world.wait(HOUR)
        world.settle()
        tell(world, encode(refused("NoFiles")), ExitCode.BAD_DATA)
        world.settle()
        assert world.condition("RefreshFailed")["reason"] == "NoFiles"
    assert len(world.events) == events + 1


def test_a_source_that_does_not_answer_is_asked_again_while_the_data_is_ready() -> None:
    world = ready()
    world.wait(HOUR)
    world.settle()
    first = look(world)
    away = Failed(reason="SourceUnreachable", message="source.git: https://example.com gave no answer")
    tell(world, encode(away), ExitCode.STORE_UNREACHABLE)
    plan = world.settle()
    assert world.status()["state"] == "Ready"
    assert world.condition("RefreshFailed")["reason"] == "SourceUnreachable"
    assert "trying again at 2026-" in world.condition("RefreshFailed")["message"]
    assert plan.requeue_after is not None
    assert plan.requeue_after.total_seconds() == 30
    world.wait(30)
    world.settle()
    assert look(world) != first
    assert looked(world).mark == world.status()["source"]["lookingSince"]
    tell(world, unchanged())
    world.settle()
    assert not world.condition("RefreshFailed")
    assert len(world.jobs()) == 2


def test_a_job_that_is_kept_no_longer_stays_while_a_look_is_tried_again() -> None:
    world = ready(ttlSecondsAfterFinished=0)
    assert world.jobs() == []
    world.wait(HOUR)
    world.settle()
    tell(world, "", ExitCode.STORE_UNREACHABLE)
    plan = world.settle()
    assert len(world.jobs()) == 1
    assert plan.requeue_after is not None
    assert plan.requeue_after.total_seconds() == 30
    world.wait(30)
    world.settle()
    tell(world, unchanged())
    plan = world.settle()
    assert world.jobs() == []
    assert plan.requeue_after is not None
    assert plan.requeue_after.total_seconds() == HOUR


def test_an_annotation_asks_for_a_look_once() -> None:
    world = ready(every=None)
    ask(world, "2026-11-20")
    world.settle()
    tell(world, unchanged())
    world.settle()
    assert world.status()["source"]["command"] == "2026-11-20"
    before = world.writes
    world.wait(HOUR)
    world.settle()
    assert world.writes == before
    ask(world, "again")
    world.settle()
    assert look(world)


def test_what_is_asked_during_a_look_is_looked_at_after_it() -> None:
    world = ready()
    ask(world, "1")
    world.settle()
    first = look(world)
    ask(world, "2")
    world.settle()
    assert look(world) == first
    assert world.status()["source"]["command"] == "1"
    tell(world, unchanged())
    world.settle()
    assert look(world) != first
    assert world.status()["source"]["command"] == "2"


def test_a_preparation_reads_the_source_as_it_is_and_is_all_that_was_asked_for() -> None:
    world = World()
    ask(world, "1")
    world.settle()
    world.end(ExitCode.OK, encode(prepared("a", inputs=SEEN)), "Completed")
    world.finish("Complete")
    world.settle()
    assert len(world.jobs()) == 1
    assert world.status()["source"]["command"] == "1"


def test_a_new_spec_ends_a_look_and_going_back_keeps_the_data() -> None:
    world = ready()
    world.wait(HOUR)
    world.settle()
    assert look(world)
    world.edit(schema="Completion", refresh={"everySeconds": HOUR})
    world.settle()
    assert world.status()["state"] == "Preparing"
    assert len(world.jobs()) == 1
    assert told(world).look is None
    assert "lookingSince" not in world.status()["source"]
    world.edit()
    world.settle()
    assert world.status()["state"] == "Ready"
    assert world.status()["source"]["inputs"] == SEEN


def test_data_that_was_made_before_there_were_looks_is_looked_at_at_once() -> None:
    world = World()
    world.settle()
    world.succeed()
    world.settle()
    assert "inputs" not in world.status()["source"]
    status = {name: value for name, value in world.status().items() if name != "source"}
    world.put({**world.root(), "status": status})
    world.edit(refresh={"everySeconds": HOUR})
    world.settle()
    assert "inputs" not in looked(world).dump()


@pytest.mark.parametrize("forward", [1, 30, 3 * HOUR, 400 * 24 * HOUR])
def test_a_clock_that_was_wrong_puts_no_look_off_for_ever(forward: int) -> None:
    world = ready()
    world.wait(-forward)
    waited = 0.0
    while len(world.jobs()) == 1:
        plan = world.settle()
        if plan.requeue_after is not None and len(world.jobs()) == 1:
            world.wait(plan.requeue_after.total_seconds())
            waited += plan.requeue_after.total_seconds()
        assert waited <= 2 * HOUR


def test_an_operator_that_starts_anew_goes_on_where_it_was() -> None:
    world = ready()
    world.wait(HOUR)
    world.step()  # status and Job are written, and nothing else is remembered
    name = look(world)
    world.room = Room(SETTINGS)
    world.wait(30)
    world.settle()
    assert look(world) == name
    # Stopped between the two writes: the status is there, the Job is not.
    world.remove("Job", name)
    world.settle()
    assert look(world) == name


def test_what_holds_a_look_up_is_shown_beside_what_there_is() -> None:
    world = ready()
    world.wait(HOUR)
    world.settle()
    name = look(world)
    labels = {"slipway.dev/uid": UID, "batch.kubernetes.io/job-name": name}
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: insufficient memory"}
    meta = {"name": "p", "namespace": "demo", "labels": labels, "creationTimestamp": world.stamp()}
    status = {"phase": "Pending", "conditions": [unscheduled]}
    world.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})
    world.wait(60)
    world.settle()
    assert world.status()["state"] == "Ready"
    assert world.status()["message"].startswith("80 rows to train on")
    assert f"Job {name} looks whether the source changed: pod p cannot be scheduled" in world.status()["message"]


def test_a_look_leaves_the_recipe_and_the_names_of_jobs_as_they_were() -> None:
    plain = World()
    plain.settle()
    world = World()
    world.edit(refresh={"everySeconds": HOUR})
    world.settle()
    assert world.jobs() == plain.jobs()
    world.succeed()
    plain.succeed()
    world.settle()
    plain.settle()
    assert world.status()["recipe"] == plain.status()["recipe"]


def test_a_look_has_its_way_through_a_closed_network_and_its_credentials_while_it_lasts() -> None:
    world = World()
    world.room = Room(SETTINGS.model_copy(update={"closed_namespaces": ("demo",)}))
    token = {"name": "git", "key": "token"}
    source = {"git": {"url": "https://git.example.com:8443/data.git", "tokenSecret": token}}
    world.edit(source=source, refresh={"everySeconds": HOUR})
    world.settle()
    tell(world, encode(prepared("a", inputs=SEEN)))
    world.settle()
    assert world.owned("NetworkPolicy") == []
    for _ in range(2):
        world.wait(HOUR)
        world.settle()
        assert world.owned("NetworkPolicy") == [look(world)]
        container = world.get("Job", look(world))["spec"]["template"]["spec"]["containers"][0]
        assert {"secretKeyRef": token} in [variable.get("valueFrom") for variable in container["env"]]
        tell(world, unchanged())
        world.settle()
        assert world.owned("NetworkPolicy") == []
