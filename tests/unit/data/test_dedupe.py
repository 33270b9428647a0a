"""Which rows are called alike?"""

from __future__ import annotations

import random
import sqlite3

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.dataset_steps import Deduplicate
from slipway_data.dedupe import Seen, common, seen
from slipway_data.rows import Chat, Completion, Message, Row
from slipway_data.sketch import WORDS, sketch
from tests.unit.data.test_sketch import shingles


def memory(method: str, percent: int = 85) -> Seen:
    return seen(Deduplicate(method=method, similarity_percent=percent), sqlite3.connect(":memory:"))


def row(id: str, text: str) -> Row:
    return Row(id, f"group of {id}", Completion("say", text))


def similarity(one: str, other: str) -> float:
    a, b = shingles(f"say\n{one}"), shingles(f"say\n{other}")
    return len(a & b) / len(a | b)


def words(rng: random.Random, count: int) -> list[str]:
    return [f"w{rng.randrange(10_000)}" for _ in range(count)]


@pytest.mark.parametrize("method", ["Exact", "MinHash"])
def test_equal_but_for_space_and_composition_is_alike(method: str) -> None:
    kept = memory(method, 100)
    assert kept.twin(row("a", "caf\u00e9 con  leche\n")) is None
    found = kept.twin(row("b", "cafe\u0301 con leche"))
    assert found is not None
    assert (found.id, found.group, found.similarity_percent) == ("a", "group of a", 100)
    assert kept.twin(row("c", "caf\u00e9 con lecho")) is None


def test_system_prompts_do_not_tell_rows_apart() -> None:
    kept = memory("Exact")
    turns = (Message("user", "u"), Message("assistant", "a"))
    assert kept.twin(Row("1", "g", Chat((Message("system", "one"), *turns)))) is None
    assert kept.twin(Row("2", "g", Chat((Message("system", "two"), *turns)))) is not None


@pytest.mark.parametrize("percent", [60, 85, 95])
def test_minhash_agrees_with_the_true_similarity(percent: int) -> None:
    rng = random.Random(percent)
    missed = 0
    for number in range(120):
        base = words(rng, 150)
        changed = list(base)
        for _ in range(rng.randrange(0, 14)):
            changed[rng.randrange(len(changed))] = "changed"
        one, other = " ".join(base), " ".join(changed)
        kept = memory("MinHash", percent)
        kept.twin(row("a", one))
        found = kept.twin(row("b", other))
        true = similarity(one, other)
        if found is not None:
            assert true * 100 >= percent, number
            assert found.similarity_percent == int(true * 100)
        missed += found is None and true * 100 >= percent
    assert missed <= 2


@pytest.mark.parametrize(
    ("kept", "new", "alike"), [(100, 118, False), (100, 117, True), (117, 100, True), (118, 100, False)]
)
def test_a_row_that_holds_another_whole_is_like_it_as_long_as_it_is_not_much_longer(
    kept: int, new: int, alike: bool
) -> None:
    def text(shingles: int) -> str:
        return " ".join(f"w{n}" for n in range(shingles + WORDS - 2))  # "say" is a word too

    memory_of = memory("MinHash", 85)
    assert memory_of.twin(row("a", text(kept))) is None
    assert (memory_of.twin(row("b", text(new))) is not None) == alike


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)))
def test_what_two_arrays_have_in_common_is_what_their_sets_do(one: set[int], other: set[int]) -> None:
    a, b = (np.array(sorted(numbers), np.uint64) for numbers in (one, other))
    assert common(a, b) == len(one & other)


def test_a_dropped_row_is_not_remembered() -> None:
    """Chains of small changes do not make far ends alike."""
    rng = random.Random(5)
    texts = [words(rng, 100)]
    for at in range(0, 60, 2):
        texts.append([*texts[-1][:at], "x", "y", *texts[-1][at + 2 :]])
    kept = memory("MinHash", 80)
    twins = [kept.twin(row(str(at), " ".join(text))) for at, text in enumerate(texts)]
    assert 0 < sum(twin is None for twin in twins) < len(twins)
    for at, twin in enumerate(twins):
        if twin is not None:
            assert twins[int(twin.id)] is None
            assert similarity(" ".join(texts[at]), " ".join(texts[int(twin.id)])) >= 0.8


@pytest.mark.parametrize("method", ["Exact", "MinHash"])
def test_a_sketch_drawn_before_tells_the_same(method: str) -> None:
    rng = random.Random(3)
    rows = [row(str(n), " ".join(words(rng, 40) if n % 3 else ["same"] * 40)) for n in range(30)]
    one, other = memory(method), memory(method)
    drawn = [sketch(r.content.text, 16, 8) for r in rows]
    assert [one.twin(r) for r in rows] == [other.twin(r, d) for r, d in zip(rows, drawn, strict=True)]
