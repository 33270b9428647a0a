"""By what does the report tell rows apart where no balance step says it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slipway.contract.dataset_report import Categories
from slipway_pod.errors import BadData
from tests.unit.data.preparing import Place, pair, pairs


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


def told(place: Place, **more: Any) -> Categories | None:
    return place.report(place.prepare(**more)).categories


def counts(found: Categories | None) -> tuple[str, dict[str, int]]:
    assert found is not None
    assert found.count == len(found.largest)
    return found.by, {one.name: one.rows for one in found.largest}


def test_rows_are_shown_by_folder(place: Place) -> None:
    place.put("raw/large/a.jsonl", pairs(9))
    place.put("raw/small/a.jsonl", pairs(3, start=100))
    result = place.prepare()
    found = place.report(result).categories
    assert counts(found) == ("folder", {"large": 9, "small": 3})
    assert found is not None
    kept = {row["id"]: row["prompt"] for row in place.rows(result)}
    for one in found.largest:
        assert len({sample.id for sample in one.samples}) == 2
        for sample in one.samples:
            assert sample.id.startswith(f"{one.name}/")
            assert sample.turns[0].text == kept[sample.id]
    assert "Rows by folder: 2 of them." in place.read(result.report)


def test_the_word_of_rows_for_their_project_counts_before_their_folder(place: Place) -> None:
    rows = "".join(pair(f"question {n}", f"answer {n}", project=f"p{n % 2}") for n in range(6))
    place.put("raw/one/a.jsonl", rows)
    place.put("raw/two/a.jsonl", pairs(2, start=100))
    assert counts(told(place)) == ("project", {"p0": 3, "p1": 3, "two": 2})


def test_of_many_folders_those_above_are_told(place: Place) -> None:
    for n in range(120):
        place.put(f"raw/org/{'ab'[n % 2]}/{n}/rows.jsonl", pairs(2, start=10 * n))
    assert counts(told(place)) == ("folder", {"org/a": 120, "org/b": 120})


def test_folders_that_hold_a_row_each_say_nothing(place: Place) -> None:
    for n in range(5):
        place.put(f"raw/{n}/rows.jsonl", pairs(1, start=n))
    assert told(place) is None


def test_rows_of_one_folder_are_told_by_licence(place: Place) -> None:
    rows = "".join(pair(f"question {n}", f"answer {n}", licence=("MIT", "ISC")[n % 3 == 0]) for n in range(9))
    place.put("raw/a.jsonl", rows)
    assert counts(told(place)) == ("licence", {"MIT": 6, "ISC": 3})


def test_rows_of_a_mix_are_told_by_their_dataset(place: Place) -> None:
    members = []
    for n, name in enumerate(("blueprints", "scripts")):
        place.put(f"{name}/rows.jsonl", pairs(4 + n, start=100 * n))
        made = place.prepare(source={"objectStore": {"uri": f"s3://slipway/{name}/"}}, name=name)
        members.append({"name": name, "artifact": {"uri": made.artifact.uri, "digest": made.artifact.digest}})
    source = {"datasets": {"members": [{"name": one["name"]} for one in members]}}
    mixed = place.prepare("Dataset", "Completion", source=source, members=members)
    assert counts(place.report(mixed).categories) == ("Dataset", {"scripts": 5, "blueprints": 4})


def test_rows_that_nothing_tells_apart_are_one_list(place: Place) -> None:
    place.put("raw/only/a.jsonl", pairs(8))
    result = place.prepare()
    report = place.report(result)
    assert report.categories is None
    assert len(report.samples) == 3
    assert "<h2>Categories</h2>" not in place.read(result.report)


def test_no_rows_have_no_categories(place: Place) -> None:
    place.put("raw/a.jsonl", "not json\n")
    with pytest.raises(BadData) as caught:
        place.prepare()
    assert place.report(caught.value).categories is None
