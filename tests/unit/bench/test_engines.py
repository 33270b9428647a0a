"""Do other engines get the same rows and the same functions, and is a run that fails told?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.data import parsed, plan_of
from bench.preparing import engines, numbered, text
from bench.preparing.cleaned import bands, cleaned
from bench.preparing.clusters import superfluous
from bench.preparing.pipelines import Bench, Side
from bench.preparing.plan import Plan, Run
from bench.preparing.text import Text
from bench.preparing.truth import Verdict
from e2e.setup.progress import Steps

PROSE = "Write to someone@example.org about the walls of the house. " * 4


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr("sys.argv", ["bench.data", "--workers", "2"])
    return plan_of(parsed())


def test_they_read_the_same_ids_and_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "SHARD_BYTES", 40)
    (tmp_path / "text").mkdir()
    text.write(["a\u2028b", "c", "d"], tmp_path / "text")
    numbered.write(text.counted(tmp_path / "text"), tmp_path / "raw")
    shards = sorted((tmp_path / "raw").iterdir())
    assert [shard.name for shard in shards] == ["00000.jsonl", "00001.jsonl"]
    found = [json.loads(line) for shard in shards for line in shard.read_text().split("\n") if line]
    assert [(row["id"], row["completion"]) for row in found] == list(text.rows(tmp_path / "text"))


def test_a_text_is_filtered_and_redacted_as_in_the_pod(plan: Plan) -> None:
    assert cleaned(plan, "too short") is None
    assert cleaned(plan, PROSE) == PROSE.replace("someone@example.org", "<EMAIL>")


def test_equal_texts_share_every_band(plan: Plan) -> None:
    assert len(bands(plan, PROSE)) == plan.peer_bands
    assert bands(plan, PROSE) == bands(plan, PROSE)
    assert not set(bands(plan, PROSE)) & set(bands(plan, "Nothing of this is in the other text, not a word. " * 4))


def test_of_each_cluster_the_least_is_kept() -> None:
    assert superfluous([("c", "b"), ("d", "c"), ("y", "x"), ("b", "d"), ("a", "a")]) == {"c", "d", "y"}


def test_the_table_has_a_column_for_each_that_ran() -> None:
    sides = {"slipway": Side(700.0, 340, 40.0), "daft": Side(90.0, 1200, 150.0)}
    lines = engines.table(sides, {"slipway": Verdict(100, 0, 1), "daft": Verdict(100, 2, 1)}).splitlines()
    assert lines[0] == "|  | Slipway | Daft |"
    assert lines[2] == "| rows a second (more is better) | 700 | 90 |"
    assert lines[3] == "| seconds of the cores, all processes together | 40 | 150 |"
    assert lines[5].endswith("| 99.00 % (0 lost, 1 left in) | 97.00 % (2 lost, 1 left in) |")


def test_one_that_fails_is_told_and_the_others_are_measured(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: dict[str, Any] = {}

    def ran(of: Text, *_: object) -> tuple[Run, set[str]]:
        return Run(1.0, 100, 2.0), {"00000.jsonl:1"}

    def failed(*_: object) -> tuple[Run, set[str]]:
        raise SystemExit("daft_side ended with code -6")

    def publish(name: str, shown: str, result: Mapping[str, Any]) -> None:
        published.update(result, shown=shown)

    for name, once in (("slipway", ran), ("peer", ran), ("engine", failed)):
        monkeypatch.setattr(Bench, name, lambda self, *told, once=once: once(*told))
    monkeypatch.setattr(engines, "publish", publish)
    (tmp_path / "text").mkdir()
    text.write([PROSE], tmp_path / "text")
    bench = Bench(plan, tmp_path, tmp_path)
    engines.measured(bench, text.counted(tmp_path / "text"), ["daft"], 1, Steps(4))
    assert published["slipway"]["rows_per_s"] == 1.0
    assert published["failed"] == ["Daft: daft_side ended with code -6"]
    assert "Daft |" not in published["shown"]
    assert "Runs that failed: Daft: daft_side ended with code -6." in published["shown"]
