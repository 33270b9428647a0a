"""Does `kubectl slipway` work against a real apiserver: reads, watches, writes, and its refusals?"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.setup import tools
from slipway.kubectl.cluster import Cluster
from slipway.kubectl.main import main
from tests.apiserver.objects import collection, create, rollout
from tests.apiserver.server import ApiServer, free_port
from tests.unit.kubectl import manifests as m

STATUS = m.STEPPING["status"]
APPLY = "application/apply-patch+yaml"


@pytest.fixture
def stored(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A Rollout with v2 on its way, in the namespace of the present context."""
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    manifest = rollout("on-its-way")
    manifest["spec"]["version"]["name"] = "v2"
    manifest["spec"]["strategy"] = m.STEPPING["spec"]["strategy"]
    made = create(server, manifest)
    write_status(server, made, STATUS)
    yield made
    server.request("DELETE", f"{collection('Rollout')}/on-its-way")


def write_status(server: ApiServer, manifest: dict[str, Any], status: dict[str, Any]) -> None:
    path = f"{collection('Rollout')}/{manifest['metadata']['name']}/status?fieldManager=slipway-status&force=true"
    body = {key: manifest[key] for key in ("apiVersion", "kind")} | {
        "metadata": {"name": manifest["metadata"]["name"]},
        "status": status,
    }
    answer = server.request("PATCH", path, body, APPLY)
    assert answer.code == 200, answer.message


def record(server: ApiServer, regarding: dict[str, Any]) -> None:
    """Write an Event as the operator does."""
    meta = regarding["metadata"]
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.1", "namespace": meta["namespace"]},
        "eventTime": "2026-11-20T03:00:00.000000Z",
        "reportingController": "slipway.dev/operator",
        "reportingInstance": "test",
        "action": "ShareChanged",
        "reason": "ShareChanged",
        "type": "Normal",
        "note": "v2: 0 % → 10 % of requests",
        "regarding": {"kind": "Rollout", "apiVersion": regarding["apiVersion"]}
        | {key: meta[key] for key in ("name", "namespace", "uid")},
    }
    answer = server.request("POST", f"/apis/events.k8s.io/v1/namespaces/{meta['namespace']}/events", event)
    assert answer.code == 201, answer.message


def test_what_is_there_is_shown_with_its_events(
    server: ApiServer, stored: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    record(server, stored)
    assert main(["rollout", "get", "on-its-way"]) == 0
    shown = capsys.readouterr().out
    assert "default/on-its-way  Progressing" in shown
    assert "ShareChanged  v2: 0 % → 10 % of requests" in shown
    assert main(["rollout", "list", "-A", "-o", "name"]) == 0
    assert "rollout.slipway.dev/on-its-way" in capsys.readouterr().out


def test_a_command_becomes_an_annotation_and_its_answer_is_awaited(
    server: ApiServer, stored: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    def operator() -> None:
        watched = Cluster.connect().watch_rollout("default", "on-its-way", 30)
        for seen in watched:
            value = ((seen or {}).get("metadata", {}).get("annotations") or {}).get("slipway.dev/abort")
            if value:
                answer = {"name": "abort", "value": value, "at": m.stamp(0), "outcome": "Done", "message": "returned"}
                write_status(server, stored, STATUS | {"commands": [answer]})
                return

    acting = threading.Thread(target=operator)
    acting.start()
    assert main(["rollout", "abort", "on-its-way", "--wait", "--timeout", "30"]) == 0
    acting.join()
    written, outcome = capsys.readouterr().out.splitlines()
    assert written.startswith("rollout.slipway.dev/on-its-way annotated: slipway.dev/abort=v2@")
    assert outcome == "Done: returned"
    found = yaml.safe_load(server.kubectl("get", "swr", "on-its-way", "-o", "yaml", "--show-managed-fields"))
    assert found["metadata"]["annotations"]["slipway.dev/abort"] in written
    assert "kubectl-slipway" in [entry["manager"] for entry in found["metadata"]["managedFields"]]


def test_a_rollout_that_was_made_anew_is_not_hit(
    stored: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored | {"metadata": stored["metadata"] | {"uid": "11111111-2222-3333-4444-555555555555"}}
    monkeypatch.setattr(Cluster, "rollout", lambda *_: before | {"status": STATUS})
    assert main(["rollout", "abort", "on-its-way"]) == 1
    assert "was replaced by another of its name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["get", "nobody"], 1, "there is no Rollout nobody in namespace default"),
        (["list", "--context", "mars"], 2, "the kubeconfig has no context mars; it has: test"),
        (["list", "--kubeconfig", "/nowhere"], 1, "no usable kubeconfig"),
        (["resume", "on-its-way"], 1, "v2 is not paused"),
    ],
)
def test_refusals_are_one_line(
    arguments: list[str], code: int, words: str, stored: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rollout", *arguments]) == code
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_person_without_rights_reads_which_are_missing(
    stored: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rollout", "list", "--as", "intern"]) == 1
    said = capsys.readouterr().err
    assert "you may not list rollouts.slipway.dev in namespace default" in said
    assert "kubectl auth can-i list rollouts.slipway.dev -n default" in said


def test_a_cluster_that_is_down_is_one_line(
    server: ApiServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = url = f"https://127.0.0.1:{free_port()}"
    gone = tmp_path / "kubeconfig"
    gone.write_text(yaml.safe_dump(config))
    assert main(["rollout", "list", "--kubeconfig", str(gone)]) == 1
    said = capsys.readouterr().err
    assert f"cannot reach the cluster at {url}" in said
    assert "refused" in said
    assert said.count("\n") == 1


def test_a_cluster_without_slipway_is_told_from_a_missing_rollout(
    stored: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slipway.kubectl.cluster.ROLLOUTS", "/apis/slipway.dev/v0")
    assert main(["rollout", "get", "on-its-way"]) == 1
    assert "this cluster does not know rollouts.slipway.dev" in capsys.readouterr().err


def test_kubectl_finds_the_plugin_and_completes_its_words(server: ApiServer, stored: dict[str, Any]) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"KUBECONFIG": str(server.kubeconfig), "HOME": str(server.folder), "PATH": path}

    def kubectl(*words: str) -> str:
        command = [str(tools.kubectl()), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert "rollout.slipway.dev/on-its-way" in kubectl("slipway", "rollout", "list", "-o", "name")
    assert kubectl("__complete", "slipway", "rollout", "why", "on-").splitlines() == ["on-its-way", ":4"]
