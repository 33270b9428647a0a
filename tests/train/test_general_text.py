"""Is the text that the Blueprint assistant must not forget what the pinned package holds, and is it prose?"""

from __future__ import annotations

import importlib.util
from importlib.metadata import files
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from slipway.api.common import ArtifactRef
from slipway.contract.artifact import digest
from slipway_pod.artifact import describe
from slipway_train_torch.evaluate.general import texts

EXAMPLE = Path(__file__).parents[2] / "examples" / "blueprint-assistant"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("collect_general", EXAMPLE / "general" / "collect.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_run_is_judged_on_the_texts_of_the_pinned_package(script: ModuleType, tmp_path: Path) -> None:
    # torch needs the same release, so it is installed here with the files of its wheel.
    package = {str(path): path.read_binary() for path in files("networkx") or () if path.suffix in (".py", ".txt")}
    count = script.write(package, tmp_path / "general")
    run = yaml.safe_load((EXAMPLE / "one-run" / "training.yaml").read_text())["spec"]["evaluation"]
    [measure] = [one["measure"]["heldOutLoss"] for one in run["metrics"] if one["name"] == "general-loss"]
    assert digest(describe(tmp_path / "general")) == measure["data"]["digest"], "put this digest into training.yaml"
    found = texts(tmp_path / "general", ArtifactRef.model_validate(measure["data"]), measure["maxExamples"])
    assert len(found) == measure["maxExamples"] < count


@pytest.mark.parametrize(
    ("docstring", "text"),
    [
        ("Say it.\n\nAnd why.", "Say it.\n\nAnd why."),
        ("Say it.\n\nParameters\n----------\nx : int\n    A number.", "Say it."),
        ("Say it.\n\n>>> say(1)\n1\n\nAnd why.", "Say it.\n\nAnd why."),
        ("Say it.\n\n.. math::\n\n    x = \\\\frac{1}{2}", "Say it."),
        ("", ""),
    ],
)
def test_prose_is_what_stands_before_headings_code_and_formulas(script: ModuleType, docstring: str, text: str) -> None:
    assert script.prose(docstring) == text
