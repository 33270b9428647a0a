"""The chart renders what the operator needs, for default, minimal and full values, and refuses what makes no sense."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from slipway.api.crds import crd
from slipway.api.kinds import KINDS
from slipway.contract.garbage import InUse
from slipway.kube.resources import CHILDREN, ROOTS
from slipway.settings import Settings
from slipway_pod import collect
from tests.unit.chart.render import CHART, ROOT, VALUES, Manifest, Refused, helm, of_kind, render, rendered, the

SETS = tuple(VALUES)
DIGEST = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("name", SETS)
def test_helm_finds_no_fault(name: str) -> None:
    path = VALUES[name]
    helm("lint", str(CHART), "--strict", "--kube-version", "1.34.4", *(["--values", str(path)] if path else []))


@pytest.mark.parametrize("name", SETS)
def test_the_operator_understands_its_settings(name: str) -> None:
    objects = rendered(name)
    settings = Settings.model_validate_json(the(objects, "ConfigMap", "settings")["data"]["settings.json"])
    operator = the(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in operator["ports"]}
    assert ports == {"http": settings.http_port, "progress": settings.progress_port}
    service = the(objects, "Service", "progress")
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    assert settings.progress_url == f"http://{host}:{service['spec']['ports'][0]['port']}"
    lease = [rule for rule in the(objects, "Role", "leader")["rules"] if "resourceNames" in rule]
    assert lease[0]["resourceNames"] == [settings.lease_name]


def test_settings_say_what_values_say() -> None:
    settings = Settings.model_validate_json(the(rendered("full"), "ConfigMap", "settings")["data"]["settings.json"])
    assert settings.images.data == "registry.example.com/team/slipway/data:nightly"
    assert settings.image_pull_policy == "Always"
    assert (settings.workers, settings.drain_seconds, settings.resync_seconds) == (32, 20, 300)
    assert settings.prometheus_timeout_seconds == 2.5
    assert (settings.store.bucket, settings.store.prefix) == ("production", "models")
    assert settings.store.endpoint == "http://models-object-store.slipway-system.svc:8333"
    assert settings.store_secret == "models-object-store"
    external = Settings.model_validate_json(the(rendered("minimal"), "ConfigMap", "settings")["data"]["settings.json"])
    assert external.store.endpoint == "https://s3.example.com:9000"
    assert external.store_secret == "our-s3"
    assert external.watch_namespaces == ("team-a",)


def test_public_keys_are_where_pods_look_for_them() -> None:
    objects = rendered("full")
    settings = Settings.model_validate_json(the(objects, "ConfigMap", "settings")["data"]["settings.json"])
    assert (settings.signing_secret, settings.signatures_required) == ("model-signing", True)
    found = of_kind(objects, "ConfigMap", settings.public_keys)
    assert [one["metadata"]["namespace"] for one in found] == ["slipway-system", "team-a", "team-b"]
    for one in found:
        assert list(one["data"]) == ["first.pem"]
        assert one["data"]["first.pem"].startswith("-----BEGIN PUBLIC KEY-----\nMFkw")
    plain = Settings.model_validate_json(the(rendered("default"), "ConfigMap", "settings")["data"]["settings.json"])
    assert (plain.signing_secret, plain.signatures_required) == ("", False)
    assert of_kind(rendered("default"), "ConfigMap", plain.public_keys) == []


def test_the_collector_that_deletes_cannot_ask_and_the_one_that_asks_cannot_delete() -> None:
    assert of_kind(rendered("default"), "CronJob") == []
    objects = render({"collector": {"enabled": True, "graceDays": 14}})
    pod = the(objects, "CronJob", "collector")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (asking,), (deleting,) = pod["initContainers"], pod["containers"]
    assert [one["name"] for one in asking["volumeMounts"]] == ["in-use", "token"]
    assert "env" not in asking
    assert [one["name"] for one in deleting["volumeMounts"]] == ["in-use"]
    assert {one["name"] for one in deleting["env"]} == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert "--grace-days=14" in deleting["command"]
    assert "--delete" not in deleting["command"]
    (role,) = of_kind(objects, "ClusterRole", "collector")
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"list"}
    assert the(objects, "NetworkPolicy", "collector")["spec"]["ingress"] == []
    told = render({"collector": {"enabled": True, "delete": True}})
    pod = the(told, "CronJob", "collector")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert "--delete" in pod["containers"][0]["command"]


def test_the_collector_understands_what_the_chart_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = render({"collector": {"enabled": True, "delete": True, "graceDays": 0}})
    pod = the(objects, "CronJob", "collector")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    told: dict[str, object] = {}
    monkeypatch.setattr(collect, "collect", lambda store, in_use, now, grace, *, delete: told.update(locals()) or [])
    (tmp_path / "in-use.json").write_text(InUse(read="2026-11-28T00:00:00Z", objects=1).model_dump_json())
    command = pod["containers"][0]["command"]
    assert command[:3] == ["python", "-m", "slipway_pod.collect"]
    assert collect.main([*command[3:], f"--in-use={tmp_path / 'in-use.json'}"]) == 0
    settings = Settings.model_validate_json(the(objects, "ConfigMap", "settings")["data"]["settings.json"])
    assert told["store"] == settings.store
    assert (told["delete"], told["grace"]) == (True, timedelta())
    assert pod["initContainers"][0]["command"] == ["python", "-m", "slipway.collect"]


def test_the_operator_knows_where_pods_are_shut_in() -> None:
    def closed(values: dict[str, object]) -> tuple[str, ...]:
        objects = render(values)
        policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
        shut = {one["metadata"]["namespace"] for one in policies if one["metadata"]["name"].endswith("-workloads")}
        settings = Settings.model_validate_json(the(objects, "ConfigMap", "settings")["data"]["settings.json"])
        assert set(settings.closed_namespaces) == shut
        return settings.closed_namespaces

    assert "team-a" in closed({"workloadNamespaces": ["team-a"]})
    assert closed({"workloadNamespaces": ["team-a"], "networkPolicies": {"enabled": False}}) == ()


def test_a_change_of_settings_starts_new_pods() -> None:
    def checksum(values: dict[str, object] | None) -> str:
        template = the(render(values), "Deployment")["spec"]["template"]
        return str(template["metadata"]["annotations"]["slipway.dev/settings-checksum"])

    assert checksum(None) == checksum(None)
    assert checksum(None) != checksum({"operator": {"drainSeconds": 11}})


def test_images_are_named_by_digest_where_it_is_known() -> None:
    image = the(rendered("full"), "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"registry.example.com/team/slipway/operator@{DIGEST}"
    bare = render({"image": {"registry": ""}, "images": {"operator": {"repository": "localhost:5001/op"}}})
    assert the(bare, "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"] == "localhost:5001/op:0.1.0"


def test_a_budget_is_made_for_more_than_one_replica_only() -> None:
    assert of_kind(rendered("minimal"), "PodDisruptionBudget") == []
    budget = the(rendered("default"), "PodDisruptionBudget")
    deployment = the(rendered("default"), "Deployment")
    assert deployment["spec"]["replicas"] == 2
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert of_kind(render({"operator": {"podDisruptionBudget": {"enabled": False}}}), "PodDisruptionBudget") == []


@pytest.mark.parametrize("name", SETS)
def test_every_selector_finds_its_pods(name: str) -> None:
    objects = rendered(name)
    pods = [o["spec"]["template"]["metadata"]["labels"] for o in objects if o["kind"] in ("Deployment", "StatefulSet")]
    for service in of_kind(objects, "Service"):
        assert sum(service["spec"]["selector"].items() <= labels.items() for labels in pods) == 1
    for workload in (o for o in objects if o["kind"] in ("Deployment", "StatefulSet")):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()


def rules(name: str, kind: str = "ClusterRole") -> list[dict[str, list[str]]]:
    return [rule for role in of_kind(rendered(name), kind, "operator") for rule in role["rules"]]


def test_the_operator_may_do_what_it_does_to_every_kind_it_handles() -> None:
    def verbs(group: str, resource: str) -> set[str]:
        return {
            verb
            for rule in rules("default")
            if group in rule["apiGroups"] and resource in rule["resources"]
            for verb in rule["verbs"]
        }

    look, make = {"get", "list", "watch"}, {"create", "patch", "delete"}
    for root in ROOTS:
        made_by_us = {"create", "patch"} if root.kind in ("ModelVersion", "TrainingJob") else set()
        assert verbs(root.group, root.plural) == look | made_by_us
        assert verbs(root.group, f"{root.plural}/status") == {"patch"}
        assert verbs(root.group, f"{root.plural}/finalizers") == {"update"}
    for child in CHILDREN:
        others = child.kind in ("Pod", "EndpointSlice")
        assert verbs(child.group, child.plural) == (look if others else look | make), child.kind


@pytest.mark.parametrize("name", SETS)
def test_no_role_reaches_for_more(name: str) -> None:
    for role in (*of_kind(rendered(name), "ClusterRole"), *of_kind(rendered(name), "Role")):
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
            assert not {"secrets", "nodes", "namespaces", "customresourcedefinitions"} & set(rule["resources"])
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])


def test_an_operator_of_some_namespaces_only_reads_gateways_elsewhere() -> None:
    assert rules("minimal") == [
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["gateways", "gatewayclasses"], "verbs": ["get"]},
    ]
    role = the(rendered("minimal"), "Role", "operator")
    assert role["metadata"]["namespace"] == "team-a"
    assert role["rules"] == [rule for rule in rules("default") if rule not in rules("minimal")]


def test_credentials_are_the_same_in_every_working_namespace() -> None:
    secrets = of_kind(rendered("full"), "Secret")
    assert [s["metadata"]["namespace"] for s in secrets] == ["slipway-system", "team-a", "team-b"]
    assert {base64.b64decode(s["data"]["accessKeyId"]) for s in secrets} == {b"someone"}
    generated = of_kind(render({"workloadNamespaces": ["team-a", "slipway-system"]}), "Secret")
    assert len(generated) == 2
    assert len({json.dumps(s["data"]) for s in generated}) == 1
    assert len(base64.b64decode(generated[0]["data"]["secretAccessKey"])) == 40


def test_an_existing_secret_is_used_and_not_made() -> None:
    objects = render({"objectStore": {"credentials": {"existingSecret": "ours"}}})
    assert of_kind(objects, "Secret") == []
    env = the(objects, "StatefulSet")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {e["valueFrom"]["secretKeyRef"]["name"] for e in env if "valueFrom" in e} == {"ours"}


def test_an_external_store_brings_no_pod() -> None:
    objects = rendered("minimal")
    assert of_kind(objects, "StatefulSet") == []
    assert of_kind(objects, "Service", "object-store") == []


def test_only_s3_listens_beyond_the_pod_and_nobody_is_told_about_us() -> None:
    args = the(rendered("default"), "StatefulSet")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert {"-ip.bind=127.0.0.1", "-s3.ip.bind=0.0.0.0", "-master.telemetry=false"} <= set(args)


def test_every_bucket_is_made_once() -> None:
    hook = the(rendered("full"), "StatefulSet")["spec"]["template"]["spec"]["containers"][0]["lifecycle"]
    assert "for bucket in production raw models archive; do" in hook["postStart"]["exec"]["command"][-1]


def test_the_volume_may_be_left_out() -> None:
    objects = render({"objectStore": {"embedded": {"persistence": {"enabled": False}}}})
    stateful = the(objects, "StatefulSet")["spec"]
    assert "volumeClaimTemplates" not in stateful
    assert {"name": "data", "emptyDir": {}} in stateful["template"]["spec"]["volumes"]


def test_policies_close_everything_but_what_is_needed() -> None:
    assert of_kind(rendered("minimal"), "NetworkPolicy") == []
    objects = rendered("full")
    workloads = of_kind(objects, "NetworkPolicy", "workloads")
    assert [p["metadata"]["namespace"] for p in workloads] == ["slipway-system", "team-a", "team-b"]
    for policy in workloads:
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert policy["spec"]["ingress"] == []
        ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
        assert ports == {53, 8333, 8090}
    store = the(objects, "NetworkPolicy", "object-store")["spec"]
    assert store["egress"] == []
    assert len(store["ingress"][0]["from"]) == 3


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("https://s3.example.com", 443), ("http://minio.lan", 80), ("https://s3.example.com:9000", 9000)],
)
def test_workloads_reach_an_external_store_at_its_port(endpoint: str, port: int) -> None:
    store = {"embedded": {"enabled": False}, "endpoint": endpoint, "credentials": {"existingSecret": "ours"}}
    policy = the(render({"objectStore": store}), "NetworkPolicy", "workloads")
    assert policy["spec"]["egress"][1] == {"ports": [{"port": port, "protocol": "TCP"}]}


def test_monitors_carry_the_labels_that_rollouts_ask_by() -> None:
    assert of_kind(rendered("default"), "PodMonitor") == []
    assert of_kind(rendered("default"), "ServiceMonitor") == []
    monitor = the(rendered("full"), "PodMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    endpoint = monitor["spec"]["podMetricsEndpoints"][0]
    targets = {relabeling["targetLabel"] for relabeling in endpoint["relabelings"]}
    assert {"model", "version", "rollout", "revision", "namespace", "pod"} <= targets
    service = the(rendered("full"), "Service", "metrics")
    selector = the(rendered("full"), "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert selector.items() <= service["metadata"]["labels"].items()


def test_rollouts_make_the_operator_ask_nobody_unless_the_values_say_so() -> None:
    def found(objects: tuple[Manifest, ...]) -> tuple[Settings, set[int]]:
        settings = Settings.model_validate_json(the(objects, "ConfigMap", "settings")["data"]["settings.json"])
        rules = the(objects, "NetworkPolicy", "operator")["spec"]["egress"]
        return settings, {port["port"] for rule in rules for port in rule["ports"]}

    closed, ports = found(rendered("default"))
    assert (closed.analysis_hosts, closed.analysis_secrets) == ((), False)
    open_, more = found(
        render({"analysis": {"hosts": ["judge.example.com:8443"]}, "networkPolicies": {"analysisPorts": [8443]}})
    )
    assert open_.analysis_hosts == ("judge.example.com:8443",)
    assert more - ports == {8443}
    assert 8443 not in found(render({"networkPolicies": {"analysisPorts": [8443]}}))[1]


def test_secrets_are_read_only_and_only_with_the_switch() -> None:
    def secret_rules(values: dict[str, object]) -> list[dict[str, object]]:
        roles = [*of_kind(render(values), "ClusterRole"), *of_kind(render(values), "Role")]
        return [rule for role in roles for rule in role["rules"] if "secrets" in rule["resources"]]

    assert [rule["verbs"] for rule in secret_rules({"analysis": {"secrets": True}})] == [["get"]]
    some = {"analysis": {"secrets": True}, "operator": {"watchNamespaces": ["team-a"]}}
    roles = [r for r in of_kind(render(some), "Role") if any("secrets" in rule["resources"] for rule in r["rules"])]
    assert [role["metadata"]["namespace"] for role in roles] == ["team-a"]


def test_credentials_of_prometheus_are_files_where_the_operator_looks_for_them() -> None:
    named = {
        "caSecret": {"name": "prometheus", "key": "tls.crt"},
        "bearerTokenSecret": {"name": "prometheus"},
    }
    objects = render({"prometheus": named})
    settings = Settings.model_validate_json(the(objects, "ConfigMap", "settings")["data"]["settings.json"])
    pod = the(objects, "Deployment")["spec"]["template"]["spec"]
    sources = next(v for v in pod["volumes"] if v["name"] == "prometheus")["projected"]["sources"]
    folder = next(m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "prometheus")["mountPath"]
    files = {f"{folder}/{item['path']}": item["key"] for source in sources for item in source["secret"]["items"]}
    assert files == {settings.prometheus_ca_file: "tls.crt", settings.prometheus_bearer_token_file: "token"}
    basic = render({"prometheus": {"basicAuthSecret": {"name": "login"}}})
    settings = Settings.model_validate_json(the(basic, "ConfigMap", "settings")["data"]["settings.json"])
    assert settings.prometheus_basic_auth_folder == folder
    bare = the(rendered("default"), "Deployment")["spec"]["template"]["spec"]
    assert "prometheus" not in {volume["name"] for volume in bare["volumes"]}


def test_definitions_are_those_of_the_models_and_stay() -> None:
    definitions = {o["metadata"]["name"]: o for o in of_kind(rendered("default"), "CustomResourceDefinition")}
    assert {name: o["spec"] for name, o in definitions.items()} == {
        crd(kind)["metadata"]["name"]: crd(kind)["spec"] for kind in KINDS
    }
    for definition in definitions.values():
        assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    loose = of_kind(render({"crds": {"keep": False}}), "CustomResourceDefinition")
    assert not any("annotations" in o["metadata"] for o in loose)
    assert of_kind(rendered("minimal"), "CustomResourceDefinition") == []


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"operater": {}}, "operater"),
        ({"operator": {"replicas": 0}}, "replicas"),
        ({"operator": {"logLevel": "LOUD"}}, "logLevel"),
        ({"images": {"data": {"digest": "0123"}}}, "digest"),
        ({"workloadNamespaces": ["Team_A"]}, "workloadNamespaces"),
        ({"objectStore": {"embedded": {"enabled": False}}}, "set objectStore.endpoint to your S3"),
        (
            {"objectStore": {"embedded": {"enabled": False}, "endpoint": "https://s3.example.com"}},
            "set objectStore.credentials.existingSecret, or accessKeyId and secretAccessKey",
        ),
        ({"objectStore": {"credentials": {"accessKeyId": "half"}}}, "set accessKeyId and secretAccessKey both"),
        ({"analysis": {"hosts": ["https://judge.example.com"]}}, "hosts"),
        (
            {"prometheus": {"bearerTokenSecret": {"name": "a"}, "basicAuthSecret": {"name": "b"}}},
            "set prometheus.bearerTokenSecret or prometheus.basicAuthSecret, not both",
        ),
        ({"serviceAccount": {"create": False}}, "name an existing account in serviceAccount.name"),
        ({"signing": {"required": True}}, "give the public keys that vouch for models in signing.publicKeys"),
        ({"signing": {"publicKeys": {"a": "-----BEGIN PRIVATE KEY-----"}}}, "publicKeys"),
    ],
)
def test_values_that_make_no_sense_are_refused_in_words(values: dict[str, object], says: str) -> None:
    with pytest.raises(Refused, match=says):
        render(values)


def test_every_value_is_explained_in_schema_and_comment() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def compare(given: dict[str, object], described: dict[str, object], path: str) -> None:
        properties = described["properties"]
        assert isinstance(properties, dict)
        assert set(given) == set(properties) - {"global"}, path
        for name, value in given.items():
            assert properties[name].get("description"), f"{path}.{name} is not described"
            if isinstance(value, dict) and "properties" in properties[name]:
                compare(value, properties[name], f"{path}.{name}")

    compare(values, schema, "values")


def test_the_chart_and_the_package_have_one_version() -> None:
    from slipway import __version__

    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__
    assert (ROOT / "pyproject.toml").read_text().count(f'version = "{__version__}"') == 1
