"""Answers are run by a pod that can do nothing else, and what it says is read back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2e.cluster.base import CommandFailed
from e2e.example import sandbox
from e2e.example.sandbox import ENDED, NAME, NotRun, config, pod, policy, read, verdicts
from slipway.contract.execution import BLENDER, Request, Task, Verdict, Verdicts
from slipway.contract.job import Evaluate, parse_job
from slipway_eval_blender.execute import room

IMAGE = "localhost:5001/slipway/eval-blender@sha256:" + "a" * 64
CUBE = Task(id="cube", prompt="Add a cube.", expect={"objects": [{"type": "MESH"}]})
TOLD = Verdicts(blender=BLENDER, judged=(("cube", (Verdict(layer="Runs", fault="NotAsAsked", why="no cube"),)),))
LOG = f"12:00:00 INFO 1 answers\n{TOLD.model_dump_json(by_alias=True)}"


class FakeCluster:
    """Remembers what kubectl was told, and ends the pod in a phase."""

    def __init__(self, phase: str, log: str, *, sticks: bool = False) -> None:
        self.phase, self.log, self.told = phase, log, list[tuple[str, ...]]()
        self.applied = ""
        self.sticks = sticks
        """Nothing that was applied can be removed."""

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        self.told.append(arguments)
        self.applied = stdin or self.applied
        if "logs" in arguments and self.phase not in ENDED:
            raise CommandFailed(f'container "blender" in pod "{NAME}" is waiting to start')
        if "delete" in arguments and self.applied and self.sticks:
            raise CommandFailed("timed out waiting for the condition")
        answers = {"get": self.phase, "logs": self.log, "describe": f"Name: {NAME}\nEvents: 0/1 nodes are available"}
        return next((said for word, said in answers.items() if word in arguments), "")


def test_the_pod_passes_the_strictest_profile_and_holds_no_secret() -> None:
    spec = pod("team", IMAGE)["spec"]
    [container] = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert {one["name"] for one in container["env"]} == {"HOME", "TMPDIR"}
    assert {kind for volume in spec["volumes"] for kind in volume if kind != "name"} == {"configMap", "emptyDir"}


def test_nothing_gets_into_the_pod_or_out() -> None:
    made, meta = policy("team"), pod("team", IMAGE)["metadata"]
    selector = made["spec"]["podSelector"]["matchLabels"]
    assert selector
    assert selector.items() <= meta["labels"].items()
    assert made["metadata"]["namespace"] == meta["namespace"]
    assert set(made["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    assert made["spec"]["ingress"] == made["spec"]["egress"] == []
    # Policies add up: under the chart's own, the pod could ask for names and reach the object store.
    assert meta["labels"].get("app.kubernetes.io/managed-by") != "slipway"


def test_the_image_finds_a_job_and_answers_that_it_understands() -> None:
    data: dict[str, str] = config("team", [(CUBE, "import bpy")])["data"]
    job = parse_job(data["job.json"])
    assert isinstance(job, Evaluate)
    assert job.evaluation is not None
    assert job.evaluation.execution is not None
    workers, share = room(job.evaluation.execution)
    assert workers == 1
    limits = pod("team", IMAGE)["spec"]["containers"][0]["resources"]["limits"]
    assert (limits["memory"], limits["ephemeral-storage"]) == ("2Gi", "1Gi")
    assert share.disk_bytes == 512 << 20, "half of what evicts the pod"
    request = Request.model_validate_json(data["answers.json"])
    assert [(one.task, one.answers) for one in request.answered] == [(CUBE, ("import bpy",))]


def test_verdicts_are_read_from_among_the_log() -> None:
    [verdict] = read(LOG)
    assert (verdict.layer, verdict.why) == ("Runs", "no cube")
    with pytest.raises(NotRun, match="no verdicts; it said: killed"):
        read("killed")


def run(cluster: Any) -> list[Verdict]:
    return verdicts(cluster, "team", IMAGE, [(CUBE, "import bpy")])


def test_the_pod_is_removed_before_and_after() -> None:
    cluster = FakeCluster("Succeeded", LOG)
    assert [verdict.layer for verdict in run(cluster)] == ["Runs"]
    kinds = [json.loads(text)["kind"] for text in cluster.applied.split("\n---\n")]
    assert kinds.index("NetworkPolicy") < kinds.index("Pod"), "the pod would have a moment without"
    assert all(f"networkpolicy/{NAME}" in words for words in cluster.told if "delete" in words)
    deletions = [at for at, words in enumerate(cluster.told) if "delete" in words]
    assert deletions == [0, len(cluster.told) - 1]
    assert {json.loads(text)["kind"] for text in cluster.applied.split("\n---\n")} == {
        "ConfigMap",
        "NetworkPolicy",
        "Pod",
    }


def test_a_pod_that_failed_says_its_last_words() -> None:
    cluster = FakeCluster("Failed", "BlenderBroken: no cube here")
    with pytest.raises(NotRun, match=f"team/{NAME} is Failed; its log ends with: BlenderBroken"):
        run(cluster)
    assert "delete" in cluster.told[-1]


@pytest.mark.parametrize(("phase", "said"), [("Pending", "Pending"), ("", "not started")])
def test_a_pod_that_did_not_start_is_described(monkeypatch: pytest.MonkeyPatch, phase: str, said: str) -> None:
    monkeypatch.setattr(sandbox, "POD_SECONDS", -29.9)
    monkeypatch.setattr(sandbox.time, "sleep", lambda _: None)
    cluster = FakeCluster(phase, "")
    with pytest.raises(NotRun, match=rf"team/{NAME} is {said}; its description ends with: [^$]*0/1 nodes"):
        run(cluster)
    assert "delete" in cluster.told[-1]


def test_a_pod_that_cannot_be_removed_does_not_hide_why_it_failed() -> None:
    with pytest.raises(NotRun, match="BlenderBroken"):
        run(FakeCluster("Failed", "BlenderBroken: no cube here", sticks=True))
    with pytest.raises(CommandFailed):
        run(FakeCluster("Succeeded", LOG, sticks=True))
