"""Does every category keep what it may, always the same rows, and no fewer than it must?"""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.dataset_steps import Balance
from slipway.contract.result import Prepared
from slipway_data.balance import bound
from slipway_pod.errors import BadConfig, BadData
from tests.unit.data.preparing import Place, pair, pairs


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


def step(**fields: Any) -> dict[str, Any]:
    return {"balance": fields}


def card(place: Place, result: Prepared) -> dict[str, Any]:
    return dict(json.loads(place.read(result.artifact.uri + "dataset.json")))


def folders(place: Place, result: Prepared) -> Counter[str]:
    return Counter(row["id"].rpartition("/")[0] for row in place.rows(result))


def filled(place: Place) -> None:
    place.put("raw/large/a.jsonl", pairs(40))
    place.put("raw/large/b.jsonl", pairs(20, start=100))
    place.put("raw/small/a.jsonl", pairs(15, start=200))
    place.put("raw/top.jsonl", pairs(5, start=300))


def test_a_folder_keeps_at_most_so_many_rows(place: Place) -> None:
    filled(place)
    result = place.prepare("JSONL", "Completion", step(maxRows=10))
    assert folders(place, result) == {"large": 10, "small": 10, "": 5}
    assert card(place, result)["categories"] == {"large": 10, "small": 10, "": 5}
    assert result.rows.train == 25
    # Nothing is wrong with the others: they are told, and count for no bound.
    entries = place.rejected(result)
    assert Counter((entry["reason"], entry["id"].partition("/")[0]) for entry in entries) == {
        ("Surplus", "large"): 50,
        ("Surplus", "small"): 5,
    }
    assert entries[0]["message"] == "its category has 60 rows, balance leaves 10"
    assert (result.rows.rejected, result.rows.duplicates) == (0, 0)


def test_rows_are_drawn_from_the_whole_folder_and_by_their_content(place: Place) -> None:
    filled(place)
    before = {row["prompt"] for row in place.rows(place.prepare("JSONL", "Completion", step(maxRows=10)))}
    numbers = [number for number in (int(prompt.split()[1]) for prompt in before) if number < 200]
    assert min(numbers) < 40  # of the first file
    assert max(numbers) >= 100  # of the second
    # Lines that move, and a row more that is dropped again, draw nobody anew.
    place.put("raw/large/a.jsonl", "\n\n" + pairs(20, start=20) + pairs(20))
    assert {row["prompt"] for row in place.rows(place.prepare("JSONL", "Completion", step(maxRows=10)))} == before


def test_a_share_is_a_share_of_what_is_kept(place: Place) -> None:
    filled(place)
    result = place.prepare("JSONL", "Completion", step(maxPercent=50))
    assert folders(place, result) == {"large": 20, "small": 15, "": 5}
    both = place.prepare("JSONL", "Completion", step(maxPercent=50, maxRows=12))
    assert folders(place, both) == {"large": 12, "small": 12, "": 5}


def test_a_share_that_no_choice_can_reach_is_bad_data_with_its_cure(place: Place) -> None:
    filled(place)
    with pytest.raises(BadData, match=r"of 3 categories, .* set it to 34 or more") as caught:
        place.prepare("JSONL", "Completion", step(maxPercent=33))
    assert caught.value.reason == "TooFewCategories"


def test_what_other_steps_reject_is_not_counted(place: Place) -> None:
    place.put("raw/a/x.jsonl", pairs(5) + pairs(5) + pair("short", ""))
    place.put("raw/b/x.jsonl", pairs(5, start=50))
    result = place.prepare(
        "JSONL", "Completion", {"deduplicate": {}}, step(maxPercent=50), quality={"maxRejectedPercent": 50}
    )
    assert folders(place, result) == {"a": 5, "b": 5}


def test_too_few_rows_after_balancing_fail_the_dataset(place: Place) -> None:
    filled(place)
    with pytest.raises(BadData) as caught:
        place.prepare("JSONL", "Completion", step(maxRows=10), quality={"minRows": 26})
    assert caught.value.reason == "TooFewRows"


def test_a_category_may_be_a_project_or_a_column(place: Place) -> None:
    topics: list[object] = ["a"] * 4 + ["b", 7, True, None, ["a"]]
    lines = (pair(f"row {n}", topic=topic, project=f"p{n % 2}") for n, topic in enumerate(topics))
    place.put("raw/a.jsonl", "".join(lines) + pair("bare"))
    loose = {"quality": {"maxRejectedPercent": 20}}
    result = place.prepare("JSONL", "Completion", step(by="Column", column="topic", maxRows=2), **loose)
    assert card(place, result)["categories"] == {"a": 2, "": 2, "7": 1, "True": 1, "b": 1}
    reasons = {entry["id"]: entry["reason"] for entry in place.rejected(result)}
    assert reasons["a.jsonl:9"] == "SchemaViolation"
    assert list(reasons.values()).count("Surplus") == 2
    for by in ({"by": "Project"}, {"by": "Column", "column": "project"}):
        counts = card(place, place.prepare("JSONL", "Completion", step(**by, maxRows=3)))["categories"]
        assert counts == {"p0": 3, "p1": 3, "": 1}


def test_parquet_columns_are_read_for_it(place: Place) -> None:
    sink = io.BytesIO()
    columns = {"prompt": list("abcd"), "completion": list("abcd"), "topic": ["x", "x", "x", "y"], "project": ["p"] * 4}
    pq.write_table(pa.table(columns), sink)
    place.put("raw/a.parquet", sink.getvalue())
    for column, expected in (("topic", {"x": 2, "y": 1}), ("project", {"p": 2}), ("other", {"": 2})):
        result = place.prepare("Parquet", "Completion", step(by="Column", column=column, maxRows=2))
        assert card(place, result)["categories"] == expected


def test_without_the_step_the_card_says_nothing_of_categories(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(2))
    assert "categories" not in card(place, place.prepare())


def test_balance_before_other_steps_is_bad_config(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(2))
    with pytest.raises(BadConfig):
        place.prepare("JSONL", "Completion", step(maxRows=1), {"deduplicate": {}})


COUNTS = st.lists(st.integers(1, 10_000), min_size=1, max_size=30)


@given(COUNTS, st.integers(1, 99), st.none() | st.integers(1, 5000))
def test_the_bound_is_the_largest_that_holds(counts: list[int], percent: int, rows: int | None) -> None:
    wanted = Balance(max_percent=percent, max_rows=rows)
    if len(counts) * percent < 100:
        with pytest.raises(BadData):
            bound(counts, wanted)
        return

    def holds(limit: int) -> bool:
        kept = [min(count, limit) for count in counts]
        return max(kept) * 100 <= percent * sum(kept) and (rows is None or max(kept) <= rows)

    most = bound(counts, wanted)
    assert most >= 1
    assert holds(most)
    assert most == max(counts) or not holds(most + 1)


def test_no_rows_need_no_bound() -> None:
    assert bound([], Balance(max_percent=1)) == 0


# The report


def test_the_report_counts_and_shows_rows_of_every_category(place: Place) -> None:
    filled(place)
    result = place.prepare("JSONL", "Completion", step(maxRows=10))
    found = place.report(result).categories
    assert found is not None
    assert (found.by, found.count) == ("folder", 3)
    assert [(one.name, one.rows, len(one.samples)) for one in found.largest] == [
        ("large", 10, 2),
        ("small", 10, 2),
        ("", 5, 2),
    ]
    kept = {row["id"]: row["prompt"] for row in place.rows(result)}
    for one in found.largest:
        for sample in one.samples:
            assert sample.id.rpartition("/")[0] == one.name == sample.category
            assert sample.turns[0].text == kept[sample.id]
    page = place.read(result.report).partition("<h2>Categories</h2>")[2]
    assert "large: <code>large/" in page
    assert "no category: <code>top.jsonl:" in page


def test_of_many_categories_the_largest_are_shown(place: Place) -> None:
    rows = (pair(f"{topic} {n}", topic=f"topic {topic:03}") for topic in range(120) for n in range(1 + topic % 7))
    place.put("raw/a.jsonl", "".join(rows))
    found = place.report(place.prepare("JSONL", "Completion", step(by="Column", column="topic", maxRows=5))).categories
    assert found is not None
    assert (found.by, found.count, len(found.largest)) == ("topic", 120, 100)
    assert [len(one.samples) for one in found.largest] == [2] * 20 + [0] * 80
    assert [one.rows for one in found.largest] == sorted((one.rows for one in found.largest), reverse=True)
