"""Are the numbers of docs/explanation/judgement.md the code's?"""

from __future__ import annotations

import re
from math import exp
from pathlib import Path

import pytest

from bench.power import Row, needs, rows
from slipway.api.analysis import Analysis
from slipway.rollout.analysis.binomial import tail
from slipway.rollout.analysis.comparison import needed
from slipway.rollout.analysis.sequential import Sample, Wealth, bet, nearest

QUICK = {"errors 2 % → 10 %", "errors 2 % → 100 %", "p95 + 50 %", "p95 doubled"}
PAGE = (Path(__file__).parents[3] / "docs" / "explanation" / "judgement.md").read_text()
ROW = re.compile(
    r"^\| \d \| (\d+) of (\d+) \| (\d+) of (\d+) \| (?:([\d.]+) % : ([\d.]+) %|nothing yet) \| "
    r"(?:([\d.]+) % : ([\d.]+) % )?\| ([\d.]+) \|$",
    re.MULTILINE,
)


def test_the_worked_example() -> None:
    rows, wealth = ROW.findall(PAGE), Wealth()
    assert len(rows) == 6
    for bad, requests, others_bad, others, mine, theirs, innocent_mine, innocent, evidence in rows:
        believed = wealth.candidate.guess, wealth.stable.guess
        if mine:
            assert [round(100 * chance, 2) for chance in believed] == [float(mine), float(theirs)]
            found = 100 * nearest(int(requests), int(others), *believed, 0.01)
            assert (round(found + 1, 2), round(found, 2)) == (float(innocent_mine), float(innocent))
        batch = Sample(int(requests), int(bad)), Sample(int(others), int(others_bad))
        wealth = bet(wealth, *batch, 0.01)
        assert exp(wealth.log) == pytest.approx(float(evidence), abs=0.05)
    assert f"{wealth.candidate.percent:.2f} % of {wealth.candidate.requests}" in PAGE
    assert f"{wealth.stable.percent:.2f} % of {wealth.stable.requests}" in PAGE


def test_the_evidence_that_one_metric_needs() -> None:
    metric = {"name": "errors", "errorRate": {"maxIncreasePercent": "1"}}
    assert round(needed(Analysis.model_validate({"metrics": [metric]}))) == 111
    assert "= 111 times" in PAGE


@pytest.mark.parametrize(("requests", "bound"), [(3, 0.01), (3, 0.02), (3, 0.05), (4, 0.1), (5, 0.2), (10, 0.5)])
def test_how_soon_an_outage_is_beyond_doubt(requests: int, bound: float) -> None:
    assert tail(requests, requests, bound) <= 0.001
    assert requests == 3 or tail(requests - 1, requests - 1, bound) > 0.001


def test_both_tables_are_filled() -> None:
    for name, least in (("power", 8), ("alarms", 5)):
        table = PAGE.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]
        assert table.count("\n|") >= least + 2


@pytest.mark.parametrize("row", [row for row in rows() if row.what in QUICK], ids=lambda row: row.what)
@pytest.mark.parametrize("share", [5, 50])
def test_the_power_that_is_told_is_what_the_dice_say(row: Row, share: int) -> None:
    """Of the rows that take a moment; `python -m bench.power` throws for all of them, with the same dice."""
    found = needs(row, share)
    assert found is not None
    [line] = [line for line in PAGE.splitlines() if line.startswith(f"| {row.what} | {row.allowed} |")]
    assert line.split("|")[3 if share == 5 else 4].strip() == f"{found[0]:,} ({found[1]:,})"
