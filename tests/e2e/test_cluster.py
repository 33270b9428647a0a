"""Does the embedded node come up over a killed one, run what pods need, and leave nothing on the machine?"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import open_cluster, release
from e2e.cluster.embedded import images, leftovers, process
from e2e.cluster.embedded.node import EmbeddedCluster

ROWS = [{"prompt": f"What is {n} and {n}?", "completion": f"It is {2 * n}."} for n in range(100)]
DATASET = {
    "apiVersion": "slipway.dev/v1alpha1",
    "kind": "Dataset",
    "metadata": {"name": "few"},
    "spec": {
        "source": {"inline": {"files": [{"name": "few.jsonl", "text": "\n".join(map(json.dumps, ROWS))}]}},
        "schema": "Completion",
        "steps": [{"parse": {"as": "JSONL"}}],
        "split": {"groupBy": "Row"},  # one file is one group, and three splits need more
    },
}
PAGE = "written to a volume, read through the Gateway"


@pytest.fixture(scope="module")
def node() -> Iterator[EmbeddedCluster]:
    cluster = open_cluster()
    if not isinstance(cluster, EmbeddedCluster):
        pytest.skip(f"the {cluster.provider} cluster is not ours to kill")
    with cluster.in_use("the test of the embedded node"):
        yield cluster


def test_a_node_whose_processes_were_killed_comes_up_again_and_serves(node: EmbeddedCluster) -> None:
    node.up()
    process.kill(process.ours(node.layout))
    assert not node.healthy()
    assert leftovers.find(node.layout).mounts, "a killed node leaves mounts, else this test proves little"

    node.up()
    assert node.healthy()
    busybox, _ = images.archives()["busybox"]
    node.kubectl("apply", "-f", "-", stdin=manifest(busybox))
    node.kubectl("wait", "-n", "check", "pod/web", "--for=condition=Ready", "--timeout=90s")
    assert through_the_gateway(node) == PAGE
    assert node.kubectl("exec", "-n", "check", "web", "--", "wget", "-qO-", "http://web.check.svc/").strip() == PAGE


def test_a_healthy_node_is_left_as_it_is(node: EmbeddedCluster) -> None:
    before = set(process.ours(node.layout))
    node.up()
    assert before <= set(process.ours(node.layout))


def test_gpus_on_paper(node: EmbeddedCluster) -> None:
    node.up(gpus=2)
    allocatable = node.kubectl("get", "node", "node1", "-o", "jsonpath={.status.allocatable.nvidia\\.com/gpu}")
    assert allocatable == "2"


def test_the_chart_installs_with_nothing_but_defaults(node: EmbeddedCluster) -> None:
    node.images()
    where = ["slipway", "--namespace", "slipway-system"]
    node.helm("install", *where, str(release.CHART), "--create-namespace", "--wait", "--timeout", "5m")
    try:
        wanted = f"{release.registry()}/slipway/operator:{release.version()}"
        images = "jsonpath={.items[*].spec.containers[*].image}"
        found = node.kubectl("get", "pods", "-n", "slipway-system", "-o", images).split()
        assert found.count(wanted) == 2, found
        node.kubectl("apply", "-n", "slipway-system", "-f", "-", stdin=json.dumps(DATASET))
        node.kubectl("wait", "-n", "slipway-system", "dataset/few", "--for=condition=Ready", "--timeout=120s")
    finally:
        node.kubectl("delete", "-n", "slipway-system", "dataset", "--all", "--timeout=60s")
        node.helm("uninstall", *where, "--wait")
    kept = node.kubectl("get", "crds", "-o", "name")
    assert "datasets.slipway.dev" in kept


def test_down_leaves_nothing(node: EmbeddedCluster) -> None:
    settings = json.loads(node.layout.sysctls.read_text())
    node.down()
    assert not leftovers.find(node.layout), str(leftovers.find(node.layout))
    assert not node.layout.state.exists()
    assert settings["net/ipv4/ip_forward"]
    assert {name: Path("/proc/sys", name).read_text().strip() for name in settings} == settings


def through_the_gateway(node: EmbeddedCluster, seconds: float = 30) -> str:
    """Return what the Gateway answers, once it knows the route."""
    request = urllib.request.Request(node.gateway_url, headers={"Host": "check.example"})
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return str(response.read().decode().strip())
        except OSError:
            assert time.monotonic() < until, "the Gateway does not serve the route"
            time.sleep(0.1)


def manifest(image: str) -> str:
    """Return a pod that writes a page to a volume and serves it, its Service, and its route."""
    named = {"name": "web", "namespace": "check"}
    volume = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    server = {
        "name": "web",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", f"echo '{PAGE}' > /data/index.html && exec busybox httpd -f -p 8080 -h /data"],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    pod = {"containers": [server], "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "web"}}]}
    route = {
        "parentRefs": [{"name": "slipway", "namespace": "slipway-gateway"}],
        "hostnames": ["check.example"],
        "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
    }
    ports = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "check"}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": named, "spec": volume},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {**named, "labels": {"app": "web"}}, "spec": pod},
        {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": ports},
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": named, "spec": route},
    ]
    return "\n---\n".join(json.dumps(one) for one in objects)
