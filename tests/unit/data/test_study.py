"""Does the page of a search show its trials to anybody, and nothing more?"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from slipway.contract.job import PlotStudy
from slipway.contract.study import study_key
from slipway_data.study.__main__ import plot
from slipway_data.study.page import page
from slipway_data.study.plots import plots
from slipway_data.study.scales import HEIGHT, WIDTH, choices, numbers, written
from tests.unit.data.preparing import Place

HOSTILE = "</style><script>alert(1)</script>\"'&{{ job }}"


def trial(number: int, state: str, rate: str, method: str, **more: Any) -> dict[str, Any]:
    parameters = {"learningRate": rate, "method": method}
    return {"number": number, "name": f"hunt-{number}", "state": state, "parameters": parameters, **more}


TRIALS = [
    trial(0, "Complete", "1e-4", "LoRA", value="2"),
    trial(1, "Pruned", "1e-2", "LoRA", reason="Pruned", measured=[[2, "9.5"]]),
    trial(2, "Complete", "1e-3", "DoRA", value="1"),
    trial(3, "Failed", "0.1", "DoRA", reason="Diverged"),
    trial(4, "Complete", "1e-2", "DoRA", value="1.5"),
]


def job(trials: list[dict[str, Any]] = TRIALS, store: Any = None, **study: Any) -> PlotStudy:
    told = {
        "metric": "ValidationLoss",
        "direction": "Minimize",
        "best": 2,
        "parameters": [{"field": "learningRate", "log": True}, {"field": "method", "choices": ["LoRA", "DoRA"]}],
        "trials": trials,
    }
    key = study_key("slipway", "demo", "hunt", "0123456789")
    whole = {"namespace": "demo", "name": "hunt", "store": store or {"bucket": "b"}, "key": key, "study": told | study}
    return PlotStudy.model_validate(whole)


def test_the_page_lies_where_the_job_says(tmp_path: Path) -> None:
    place = Place(tmp_path / "store")
    plot(job(store=place.store))
    assert "hunt-2, ValidationLoss 1" in place.read("s3://slipway/slipway/studies/demo/hunt-01234567/study.html")


def test_the_page_is_well_formed_and_may_run_nothing() -> None:
    text = page(job(trials=[TRIALS[0] | {"name": HOSTILE, "parameters": {"learningRate": "1e-4", "method": HOSTILE}}],
                    parameters=[{"field": "learningRate"}, {"field": "method", "choices": [HOSTILE]}]))  # fmt: skip
    root = ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n").lstrip())
    names = {element.tag for element in root.iter()}
    assert "script" not in names
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]
    style = root.findtext("head/style") or ""
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{allowed}'" in text
    assert not re.search(r"(?:src|href)=", text)


def test_complete_trials_are_dots_and_the_best_is_marked() -> None:
    root = ElementTree.fromstring(page(job()).removeprefix("<!DOCTYPE html>\n").lstrip())
    drawings = root.findall(".//svg")
    assert len(drawings) == 3
    for drawing in drawings:
        dots = drawing.findall("circle")
        assert len(dots) == 3
        assert [dot.get("class") for dot in dots].count("best") == 1
    rows = ["".join(row.itertext()) for row in root.findall(".//table/tr")]
    assert len(rows) == 6
    assert "9.5 after 2" in rows[2]
    assert "Diverged" in rows[4]


def test_the_line_is_the_best_so_far() -> None:
    history = plots(job().study)[0]
    heights = [y for _, y in history.line]
    assert heights == [0.0, 0.0, 0.0, HEIGHT, HEIGHT, HEIGHT]
    rising = plots(job(direction="Maximize", best=0).study)[0]
    assert [y for _, y in rising.line] == [0.0] * 6


def test_a_search_without_a_value_has_a_table_and_no_plot() -> None:
    made = job(trials=[TRIALS[3]], best=None)
    assert plots(made.study) == ()
    assert "No trial has a value" in page(made)


@pytest.mark.parametrize(
    ("values", "log", "places"),
    [
        (["0", "5", "10"], False, [0.0, WIDTH / 2, WIDTH]),
        (["1e-4", "1e-3", "1e-2"], True, [0.0, WIDTH / 2, WIDTH]),
        (["7"], False, [WIDTH / 2]),
    ],
)
def test_numbers_lie_where_they_should(values: list[str], log: bool, places: list[float]) -> None:
    scale = numbers(values, WIDTH, log=log)
    assert [scale.place(value) for value in values] == pytest.approx(places)
    assert scale.ticks[0].label == f"{float(values[0]):.3g}"


@pytest.mark.parametrize(
    ("values", "log", "labels"),
    [
        (["0", "1", "2"], False, ["0", "1", "2"]),
        (["0", "9"], False, ["0", "3", "6", "9"]),
        (["0", "10"], False, ["0", "3", "6", "9"]),
        (["1024", "4096"], False, ["1,024", "1,792", "2,560", "3,328", "4,096"]),
        (["7"], False, ["7"]),
        (["0.5", "2"], False, ["0.5", "0.875", "1.25", "1.62", "2"]),
        (["1", "10000"], True, ["1", "10", "100", "1,000", "10,000"]),
        (["1e-6", "1e-2"], True, ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²"]),
        (["2e-5", "3e-2"], True, ["0.0001", "0.001", "0.01"]),
        (["1e-9", "1e3"], True, ["10⁻⁹", "10⁻⁶", "10⁻³", "1", "10³"]),
        (["1e-5", "1.6e-4"], True, ["10⁻⁵", "2·10⁻⁵", "4·10⁻⁵", "8·10⁻⁵", "1.6·10⁻⁴"]),
    ],
)
def test_an_axis_is_labelled_as_people_would(values: list[str], log: bool, labels: list[str]) -> None:
    scale = numbers(values, WIDTH, log=log)
    assert [tick.label for tick in scale.ticks] == labels
    assert all(0 <= tick.at <= WIDTH for tick in scale.ticks)


@pytest.mark.parametrize(
    ("marks", "texts"),
    [
        ([0.0, 0.00012345, 0.5], ["0", "0.000123", "0.5"]),
        ([999.9, 1234.5, 1_000_000.0], ["1,000", "1,230", "1,000,000"]),
        ([0.0, 2.5e-5, -1e-7], ["0", "2.5·10⁻⁵", "-10⁻⁷"]),
        ([2.5, 20.0, 1e9], ["2.5", "2·10¹", "10⁹"]),
    ],
)
def test_marks_of_one_axis_are_written_alike(marks: list[float], texts: list[str]) -> None:
    assert written(marks) == texts


def test_choices_share_the_axis() -> None:
    scale = choices(["LoRA", "DoRA"], 100.0)
    assert [scale.place(name) for name in ("LoRA", "DoRA")] == [25.0, 75.0]
