"""Is PromQL evaluated as Prometheus does?"""

from __future__ import annotations

import pytest

from tests.world.promql import EPOCH, Samples, evaluate, key


def samples() -> Samples:
    """Return two pods of one revision: the second one restarts at 30 s."""
    times = [0.0, 10.0, 20.0, 30.0, 40.0]
    return {
        key("hits", {"revision": "a", "pod": "1"}): (times, [0.0, 10.0, 20.0, 30.0, 40.0]),
        key("hits", {"revision": "a", "pod": "2"}): (times, [0.0, 10.0, 20.0, 1.0, 2.0]),
        key("up", {"pod": "1"}): (times, [0.0, 10.0, 20.0, 30.0, 40.0]),
    }


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("7", 7.0),
        ('hits{pod="1"}', 40.0),
        (f'hits{{pod="1"}} @ {EPOCH + 15:.0f}', 10.0),
        ('hits{pod="1"} offset 10s', 30.0),
        ("sum by (revision) (hits)", 42.0),
        ("count by (revision) (hits)", 2.0),
        ('increase(hits{pod="1"}[40s])', 40.0),
        ('sum(increase(hits{pod="2"}[40s]))', 16.0),
        ('timestamp(hits{pod="1"})', EPOCH + 40),
        ('hits{pod="1"} - hits{pod="1"} offset 10s', 10.0),
        ('hits{pod="1"} * 0 + 3', 3.0),
        ('hits{pod="1"} - 1 > 38', 39.0),
        ("hits and ignoring (revision) (up > 30)", 40.0),
        ('missing or hits{pod="2"}', 2.0),
        ('hits unless hits{pod="1"}', 2.0),
        ('label_replace(hits{pod="2"}, "part", "x", "", "")', 2.0),
        ('label_replace(hits{pod="2"}, "part", "x", "pod", "1|2") and ignoring (part) hits', 2.0),
    ],
)
def test_a_query_has_its_value(query: str, value: float) -> None:
    [(_, found)] = evaluate(query, samples(), 40.0)
    assert found == pytest.approx(value, rel=0.01)


def test_label_replace_takes_only_what_matches_as_a_whole() -> None:
    found = evaluate('label_replace(hits, "kind", "bad", "pod", "2|3")', samples(), 40.0)
    assert {(labels["pod"], labels.get("kind")) for labels, _ in found} == {("1", None), ("2", "bad")}
    assert all(
        "kind" not in labels
        for labels, _ in evaluate('label_replace(hits, "kind", "x", "revision", "")', samples(), 40.0)
    )


@pytest.mark.parametrize("query", ["hits > 100", "increase(hits[5s])", "nothing", f"hits @ {EPOCH - 5:.0f}"])
def test_nothing_is_found_where_nothing_is(query: str) -> None:
    assert evaluate(query, samples(), 40.0) == []


@pytest.mark.parametrize("query", ["hits ^ 2", 'hits{pod=~"1"}', "quantile(0.5, hits)", "hits[5s]", "sum(hits"])
def test_what_is_not_understood_is_an_error(query: str) -> None:
    with pytest.raises(AssertionError):
        evaluate(query, samples(), 40.0)
