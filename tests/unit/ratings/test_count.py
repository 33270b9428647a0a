"""From files of ratings to a figure, once there are enough of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from slipway.api.preference import HumanPreference
from slipway.contract.job import CountRatings, Store, parse_job
from slipway.contract.ratings import SideKey
from slipway.contract.result import Counted, encode, parse_result
from slipway_pod.errors import BadConfig
from slipway_pod.ratings.count import count
from tests.unit.ratings.sheets import DIGEST, SHEET, pairs, ratings

SIDES = ["Left", "Right"] * 6


@pytest.fixture
def store(tmp_path: Path) -> Store:
    folder = tmp_path / "store" / "slipway" / "slipway" / "evaluations" / "e"
    folder.mkdir(parents=True)
    key = SideKey(sheet=DIGEST, lot="x", pairs=pairs(SIDES))
    (folder / "sheet-key.json").write_text(key.model_dump_json(by_alias=True))
    return Store(endpoint=f"file://{tmp_path / 'store'}", bucket="slipway")


@pytest.fixture
def counted(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Counts files, given as `ConfigMap/entry` and content."""
    monkeypatch.setenv("SLIPWAY_RATINGS", str(tmp_path / "ratings"))

    def run(files: Mapping[str, object], raters: int = 1, min_rated: int = 5) -> Counted:
        for name, content in files.items():
            path = tmp_path / "ratings" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        maps = sorted({name.partition("/")[0] for name in files})
        job = CountRatings(
            namespace="demo",
            name="v2",
            store=store,
            sheet=SHEET,
            metric=HumanPreference(raters=raters, min_rated=min_rated),
            confidences=(95, 90),
            config_maps=tuple(f"{name}@7" for name in maps),
        )
        assert parse_job(json.dumps(job.dump())) == job
        found = count(job)
        assert parse_result(encode(found)) == found
        return found

    return run


def of_version(items: range, rater: str = "Mia", **rest: Any) -> dict[str, Any]:
    """Return a file in which `rater` prefers this version's answer to each of `items`."""
    return ratings(rater, {item: SIDES[item - 1] for item in items}, **rest)


def test_nothing_is_uncovered_before_there_are_enough(counted: Any) -> None:
    few = counted({"mia/a.json": of_version(range(1, 5))})
    assert (few.raters, few.rated, few.preference, few.metric, few.report) == (1, 4, None, None, "")
    alone = counted({"mia/a.json": of_version(range(1, 13))}, raters=2)
    assert (alone.raters, alone.rated, alone.preference) == (1, 12, None)


def test_enough_ratings_give_a_figure_with_bounds(counted: Any, store: Store) -> None:
    said = ratings("Mia", {item: SIDES[item - 1] for item in range(1, 9)} | {9: "Right", 10: "Tie", 11: "BothBad"})
    done = counted({"mia/a.json": said})
    assert (done.preference.better, done.preference.worse, done.preference.undecided) == (8, 1, 2)
    assert done.preference.both_bad == 1
    assert done.preference.p_value == "0.0195312"
    metric = done.metric
    assert (metric.name, metric.samples, metric.value, metric.reference) == ("preferred", 11, "0.888889", "0.111111")
    assert metric.improvement == "0.777778"
    # R: binom.test(8, 9, alternative = "greater", conf.level = ...)
    assert float(done.lower_bounds["95"]) == pytest.approx(2 * 0.5708645 - 1, abs=1e-5)
    assert float(done.lower_bounds["95"]) < float(done.lower_bounds["90"])
    report = (Path(store.endpoint.removeprefix("file://")) / done.report.removeprefix("s3://")).read_text()
    head, *lines = [json.loads(line) for line in report.splitlines()]
    assert head["preference"]["better"] == 8
    assert lines[8] == {
        "item": 9, "id": "row-9", "group": "g", "version": "Left", "outcome": "Worse",
        "votes": [{"rater": "Mia", "said": "Reference", "comment": ""}],
    }  # fmt: skip


def test_wrong_files_are_named_and_the_others_count(counted: Any) -> None:
    done = counted({
        "mia/a.json": of_version(range(1, 7)),
        "noa/b.json": of_version(range(1, 7), "Noa", sheet="sha256:" + "6" * 64),
        "team/c.json": "{",
    })  # fmt: skip
    assert [one.file for one in done.accepted] == ["mia/a.json"]
    assert [one.file for one in done.refused] == ["noa/b.json", "team/c.json"]
    assert done.preference.better == 6


def test_no_preference_at_all_gives_no_figure(counted: Any) -> None:
    done = counted({"mia/a.json": ratings("Mia", dict.fromkeys(range(1, 8), "Tie"))})
    assert done.preference.undecided == 7
    assert (done.metric, done.lower_bounds) == (None, {})


def test_a_crowd_of_long_names_and_faults_fits_into_a_termination_message(counted: Any) -> None:
    files: dict[str, object] = {f"{'é' * 60}-{at}/x.json": "{" for at in range(30)}
    files |= {f"m{at}/{'n' * 200}.json": of_version(range(1, 13), "é" * 38 + f"{at:02}") for at in range(20)}
    done = counted(files, raters=20)
    assert (done.raters, done.refusals) == (20, 30)
    assert done.preference.better == 12


@pytest.mark.parametrize(
    "content", [None, "{", SideKey(sheet="sha256:" + "6" * 64, lot="x", pairs=()).model_dump_json()]
)
def test_a_key_that_is_gone_or_of_another_sheet_is_an_error(counted: Any, store: Store, content: str | None) -> None:
    path = Path(store.endpoint.removeprefix("file://")) / SHEET.key.removeprefix("s3://")
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(BadConfig, match=r"sheet-key\.json is not there, or not the key of sheet sha256:5555") as error:
        counted({"mia/a.json": of_version(range(1, 7))})
    assert error.value.reason == "SheetKeyMissing"
