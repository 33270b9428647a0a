"""Do the safety rules hold in whatever happens to a Rollout?

Each history is a Rollout in a virtual cluster, with people, pods, gateway, Prometheus, API server and operator in
trouble. The rules (tests/world/rules.py) are checked after every event. SLIPWAY_HISTORIES raises the number of
histories; SLIPWAY_HISTORIES_FROM begins at another seed. A failure prints the smallest history that breaks the rule,
with everything that happened in it.
"""

from __future__ import annotations

import os

import pytest

from tests.world.histories import History, broken_by, explain, generate, live, search
from tests.world.once_broken import ONCE_BROKEN

COUNT = int(os.environ.get("SLIPWAY_HISTORIES", "2000"))
FIRST = int(os.environ.get("SLIPWAY_HISTORIES_FROM", "0"))
CHUNK = 50


@pytest.mark.parametrize("start", range(FIRST, FIRST + COUNT, CHUNK))
def test_every_history_keeps_the_rules(start: int) -> None:
    for history, broken in search(range(start, min(start + CHUNK, FIRST + COUNT))):
        pytest.fail(explain(history, broken), pytrace=False)


@pytest.mark.parametrize("history", ONCE_BROKEN, ids=lambda history: str(history.seed))
def test_a_history_that_once_broke_a_rule_keeps_it(history: History) -> None:
    broken = broken_by(history)
    if broken is not None:
        pytest.fail(explain(history, broken), pytrace=False)


def test_the_same_seed_is_the_same_history() -> None:
    traces: list[list[str]] = [[], []]
    for trace in traces:
        for seed in range(8):
            live(generate(seed), trace)
    assert traces[0] == traces[1]
    assert any("status" in line for line in traces[0])
