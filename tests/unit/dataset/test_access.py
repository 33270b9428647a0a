"""Is a preparation pod given what its source needs, and nothing else?"""

from __future__ import annotations

import json
from typing import Any

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import encode
from slipway.dataset.room import Room
from slipway.jobs import JOB_NAME_LABEL
from tests.unit.dataset.world import World, prepared
from tests.unit.worlds import NAMESPACE, SETTINGS

SHA = "0" * 64
HTTP = {
    "files": [{"url": f"https://data.example{port}/a{port[1:]}", "sha256": SHA} for port in ("", ":8443")],
    "headers": [
        {"name": "X-Kind", "value": "data"},
        {"name": "Authorization", "secret": {"name": "web", "key": "token"}},
    ],
}


def started(source: dict[str, Any], shut_in: bool = True, **more: Any) -> World:
    world = World()
    world.room = Room(SETTINGS.model_copy(update={"closed_namespaces": (NAMESPACE,) if shut_in else ("other",)}))
    world.edit(source=source, **more)
    world.settle()
    return world


def only(world: World, kind: str) -> dict[str, Any]:
    [name] = world.owned(kind)
    return dict(world.get(kind, name))


def policy_of(world: World) -> dict[str, Any]:
    """Return the policy's spec, which the store keeps sealed."""
    found: dict[str, Any] = only(world, "NetworkPolicy")["spec"]["sealed"].opened()
    return found


def pod(world: World) -> dict[str, Any]:
    found: dict[str, Any] = only(world, "Job")["spec"]["template"]["spec"]
    return found


def test_secrets_reach_the_pod_by_reference_and_never_the_job_file() -> None:
    world = started({"http": HTTP})
    variables = {variable["name"]: variable for variable in pod(world)["containers"][0]["env"]}
    assert variables["SLIPWAY_SOURCE_HEADER_1"]["valueFrom"] == {"secretKeyRef": {"name": "web", "key": "token"}}
    assert "SLIPWAY_SOURCE_HEADER_0" not in variables
    world.remove("Job", world.jobs()[0])
    config = world.step().children[0]
    told = json.loads(config["data"]["job.json"])["source"]["http"]["headers"][1]
    assert told == {"name": "Authorization", "secret": {"name": "web", "key": "token"}}


def test_the_way_out_is_as_wide_as_the_addresses_and_lasts_as_long_as_the_work() -> None:
    world = started({"http": HTTP})
    policy = policy_of(world)
    assert policy["podSelector"] == {"matchLabels": {JOB_NAME_LABEL: world.jobs()[0]}}
    assert policy["policyTypes"] == ["Egress"]
    [rule] = policy["egress"]
    assert [port["port"] for port in rule["ports"]] == [443, 8443]
    assert "169.254.0.0/16" in rule["to"][0]["ipBlock"]["except"]
    plan = world.step()
    assert not plan.children
    assert world.owned("NetworkPolicy")
    world.succeed()
    world.settle()
    assert world.status()["state"] == "Ready"
    assert world.owned("NetworkPolicy") == []
    assert len(world.jobs()) == 1


def test_a_ray_cluster_is_let_out_to_and_changes_no_data() -> None:
    stored = {"objectStore": {"uri": "s3://slipway/raw/"}}
    spec: dict[str, Any] = {"steps": [{"parse": {"as": "JSONL"}}, {"redact": {"kinds": ["Email"]}}]}
    ray = {"engine": {"ray": {"address": "ray://ray-head.data.svc:10001"}}}
    world = started(stored, **spec)
    assert world.owned("NetworkPolicy") == []
    world.succeed()
    world.settle()
    world.edit(source=stored, **spec, **ray)
    world.settle()
    assert world.status()["state"] == "Ready"
    assert len(world.jobs()) == 1
    world = started(stored, **spec, **ray)
    [rule] = policy_of(world)["egress"]
    assert [port["port"] for port in rule["ports"]] == [10001]
    assert world.status()["state"] == "Preparing"


def test_without_policies_around_it_a_pod_needs_none() -> None:
    assert started({"http": HTTP}, shut_in=False).owned("NetworkPolicy") == []
    assert started({"objectStore": {"uri": "s3://slipway/raw/"}}).owned("NetworkPolicy") == []


def test_a_claim_is_mounted_read_only() -> None:
    world = started({"persistentVolumeClaim": {"claimName": "exports", "path": "raw"}})
    claim = {"persistentVolumeClaim": {"claimName": "exports", "readOnly": True}}
    assert {"name": "source", **claim} in pod(world)["volumes"]
    mount = {"name": "source", "mountPath": "/slipway/source", "readOnly": True}
    assert mount in pod(world)["containers"][0]["volumeMounts"]
    assert world.owned("NetworkPolicy") == []


def test_a_repository_is_read_with_what_its_secret_has() -> None:
    def secrets(**more: Any) -> dict[str, dict[str, str]]:
        world = started({"git": {"url": "https://git.example:8443/a.git", **more}})
        assert [port["port"] for port in policy_of(world)["egress"][0]["ports"]] == [8443]
        variables = pod(world)["containers"][0]["env"]
        return {
            one["name"].removeprefix("SLIPWAY_SOURCE_"): one["valueFrom"]["secretKeyRef"]
            for one in variables
            if one["name"].startswith("SLIPWAY_SOURCE_")
        }

    assert secrets() == {}
    assert secrets(basicAuthSecret={"name": "git"}) == {
        "USERNAME": {"name": "git", "key": "username"},
        "PASSWORD": {"name": "git", "key": "password"},
    }
    assert secrets(tokenSecret={"name": "git", "key": "pat"}) == {"TOKEN": {"name": "git", "key": "pat"}}


def test_github_is_asked_at_its_own_address_or_at_the_one_that_is_named() -> None:
    def port(**more: Any) -> int:
        world = started({"github": {"search": {"topics": ["blender"]}, **more}})
        [rule] = policy_of(world)["egress"]
        return int(rule["ports"][0]["port"])

    assert port() == 443
    assert port(apiUrl="https://github.example:8443/api/v3") == 8443
    world = started({"github": {"search": {"topics": ["a"]}, "tokenSecret": {"name": "github", "key": "token"}}})
    variables = {variable["name"]: variable for variable in pod(world)["containers"][0]["env"]}
    secret = {"name": "github", "key": "token"}
    assert variables["SLIPWAY_SOURCE_TOKEN"]["valueFrom"] == {"secretKeyRef": secret}


def test_the_commit_that_was_read_is_in_the_status() -> None:
    world = started({"git": {"url": "https://git.example/a.git"}})
    result = prepared().model_copy(update={"revision": "a" * 40})
    world.end(ExitCode.OK, encode(result), "Completed")
    world.settle()
    assert world.status()["revision"] == "a" * 40
    world.edit(source={"git": {"url": "https://git.example/a.git", "revision": "HEAD"}})
    world.settle()
    assert world.status()["state"] == "Ready"
    assert world.status()["revision"] == "a" * 40
    world.edit()
    world.settle()
    world.succeed("b")
    world.settle()
    assert "revision" not in world.status()


def test_a_step_that_asks_a_model_gets_its_key_and_a_way_out() -> None:
    model = {
        "url": "https://llm.example:9443/v1",
        "model": "m",
        "instruction": "say",
        "tokenSecret": {"name": "llm", "key": "t"},
    }
    steps = [{"parse": {"as": "JSONL"}}, {"annotate": {"write": "Prompt", "languageModel": model}}]
    world = World()
    world.room = Room(SETTINGS.model_copy(update={"closed_namespaces": (NAMESPACE,)}))
    world.edit(steps=steps)
    world.settle()
    variables = {variable["name"]: variable for variable in pod(world)["containers"][0]["env"]}
    assert variables["SLIPWAY_STEP_1_TOKEN"]["valueFrom"] == {"secretKeyRef": {"name": "llm", "key": "t"}}
    assert [port["port"] for port in policy_of(world)["egress"][0]["ports"]] == [9443]


def test_a_step_that_asks_what_rows_mean_gets_its_key_and_a_way_out() -> None:
    model = {"url": "https://embed.example:8443/v1", "model": "m", "tokenSecret": {"name": "embed", "key": "t"}}
    steps = [{"parse": {"as": "JSONL"}}, {"deduplicate": {"method": "Semantic", "semantic": model}}]
    world = World()
    world.room = Room(SETTINGS.model_copy(update={"closed_namespaces": (NAMESPACE,)}))
    world.edit(steps=steps)
    world.settle()
    variables = {variable["name"]: variable for variable in pod(world)["containers"][0]["env"]}
    assert variables["SLIPWAY_STEP_1_TOKEN"]["valueFrom"] == {"secretKeyRef": {"name": "embed", "key": "t"}}
    assert [port["port"] for port in policy_of(world)["egress"][0]["ports"]] == [8443]


def test_a_pod_is_told_how_many_cores_it_asked_for() -> None:
    world = World()
    world.edit(resources={"cpu": "3500m"})
    world.settle()
    variables = {variable["name"]: variable for variable in pod(world)["containers"][0]["env"]}
    assert variables["OMP_NUM_THREADS"]["value"] == "4"
