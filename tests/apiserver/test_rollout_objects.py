"""Are the objects that a Rollout wants accepted by a real apiserver, and unchanged when they are applied again?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from slipway.kube.resources import RESOURCES
from tests.apiserver.server import ApiServer
from tests.unit.rollout.world import NAMESPACE, canary

NO_ROUTE = ("HTTPRoute",)
APPLY = "application/apply-patch+yaml"


@pytest.fixture(scope="module")
def namespace(server: ApiServer) -> str:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    server.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE, "labels": labels}})
    server.request("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": "default"}})
    return NAMESPACE


def apply(server: ApiServer, child: Mapping[str, Any]) -> Any:
    path = RESOURCES[child["kind"]].path(NAMESPACE, child["metadata"]["name"])
    meta = {k: v for k, v in child["metadata"].items() if k != "generation"}
    answer = server.request(
        "PATCH",
        f"{path}?fieldManager=slipway&force=true&fieldValidation=Strict",
        {**{k: v for k, v in child.items() if k != "status"}, "metadata": meta},
        APPLY,
    )
    assert answer.code in (200, 201), f"{child['kind']}: {answer.message}"
    assert answer.warnings == (), "Pod Security warns about Deployments"
    return answer.body


def test_children_are_accepted_and_stay_as_they_are(server: ApiServer, namespace: str) -> None:
    world = canary(10)
    children = [obj for (kind, _), obj in world.objects.items() if kind not in NO_ROUTE]
    assert {"ConfigMap", "ControllerRevision", "Service", "Deployment", "NetworkPolicy"} <= {
        c["kind"] for c in children
    }
    for child in children:
        first = apply(server, child)["metadata"]["resourceVersion"]
        again = apply(server, child)["metadata"]["resourceVersion"]
        assert again == first, f"{child['kind']} is written again and again"


def test_the_pods_pass_the_restricted_pod_security(server: ApiServer, namespace: str) -> None:
    world = canary(10)
    deployment = next(obj for (kind, _), obj in world.objects.items() if kind == "Deployment")
    template = deployment["spec"]["template"]
    pod = {"metadata": {"name": "one", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
    answer = server.request("POST", f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All&fieldValidation=Strict", pod)
    assert answer.code == 201, answer.message


def test_the_status_is_accepted(server: ApiServer, namespace: str) -> None:
    world = canary(10)
    root = {k: v for k, v in world.root.items() if k != "status"}
    root["metadata"] = {"name": "assistant", "namespace": NAMESPACE}
    collection = f"/apis/slipway.dev/v1alpha1/namespaces/{NAMESPACE}/rollouts"
    made = server.request("POST", f"{collection}?fieldValidation=Strict", root)
    assert made.code == 201, made.message
    status = {**root, "status": world.root["status"]}
    path = f"{collection}/assistant/status?fieldManager=slipway-status&force=true&fieldValidation=Strict"
    answer = server.request("PATCH", path, status, APPLY)
    assert answer.code == 200, answer.message
    assert answer.body["status"] == world.root["status"]
