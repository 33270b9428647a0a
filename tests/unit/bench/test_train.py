"""Are both trainers compared by the same measure, and is what is published what was measured?"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.train import EQUAL_NATS, Side, fastest, side, table
from bench.training.plan import Plan, Speed
from bench.training.settings import SETTINGS, settings


def speed(tokens: int, seconds: float, peak: float = 100.0) -> Speed:
    return Speed(tokens, 2 * tokens, seconds, peak, {})


def test_a_side_is_the_median_of_its_runs() -> None:
    runs = [speed(100, 1.0, 90), speed(100, 2.0, 110), speed(100, 4.0, 100)]
    assert side(runs, [1.0, 3.0, 1.5]) == Side(50.0, 100.0, 1.5, 100)


def test_the_peer_is_measured_with_the_fastest_setting_that_it_takes() -> None:
    assert fastest({"a": 10.0, "b": None, "c": 30.0}) == "c"
    with pytest.raises(SystemExit, match="none of its settings"):
        fastest({"a": None})


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_leaves_the_batch_what_it_is(name: str) -> None:
    found = settings(name, 8)
    assert found["per_device_train_batch_size"] * found["gradient_accumulation_steps"] == 8
    assert settings(f"{name}, compiled", 8) == found | {"torch_compile": True}


def test_the_table_says_who_is_ahead_and_whether_the_losses_are_equal() -> None:
    theirs = Side(100.0, 200.0, 1.5, 1000)
    lines = table(Side(150.0, 300.0, 1.5 + EQUAL_NATS / 2, 800), theirs, 2.25).splitlines()
    assert lines[2] == "| loss-bearing tokens a second (more is better) | 150 | 100 | 1.50 times as fast | 1.3 times |"
    assert "(base model: 2.250) | 1.510 | 1.500 | equal |" in lines[3]
    assert lines[4].startswith("| peak memory of the process, MiB | 800 | 1000 | 0.80 times as large |")
    assert "| 0.100 higher |" in table(Side(150.0, 300.0, 1.6, 800), theirs, 2.25)
    assert "| 0.100 lower |" in table(Side(150.0, 300.0, 1.4, 800), theirs, 2.25)


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    plan = Plan(rows=17, batch_size=8, epochs=3)
    assert Plan.read(plan.write(tmp_path / "plan.json")) == plan
    assert plan.steps == 9
