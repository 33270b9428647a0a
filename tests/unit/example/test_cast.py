"""The names that the command uses are those in the YAML, and the READMEs type what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.demo import tutorial
from e2e.demo.cast import REPOSITORY, TEAMS
from e2e.example.cast import ALL, BLENDER, BLUEPRINT, Example
from e2e.example.layers import of_verdict, reached
from slipway_train_torch.evaluate.validity import judge

MEASURES = {"blueprintValidity", "blenderExecution"}


def typed(example: Example) -> str:
    return "\n".join(block for chapter in tutorial.read(example.folder / "README.md") for block in chapter.blocks)


def applied(example: Example) -> dict[str, Any]:
    found = {}
    for name in re.findall(r" -f (\S+\.yaml)", typed(example)):
        manifest = yaml.safe_load((example.folder / name).read_text())
        found[f"{manifest['kind']}/{manifest['metadata']['name']}"] = manifest
    return found


@pytest.fixture(params=ALL.values(), ids=lambda example: example.name)
def example(request: pytest.FixtureRequest) -> Example:
    found: Example = request.param
    return found


def test_everything_lies_in_the_examples_namespace(example: Example) -> None:
    manifests = applied(example)
    assert manifests.pop(f"Namespace/{example.namespace}")
    assert {one["metadata"]["namespace"] for one in manifests.values()} == {example.namespace}
    assert {one["kind"] for one in manifests.values()} == {"Dataset", "TrainingJob", "Rollout"}


def test_the_rollout_serves_the_version_that_the_run_makes(example: Example) -> None:
    manifests = applied(example)
    [job] = [one["spec"] for one in manifests.values() if one["kind"] == "TrainingJob"]
    rollout = manifests[f"Rollout/{example.rollout}"]["spec"]
    assert f"{job['model']}-{job['version']}" == example.version == rollout["version"]["name"]
    assert job["model"] == rollout["model"] == example.model
    assert rollout["traffic"]["hostnames"] == [example.hostname]
    assert f"Dataset/{job['dataset']['name']}" in manifests


def test_questions_are_asked_as_in_the_evaluation(example: Example) -> None:
    [job] = [one["spec"] for one in applied(example).values() if one["kind"] == "TrainingJob"]
    [metric] = [one["measure"] for one in job["evaluation"]["metrics"] if one["name"] == example.metric]
    [(kind, measure)] = metric.items()
    assert kind in MEASURES
    assert measure["maxNewTokens"] == example.answer_tokens
    assert measure.get("samples", 1) == 1, "a table of pairs needs one answer to each task"


def test_what_is_not_to_be_forgotten_is_pushed_where_the_run_reads_it(example: Example) -> None:
    [job] = [one["spec"] for one in applied(example).values() if one["kind"] == "TrainingJob"]
    metrics = {one["name"]: one["measure"] for one in job["evaluation"]["metrics"]}
    general = {name for name, measure in metrics.items() if "data" in measure.get("heldOutLoss", {})}
    assert general == set(filter(None, (example.forgetting,)))
    for name in general:
        uri = metrics[name]["heldOutLoss"]["data"]["uri"]
        assert f"push ../../out/{example.name}/general/ {uri}\n" in f"{typed(example)}\n"


def test_commands_name_files_that_are_brought(example: Example) -> None:
    folders = set(re.findall(rf"\.\./\.\./out/{example.name}/([\w-]+)/", typed(example)))
    assert folders == set(example.brought)
    assert all((part / "collect.py").is_file() for part in example.brought.values())
    assert f"../../out/{example.name}/values.yaml" in typed(example)


def test_commands_wait_for_what_they_apply(example: Example) -> None:
    waited = set(re.findall(r"wait (\w+/\S+)", typed(example)))
    assert {f"modelversion/{example.version}", f"rollout/{example.rollout}"} <= waited
    made = {f"{name.partition('/')[0].lower()}/{name.partition('/')[2]}" for name in applied(example)}
    assert {one for one in waited if not one.startswith("modelversion/")} <= made


def test_the_readme_tells_the_one_command_and_has_room_for_the_table(example: Example) -> None:
    text = (example.folder / "README.md").read_text()
    assert f"$ make example-{example.name}" in text
    assert f"\nexample-{example.name}: venv ##" in Path(REPOSITORY, "Makefile").read_text()
    begin, end = (f"<!-- example-{example.name} {word} -->" for word in ("begins", "ends"))
    assert text.index(begin) < text.index(end)
    assert all(f"**{layer}**" in text for layer in (*example.layers, *filter(None, (example.forgetting,))))


def test_the_layers_are_those_that_are_told_of_answers() -> None:
    assert BLENDER.layers == tuple(reached("Nothing", ""))
    assert BLUEPRINT.layers == tuple(of_verdict(judge("", frozenset(), cut=False)))
    assert all(example.promised.keys() <= set(example.layers) for example in ALL.values())


def test_whoever_begins_removes_what_is_there_of_all() -> None:
    assert {example.namespace for example in ALL.values()} == set(TEAMS)
