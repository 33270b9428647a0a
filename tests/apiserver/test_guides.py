"""Are the manifests of the how-to guides taken as they stand there?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver import objects
from tests.apiserver.server import ApiServer

GUIDES = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = ("sticky-users", "blue-green", "a-b-test", "shadow")


def shown(page: str) -> dict[str, Any]:
    """Return what the first manifest of a guide says of spec, be it shown whole or from `strategy` on."""
    [first, *_] = re.findall(r"^```yaml\n(.*?)^```$", (GUIDES / f"{page}.md").read_text(), re.M | re.S)
    found = yaml.safe_load(first)
    return found.get("spec", found)


@pytest.mark.parametrize("page", PAGES)
def test_a_guides_manifest_is_taken(server: ApiServer, page: str) -> None:
    manifest = objects.rollout()
    answer = objects.offer(server, {**manifest, "spec": manifest["spec"] | shown(page)})
    assert answer.code == 201, answer.message


def test_the_guide_to_training_is_taken(server: ApiServer) -> None:
    found = re.findall(r"^ *```yaml\n(.*?)^ *```$", (GUIDES / "train-causal-lm.md").read_text(), re.M | re.S)
    whole, *recipes = [yaml.safe_load(text) for text in found]
    whole = objects.changed(whole, "metadata.namespace", "default")
    answer = objects.offer(server, whole)
    assert answer.code == 201, answer.message
    assert recipes
    for recipe in recipes:
        answer = objects.offer(server, {**whole, "spec": whole["spec"] | {"recipe": {"causalLM": recipe}}})
        assert answer.code == 201, (recipe, answer.message)


@pytest.mark.parametrize("page", ["hosted-tuning-files"])
def test_a_guides_dataset_is_taken(server: ApiServer, page: str) -> None:
    manifest = objects.dataset()
    answer = objects.offer(server, {**manifest, "spec": shown(page)})
    assert answer.code == 201, answer.message


def test_every_source_of_the_guide_is_taken(server: ApiServer) -> None:
    shown = re.findall(r"^```yaml\n(.*?)^```$", (GUIDES / "dataset-sources.md").read_text(), re.M | re.S)
    assert shown
    for text in shown:
        manifest = objects.dataset()
        answer = objects.offer(server, {**manifest, "spec": manifest["spec"] | yaml.safe_load(text)["spec"]})
        assert answer.code == 201, answer.message


def test_every_manifest_of_the_guide_to_steps_is_taken(server: ApiServer) -> None:
    shown = re.findall(r"^```yaml\n(.*?)^```$", (GUIDES / "dataset-steps.md").read_text(), re.M | re.S)
    assert shown
    for text in shown:
        manifest = objects.dataset()
        answer = objects.offer(server, {**manifest, "spec": manifest["spec"] | yaml.safe_load(text)})
        assert answer.code == 201, f"{answer.message}\n{text}"
