"""The chart gets the very images that were built, by digest, under the names that it knows."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from e2e.demo.cast import NAMESPACE, REPOSITORY
from e2e.demo.prepare import values

DIGEST = "sha256:" + "a" * 64
BUILT = ("data", "eval-blender", "object-store", "operator", "serve-llamacpp", "serve-proxy", "train-torch")


def test_every_image_of_the_chart_is_named_by_digest() -> None:
    found = values({name: f"localhost:5001/slipway/{name}@{DIGEST}" for name in BUILT}, "http://prometheus:9090")
    chart = yaml.safe_load(Path(REPOSITORY, "charts/slipway/values.yaml").read_text())
    assert set(found["images"]) == set(chart["images"])
    assert found["images"]["trainTorch"] == {"repository": "localhost:5001/slipway/train-torch", "digest": DIGEST}
    assert (found["workloadNamespaces"], found["prometheus"]) == ([NAMESPACE], {"url": "http://prometheus:9090"})


def test_an_image_without_digest_is_refused() -> None:
    with pytest.raises(ValueError, match="no digest"):
        values({"data": "localhost:5001/slipway/data:latest"}, "")
