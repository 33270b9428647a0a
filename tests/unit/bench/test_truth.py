"""Is the truth by which choices of both pipelines are judged exact, and is the judgement fair?"""

from __future__ import annotations

import json
import random
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from bench.data import parsed, plan_of
from bench.preparing.truth import Verdict, pairs, verdict, verdicts


@pytest.mark.parametrize("percent", [50, 70, 85, 100])
def test_pairs_are_all_that_are_as_similar(percent: int) -> None:
    rng = random.Random(percent)
    sets: dict[str, set[int]] = {}
    for number in range(150):
        base = set(rng.choice(list(sets.values()))) if sets and rng.random() < 0.7 else set()
        kept = {member for member in base if rng.random() < 0.95}
        sets[str(number)] = kept | {rng.randrange(400) for _ in range(rng.randrange(1, 12))}
    wanted = {
        (a, b) for a, b in combinations(sets, 2) if len(sets[a] & sets[b]) * 100 >= percent * len(sets[a] | sets[b])
    }
    found = pairs({id: np.array(sorted(members), np.uint64) for id, members in sets.items()}, percent)
    assert {(a, b) for a in found for b in found[a] if sets and list(sets).index(a) < list(sets).index(b)} == wanted
    assert len(wanted) > 5 or percent == 100


def test_one_of_each_pair_is_to_be_kept_and_all_others() -> None:
    alike = {"a": {"b"}, "b": {"a", "c"}, "c": {"b"}}
    order = ["a", "b", "c", "d"]
    assert verdict(alike, order, {"a", "c", "d"}) == Verdict(4, 0, 0)
    assert verdict(alike, order, {"b", "d"}) == Verdict(4, 0, 0)
    assert verdict(alike, order, {"a", "b", "d"}) == Verdict(4, 0, 1)
    assert verdict(alike, order, {"a", "c"}) == Verdict(4, 1, 0)
    assert verdict(alike, order, {"a", "b", "c"}) == Verdict(4, 1, 2)
    assert verdict(alike, order, {"a", "d"}).percent == 75  # c is like b, which is not there


def test_of_lost_texts_that_are_alike_one_counts() -> None:
    assert verdict({"b": {"c"}, "c": {"b"}}, ["a", "b", "c"], {"a"}) == Verdict(3, 1, 0)


def test_texts_are_judged_as_the_steps_before_leave_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench.data"])
    said = " ".join(f"word{n}" for n in range(40))
    texts = ["too short", f"{said} ann@example.org", f"{said} bob@example.net", f"{said} ann@example.org", said[::-1]]
    lines = (json.dumps({"prompt": "", "completion": text}) + "\n" for text in texts)
    (tmp_path / "00000.jsonl").write_text("".join(lines))
    one, two, again, other = (f"00000.jsonl:{n}" for n in range(2, 6))
    judged = verdicts(plan_of(parsed()), tmp_path, {one, other}, {two, other}, {again, other}, {one, two, other}, {one})
    right = Verdict(3, 0, 0)
    assert judged == (right, right, right, Verdict(3, 0, 1), Verdict(3, 1, 0))
