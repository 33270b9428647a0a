"""Is a child written again exactly when it has to be?"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from slipway.kube.matching import contains, fingerprint, is_current, mark_of, stamped
from slipway.kube.projection import project

ROOT = {"apiVersion": "slipway.dev/v1alpha1", "kind": "Dataset", "metadata": {"name": "d", "uid": "u"}}
ROUTE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "r", "namespace": "demo", "labels": {"a": "b"}},
    "spec": {"rules": [{"backendRefs": [{"name": "x", "weight": 0}]}]},
}


def live(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what the server makes of it: defaults, status, marks of others."""
    found = copy.deepcopy(wanted)
    found["metadata"] |= {"uid": "1", "resourceVersion": "5", "generation": 2}
    found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "3"
    found["spec"]["parentRefs"] = ["defaulted"]
    found["spec"]["rules"][0]["matches"] = ["defaulted"]
    found["status"] = {"parents": []}
    return project(found)


def test_defaults_status_and_marks_of_others_need_no_write() -> None:
    wanted = stamped(ROUTE, ROOT)
    found = live(wanted)
    assert is_current(wanted, found, None)
    assert is_current(wanted, found, fingerprint(found, wanted))


def test_every_change_that_is_not_ours_needs_one() -> None:
    wanted = stamped(ROUTE, ROOT)
    last = fingerprint(live(wanted), wanted)

    def edited(change: Any) -> bool:
        found = live(wanted)
        change(found)
        return is_current(wanted, found, last)

    assert not edited(lambda o: o["spec"]["rules"][0]["backendRefs"][0].update(weight=1))
    assert not edited(lambda o: o["spec"]["rules"][0].update(filters=["mirror"]))
    assert not edited(lambda o: o["spec"]["rules"].append({}))
    assert not edited(lambda o: o["metadata"]["labels"].update(a="c"))
    assert not edited(lambda o: o["metadata"].pop("ownerReferences"))
    assert not edited(lambda o: o["metadata"].pop("annotations"))
    assert edited(lambda o: o["metadata"]["labels"].update(other="label"))
    assert edited(lambda o: o["status"].update(parents=["changed"]))


def test_without_memory_an_edit_of_what_we_named_shows() -> None:
    wanted = stamped(ROUTE, ROOT)
    found = live(wanted)
    found["spec"]["rules"][0]["backendRefs"][0]["weight"] = 1
    assert not is_current(wanted, found, None)


DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "d", "namespace": "demo"},
    "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "engine", "image": "engine:1"}]}}},
}


def deployed(wanted: dict[str, Any], image: str = "engine:1") -> dict[str, Any]:
    """Return what the server makes of a Deployment."""
    found = copy.deepcopy(wanted)
    found["metadata"] |= {"uid": "1", "resourceVersion": "5"}
    found["spec"]["progressDeadlineSeconds"] = 600
    found["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    found["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return project(found)


def test_what_is_kept_sealed_is_compared_as_well() -> None:
    wanted = stamped(DEPLOYMENT, ROOT)
    found, edited = deployed(wanted), deployed(wanted, image="other")
    last = fingerprint(found, wanted)
    assert is_current(wanted, found, None)
    assert is_current(wanted, deployed(wanted), last)
    assert not is_current(wanted, edited, None)
    assert not is_current(wanted, edited, last)


def test_the_mark_follows_content_and_owner_not_the_order_of_keys() -> None:
    swapped = {name: ROUTE[name] for name in reversed(list(ROUTE))}
    assert mark_of(stamped(ROUTE, ROOT)) == mark_of(stamped(swapped, ROOT))
    other = {**ROOT, "metadata": {"name": "d", "uid": "else"}}
    assert mark_of(stamped(ROUTE, ROOT)) != mark_of(stamped(ROUTE, other))
    assert mark_of(stamped(ROUTE, None)) != mark_of(stamped(ROUTE, ROOT))


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)


@given(json)
def test_everything_contains_itself(value: Any) -> None:
    assert contains(value, copy.deepcopy(value))


@given(st.dictionaries(st.text(max_size=2), json, max_size=4), st.text(min_size=3, max_size=4), json)
def test_additions_to_objects_are_not_a_difference(value: dict[str, Any], name: str, more: Any) -> None:
    assert contains({**value, name: more}, value)
    assert not contains(value, {**value, name: more})
