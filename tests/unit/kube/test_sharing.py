"""Is an object made of parts of another still the same object?"""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from slipway.kube.sharing import shared
from slipway.kube.store import Store

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-1, 1) | st.text("ab", max_size=2),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.sampled_from("abc"), parts, max_size=3),
    max_leaves=12,
)


@given(JSON, JSON)
def test_the_result_is_the_value_and_its_types(value: Any, like: Any) -> None:
    # As text: Python holds 1, 1.0 and True for equal.
    assert orjson.dumps(shared(value, like), option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        value, option=orjson.OPT_SORT_KEYS
    )


@given(JSON)
def test_what_is_equal_as_a_whole_is_kept_once(value: Any) -> None:
    copy = orjson.loads(orjson.dumps(value))
    assert shared(copy, value) is value


def test_parts_that_are_equal_are_kept_once() -> None:
    like = {"labels": {"a": "1"}, "owners": [{"uid": "u"}], "name": "first"}
    made = shared({"labels": {"a": "1"}, "owners": [{"uid": "u"}, {"uid": "v"}], "name": "second"}, like)
    assert made["labels"] is like["labels"]
    assert made["owners"][0] is like["owners"][0]
    assert made == {"labels": {"a": "1"}, "owners": [{"uid": "u"}, {"uid": "v"}], "name": "second"}


def child(kind: str, name: str, version: int = 1) -> dict[str, Any]:
    owner = {"kind": "Rollout", "name": "app", "uid": "of-the-root", "controller": True}
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"{kind}-{name}",
            "resourceVersion": str(version),
            "labels": {"slipway.dev/uid": "of-the-root"},
            "ownerReferences": [owner],
        },
        "spec": {"ports": [{"port": 80}], "selector": {"app": name}},
    }


def test_children_of_a_root_share_their_owner_and_keep_what_they_are() -> None:
    store = Store()
    for kind, name in (("Service", "one"), ("HTTPRoute", "two"), ("Service", "three")):
        store.put(child(kind, name))
    first, second = store.get("Service", "default", "one"), store.get("HTTPRoute", "default", "two")
    assert first is not None
    assert second is not None
    assert first["metadata"]["ownerReferences"] is second["metadata"]["ownerReferences"]
    assert second["spec"] == child("HTTPRoute", "two")["spec"]
    third = store.get("Service", "default", "three")
    assert third is not None
    assert third["spec"]["sealed"].opened() == child("Service", "three")["spec"]


def test_any_number_of_objects_of_one_kind_have_one_copy_of_what_is_equal() -> None:
    store = Store()
    for name in ("one", "two", "three", "four"):
        store.put(child("HTTPRoute", name))
    ports = [obj["spec"]["ports"] for obj in store.all("HTTPRoute")]
    assert len(ports) == 4
    assert all(each is ports[0] for each in ports)
