"""The example's YAML is what the API takes, in full size and in small, and it tells the story that is claimed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.demo import small
from e2e.demo.cast import DATASET, EXAMPLE, HOSTNAME, MODEL, NAMESPACE, ROLLOUT, SHORT_NAMES, TRAINED, training, version
from slipway.api.dataset import DatasetSpec
from slipway.api.modelversion import ModelVersionSpec
from slipway.api.rollout import RolloutSpec
from slipway.api.trainingjob import TrainingJobSpec

MODELS = {
    "Dataset": DatasetSpec,
    "TrainingJob": TrainingJobSpec,
    "ModelVersion": ModelVersionSpec,
    "Rollout": RolloutSpec,
}
FILES = sorted(file.name for file in EXAMPLE.glob("*.yaml"))


def document(name: str, folder: Path = EXAMPLE) -> Any:
    return yaml.safe_load((folder / name).read_text())


@pytest.fixture(scope="module", params=["full", "small"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return EXAMPLE if request.param == "full" else small.copy(EXAMPLE, tmp_path_factory.mktemp("small") / "example")


@pytest.mark.parametrize("name", [name for name in FILES if name != "namespace.yaml"])
def test_the_api_takes_it(name: str, folder: Path) -> None:
    manifest = document(name, folder)
    assert manifest["apiVersion"] == "slipway.dev/v1alpha1"
    assert manifest["metadata"]["namespace"] == NAMESPACE
    MODELS[manifest["kind"]].model_validate(manifest["spec"])


def test_the_names_are_those_of_the_story(folder: Path) -> None:
    assert document("namespace.yaml", folder)["metadata"]["name"] == NAMESPACE
    assert document("dataset.yaml", folder)["metadata"]["name"] == DATASET
    for name in TRAINED:
        job = document(f"training-{name}.yaml", folder)
        assert job["metadata"]["name"] == training(name)
        assert f"{job['spec']['model']}-{job['spec']['version']}" == version(name)
    written = document("version-v4.yaml", folder)
    assert written["metadata"]["name"] == version("v4") == f"{written['spec']['model']}-{written['spec']['version']}"
    for name in SHORT_NAMES:
        rollout = document(f"rollout-{name}.yaml", folder)
        assert rollout["metadata"]["name"] == ROLLOUT
        assert rollout["spec"]["model"] == MODEL
        assert rollout["spec"]["version"]["name"] == version(name)
        assert rollout["spec"]["traffic"]["hostnames"] == [HOSTNAME]


def test_each_release_changes_as_little_as_it_says() -> None:
    one, two, three, four = (document(f"rollout-{name}.yaml")["spec"] for name in SHORT_NAMES)
    for later in (two, three):
        assert later | {"version": one["version"]} == one
    changed = {**four, "version": one["version"], "serving": one["serving"]}
    assert changed == one
    assert four["serving"] | {"runtime": one["serving"]["runtime"]} == one["serving"]


def test_all_versions_start_from_one_base_and_one_dataset() -> None:
    jobs = [document(f"training-{name}.yaml")["spec"] for name in TRAINED]
    bases = [spec["baseModel"] for spec in (*jobs, document("version-v4.yaml")["spec"])]
    assert all(base == bases[0] for base in bases)
    assert len({job["dataset"]["name"] for job in jobs}) == 1


def test_small_numbers_are_written_so_that_strings_stay_strings(tmp_path: Path) -> None:
    target = small.copy(EXAMPLE, tmp_path / "example")
    assert '"learningRate": "1e-3"' in (target / "training-v1.yaml").read_text()


def test_small_numbers_keep_the_story(tmp_path: Path) -> None:
    target = small.copy(EXAMPLE, tmp_path / "example")
    assert sorted(file.name for file in target.iterdir()) == FILES
    steps = [document(f"training-{n}.yaml", target)["spec"]["recipe"]["causalLM"]["maxSteps"] for n in TRAINED]
    assert steps == list(small.STEPS.values())
    assert steps[1] > steps[0]
