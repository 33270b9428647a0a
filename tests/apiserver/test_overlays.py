"""Are the overlays of the examples taken by the apiserver as kustomize makes them?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver.conftest import ROOT
from tests.apiserver.server import ApiServer

SMALL = {"blueprint-assistant": "one-run/training.yaml", "blender-agent": "training.yaml"}
"""The run of each example that its page shows the gain of."""
OVERLAYS = sorted((ROOT / "examples" / "gpu").glob("*/kustomization.yaml"))


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.parent.name)
def test_an_overlay_is_taken(server: ApiServer, overlay: Path) -> None:
    text = server.kubectl("kustomize", str(overlay.parent))
    made = [one for one in yaml.safe_load_all(text) if one]
    assert {one["kind"] for one in made} == {"Namespace", "Dataset", "TrainingJob", "Rollout"}
    server.kubectl("create", "namespace", made[0]["metadata"]["name"], check=False)
    for one in made:
        if one["kind"] != "Namespace":
            server.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(one))
    [run] = [one for one in made if one["kind"] == "TrainingJob"]
    assert run["spec"]["resources"]["gpu"] == {"count": 1}
    small = yaml.safe_load((ROOT / "examples" / overlay.parent.name / SMALL[overlay.parent.name]).read_text())
    asked, least = gates(run), gates(small)
    assert all(asked[gate] >= bound for gate, bound in least.items()), "an overlay asks for no less"
    assert any(asked[gate] > bound for gate, bound in least.items()), (
        "examples/gpu/README.md says that it asks for more"
    )


def gates(run: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Return each gate's bound by metric and kind."""
    kinds = ("min", "minImprovement")
    found = run["spec"]["evaluation"]["gates"]
    return {(gate["metric"], kind): float(gate[kind]) for gate in found for kind in kinds if kind in gate}


def test_every_example_has_an_overlay() -> None:
    examples = {path.parent.name for path in (ROOT / "examples").glob("*/kustomization.yml")}
    assert {path.parent.name for path in OVERLAYS} == examples >= {"blender-agent", "blueprint-assistant"}
