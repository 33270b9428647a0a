"""The page stands alone, says what the verdicts say, and draws what happened."""

from __future__ import annotations

import itertools
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

from e2e.demo.page import chart
from e2e.demo.page.render import page
from e2e.demo.tape import Request, Tape
from tests.unit.demo import story


def test_it_loads_nothing_from_anywhere() -> None:
    text = page(story.tape(), ["kubectl get slipway"])
    assert not re.search(r"""(src|href)\s*=|url\(|@import|https?://""", text)


def test_it_says_whether_everything_was_observed() -> None:
    assert "All outcomes were observed" in page(story.tape(), [])
    assert "Not every outcome was observed" in page(Tape(), [])


def test_what_comes_from_the_cluster_is_escaped() -> None:
    failed = Request(320.0, "<script>alert(1)</script>", "", 500, 0.1, "<b>")
    text = page(story.tape([*story.records(), failed]), ["echo <a> & b"])
    assert "<script>alert(1)" not in text
    assert "echo &lt;a&gt; &amp; b" in text


def test_the_data_of_the_tooltip_are_json() -> None:
    text = page(story.tape(), [])
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found is not None
    data = json.loads(found[1])
    assert set(data["buckets"]) == {"v1", "v2", "v4"}
    assert data["weights"][-1][1]["v2"] == 100


def test_the_plot_is_well_formed_and_shows_every_turn() -> None:
    root = ET.fromstring(chart.svg(chart.series(story.tape())))
    text = " ".join(root.itertext())
    assert all(turn in text for turn in ("v1 serves", "v2 promoted", "v3 rejected", "v4 rolled back"))
    areas = {str(e.get("class")) for e in root.iter("path") if str(e.get("class")).startswith("area")}
    assert areas == {"area v1", "area v2", "area v4"}


def test_labels_in_one_row_do_not_touch() -> None:
    found = chart.series(story.tape())
    x = chart.Axis(found.begun, found.ended, chart.LEFT, chart.WIDTH - chart.RIGHT)
    rows, count = chart._turn_labels(found.turns, x)
    for row in range(count):
        spans = [chart._label_span(t, x) for t, r in zip(found.turns, rows, strict=True) if r == row]
        assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))


def test_an_empty_tape_can_be_drawn() -> None:
    ET.fromstring(chart.svg(chart.series(Tape())))


def test_every_tag_is_closed() -> None:
    class Parser(HTMLParser):
        depth = 0

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.depth += tag in {"main", "section", "table", "figure", "ul", "svg", "pre", "script", "style"}

        def handle_endtag(self, tag: str) -> None:
            self.depth -= tag in {"main", "section", "table", "figure", "ul", "svg", "pre", "script", "style"}

    parser = Parser()
    parser.feed(page(story.tape(), []))
    assert parser.depth == 0
