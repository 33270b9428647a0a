"""Do two Rollouts leave a host name to the older one?"""

from __future__ import annotations

from typing import Any, cast

import pytest

from slipway.kube.queue import Priority, WorkQueue
from slipway.kube.reconciler import Router
from slipway.kube.store import Store
from slipway.plan import Key
from tests.unit.rollout.world import NAMESPACE, Behaviour, World, canary, rollout_spec, serving

OLD, NEW = "2026-11-19T00:00:00Z", "2026-11-21T00:00:00Z"


def rival(
    created: str = OLD, *hosts: str, name: str = "first", namespace: str = NAMESPACE, **changes: Any
) -> dict[str, Any]:
    traffic = rollout_spec("v1")["traffic"] | ({"hostnames": list(hosts)} if hosts else {})
    meta = {"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}", "creationTimestamp": created}
    spec = rollout_spec("v1") | {"traffic": traffic} | changes
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": "Rollout", "metadata": meta, "spec": spec}


def meeting(other: dict[str, Any], world: World | None = None) -> World:
    world = world or World()
    world.root["metadata"]["creationTimestamp"] = "2026-11-20T00:00:00Z"
    world.rivals.append(other)
    world.run(5)
    return world


def test_the_younger_one_starts_nothing_and_says_what_to_do() -> None:
    world = meeting(rival(OLD))
    assert world.objects == {}
    assert world.state == "Stalled"
    assert "assistant.example" in world.status.message
    assert "older Rollout first: remove it from the spec of one of the two" in world.status.message
    assert world.plan_made is not None
    assert world.plan_made.requeue_after is None, "its rival's change wakes it"
    world.rivals.clear()
    world.until("Healthy")


def test_one_of_another_namespace_is_named_with_it_and_with_what_can_be_done_from_here() -> None:
    world = meeting(rival(OLD, name="assistant", namespace="elsewhere"))
    assert world.objects == {}
    assert world.state == "Stalled"
    assert (
        "host name assistant.example of Gateway gateways/slipway belongs to the older Rollout assistant of namespace "
        "elsewhere: take another one here"
    ) in world.status.message
    world.rivals.clear()
    world.until("Healthy")


@pytest.mark.parametrize(
    "other",
    [
        rival(NEW),
        rival(NEW, namespace="elsewhere"),
        rival(namespace="elsewhere", traffic={"gateway": {"name": "slipway"}, "hostnames": ["assistant.example"]}),
        rival(OLD, "other.example"),
        rival(OLD, "*.example"),
        rival(traffic={"gateway": {"name": "other"}, "hostnames": ["assistant.example"]}),
        rival(traffic={"gateway": "nonsense", "hostnames": None}),
    ],
    ids=[
        "younger",
        "younger elsewhere",
        "a Gateway elsewhere",
        "another host",
        "a wildcard",
        "another gateway",
        "unreadable",
    ],
)
def test_who_is_no_older_rival_disturbs_nobody(other: dict[str, Any]) -> None:
    assert meeting(other).state == "Healthy"


def test_previews_are_host_names_too() -> None:
    preview = {"blueGreen": {"previewHostnames": ["assistant.example"]}}
    assert meeting(rival(OLD, "other.example", strategy=preview)).state == "Stalled"


@pytest.mark.parametrize(("uid", "state"), [("a", "Healthy"), ("z", "Stalled")])
def test_of_one_age_the_uid_decides(uid: str, state: str) -> None:
    world = World()
    world.root["metadata"] |= {"creationTimestamp": OLD, "uid": uid}
    world.rivals.append(rival(OLD))
    world.run(3)
    assert world.state == state


def test_traffic_that_flows_is_not_moved() -> None:
    world = serving()
    before = world.objects["HTTPRoute", "assistant"]["spec"]
    traffic = world.root["spec"]["traffic"] | {"hostnames": ["assistant.example", "taken.example"]}
    world.edit(world.root["spec"] | {"traffic": traffic})
    meeting(rival(OLD, "taken.example"), world)
    assert world.objects["HTTPRoute", "assistant"]["spec"] == before
    assert world.state == "Stalled"
    assert "taken.example" in world.status.message


def test_a_candidate_on_its_way_goes_no_further_and_still_returns_when_it_fails() -> None:
    world = meeting(rival(OLD), canary(10))
    world.run(300, step=5)
    assert world.routed() == {"v1": 90, "v2": 10}
    world.behaves["v2"] = Behaviour(failing_percent=100)
    world.run(90, step=3)
    assert world.routed()["v1"] == 100
    assert world.status.last_rollback is not None


class Heard:
    """A queue that notes the names put into it."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def add(self, key: Key, priority: Priority) -> None:
        self.names.add(key.name)

    def taken(self) -> set[str]:
        names, self.names = self.names, set()
        return names


def test_a_rival_wakes_the_other_when_it_comes_changes_or_goes() -> None:
    queue, store = Heard(), Store()
    store.on_change = Router({"Rollout": World().room}, store, cast("WorkQueue", queue))

    def heard(root: dict[str, Any], version: int) -> set[str]:
        store.put({**root, "metadata": {**root["metadata"], "resourceVersion": str(version)}})
        return queue.taken()

    first, second = rival(OLD), rival(NEW, name="second")
    assert heard(first, 1) == {"first"}
    assert heard(second, 2) == {"first", "second"}
    assert heard({**first, "status": {"state": "Healthy"}}, 3) == {"first"}, "a status concerns nobody else"
    assert heard(rival(OLD, "other.example"), 4) == {"first", "second"}
    assert heard(first, 5) == {"first", "second"}
    store.discard("Rollout", NAMESPACE, "first", f"uid-{NAMESPACE}-first", 6)
    assert "second" in queue.taken()
    left = store.related("Rollout", NAMESPACE, "host:gateways/slipway/assistant.example")
    assert [root["metadata"]["name"] for root in left] == ["second"]


def test_a_rival_of_another_namespace_wakes_the_other_too() -> None:
    queue, store = Heard(), Store()
    store.on_change = Router({"Rollout": World().room}, store, cast("WorkQueue", queue))
    first, second = rival(OLD, namespace="elsewhere"), rival(NEW, name="second")
    for version, root in enumerate((first, second)):
        store.put({**root, "metadata": {**root["metadata"], "resourceVersion": str(version)}})
    queue.taken()
    store.discard("Rollout", "elsewhere", "first", "uid-elsewhere-first", 2)
    assert "second" in queue.taken()


def test_a_namesake_of_another_namespace_is_woken_like_any_rival() -> None:
    heard: list[Key] = []

    class Queue:
        def add(self, key: Key, priority: Priority) -> None:
            heard.append(key)

    store = Store()
    store.on_change = Router({"Rollout": World().room}, store, cast("WorkQueue", Queue()))
    for version, root in enumerate((rival(OLD, namespace="elsewhere"), rival(NEW))):
        store.put({**root, "metadata": {**root["metadata"], "resourceVersion": str(version)}})
    heard.clear()
    store.discard("Rollout", "elsewhere", "first", "uid-elsewhere-first", 2)
    assert Key("Rollout", NAMESPACE, "first") in heard
