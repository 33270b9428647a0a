"""Are the node's configurations what the components expect, and nothing outside of the state folder?"""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from e2e.cluster import addons
from e2e.cluster.embedded import components, containerd, network, pki, registry
from e2e.cluster.embedded.layout import DNS_IP, REGISTRY, Layout
from e2e.cluster.embedded.node import EmbeddedCluster
from e2e.cluster.kind import kind_config

LAYOUT = Layout(Path("/state"))
KUBE = Path("/tools/kube")
NODE_MANIFESTS = Path(components.__file__).parent / "manifests"
VALUES = {
    "COREDNS_IMAGE": "x/coredns:1",
    "LOCAL_PATH_IMAGE": "x/local-path:1",
    "BUSYBOX_IMAGE": "x/busybox:1",
    "TRAEFIK_IMAGE": "x/traefik:1",
    "TRAEFIK_TLS": json.dumps(json.dumps({"tls": {}})),
    "PROMETHEUS_IMAGE": "x/prometheus:1",
    "DNS_IP": DNS_IP,
    "VOLUMES": "/state/volumes",
    "FORWARD": "forward . /etc/resolv.conf",
    "GATEWAY_ADDRESS": "10.87.0.1",
    "GATEWAY_NODE_PORT": "30080",
    "PROMETHEUS_NODE_PORT": "30090",
    "SCRAPE_INTERVAL": "2s",
}


@pytest.mark.parametrize(
    "command",
    [
        components.etcd(LAYOUT, Path("/tools/etcd")),
        components.apiserver(LAYOUT, KUBE),
        components.controller_manager(LAYOUT, KUBE),
        components.scheduler(LAYOUT, KUBE),
        components.kubelet(LAYOUT, KUBE),
        components.kube_proxy(LAYOUT, KUBE),
    ],
    ids=lambda command: command[1],
)
def test_components_touch_only_the_state_folder(command: list[str]) -> None:
    paths = [value for flag in command[1:] for value in re.findall(r"=(/.*)$", flag)]
    assert paths
    assert [path for path in paths if not path.startswith("/state/")] == []


def test_service_account_tokens_are_signed_and_checked_with_the_same_key() -> None:
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in components.apiserver(LAYOUT, KUBE)[2:])
    assert flags["service-account-key-file"] == flags["service-account-signing-key-file"]
    manager = components.controller_manager(LAYOUT, KUBE)
    assert f"--service-account-private-key-file={flags['service-account-key-file']}" in manager


def test_the_default_registry_of_the_chart_is_mirrored(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    containerd.describe_registries(layout)
    config = tomllib.loads(containerd.config(layout, "pause:1"))
    folder = Path(config["plugins"]["io.containerd.grpc.v1.cri"]["registry"]["config_path"])
    default = yaml.safe_load(Path("charts/slipway/values.yaml").read_text())["image"]["registry"]
    for name in (REGISTRY, default):
        described = tomllib.loads((folder / name / "hosts.toml").read_text())
        assert list(described["host"]) == [f"http://{REGISTRY}"]


def test_containerd_keeps_namespaces_of_pods_below_its_state() -> None:
    config = tomllib.loads(containerd.config(LAYOUT, "x/pause:1"))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["netns_mounts_under_state_dir"]
    assert cri["restrict_oom_score_adj"]
    assert cri["sandbox_image"] == "x/pause:1"
    assert config["root"].startswith("/state/")
    assert config["state"].startswith("/state/")
    assert cri["containerd"]["runtimes"]["runc"]["options"]["Root"].startswith("/state/")


def test_the_kubelet_asks_dns_at_the_address_of_the_dns_service() -> None:
    assert components.kubelet_config(LAYOUT)["clusterDNS"] == [DNS_IP]
    service = [one for one in manifest(NODE_MANIFESTS / "coredns.yaml") if one["kind"] == "Service"]
    assert service[0]["spec"]["clusterIP"] == DNS_IP


def manifest(template: Path) -> list[dict]:
    return list(yaml.safe_load_all(addons.render(template, VALUES)))


@pytest.mark.parametrize(
    "template", [*NODE_MANIFESTS.glob("*.yaml"), *addons.MANIFESTS.glob("*.yaml")], ids=lambda path: path.name
)
def test_manifests_render_completely(template: Path) -> None:
    assert all(one["kind"] and one["metadata"]["name"] for one in manifest(template))
    assert not re.search(r"\$[A-Z_]{2,}(?!DIR)\b", addons.render(template, VALUES).replace("$VOL_DIR", ""))


def test_prometheus_takes_the_port_from_the_annotation_and_the_labels_from_slipway() -> None:
    (config,) = [one for one in manifest(addons.MANIFESTS / "prometheus.yaml") if one["kind"] == "ConfigMap"]
    parsed = yaml.safe_load(config["data"]["prometheus.yml"])
    assert parsed["global"]["scrape_interval"] == "2s"
    rules = parsed["scrape_configs"][0]["relabel_configs"]
    assert [rule["replacement"] for rule in rules if rule.get("target_label") == "__address__"] == ["$1:$2"]
    assert {"namespace", "pod", "model", "version", "rollout", "revision"} <= {
        rule.get("target_label") for rule in rules
    }


def test_the_provisioner_gets_shell_variables_untouched() -> None:
    (config,) = [one for one in manifest(NODE_MANIFESTS / "local-path.yaml") if one["kind"] == "ConfigMap"]
    assert 'mkdir -m 0777 -p "$VOL_DIR"' in config["data"]["setup"]
    assert json.loads(config["data"]["config.json"])["nodePathMap"][0]["paths"] == ["/state/volumes"]


def test_tokens_carry_groups_where_an_identity_has_one() -> None:
    lines = pki.token_file({"admin": "t1", "kube-proxy": "t2"}).splitlines()
    assert lines == ['t1,slipway-admin,slipway-admin,"system:masters"', "t2,system:kube-proxy,system:kube-proxy"]


def test_pods_get_no_resolver_that_only_the_host_can_ask() -> None:
    assert network.resolvers("nameserver 127.0.0.53\nnameserver 1.1.1.1\nsearch x") == "nameserver 1.1.1.1\nsearch x\n"
    assert not network.has_resolver(network.resolvers("nameserver 127.0.0.53"))


def test_kind_maps_the_ports_that_the_addons_listen_on() -> None:
    (node,) = kind_config()["nodes"]
    ports = {str(mapping["containerPort"]) for mapping in node["extraPortMappings"]}
    assert ports == {addons.GATEWAY_NODE_PORT, addons.PROMETHEUS_NODE_PORT}


def test_images_are_not_built_where_no_registry_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "answers", lambda: False)
    with pytest.raises(SystemExit, match="run `make up` first"):
        EmbeddedCluster(LAYOUT).images()
