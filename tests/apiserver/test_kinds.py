"""The real apiserver takes our CRDs, fills in defaults, keeps what must not change, and shows what people look for."""

from __future__ import annotations

import pytest
import yaml

from slipway.api.crds import crd
from slipway.api.kinds import KINDS, Kind
from tests.apiserver import objects
from tests.apiserver.objects import changed, create, offer, replace
from tests.apiserver.server import ApiServer

STATUS = {
    "Dataset": {"state": "Ready", "rows": {"train": 120, "validation": 15, "test": 30, "rejected": 4}},
    "TrainingJob": {
        "state": "Running",
        "progress": {"step": 30, "steps": 120, "percent": 25, "loss": "1.25", "etaSeconds": 90},
        "modelVersion": "assistant-1.0.0",
    },
    "ModelVersion": {"state": "Ready", "stage": "Production", "score": "loss 1.02"},
    "Rollout": {
        "state": "Progressing",
        "percent": 25,
        "step": 1,
        "steps": 3,
        "replicas": 2,
        "stable": {"revision": "a1", "version": "assistant-1.0.0", "digest": objects.DIGEST},
        "candidate": {
            "revision": "b2",
            "version": "assistant-1.1.0",
            "digest": objects.DIGEST,
            "since": "2026-11-20T12:00:00Z",
        },
    },
}
SHOWN = {
    "Dataset": ("blueprints", "Ready", "120", "15", "30", "4"),
    "TrainingJob": ("assistant-v1", "assistant", "Running", "25", "1.25", "90", "assistant-1.0.0"),
    "ModelVersion": ("assistant-1.0.0", "1.0.0", "Ready", "Production", "loss 1.02"),
    "Rollout": ("assistant", "Progressing", "assistant-1.0.0", "assistant-1.1.0", "25", "1", "2"),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_apiserver_accepts_the_schema_without_reservation(server: ApiServer, kind: Kind) -> None:
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind.plural}.slipway.dev"
    stored = server.request("GET", path).body
    conditions = {c["type"]: c["status"] for c in stored["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions
    schema = stored["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema == crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "the apiserver changed the schema"


@pytest.mark.parametrize("right", objects.RIGHT, ids=lambda made: made.__name__)
def test_the_smallest_object_is_accepted(server: ApiServer, right) -> None:
    answer = offer(server, right())
    assert answer.code == 201, answer.message


def test_defaults_are_filled_in(server: ApiServer) -> None:
    job = offer(server, objects.training_job()).body["spec"]
    assert job["recipe"]["causalLM"]["learningRate"] == "2e-4"
    assert job["resources"] == {"cpu": "2", "memory": "8Gi", "storage": "10Gi", "nodes": 1}
    assert job["checkpoint"] == {"everySteps": 200, "keep": 2}
    assert job["export"] == ["SafeTensors"]
    assert job["suspend"] is False
    rollout = offer(server, objects.rollout()).body["spec"]
    assert rollout["analysis"]["noData"] == {"afterSeconds": 120, "action": "Hold"}
    assert rollout["analysis"]["metrics"][0]["errorRate"]["failures"] == ["ServerError"]
    assert rollout["bakeSeconds"] == 600


@pytest.mark.parametrize("right", objects.RIGHT, ids=lambda made: made.__name__)
def test_the_apiserver_and_python_fill_in_the_same_defaults(server: ApiServer, right) -> None:
    written = right()
    stored = offer(server, written).body
    model = next(kind.spec for kind in KINDS if kind.name == written["kind"])
    assert model.model_validate(stored["spec"]) == model.model_validate(written["spec"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.model", "another"),
        ("spec.version", "1.0.0"),
        ("spec.recipe.causalLM.rank", 8),
        ("spec.seed", 7),
        ("spec.resources.memory", "9Gi"),
        ("spec.evaluation", {"metrics": [{"name": "loss", "measure": {"heldOutLoss": {}}}]}),
    ],
)
def test_a_run_does_not_change(server: ApiServer, path: str, value: object) -> None:
    stored = _stored(server, objects.training_job("immutable"))
    answer = replace(server, changed(stored, path, value))
    field = path.split(".")[1]
    assert answer.code == 422
    assert f"spec.{field}: Invalid value" in answer.message
    assert "it is immutable, as is all of spec but suspend and ttlSecondsAfterFinished" in answer.message


def test_a_run_may_be_suspended_and_cleaned_up(server: ApiServer) -> None:
    stored = _stored(server, objects.training_job("suspended"))
    answer = replace(server, changed(changed(stored, "spec.suspend", True), "spec.ttlSecondsAfterFinished", 60))
    assert answer.code == 200, answer.message
    assert replace(server, changed(dict(answer.body), "spec.ttlSecondsAfterFinished", None)).code == 200


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.version", "1.0.1"),
        ("spec.artifact.digest", "sha256:" + "f" * 64),
        ("spec.card", {"licence": "MIT"}),
        ("spec.artifact.formats", ["SafeTensors"]),
    ],
)
def test_a_version_does_not_change(server: ApiServer, path: str, value: object) -> None:
    stored = _stored(server, objects.model_version("immutable-1.0.0"))
    answer = replace(server, changed(stored, path, value))
    assert answer.code == 422
    assert "spec is immutable: create a ModelVersion with a new name instead" in answer.message


def test_a_rollout_keeps_its_model_and_changes_its_version(server: ApiServer) -> None:
    stored = _stored(server, objects.rollout("moving"))
    refused = replace(server, changed(stored, "spec.model", "another"))
    assert "model is immutable: create a Rollout with a new name instead" in refused.message
    assert replace(server, changed(stored, "spec.version.name", "assistant-2.0.0")).code == 200


def test_status_is_written_apart_from_spec(server: ApiServer) -> None:
    stored = _stored(server, objects.dataset("apart"))
    both = changed(changed(stored, "status.state", "Ready"), "spec.schema", "Completion")
    answer = replace(server, both, "/status")
    assert answer.code == 200, answer.message
    assert answer.body["status"]["state"] == "Ready"
    assert answer.body["spec"]["schema"] == "Chat"


@pytest.mark.parametrize("right", objects.RIGHT, ids=lambda made: made.__name__)
def test_kubectl_get_answers_how_far_how_good_which_and_since_when(
    server: ApiServer, right, request: pytest.FixtureRequest
) -> None:
    manifest = right()
    kind = manifest["kind"]
    stored = _stored(server, manifest)
    # Others offer objects of these names, which must be free.
    path = f"{objects.collection(kind)}/{manifest['metadata']['name']}"
    request.addfinalizer(lambda: server.request("DELETE", path))
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Testing",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = STATUS[kind] | {"conditions": [condition], "message": "All is well."}
    answer = replace(server, stored | {"status": status}, "/status")
    assert answer.code == 200, answer.message
    short = next(k.short for k in KINDS if k.name == kind)
    header, row = server.kubectl("get", short, manifest["metadata"]["name"]).strip().splitlines()
    values = [row[start:].split("  ")[0].strip() for start in _starts(header)]
    assert [value for value in values if value in SHOWN[kind]] == list(SHOWN[kind])
    assert {"STATE", "SINCE", "AGE"} <= set(header.split())
    assert "All is well." in server.kubectl("get", short, manifest["metadata"]["name"], "-o", "wide")


def test_kubectl_get_wide_tells_how_a_run_learns(server: ApiServer) -> None:
    stored = _stored(server, objects.training_job("wide"))
    progress = {"step": 30, "steps": 120, "percent": 25, "stage": "narrow", "stageNumber": 2, "stages": 3}
    progress |= {"learningRate": "1.8e-4", "tokensPerSecond": 5200, "trainedTokensPerSecond": 1700, "mfuPercent": 41}
    answer = replace(server, stored | {"status": {"state": "Running", "progress": progress}}, "/status")
    assert answer.code == 200, answer.message
    header, row = server.kubectl("get", "swt", "wide", "-o", "wide").strip().splitlines()
    columns = ("STAGE", "STEP", "LEARNINGRATE", "TOKENS/S", "TRAINED/S", "MFU")
    values = [row[header.index(f"{name} ") :].split()[0] for name in columns]
    assert values == ["narrow", "30", "1.8e-4", "5200", "1700", "41"]


def test_one_category_and_field_selectors_find_objects(server: ApiServer) -> None:
    _stored(server, objects.rollout("listed"))
    _stored(server, objects.model_version("listed-1.0.0"))
    listed = server.kubectl("get", "slipway", "-o", "name")
    assert "rollout.slipway.dev/listed" in listed
    assert "modelversion.slipway.dev/listed-1.0.0" in listed
    assert server.kubectl("get", "swm", "--field-selector", "spec.model=nobody", "-o", "name") == ""
    assert "listed-1.0.0" in server.kubectl("get", "swm", "--field-selector", "spec.model=assistant", "-o", "name")


def test_a_rollout_scales_by_kubectl(server: ApiServer) -> None:
    _stored(server, objects.rollout("scaled"))
    server.kubectl("scale", "swr/scaled", "--replicas=3")
    stored = yaml.safe_load(server.kubectl("get", "swr", "scaled", "-o", "yaml"))
    assert stored["spec"]["serving"]["replicas"] == 3


def test_an_autoscaler_reads_pods_and_selector_from_the_scale_subresource(server: ApiServer) -> None:
    _stored(server, objects.rollout("autoscaled"))
    path = f"{objects.collection('Rollout')}/autoscaled"
    selector = "slipway.dev/uid=42,slipway.dev/revision"
    status = {"status": {"replicas": 2, "selector": selector}}
    answer = server.request("PATCH", f"{path}/status", status, "application/merge-patch+json")
    assert answer.code == 200, answer.message
    scale = server.request("GET", f"{path}/scale").body
    assert scale["status"] == {"replicas": 2, "selector": selector}
    wanted = server.request("PATCH", f"{path}/scale", {"spec": {"replicas": 5}}, "application/merge-patch+json")
    assert wanted.body["spec"] == {"replicas": 5}
    assert server.request("GET", path).body["spec"]["serving"]["replicas"] == 5
    refused = server.request("PATCH", f"{path}/scale", {"spec": {"replicas": 0}}, "application/merge-patch+json")
    assert refused.code == 422


def _stored(server: ApiServer, manifest: objects.Manifest) -> objects.Manifest:
    path = f"{objects.collection(manifest['kind'])}/{manifest['metadata']['name']}"
    found = server.request("GET", path)
    return dict(found.body) if found.code == 200 else create(server, manifest)


def _starts(header: str) -> list[int]:
    return [i for i, letter in enumerate(header) if letter != " " and (i == 0 or header[i - 2 : i] == "  ")]
