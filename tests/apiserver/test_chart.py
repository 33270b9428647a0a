"""A real apiserver accepts what the chart renders, restricted pods and all, and an install survives its upgrade."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from e2e.setup import tools
from slipway.kube.resources import RESOURCES
from tests.apiserver.server import Answer, ApiServer, running
from tests.unit.chart.render import CHART, NAMESPACE, VALUES, Manifest, rendered

NAMESPACES = (NAMESPACE, "team-a", "team-b")
FOREIGN = {"ServiceMonitor", "PodMonitor"}
PATHS = {
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[ApiServer]:
    """An apiserver of its own: helm owns what it installs. Its namespaces take restricted pods only."""
    with running() as server:
        for name in NAMESPACES:
            labels = {
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/warn": "restricted",
            }
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
            assert server.request("POST", "/api/v1/namespaces", namespace).code == 201
        yield server


def path_of(manifest: Manifest) -> str:
    """Return where objects of this kind are created."""
    namespace = manifest["metadata"].get("namespace", "")
    if manifest["kind"] in PATHS:
        return PATHS[manifest["kind"]].format(namespace)
    return RESOURCES[manifest["kind"]].path(namespace)


def offered(server: ApiServer, manifest: Manifest) -> Answer:
    return server.request("POST", path_of(manifest) + "?dryRun=All&fieldValidation=Strict", manifest)


def helm(server: ApiServer, *arguments: str) -> str:
    environment = {"KUBECONFIG": str(server.kubeconfig), "HOME": str(server.folder), "PATH": os.environ["PATH"]}
    command = [str(tools.helm()), "--namespace", NAMESPACE, *arguments]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("name", VALUES)
def test_every_object_is_accepted(cluster: ApiServer, name: str) -> None:
    for manifest in rendered(name):
        if manifest["kind"] in FOREIGN:
            continue
        answer = offered(cluster, manifest)
        assert answer.code == 201, f"{manifest['kind']}/{manifest['metadata']['name']}: {answer.message}"
        assert answer.warnings == ()


@pytest.mark.parametrize("name", VALUES)
def test_every_pod_is_restricted(cluster: ApiServer, name: str) -> None:
    workloads = [o for o in rendered(name) if o["kind"] in ("Deployment", "StatefulSet", "CronJob")]
    assert workloads
    for workload in workloads:
        answer = offered(cluster, as_pod(workload))
        assert answer.code == 201, answer.message


def test_a_pod_that_is_not_restricted_is_refused_here(cluster: ApiServer) -> None:
    pod = as_pod(next(o for o in rendered("default") if o["kind"] == "Deployment"))
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    answer = offered(cluster, pod)
    assert answer.code == 403
    assert 'violates PodSecurity "restricted' in answer.message


def test_install_tells_the_next_command(cluster: ApiServer) -> None:
    told = helm(cluster, "install", "trial", str(CHART), "--dry-run=server", "--set", "crds.enabled=false")
    assert f"kubectl -n {NAMESPACE} rollout status deployment/trial-slipway" in told
    assert "kubectl explain dataset.spec" in told
    assert f"Only the namespace {NAMESPACE} can reach the object store now" in told
    told = helm(cluster, "install", "trial", str(CHART), "--dry-run=server", "--values", str(VALUES["minimal"]))
    assert "No Prometheus is configured" in told
    assert "port-forward" not in told


def test_upgrade_keeps_credentials_and_uninstall_keeps_definitions(cluster: ApiServer) -> None:
    def credentials(namespace: str = NAMESPACE) -> dict[str, str]:
        found = cluster.request("GET", f"/api/v1/namespaces/{namespace}/secrets/slipway-object-store")
        assert found.code == 200, found.message
        return dict(found.body["data"])

    def definitions() -> set[str]:
        return {o["metadata"]["name"] for o in cluster.request("GET", PATHS["CustomResourceDefinition"]).body["items"]}

    helm(cluster, "install", "slipway", str(CHART))
    first = credentials()
    helm(cluster, "upgrade", "slipway", str(CHART), "--set", "workloadNamespaces={team-a}")
    assert credentials() == credentials("team-a") == first
    assert len(definitions()) == 4

    assert_rights(cluster)

    helm(cluster, "uninstall", "slipway")
    assert len(definitions()) == 4, "uninstalling must not delete everybody's objects"
    helm(cluster, "install", "slipway", str(CHART))  # takes the definitions over again


def assert_rights(server: ApiServer) -> None:
    """Ask the apiserver itself what the operator and a namespace's users may do."""
    operator = {"user": f"system:serviceaccount:{NAMESPACE}:slipway"}
    assert may(server, operator, "patch", "slipway.dev", "rollouts/status")
    assert may(server, operator, "patch", "gateway.networking.k8s.io", "httproutes")
    assert may(server, operator, "update", "coordination.k8s.io", "leases", NAMESPACE, "slipway-operator")
    assert may(server, operator, "create", "authentication.k8s.io", "tokenreviews")
    assert not may(server, operator, "update", "coordination.k8s.io", "leases", NAMESPACE, "another")
    assert not may(server, operator, "create", "coordination.k8s.io", "leases", "team-a")
    assert not may(server, operator, "get", "", "secrets", NAMESPACE)
    assert not may(server, operator, "delete", "", "pods")
    assert not may(server, operator, "patch", "slipway.dev", "rollouts")
    assert not may(server, operator, "delete", "slipway.dev", "modelversions")


def may(
    server: ApiServer, who: Manifest, verb: str, group: str, resource: str, namespace: str = "team-a", name: str = ""
) -> bool:
    """Return whether `who` may do this, as the apiserver decides."""
    plural, _, subresource = resource.partition("/")
    attributes: dict[str, Any] = {"verb": verb, "group": group, "resource": plural, "namespace": namespace}
    attributes |= {"subresource": subresource} if subresource else {}
    attributes |= {"name": name} if name else {}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {**who, "resourceAttributes": attributes},
    }
    answer = server.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert answer.code == 201, answer.message
    return bool(answer.body["status"]["allowed"])


def as_pod(workload: Manifest, namespace: str = NAMESPACE) -> Manifest:
    """Return the first pod of a Deployment, StatefulSet, Job or CronJob."""
    if workload.get("kind") == "CronJob":
        workload = workload["spec"]["jobTemplate"]
    template = yaml.safe_load(yaml.safe_dump(workload["spec"]["template"]))
    spec = template["spec"]
    claims = [claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", ())]
    spec["volumes"] += [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    metadata = {**template["metadata"], "name": "pod", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
