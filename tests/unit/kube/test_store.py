"""Does the store hold the newest state of everything, in whatever order the news come?"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from slipway.kube.store import Change, Store
from slipway.names import UID_LABEL


def thing(name: str, version: int, uid: str = "", kind: str = "ConfigMap", root: str = "r", **more: Any) -> dict:
    meta = {"name": name, "namespace": "demo", "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    labels = {UID_LABEL: root} if root else {}
    return {"apiVersion": "v1", "kind": kind, "metadata": {**meta, "labels": labels}, **more}


# A life: births, changes and deaths of one name, each with a higher version; a new birth has a new uid.
lives = st.lists(st.sampled_from(["change", "delete"]), min_size=1, max_size=12)


@given(lives, st.randoms(use_true_random=False), st.booleans())
def test_news_in_any_order_end_in_the_newest_state(life: list[str], rnd: random.Random, twice: bool) -> None:
    news: list[tuple[str, dict]] = []
    uid, alive = 0, None
    for version, step in enumerate(life, start=1):
        if step == "change":
            if alive is None:
                uid += 1
            alive = thing("x", version, f"uid-{uid}", at=version)
            news.append(("put", alive))
        elif alive is not None:
            news.append(("delete", thing("x", version, f"uid-{uid}")))
            alive = None
    heard = news * 2 if twice else list(news)
    rnd.shuffle(heard)
    store = Store()
    for what, obj in heard:
        if what == "put":
            store.put(obj)
        else:
            store.discard("ConfigMap", "demo", "x", obj["metadata"]["uid"], int(obj["metadata"]["resourceVersion"]))
    found = store.get("ConfigMap", "demo", "x")
    assert (found or {}).get("at") == (alive or {}).get("at")
    assert [o["at"] for o in store.owned("r")] == ([alive["at"]] if alive else [])


def test_children_are_found_by_label_sorted_and_by_kind() -> None:
    store = Store()
    for kind, name in (("Service", "b"), ("Service", "a"), ("Job", "z")):
        store.put(thing(name, 1, uid=kind + name, kind=kind))
    store.put(thing("other", 1, root="else"))
    assert [(o["kind"], o["metadata"]["name"]) for o in store.owned("r")] == [
        ("Job", "z"),
        ("Service", "a"),
        ("Service", "b"),
    ]
    assert [o["metadata"]["name"] for o in store.owned("r", "Service")] == ["a", "b"]
    assert store.owned("nobody") == []


def test_a_child_that_moves_to_another_root_leaves_the_first() -> None:
    store = Store()
    store.put(thing("x", 1, root="one"))
    store.put(thing("x", 2, root="two"))
    assert store.owned("one") == []
    assert len(store.owned("two")) == 1


def test_a_child_that_lost_its_label_and_got_it_back_is_seen_again() -> None:
    store = Store()
    store.put(thing("x", 1))
    store.discard("ConfigMap", "demo", "x", "uid-x", 2)  # a watch with a selector calls that deleted
    assert store.put(thing("x", 3))
    assert not store.discard("ConfigMap", "demo", "x", "uid-x", 2)
    assert len(store.owned("r")) == 1


def test_changes_are_told_once_with_what_was_before() -> None:
    told: list[Change] = []
    store = Store(told.append)
    store.put(thing("x", 1, at=1))
    store.put(thing("x", 1, at=1))
    store.put(thing("x", 3, at=3))
    store.put(thing("x", 2, at=2))
    store.discard("ConfigMap", "demo", "x", "uid-x", 4)
    store.discard("ConfigMap", "demo", "x", "uid-x", 4)

    def at(obj: Any) -> Any:
        return obj["at"] if obj else None

    assert [(at(change.before), at(change.after)) for change in told] == [(None, 1), (1, 3), (3, None)]


def test_a_list_shows_what_is_missing_but_not_what_is_newer_than_it() -> None:
    store = Store()
    for name, version in (("kept", 1), ("gone", 2), ("newer", 9)):
        store.put(thing(name, version))
    assert [o["metadata"]["name"] for o in store.missing("ConfigMap", None, ["uid-kept"], 5)] == ["gone"]
    assert not store.missing("ConfigMap", "elsewhere", [], 5)


def test_roots_are_found_by_uid() -> None:
    store = Store()
    store.put(thing("x", 1, kind="Dataset", root=""))
    assert store.root("uid-x") is not None
    store.put(thing("x", 2, uid="new", kind="Dataset", root=""))
    assert store.root("uid-x") is None
    assert store.root("new") is not None
    assert [o["metadata"]["uid"] for o in store.all("Dataset", "demo")] == ["new"]
    assert store.sizes() == {"Dataset": 1.0}


def test_roots_are_found_by_what_they_mention_as_long_as_they_do() -> None:
    def rollout(at: int, **spec: Any) -> dict[str, Any]:
        return thing("assistant", at, kind="Rollout", spec=spec)

    def names(relation: str) -> list[str]:
        return [root["metadata"]["name"] for root in store.related("Rollout", "demo", relation)]

    store = Store()
    store.put(rollout(1, model="m", version={"name": "v1"}))
    assert (names("model:m"), names("version:v1"), names("version:v2")) == (["assistant"], ["assistant"], [])
    store.put(rollout(2, model="m", version={"name": "v2"}))
    assert (names("model:m"), names("version:v1"), names("version:v2")) == (["assistant"], [], ["assistant"])
    assert not store.related("TrainingJob", "demo", "model:m")
    assert not store.related("Rollout", "elsewhere", "model:m")
    store.put(rollout(3, model=7, version="v2", traffic=["no object"]))  # what another version's CRD let pass
    assert not names("model:m")
    assert not names("version:v2")
    store.discard("Rollout", "demo", "assistant", "uid-assistant", 4)
    assert not store._related


def test_a_claim_is_found_from_every_namespace_as_long_as_it_is_made() -> None:
    def rollout(namespace: str, at: int, *hosts: str) -> dict[str, Any]:
        traffic = {"gateway": {"name": "slipway", "namespace": "gateways"}, "hostnames": list(hosts)}
        made = thing("assistant", at, uid=f"uid-{namespace}", kind="Rollout", spec={"model": "m", "traffic": traffic})
        made["metadata"]["namespace"] = namespace
        return made

    def claimants() -> list[str]:
        found = store.related("Rollout", "whatever", "host:gateways/slipway/a.example")
        return [root["metadata"]["namespace"] for root in found]

    store = Store()
    store.put(rollout("two", 1, "a.example", "b.example"))
    store.put(rollout("one", 2, "a.example"))
    assert claimants() == ["one", "two"]
    assert [root["metadata"]["namespace"] for root in store.related("Rollout", "one", "model:m")] == ["one"]
    store.put(rollout("two", 3, "b.example"))
    assert claimants() == ["one"]
    store.discard("Rollout", "one", "assistant", "uid-one", 4)
    store.discard("Rollout", "two", "assistant", "uid-two", 5)
    assert not store._related
