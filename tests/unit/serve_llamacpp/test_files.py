"""Is the right file of an artefact loaded, and is a wrong artefact told in words?"""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway_pod.errors import BadConfig
from slipway_serve_llamacpp.arguments import parse
from slipway_serve_llamacpp.files import gguf


def folder(tmp_path: Path, *names: str) -> Path:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"GGUF")
    return tmp_path


def test_a_file_is_itself(tmp_path: Path) -> None:
    assert gguf(folder(tmp_path, "x.gguf") / "x.gguf", "model.gguf").name == "x.gguf"


def test_the_preferred_name_wins(tmp_path: Path) -> None:
    assert gguf(folder(tmp_path, "a.gguf", "adapter.gguf"), "adapter.gguf").name == "adapter.gguf"


def test_an_only_file_needs_no_name(tmp_path: Path) -> None:
    assert gguf(folder(tmp_path, "deep/SmolLM2.Q4_1.gguf", "config.json"), "model.gguf").name == "SmolLM2.Q4_1.gguf"


@pytest.mark.parametrize(
    ("names", "words"), [((), "has 0 GGUF files"), (("a.gguf", "b.gguf"), r"2 GGUF files \(a.gguf, b.gguf\)")]
)
def test_none_or_several_is_told_with_the_cure(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    with pytest.raises(BadConfig, match=words) as raised:
        gguf(folder(tmp_path, *names), "model.gguf")
    assert "export GGUF" in str(raised.value)


def test_the_program_understands_what_the_operator_writes() -> None:
    from slipway.api.modelversion import ModelVersionSpec
    from slipway.api.rollout import Serving
    from slipway.rollout.pod import pod_template
    from slipway.rollout.revision import reference, template
    from slipway.workload import Root
    from tests.unit.rollout.world import SETTINGS, model_version

    version = ModelVersionSpec.model_validate(model_version("v1")["spec"])
    serving = Serving.model_validate({"runtime": {"llamaCpp": {"contextTokens": 512}}, "resources": {"cpu": "1500m"}})
    made = template("v1", version, serving, SETTINGS)
    pod = pod_template(Root("Rollout", "games", "assistant", "u"), reference(made, serving), made, "config", SETTINGS)
    command = pod["spec"]["containers"][0]["command"]
    wanted = parse(command[3:])
    assert command[:3] == ["python", "-m", "slipway_serve_llamacpp"]
    assert (wanted.name, wanted.context_tokens, wanted.parallel, wanted.threads, wanted.gpus) == (
        "assistant",
        512,
        2,
        2,
        0,
    )
    assert wanted.adapter is not None
