"""The closing figures say what the tape says."""

from __future__ import annotations

import pytest

from e2e.demo import facts
from e2e.demo.cast import version
from e2e.demo.figures import buckets, rollback_seconds, turns, version_rows
from e2e.demo.tape import Sighting, Tape
from tests.unit.demo import story


def test_the_rows_tell_each_versions_fate() -> None:
    rows = {row.name: row for row in version_rows(story.tape())}
    assert {name: row.verdict for name, row in rows.items()} == {
        "v1": "served, then superseded",
        "v2": "in production",
        "v3": "rejected by its gate",
        "v4": "rolled back",
    }
    assert [name for name, row in rows.items() if row.good] == ["v1", "v2"]
    assert (rows["v2"].held_out_loss, rows["v2"].reference_loss, rows["v2"].valid_percent) == (0.6, 1.5, 75.0)
    assert (rows["v4"].served, rows["v4"].failed) == (1, 2)
    assert rows["v1"].training_seconds == 120


def test_an_empty_tape_has_no_rows() -> None:
    assert version_rows(Tape()) == []
    assert turns(Tape()) == []


def test_rollback_is_timed_from_the_first_failure_to_weight_zero() -> None:
    assert rollback_seconds(story.tape()) == pytest.approx(410.2 - 403.0)


def test_rollback_without_a_failure_or_without_an_end_has_no_time() -> None:
    assert rollback_seconds(Tape()) is None
    unfinished = [r for r in story.records() if not (isinstance(r, Sighting) and r.at == 410.2)]
    assert rollback_seconds(story.tape(unfinished)) is None


def test_turns_come_in_order_and_once_each() -> None:
    assert [turn.text for turn in turns(story.tape())] == [
        "v1 passes its gates",
        "v1 serves",
        "v2 passes its gates",
        "v2 promoted",
        "v3 rejected",
        "v4 passes its gates",
        "v4 rolled back",
    ]


def test_buckets_count_fail_and_time_their_own_requests() -> None:
    found = buckets(
        [story.request(10, "v1", seconds=1.0), story.request(14, "v1", 500, 3.0), story.request(31, "v1")], 10, 10
    )
    assert [(b.at, b.count, b.error_percent) for b in found] == [(15, 2, 50), (35, 1, 0)]
    assert (found[0].p50, found[0].p95) == (1.0, 3.0)


def test_weights_name_versions_not_revisions() -> None:
    history = facts.weights(story.tape())
    assert facts.weight_at(history, 215).percent(version("v2")) == 10
    assert facts.weight_at(history, 50).percent(version("v1")) == 0
    assert history[-1].percent(version("v2")) == 100


def test_a_pod_counts_from_ready_to_gone() -> None:
    gone = Sighting(260, "Pod", f"{story.ROLLOUT}-revv2-1", {})
    tape = story.tape([*story.records(), gone])
    assert len(facts.pods_of(tape, story.revision("v2"), 200)) == 0
    assert len(facts.pods_of(tape, story.revision("v2"), 239)) == 2


@pytest.mark.parametrize(("percent", "value"), [(50, 2), (95, 4), (1, 1), (100, 4)])
def test_percentiles_are_nearest_ranks(percent: float, value: float) -> None:
    assert facts.percentile([4, 1, 3, 2], percent) == value


def test_no_values_no_percentile() -> None:
    assert facts.percentile([], 50) is None
