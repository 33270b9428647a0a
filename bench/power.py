"""How many requests does a verdict against stable need, and how often is it wrong?

Simulated with dice, with the operator's own functions; no cluster. Writes the tables of docs/explanation/judgement.md.

    python -m bench.power                        how many requests until a worse candidate fails
    python -m bench.power --false-alarms 2000    also how many innocent ones fail in as many rollouts (long)
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log
from pathlib import Path
from random import Random
from statistics import quantiles

from bench.dice import Look, alarmed, binomial, in_bursts, ramp, reached
from bench.latencies import BUCKETS, TIMES, judged
from slipway.api.analysis import Latency
from slipway.rollout.analysis.comparison import FROZEN_SHARE, bound_between
from slipway.rollout.analysis.counted import Histogram

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "judgement.md"
NEEDED = 1 / (0.01 * (1 - FROZEN_SHARE))
"""For falseAlarmPercent 1 and one metric that compares."""
TRIALS = 200
PER_LOOK = 100
"""Requests to both versions between two looks."""
MOST_LOOKS = 6000


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    allowed: str
    candidate: float
    stable: float
    margin: float = 0.0


def rows() -> list[Row]:
    """Return what is asked in the documentation."""
    return [
        Row("errors 2 % → 5 %", "0.5 points", 0.05, 0.02, 0.005),
        Row("errors 2 % → 5 %", "1 point", 0.05, 0.02, 0.01),
        Row("errors 2 % → 10 %", "1 point", 0.10, 0.02, 0.01),
        Row("errors 0.1 % → 2 %", "0.5 points", 0.02, 0.001, 0.005),
        Row("errors 2 % → 100 %", "1 point", 1.0, 0.02, 0.01),
        _slower("p95 + 20 %", 5, 1.20),
        _slower("p95 + 20 %", 10, 1.20),
        _slower("p95 + 50 %", 10, 1.50),
        _slower("p95 doubled", 20, 2.00),
    ]


def _slower(what: str, allowed: int, factor: float) -> Row:
    """Return how often requests of both versions are beyond the limits that the operator would set."""
    rule = Latency(quantile_percent=95, max_increase_percent=allowed)
    million = 1_000_000.0
    bounds = [float(bound) for bound in BUCKETS]
    earlier = Histogram({bound: million * TIMES.cdf(log(bound)) for bound in bounds} | {inf: million})
    limit = bound_between(earlier, rule)
    assert limit is not None
    stable = earlier.slower(limit / (1 + allowed / 100)) / million
    return Row(what, f"{allowed} %", 1 - TIMES.cdf(log(limit / factor)), stable)


def needs(row: Row, share: int) -> tuple[int, int] | None:
    """Return how many of the candidate's requests half and nine tenths of the trials needed, at `share` percent."""
    dice, mine = Random(20_261_121), PER_LOOK * share // 100
    looks = [Look(mine, PER_LOOK - mine, row.candidate, row.stable)] * MOST_LOOKS
    found = [alarmed(dice, looks, row.margin, NEEDED) for _ in range(TRIALS)]
    counts = [count for count in found if count is not None]
    if len(counts) < len(found):
        return None
    tenths = quantiles(counts, n=10)
    return round(tenths[4]), round(tenths[8])


def power_table() -> list[str]:
    """Return the table of requests that a verdict needs."""
    lines = ["| What became worse | Allowed | 5 % of traffic | 50 % of traffic |", "|---|---|---|---|"]
    for row in rows():
        cells = [f"{found[0]:,} ({found[1]:,})" if (found := needs(row, share)) else "not reached" for share in (5, 50)]
        lines.append(f"| {row.what} | {row.allowed} | {cells[0]} | {cells[1]} |")
    return lines


def alarm_table(rollouts: int) -> list[str]:
    """Return how many of so many innocent candidates failed, at a probability of 1 percent."""
    hour = 720
    cases: list[tuple[str, Callable[[Random], bool]]] = [
        ("2 % of errors on both sides", lambda dice: _alarm(dice, ramp(hour, 40, 0.02, 0.02), 0.0)),
        ("3 % and 2 %, 1 point allowed", lambda dice: _alarm(dice, ramp(hour, 40, 0.03, 0.02), 0.01)),
        ("p95 20 % slower, 20 % allowed, counted in the proxy's buckets", lambda dice: _late(dice, hour, 95, 20)),
        ("p50 20 % slower, 20 % allowed", lambda dice: _late(dice, hour, 50, 20)),
        (
            "users of 10 requests with one fate, `requestsPerUser: 10`",
            lambda dice: alarmed(dice, ramp(hour, 200, 0.02, 0.02), 0.0, NEEDED, in_bursts(10), 10) is not None,
        ),
        (
            "the same users, `requestsPerUser: 1`",
            lambda dice: alarmed(dice, ramp(hour, 200, 0.02, 0.02), 0.0, NEEDED, in_bursts(10)) is not None,
        ),
    ]
    lines = ["| An hour up a ramp of 5, 10, 25, 50 %, 720 looks | False alarms |", "|---|---|"]
    for what, trial in cases:
        dice = Random(20_261_121)
        found = sum(trial(dice) for _ in range(rollouts))
        lines.append(f"| {what} | {found} of {rollouts:,}: {100 * found / rollouts:.2f} % |")
    return lines


def _alarm(dice: Random, looks: list[Look], allowed: float) -> bool:
    return alarmed(dice, looks, allowed, NEEDED, binomial) is not None


def _late(dice: Random, looks: int, quantile: int, allowed: int) -> bool:
    rule = Latency(quantile_percent=quantile, max_increase_percent=allowed)
    return reached(judged(dice, ramp(looks, 40, 0, 0), rule, 1 + allowed / 100), 0.0, NEEDED) is not None


def write(page: str, name: str, lines: list[str]) -> str:
    """Return `page` with `lines` between the marks of `name`."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{after}"


def main() -> None:
    """Throw the dice, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--false-alarms", type=int, default=0, metavar="ROLLOUTS")
    chosen = parser.parse_args()
    tables = {"power": power_table()}
    if chosen.false_alarms:
        tables["alarms"] = alarm_table(chosen.false_alarms)
    page = PAGE.read_text()
    for name, lines in tables.items():
        page = write(page, name, lines)
        print("\n".join(lines))
    PAGE.write_text(page)
    print(json.dumps({"trials": TRIALS, "rollouts": chosen.false_alarms, "needed": round(NEEDED, 2)}))


if __name__ == "__main__":
    main()
