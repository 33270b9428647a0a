"""Are both pipelines told the same, is their memory seen whole, and are their choices compared fairly?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.data import parsed, plan_of, table
from bench.preparing import kept, text
from bench.preparing.kept import Agreement, agreement
from bench.preparing.pipelines import Side
from bench.preparing.plan import Plan, Run
from bench.preparing.settings import peer_banding
from bench.preparing.slipway_side import job
from bench.preparing.truth import Verdict
from bench.preparing.watched import family, shared_mib, watched

PARENT = """
import subprocess, sys
held = bytearray(b"x") * (40 << 20)
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
"""
CHILD = """
held = bytearray(b"x") * (80 << 20)
print("holds it", flush=True)
input()
"""


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(sys, "argv", ["bench.data", "--similarity-percent", "70", "--workers", "3"])
    return plan_of(parsed())


def test_both_draw_as_many_hashes_and_each_cuts_them_for_the_same_similarity(plan: Plan) -> None:
    assert (plan.bands, plan.band_size, plan.words, plan.workers) == (32, 4, 5, 3)
    assert (plan.peer_bands, plan.peer_band_size) == (16, 8)  # (1 / 16) ** (1 / 8) is 0.707


@pytest.mark.parametrize(("similarity", "hashes", "cut"), [(0.72, 112, (14, 8)), (0.85, 128, (9, 14))])
def test_the_peer_is_cut_by_its_own_rule(similarity: float, hashes: int, cut: tuple[int, int]) -> None:
    assert peer_banding(similarity, hashes) == cut


def test_a_plan_survives_its_file(plan: Plan, tmp_path: Path) -> None:
    assert Plan.read(plan.write(tmp_path / "plan.json")) == plan


def test_the_pod_is_told_the_plan(plan: Plan, tmp_path: Path) -> None:
    steps: list[dict[str, Any]] = [step.dump() for step in job(plan, tmp_path).steps]
    assert steps[1]["filter"] == {
        "minCharacters": plan.min_characters,
        "maxCharacters": plan.max_characters,
        "maxLineCharacters": plan.max_line_characters,
        "minAlphanumericPercent": plan.min_alphanumeric_percent,
    }
    assert steps[3]["deduplicate"] == {"method": "MinHash", "similarityPercent": 70}


def test_the_memory_of_all_processes_counts() -> None:
    command = [sys.executable, "-c", PARENT, CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"holds it\n"
        assert len(list(family(process.pid))) == 2
        assert 120 <= sum(map(shared_mib, family(process.pid))) < 200
        process.communicate(b"\n")
    assert list(map(shared_mib, family(process.pid))) == [0.0]


def test_the_last_line_is_the_answer(tmp_path: Path) -> None:
    code = """print('words'); print('{"seconds": 2}')"""
    assert watched([sys.executable, "-c", code], os.environ, tmp_path)[0] == {"seconds": 2}


def test_a_program_that_fails_ends_the_bench(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="ended with code 3"):
        watched([sys.executable, "-c", "import sys; sys.exit(3)"], os.environ, tmp_path)


def test_rows_are_files_with_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages, out = tmp_path / "packages", tmp_path / "text"
    (packages / "a").mkdir(parents=True)
    out.mkdir()
    (packages / "a" / "b.py").write_text("é = 1\u2028\r\n", newline="")
    (packages / "a" / "c.h").write_bytes(b"\xff\xfe is no UTF-8")
    (packages / "a" / "d.bin").write_text("no text")
    (packages / "a" / "e.md").write_text(" \n")
    (packages / "z.py").write_text("z")
    monkeypatch.setattr(text, "SHARD_BYTES", 10)
    text.write(text.found(packages), out)
    assert list(text.rows(out)) == [("00000.jsonl:1", "é = 1\u2028\r\n"), ("00001.jsonl:1", "z")]
    whole = text.counted(out)
    assert (whole.rows, whole.bytes) == (2, len("é = 1\u2028\r\n".encode()) + 1)
    assert list(text.rows(text.part(whole, 2, tmp_path / "part").folder)) == [("00000.jsonl:1", "é = 1\u2028\r\n")]


def test_of_equal_rows_it_makes_no_difference_which_one_is_kept() -> None:
    of = {"1": b"a", "2": b"a", "3": b"b", "4": b"c", "5": b"d"}
    found = agreement(of, {"1", "3", "4"}, {"2", "3", "5"})
    assert found == Agreement(texts=4, both=2, ours=1, theirs=1)
    assert found.percent == 50


def test_what_the_peer_kept_is_read_from_its_files(tmp_path: Path) -> None:
    (tmp_path / "00000.jsonl").write_text(json.dumps({"text": "x", "id": "00000.jsonl:7"}) + "\n")
    assert list(kept.jsonl_ids(tmp_path)) == ["00000.jsonl:7"]


def test_a_side_is_the_median_of_its_runs() -> None:
    assert Side.of([Run(1.0, 90, 3.0), Run(2.0, 110, 1.0), Run(4.0, 100, 2.0)], 100) == Side(50.0, 100, 2.0)


def test_the_table_says_who_is_ahead_and_how_alike_the_choices_are() -> None:
    verdicts = Verdict(1000, 1, 2), Verdict(1000, 30, 1)
    lines = table(Side(300.0, 400, 9.0), Side(200.0, 800, 9.0), Agreement(1000, 900, 20, 10), *verdicts).splitlines()
    assert lines[2] == "| rows a second (more is better) | 300 | 200 | 1.50 times as fast | 1.5 times |"
    assert lines[3].startswith("| peak memory of all processes together, MiB | 400 | 800 | 0.50 times as large |")
    assert lines[4].startswith("| different texts kept, of 1000 | 920 | 910 | the same with 97.0 % of")
    assert "| 99.70 % (1 lost, 2 left in) | 96.90 % (30 lost, 1 left in) | of 1000 to choose from;" in lines[5]
