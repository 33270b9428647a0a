"""Does the side of `bench.train` that is ours run, and count what it trained? Here two steps of a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from bench.training import slipway_side
from bench.training.plan import Plan, Speed
from slipway_train_torch.causal_lm import data
from slipway_train_torch.causal_lm.base import described
from tests.train.conftest import write_dataset

PLAN = Plan(rows=6, batch_size=3, rank=4, max_tokens=192)


def test_it_trains_the_plan_and_leaves_an_adapter(
    tiny: Path,
    graphs: list[dict[str, object]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dataset = write_dataset(tmp_path / "dataset", {"train": graphs[:6], "validation": graphs[6:8]})
    told = (PLAN.write(tmp_path / "plan.json"), tiny, dataset, tmp_path / "out")
    monkeypatch.setattr("sys.argv", ["slipway_side", *map(str, told)])
    slipway_side.main()
    said = capsys.readouterr()
    speed = Speed(**json.loads(said.out.splitlines()[-1]))
    rows = data.load(dataset, described(tiny, "tiny")[1], PLAN.max_tokens)[0].examples
    assert (speed.tokens, speed.all_tokens) == (sum(e.targets for e in rows), sum(len(e.ids) for e in rows))
    assert speed.seconds > 0
    assert f"step {PLAN.steps} of 2" in said.err
    adapter = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert any(tensor.any() for name, tensor in adapter.items() if "lora_B" in name), "it learned"
