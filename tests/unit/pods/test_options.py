"""Do a user's options reach every kind of pod, and leave alone what Slipway needs?"""

from __future__ import annotations

from typing import Any

import pytest

from slipway.api.pod import OWN_VARIABLES, PodOptions
from tests.unit.dataset.world import World as DatasetWorld
from tests.unit.model import world as models
from tests.unit.model.test_awaiting import waiting
from tests.unit.model.world import version
from tests.unit.rollout.world import World as RolloutWorld
from tests.unit.training.searches import searching
from tests.unit.training.test_estimate import estimated
from tests.unit.training.test_search import ended
from tests.unit.training.world import started

OPTIONS: dict[str, Any] = {
    "priorityClassName": "batch-low",
    "nodeSelector": {"topology.kubernetes.io/zone": "eu-1a"},
    "affinity": {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 50,
                    "podAffinityTerm": {
                        "labelSelector": {"matchLabels": {"team": "assistants"}},
                        "topologyKey": "kubernetes.io/hostname",
                    },
                }
            ]
        }
    },
    "tolerations": [
        {"key": "team", "operator": "Equal", "value": "assistants", "effect": "NoSchedule"},
        {"key": "spot", "operator": "Exists"},
    ],
    "runtimeClassName": "gvisor",
    "serviceAccountName": "trainer",
    "imagePullSecrets": [{"name": "registry"}],
    "env": [
        {"name": "HTTPS_PROXY", "value": "http://proxy:3128"},
        {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}},
        {"name": "TEAM", "valueFrom": {"configMapKeyRef": {"name": "team", "key": "name"}}},
    ],
    "volumes": [
        {"name": "cache", "mountPath": "/mnt/cache", "source": {"persistentVolumeClaim": {"claimName": "cache"}}},
        {"name": "ca", "mountPath": "/mnt/ca", "subPath": "pem", "source": {"secret": {"secretName": "ca"}}},
        {"name": "job", "mountPath": "/mnt/job", "source": {"configMap": {"name": "other"}}},
        {"name": "fast", "mountPath": "/mnt/fast", "source": {"emptyDir": {"sizeLimit": "1Gi", "medium": "Memory"}}},
    ],
    "labels": {"team": "assistants"},
    "annotations": {"sidecar.istio.io/inject": "false"},
}


def prepared() -> dict[str, Any]:
    made = DatasetWorld()
    made.edit(pod=OPTIONS)
    made.settle()
    return made.newest_job()["spec"]["template"]


def trained() -> dict[str, Any]:
    return started(pod=OPTIONS).newest_job()["spec"]["template"]


def evaluated() -> dict[str, Any]:
    made = models.World()
    made.put(version(pod=OPTIONS))
    made.settle()
    return made.newest_job()["spec"]["template"]


def verified() -> dict[str, Any]:
    """Of a version that is only checked against its digest."""
    made = models.World()
    made.put(version(pod=OPTIONS, evaluation=None, evaluationData=None))
    made.settle()
    return made.newest_job()["spec"]["template"]


def counted() -> dict[str, Any]:
    """Of ratings that people handed in."""
    made = waiting(pod=OPTIONS)
    made.hand_in(mia="7", noa="9")
    [job] = made.counting()
    return made.get("Job", job)["spec"]["template"]


def drawn() -> dict[str, Any]:
    """Of the page of a search."""
    made = ended(searching(spec={"pod": OPTIONS}))
    [job] = made.jobs()
    return made.get("Job", job)["spec"]["template"]


def served() -> dict[str, Any]:
    made = RolloutWorld(spec={"serving": {"runtime": {"llamaCpp": {}}, "pod": OPTIONS}})
    made.tick()
    return next(one for (kind, _), one in made.objects.items() if kind == "Deployment")["spec"]["template"]


@pytest.mark.parametrize(
    ("template", "equipped"),
    [
        (prepared, {"main"}),
        (trained, {"main"}),
        (drawn, {"main"}),
        (evaluated, {"main"}),
        (verified, {"main"}),
        (counted, {"main"}),
        (served, {"fetch", "engine"}),
    ],
    ids=["Dataset", "TrainingJob", "Search", "ModelVersion", "VerifyOnly", "Ratings", "Rollout"],
)
def test_every_kind_of_pod_gets_what_was_asked_for(template, equipped) -> None:
    made = template()
    spec, meta = made["spec"], made["metadata"]
    for field in (
        "priorityClassName",
        "affinity",
        "tolerations",
        "runtimeClassName",
        "serviceAccountName",
        "imagePullSecrets",
    ):
        assert spec[field] == OPTIONS[field]
    assert spec["nodeSelector"] == OPTIONS["nodeSelector"]
    assert meta["labels"]["team"] == "assistants"
    assert meta["annotations"]["sidecar.istio.io/inject"] == "false"
    assert spec["automountServiceAccountToken"] is False
    names = [volume["name"] for volume in spec["volumes"]]
    assert len(set(names)) == len(names), "a user's volume has the name of one of ours"
    assert {"name": "pod-fast", "emptyDir": {"sizeLimit": "1Gi", "medium": "Memory"}} in spec["volumes"]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        variables = {one["name"]: one for one in container.get("env", [])}
        assert ("HF_TOKEN" in variables) == (container["name"] in equipped)
        assert len(variables) == len(container.get("env", []))
        if container["name"] not in equipped:
            continue
        assert variables["HF_TOKEN"] == OPTIONS["env"][1]
        mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
        assert mounts["/mnt/cache"] == {"name": "pod-cache", "mountPath": "/mnt/cache"}
        assert mounts["/mnt/ca"] == {"name": "pod-ca", "mountPath": "/mnt/ca", "subPath": "pem", "readOnly": True}
        assert mounts["/mnt/job"]["readOnly"] is True
        assert "readOnly" not in mounts["/mnt/fast"]


def test_what_slipway_sets_itself_is_known() -> None:
    """The rule of the API names every variable that our pods set."""
    for template in (DatasetWorld, started):
        made = template()
        made.settle()
        [container] = made.newest_job()["spec"]["template"]["spec"]["containers"]
        assert {one["name"] for one in container["env"]} <= set(OWN_VARIABLES)


def test_a_gpus_product_and_a_users_labels_are_wanted_together() -> None:
    gpu = {"gpu": {"product": "NVIDIA-H200"}}
    made = started(pod={"nodeSelector": {"pool": "train"}}, resources=gpu)
    estimated(made)
    made.settle()
    spec = made.newest_job()["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"pool": "train", "nvidia.com/gpu.product": "NVIDIA-H200"}


def test_tolerations_of_resources_and_of_the_pod_count_together_and_once() -> None:
    gpu, team = {"key": "nvidia.com/gpu", "operator": "Exists"}, {"key": "team", "operator": "Exists"}
    made = started(resources={"tolerations": [gpu]}, pod={"tolerations": [team, {"key": "nvidia.com/gpu"}]})
    assert made.newest_job()["spec"]["template"]["spec"]["tolerations"] == [gpu, team]


def test_other_options_of_a_dataset_that_is_prepared_mean_no_new_work() -> None:
    made = DatasetWorld()
    made.settle()
    made.succeed()
    made.settle()
    jobs = made.jobs()
    made.edit(pod={"priorityClassName": "other"})
    made.settle()
    assert made.jobs() == jobs
    assert made.status()["state"] == "Ready"


def test_other_options_of_a_dataset_on_its_way_make_another_job() -> None:
    made = DatasetWorld()
    made.settle()
    jobs = made.jobs()
    made.edit(pod={"priorityClassName": "other"})
    made.settle()
    assert len(made.jobs()) == 1
    assert made.jobs() != jobs


def test_nothing_asked_for_is_nothing_changed() -> None:
    assert PodOptions().dump() == {}
    plain = started().newest_job()["spec"]["template"]
    assert started(pod={}).newest_job()["spec"]["template"] == plain
