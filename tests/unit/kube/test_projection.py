"""Does a projection keep what the rooms read, and drop what only costs memory?"""

from __future__ import annotations

from slipway.kube.projection import controller_uid, project, version_of


def test_managed_fields_and_last_applied_go() -> None:
    last = "kubectl.kubernetes.io/last-applied-configuration"
    meta = {"name": "x", "managedFields": [1], "annotations": {last: "{}", "mine": "yes"}}
    kept = project({"kind": "HTTPRoute", "metadata": meta, "spec": {"rules": []}, "status": {"a": 1}})
    assert kept == {
        "kind": "HTTPRoute",
        "metadata": {"name": "x", "annotations": {"mine": "yes"}},
        "spec": {"rules": []},
        "status": {"a": 1},
    }


def test_of_a_large_spec_what_is_read_stays_and_the_rest_is_sealed() -> None:
    template = {"spec": {"containers": [{"name": "engine", "image": "engine:1"}]}}
    spec = {"replicas": 2, "template": template, "paused": False}
    kept = project({"kind": "Deployment", "metadata": {"name": "x"}, "spec": spec})
    assert kept["spec"].keys() == {"replicas", "sealed"}
    assert kept["spec"]["sealed"].opened() == {"template": template, "paused": False}


def test_a_config_map_keeps_a_hash_of_its_data() -> None:
    def hashed(**data: str) -> str:
        kept = project({"kind": "ConfigMap", "metadata": {"name": "x"}, "data": data, "immutable": True})
        assert "data" not in kept
        assert kept["immutable"] is True
        return kept["dataHash"]

    assert hashed(a="1", b="2") == hashed(b="2", a="1")
    assert hashed(a="1") != hashed(a="2")


def test_a_pod_keeps_how_its_containers_ended() -> None:
    ended = [{"name": "main", "state": {"terminated": {"exitCode": 10, "message": "{}", "reason": "Error"}}}]
    status = {"phase": "Failed", "containerStatuses": ended, "initContainerStatuses": [], "podIPs": ["10.0.0.1"]}
    meta = {"name": "p", "namespace": "demo", "uid": "u", "resourceVersion": "7", "annotations": {"big": "x"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": ["large"]}, "status": status}
    kept = project(pod)
    assert kept["status"]["containerStatuses"] == ended
    assert kept["status"]["phase"] == "Failed"
    assert "spec" not in kept
    assert "podIPs" not in kept["status"]
    assert "annotations" not in kept["metadata"]
    assert version_of(kept) == 7


def test_only_the_controlling_owner_counts() -> None:
    references = [{"uid": "a"}, {"uid": "b", "controller": True}]
    assert controller_uid({"metadata": {"ownerReferences": references}}) == "b"
    assert controller_uid({"metadata": {"ownerReferences": references[:1]}}) is None
    assert controller_uid({"metadata": {}}) is None
