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


def manifests(page: str) -> list[dict[str, Any]]:
    """Return every manifest, or piece of one, that a guide shows."""
    text = (GUIDES / f"{page}.md").read_text()
    found = [yaml.safe_load(block) for block in re.findall(r"^ *```yaml\n(.*?)^ *```$", text, re.M | re.S)]
    assert found, f"{page} shows none"
    return found


def spec_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what a guide says of spec, be it shown whole or in part."""
    found: dict[str, Any] = manifest.get("spec", manifest)
    return found


def shown(page: str) -> dict[str, Any]:
    """Return what the first manifest of a guide says of spec."""
    return spec_of(manifests(page)[0])


@pytest.mark.parametrize("page", PAGES)
def test_a_guides_manifest_is_taken(server: ApiServer, page: str) -> None:
    manifest = objects.rollout()
    answer = objects.offer(server, {**manifest, "spec": manifest["spec"] | shown(page)})
    assert answer.code == 201, answer.message


@pytest.mark.parametrize("page", ["train-causal-lm", "train-on-preferences", "train-in-stages", "new-tokens"])
def test_a_guide_to_training_is_taken(server: ApiServer, page: str) -> None:
    whole, *recipes = manifests(page)
    whole = objects.changed(whole, "metadata.namespace", "default")
    answer = objects.offer(server, whole)
    assert answer.code == 201, answer.message
    assert recipes
    for recipe in recipes:
        answer = objects.offer(server, {**whole, "spec": whole["spec"] | {"recipe": {"causalLM": recipe}}})
        assert answer.code == 201, (recipe, answer.message)


@pytest.mark.parametrize(
    "page", ["delete-old-models", "large-base-model", "let-people-judge", "memory-of-gpus", "see-what-a-model-forgets"]
)
def test_a_guides_trainingjob_is_taken(server: ApiServer, page: str) -> None:
    manifest = objects.training_job()
    answer = objects.offer(server, {**manifest, "spec": manifest["spec"] | shown(page)})
    assert answer.code == 201, answer.message


def test_the_guide_to_large_models_serves_on_a_gpu(server: ApiServer) -> None:
    manifest, shown_last = objects.rollout(), manifests("large-base-model")[-1]
    assert shown_last["serving"]["resources"]["gpu"] == {"count": 1}
    answer = objects.offer(server, {**manifest, "spec": manifest["spec"] | shown_last})
    assert answer.code == 201, answer.message


def test_every_piece_of_the_guide_to_watching_is_taken(server: ApiServer) -> None:
    for piece in manifests("watch-a-run"):
        manifest = objects.training_job()
        answer = objects.offer(server, {**manifest, "spec": manifest["spec"] | spec_of(piece)})
        assert answer.code == 201, f"{answer.message}\n{piece}"


@pytest.mark.parametrize("page", ["hosted-tuning-files", "spread-over-ray", "tokens-beside-rows"])
def test_a_guides_dataset_is_taken(server: ApiServer, page: str) -> None:
    manifest = objects.dataset()
    answer = objects.offer(server, {**manifest, "spec": shown(page)})
    assert answer.code == 201, answer.message


@pytest.mark.parametrize("page", ["dataset-sources", "dataset-steps", "keep-data-fresh"])
def test_every_piece_of_a_guide_to_datasets_is_taken(server: ApiServer, page: str) -> None:
    for piece in manifests(page):
        manifest = objects.dataset()
        answer = objects.offer(server, {**manifest, "spec": manifest["spec"] | spec_of(piece)})
        assert answer.code == 201, f"{answer.message}\n{piece}"


def test_the_guide_to_searches_is_taken(server: ApiServer) -> None:
    whole, *searches = manifests("search-parameters")
    whole = objects.changed(whole, "metadata.namespace", "default")
    assert searches
    for spec in [whole["spec"], *(whole["spec"] | {"search": search} for search in searches)]:
        answer = objects.offer(server, {**whole, "spec": spec})
        assert answer.code == 201, answer.message


def test_the_guide_to_queues_is_taken(server: ApiServer) -> None:
    [manifest] = manifests("queue-training")
    answer = objects.offer(server, objects.changed(manifest, "metadata.namespace", "default"))
    assert answer.code == 201, answer.message


@pytest.mark.parametrize("kind", ["dataset", "training_job", "model_version", "rollout"])
def test_the_guide_to_pods_is_taken_by_every_kind(server: ApiServer, kind: str) -> None:
    manifest = getattr(objects, kind)()
    for piece in manifests("place-and-equip-pods"):
        where = "spec.serving" if kind == "rollout" else "spec"
        for field, value in piece.items():
            if field == "resources" and kind == "model_version":
                continue  # those of an evaluation are in spec.evaluation
            if field == "ttlSecondsAfterFinished" and kind == "rollout":
                continue
            answer = objects.offer(server, objects.changed(manifest, f"{where}.{field}", value))
            assert answer.code == 201, (kind, field, answer.message)
