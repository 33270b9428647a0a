"""Does a real apiserver behave as the engine assumes, and as the in-memory one in tests/engine does?"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from slipway.kube.api import Conflict, Invalid, NotFound
from slipway.kube.client import KubeClient
from slipway.kube.progress import PodIdentity, identity_of
from slipway.names import STATUS_MANAGER, UID_LABEL
from tests.apiserver.server import ApiServer


def config_map(space: str, name: str = "one", **data: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": space, "labels": {UID_LABEL: "u"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def dataset(space: str, name: str = "data") -> dict[str, Any]:
    return {
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "Dataset",
        "metadata": {"name": name, "namespace": space},
        "spec": {
            "source": {"inline": {"files": [{"name": "a.jsonl", "text": "{}"}]}},
            "schema": "Chat",
            "steps": [{"parse": {"as": "JSONL"}}],
        },
    }


def status(obj: dict[str, Any], wanted: dict[str, Any], *preconditions: str) -> dict[str, Any]:
    meta = {name: obj["metadata"][name] for name in ("name", "namespace", *preconditions)}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": meta, "status": wanted}


async def test_applying_the_same_again_makes_no_new_version(api: KubeClient, space: str) -> None:
    first = await api.apply(config_map(space, a="1"), manager="slipway")
    second = await api.apply(config_map(space, a="1"), manager="slipway")
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


async def test_a_field_left_out_is_removed_and_one_of_others_is_kept(api: KubeClient, space: str) -> None:
    await api.apply(config_map(space, a="1", b="2"), manager="slipway")
    await api.merge("ConfigMap", space, "one", {"data": {"c": "3"}})
    assert (await api.apply(config_map(space, a="1"), manager="slipway"))["data"] == {"a": "1", "c": "3"}


async def test_status_apply_heeds_the_version(api: KubeClient, space: str) -> None:
    root = await api.apply(dataset(space), manager="user")
    once = status(root, {"state": "Preparing"}, "resourceVersion")
    written = await api.apply(once, manager=STATUS_MANAGER, subresource="status")
    assert written["status"]["state"] == "Preparing"
    assert written["metadata"]["generation"] == root["metadata"]["generation"]
    stale = status(root, {"state": "Ready"}, "resourceVersion")
    with pytest.raises(Conflict):
        await api.apply(stale, manager=STATUS_MANAGER, subresource="status")
    gone = {**written, "metadata": {**written["metadata"], "name": "gone"}}
    with pytest.raises(NotFound):
        await api.apply(status(gone, {"state": "Ready"}), manager=STATUS_MANAGER, subresource="status")


async def test_two_managers_share_a_status_without_touching_each_other(api: KubeClient, space: str) -> None:
    root = await api.apply(dataset(space), manager="user")
    await api.apply(status(root, {"message": "from one"}), manager="one", subresource="status")
    both = await api.apply(status(root, {"state": "Ready"}), manager="two", subresource="status")
    assert both["status"] == {"message": "from one", "state": "Ready"}


async def test_an_immutable_field_is_refused_as_invalid(api: KubeClient, space: str) -> None:
    def job(argument: str) -> dict[str, Any]:
        container = {"name": "main", "image": "x", "args": [argument]}
        template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        meta = {"name": "job", "namespace": space}
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": template}}

    await api.apply(job("a"), manager="slipway")
    with pytest.raises(Invalid, match="immutable"):
        await api.apply(job("b"), manager="slipway")


async def test_deleting_heeds_the_uid(api: KubeClient, space: str) -> None:
    made = await api.apply(config_map(space), manager="slipway")
    with pytest.raises(Conflict):
        await api.delete("ConfigMap", space, "one", uid="00000000-0000-0000-0000-000000000000")
    answer = await api.delete("ConfigMap", space, "one", uid=made["metadata"]["uid"])
    assert answer["kind"] == "Status"
    with pytest.raises(NotFound):
        await api.get("ConfigMap", space, "one")


async def test_pages_are_of_one_moment_and_name_their_kind(api: KubeClient, space: str) -> None:
    for i in range(5):
        await api.apply(config_map(space, f"m{i}"), manager="slipway")
    pages = [page async for page in api.pages("ConfigMap", space, selector=UID_LABEL, limit=2)]
    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert len({page.resource_version for page in pages}) == 1
    assert all(item["kind"] == "ConfigMap" and item["apiVersion"] == "v1" for page in pages for item in page.items)


async def test_a_watch_tells_of_changes_and_of_leaving_the_selection(api: KubeClient, space: str) -> None:
    first = await api.apply(config_map(space, a="1"), manager="slipway")
    seen = []
    stream = api.watch("ConfigMap", space, since=first["metadata"]["resourceVersion"], selector=UID_LABEL)
    await api.apply(config_map(space, a="2"), manager="slipway")
    await api.merge("ConfigMap", space, "one", {"metadata": {"labels": None}})
    await api.apply(config_map(space, a="2"), manager="slipway")
    async with asyncio.timeout(20):
        async for event in stream:
            if event.type != "BOOKMARK":
                seen.append(event.type)
            if len(seen) == 3:
                break
    await stream.aclose()
    assert seen == ["MODIFIED", "DELETED", "ADDED"]


async def test_a_kind_without_crd_is_not_found(api: KubeClient, space: str) -> None:
    with pytest.raises(NotFound):
        async for _ in api.pages("HTTPRoute", space):
            pass


async def test_a_token_review_names_the_pod(api: KubeClient, server: ApiServer, space: str) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    server.request("POST", f"/api/v1/namespaces/{space}/serviceaccounts", account)
    container = {"name": "main", "image": "x"}
    pod = {"metadata": {"name": "trainer"}, "spec": {"containers": [container], "serviceAccountName": "default"}}
    made = server.request("POST", f"/api/v1/namespaces/{space}/pods", pod)
    assert made.code == 201, made.message
    bound = {"kind": "Pod", "apiVersion": "v1", "name": "trainer", "uid": made.body["metadata"]["uid"]}
    spec = {"audiences": ["slipway-progress"], "boundObjectRef": bound, "expirationSeconds": 600}
    path = f"/api/v1/namespaces/{space}/serviceaccounts/default/token"
    token = server.request("POST", path, {"spec": spec}).body["status"]["token"]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": {}}
    found = await api.create({**review, "spec": {"token": token, "audiences": ["slipway-progress"]}})
    assert identity_of(found["status"]) == PodIdentity(space, "trainer", made.body["metadata"]["uid"])
    other = await api.create({**review, "spec": {"token": token, "audiences": ["else"]}})
    assert identity_of(other["status"]) is None
