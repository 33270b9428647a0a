"""Does the report tell what happened to the data, to anybody, and nothing more?"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from slipway.api.dataset_steps import Step
from slipway.contract.dataset_report import DatasetReport
from slipway_data.judge import Tally
from slipway_data.report.build import source_words
from slipway_data.report.funnel import Funnel, words
from slipway_data.report.kept import SAMPLES, Spread
from slipway_data.report.sampled import Sampled
from slipway_data.rows import Rejected
from slipway_pod.errors import BadData
from slipway_pod.visible import LINE, one_line, visible
from tests.unit.data.preparing import Place, pair, pairs

HOSTILE = (
    "</pre><script>alert(1)</script><img src=x onerror=alert(2)>&amp; {{ report }} {% raw %}\n"
    "Ignore all rules \u202egnp.exe\u2066 \x00\x07\x1b[31m \ufffe \x85 ]]> <!-- \"' " + "x" * 5_000
)
NAMES = ["0BSD", "CC0-1.0", "GPL-2.0-only", "ISC", "MPL-2.0", "Unlicense", "WTFPL", "Zlib"]
STEPS: tuple[dict[str, Any], ...] = (
    {"filter": {"minCharacters": 4}},
    {"redact": {"kinds": ["Email"]}},
    {"deduplicate": {"method": "MinHash", "similarityPercent": 60}},
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


def rich(place: Place) -> None:
    """Put data in with which everything happens that a report tells of."""
    place.put("raw/a.jsonl", pairs(40) + "not json\n" + pair("short", "x") + pair(HOSTILE, f"{HOSTILE} is the answer"))
    text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    place.put("raw/b.jsonl", pair("alike", text) + pair("alike", f"{text} seventeen") + pair("to ann@example.org"))


def split(**percents: int) -> dict[str, Any]:
    return {"trainPercent": 60, "validationPercent": 20, "testPercent": 20, "groupBy": "Row"} | percents


def page(place: Place, result: Any) -> tuple[str, ElementTree.Element]:
    """Return the page as text and as read by a strict parser, which takes well-formed documents only."""
    text = place.read(result.report)
    assert text.startswith("<!DOCTYPE html>\n")
    return text, ElementTree.fromstring(text)


def shown(element: ElementTree.Element) -> str:
    return "".join(element.itertext())


# Numbers


def test_the_funnel_and_the_result_agree(place: Place) -> None:
    rich(place)
    result = place.prepare("JSONL", "Completion", *STEPS, split=split())
    report = place.report(result)
    assert report.rows == result.rows
    assert report.digest == result.artifact.digest
    assert report.refusal is None
    assert [(s.name, s.rows_in, s.rows_out, s.left_out) for s in report.steps] == [
        ("parse", 46, 45, {"SchemaViolation": 1}),
        ("filter", 45, 44, {"TooShort": 1}),
        ("redact", 44, 44, {}),
        ("deduplicate", 44, 43, {"Duplicate": 1}),
    ]
    kept = result.rows.train + result.rows.validation + result.rows.test
    assert kept == 43
    assert sum(left.rows for left in report.left_out) == result.rows.rejected + result.rows.duplicates
    assert report.redacted == {"Email": 1}
    for lengths in report.lengths:
        assert sum(bin.rows for bin in lengths.bins) == kept
    assert [(pair.id, pair.like) for pair in report.duplicates] == [("b.jsonl:2", "b.jsonl:1")]
    assert 60 <= report.duplicates[0].similarity_percent < 100


def test_the_page_shows_the_numbers_of_the_report(place: Place) -> None:
    rich(place)
    result = place.prepare("JSONL", "Completion", *STEPS, split=split())
    text = shown(page(place, result)[1])
    assert result.artifact.digest in text
    for said in ("43rows kept", "2rejected", "1duplicates", "SchemaViolation: 1", "TooShort: 1", "1 Email"):
        assert said in text
    assert "a.jsonl:41" in text


def test_groups_are_counted_with_their_ties_and_the_largest_come_first(place: Place) -> None:
    for number in range(30):
        place.put(f"raw/file-{number:02}.jsonl", pairs(1 + number, start=100 * number))
    place.put("raw/file-00.jsonl", pair("question 2900", "answer 2900") + pair("of its own"))
    report = place.report(place.prepare("JSONL", "Completion", {"deduplicate": {"method": "Exact"}}))
    assert report.groups is not None
    assert report.groups.count == 29
    assert [(group.name, group.rows) for group in report.groups.largest[:2]] == [
        ("file-00.jsonl", 31),
        ("file-28.jsonl", 29),
    ]
    assert place.report(place.prepare(split=split())).groups is None


def test_lengths_fall_into_bins_that_double() -> None:
    spread = Spread()
    for length in (0, 1, 2, 3, 4, 9):
        spread.add(length)
    found = spread.lengths("WholeRow")
    assert (found.smallest, found.mean, found.largest) == (0, 3, 9)
    assert [(bin.at_least, bin.below, bin.rows) for bin in found.bins] == [
        (0, 1, 1),
        (1, 2, 1),
        (2, 4, 2),
        (4, 8, 1),
        (8, 16, 1),
    ]
    assert Spread().lengths("WholeRow").bins == ()


# Licences


def licensed(report: DatasetReport) -> list[tuple[str, int, int, int, str]]:
    assert report.licences is not None
    return [(one.licence, one.rows, one.files, one.left_out, one.example) for one in report.licences.largest]


def many_licences(place: Place) -> None:
    place.put("raw/a.jsonl", pair("1", license="mit") + pair("2", licence="MIT") + pair("3", license="GPL-3.0-only"))
    place.put("raw/b.jsonl", pair("4", license="MIT") + pair("5", license="all mine") + pair("6") + pair("7"))


def test_licences_are_told_with_rows_and_files_whether_a_step_asks_for_them_or_not(place: Place) -> None:
    many_licences(place)
    found = place.prepare()
    assert licensed(place.report(found)) == [
        ("MIT", 3, 2, 0, "a.jsonl:1"),
        ("NONE", 2, 1, 0, "b.jsonl:3"),
        ("GPL-3.0-only", 1, 1, 0, "a.jsonl:3"),
        ("NOASSERTION", 1, 1, 0, "b.jsonl:2"),
    ]
    text = shown(page(place, found)[1])
    assert "MIT32" in text
    assert "NONE: neither the row nor its file states a licence" in text
    assert "NOASSERTION: something is stated that is no expression of SPDX" in text


def test_what_a_licence_step_left_out_is_told_by_licence(place: Place) -> None:
    many_licences(place)
    only, loose = {"licence": {"allow": ["MIT"]}}, {"maxRejectedPercent": 90}
    report = place.report(place.prepare("JSONL", "Completion", only, quality=loose))
    assert licensed(report) == [
        ("MIT", 3, 2, 0, "a.jsonl:1"),
        ("NONE", 0, 0, 2, ""),
        ("GPL-3.0-only", 0, 0, 1, ""),
        ("NOASSERTION", 0, 0, 1, ""),
    ]
    with pytest.raises(BadData) as refused:
        place.prepare("JSONL", "Completion", only)
    assert licensed(place.report(refused.value)) == licensed(report)


def test_rows_that_were_made_have_the_licence_of_their_row(place: Place) -> None:
    place.put("raw/a.jsonl", pair("one", license="MIT"))
    more = {"augment": {"write": "Prompt", "template": "{{ prompt }} again", "variants": 2}}
    report = place.report(place.prepare("JSONL", "Completion", {"licence": {"allow": ["MIT"]}}, more))
    assert licensed(report) == [("MIT", 3, 1, 0, "a.jsonl:1")]


def test_licence_files_count_for_the_rows_below_them(place: Place) -> None:
    place.put("raw/one/LICENSE.md", "SPDX-License-Identifier: CC-BY-4.0\n\n# The words\n\nof the licence\n")
    place.put("raw/one/deep/a.md", "# A\n\ntext\n")
    place.put("raw/two/b.md", "# B\n\ntext\n")
    asked = {"licence": {"allow": ["CC-BY-4.0"], "unknown": "Keep"}}
    assert licensed(place.report(place.prepare("Markdown", "Completion", asked))) == [
        ("CC-BY-4.0", 1, 1, 0, "one/deep/a.md#a"),
        ("NONE", 1, 1, 0, "two/b.md#b"),
    ]


def test_only_the_largest_of_many_licences_are_shown(place: Place) -> None:
    mixed = [f"MIT AND LGPL-2.1-only WITH {name}" for name in ("Classpath-exception-2.0", "GCC-exception-2.0")]
    names = ["Apache-2.0", "BSD-3-Clause", *mixed]
    every = [f"{one} OR {other} OR {third}" for one in names for other in NAMES for third in NAMES if other < third]
    place.put("raw/a.jsonl", "".join(pair(f"row {at}", licence=said) for at, said in enumerate(every)))
    report = place.report(place.prepare())
    assert report.licences is not None
    assert report.licences.count == len(every) > len(report.licences.largest) == 100
    assert f"{len(every)} different ones" in shown(page(place, place.prepare())[1])


# Refused data


def test_refused_data_has_a_report_with_the_step_that_left_too_few(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(9) + "".join(pair(f"q {n}", "x") for n in range(2)))
    with pytest.raises(BadData) as caught:
        place.prepare("JSONL", "Completion", {"filter": {"minCharacters": 4}}, quality={"minRows": 10})
    error = caught.value
    assert error.reason == "TooFewRows"
    assert "Too few were left by steps[1] (filter)" in error.message
    assert "parse 11 to 11, filter 11 to 9 (2 TooShort)" in error.message
    report = place.report(error)
    assert report.refusal is not None
    assert (report.refusal.reason, report.digest) == ("TooFewRows", None)
    assert report.refusal.message == error.message
    assert [entry["reason"] for entry in place.rejected(error)] == ["TooShort"] * 2
    text = shown(page(place, error)[1])
    assert "Refused: TooFewRows" in text
    assert "none: nothing was published" in text


def test_data_without_a_row_has_a_report_too(place: Place) -> None:
    place.put("raw/a.jsonl", "\n")
    with pytest.raises(BadData) as caught:
        place.prepare()
    assert "Already the files hold fewer" in caught.value.message
    assert "No row was kept." in shown(page(place, caught.value)[1])


# Hostile data


def test_the_page_is_self_contained_and_takes_no_data_for_markup(place: Place) -> None:
    rich(place)
    place.put("raw/<b onclick=x>'\"&\u202e.jsonl", pair("in a file with a hostile name", "yes indeed") + "broken\n")
    text, root = page(place, place.prepare("JSONL", "Completion", *STEPS))
    tags = {element.tag for element in root.iter()}
    assert tags.isdisjoint({"script", "img", "link", "iframe", "object", "a", "form", "b onclick"})
    for element in root.iter():
        assert not {name for name in element.attrib if name.startswith("on") or name in {"src", "href", "style"}}
    assert "http" not in re.sub(r"http-equiv", "", text)
    (policy,) = [m.get("content", "") for m in root.iter("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    (style,) = [element.text or "" for element in root.iter("style")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "url(" not in style
    assert "unsafe" not in policy
    assert any(m.get("name") == "viewport" for m in root.iter("meta"))
    assert "<b onclick=x>" in shown(root)


def test_hostile_rows_are_shown_as_text_cut_and_visible(place: Place) -> None:
    place.put("raw/a.jsonl", pair(HOSTILE, HOSTILE))
    text, root = page(place, place.prepare())
    samples = [shown(pre) for pre in root.iter("pre")]
    assert len(samples) == 2
    assert "</pre><script>alert(1)</script>" in samples[0]
    assert "{{ report }}" in samples[0]
    assert "⟨U+202E⟩" in samples[0]
    assert "⟨U+0000⟩" in samples[0]
    assert "characters more" in samples[0]
    assert max(map(len, samples[0].split("\n"))) < 500
    assert not set(text) & set("\u202e\u2066\x00\x07\x1b\ufffe\x85")


def test_texts_become_visible_and_short() -> None:
    assert visible("a\tb\nc\r") == "a\tb\nc⟨U+000D⟩"
    assert visible("\ud800 \u200b \ue000") == "⟨U+D800⟩ ⟨U+200B⟩ ⟨U+E000⟩"
    assert one_line("a\nb\u2028c") == "a⏎b⏎c"
    assert visible("x" * (LINE + 5)) == "x" * LINE + " … (5 characters more)"
    assert visible("ab\ncd", limit=4) == "ab\nc … (1 characters more)"


def test_private_texts_and_rejected_rows_are_in_no_report(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(3) + pair("secret of ann@example.org", "x") + '{"prompt": "swordfish"}\n')
    result = place.prepare("JSONL", "Completion", *STEPS, quality={"maxRejectedPercent": 50})
    assert result.rows.rejected == 2
    whole = place.read(result.report) + place.report(result).model_dump_json()
    assert "ann@example.org" not in whole
    assert "swordfish" not in whole


def test_texts_of_inline_files_are_not_repeated(place: Place) -> None:
    files = [{"name": "a.jsonl", "text": pair("an inline row", "of a spec")}]
    report = place.report(place.prepare(source={"inline": {"files": files}}, quality={"maxRejectedPercent": 100}))
    source = json.loads(report.source)
    assert source["inline"]["files"] == [{"name": "a.jsonl", "text": f"{len(files[0]['text'])} characters"}]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://data.example/a.zip", "https://data.example/a.zip"),
        ("https://ann:pass@data.example/a?key=1#x", "https://data.example/a?…"),
        ("http://ann@data.example", "http://data.example"),
        ("s3://raw/a?b@c", "s3://raw/a?b@c"),
    ],
)
def test_addresses_are_told_without_what_may_be_a_password(address: str, shown: str) -> None:
    assert json.loads(source_words({"http": {"urls": [{"url": address}]}})) == {"http": {"urls": [{"url": shown}]}}


# The same every time, and in bounded memory


def test_equal_input_gives_equal_bytes(place: Place) -> None:
    rich(place)

    def written() -> tuple[str, str]:
        result = place.prepare("JSONL", "Completion", *STEPS, split=split(), parsedRows={"keep": "Never"})
        return place.read(result.report), place.read(result.report.replace(".html", ".json"))

    assert written() == written()


def test_a_report_is_no_part_of_the_data_it_is_about(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(4))
    one, other = place.prepare(name="one"), place.prepare(name="other", quality={"minRows": 2})
    assert one.artifact == other.artifact
    assert one.report != other.report
    assert (place.report(one).name, place.report(other).name) == ("one", "other")


def test_samples_depend_on_the_items_not_on_their_order() -> None:
    def chosen(keys: list[str]) -> tuple[str, ...]:
        found: Sampled[str] = Sampled(5)
        for key in keys:
            found.offer(key, lambda key=key: key)
        return found.chosen()

    keys = [f"row {number}" for number in range(1_000)]
    assert chosen(keys) == chosen(keys[::-1])
    assert len(set(chosen(keys))) == 5
    assert chosen(keys) != tuple(keys[:5])


def test_only_what_may_be_kept_is_made() -> None:
    made: list[int] = []
    found: Sampled[int] = Sampled(3)
    for number in range(10_000):
        found.offer(str(number), lambda number=number: made.append(number) or number)
    assert len(made) < 100
    assert len(found.chosen()) == 3


def test_a_report_stays_small_however_large_the_data(place: Place) -> None:
    bad = "".join(f"broken {number}\n" for number in range(3_000))
    place.put("raw/a.jsonl", "".join(pair(f"question {n} " + "y" * 2_000, f"answer {n}") for n in range(300)) + bad)
    result = place.prepare(quality={"maxRejectedPercent": 100})
    report = place.report(result)
    assert [(left.rows, len(left.examples)) for left in report.left_out] == [(3_000, 5)]
    assert len(report.samples) == SAMPLES
    assert len(place.read(result.report)) < 40_000


def test_the_report_is_read_back_as_it_was_written(place: Place) -> None:
    rich(place)
    result = place.prepare("JSONL", "Completion", *STEPS)
    report = place.report(result)
    assert DatasetReport.model_validate(report.dump()) == report
    assert words(report.steps).startswith("parse 46 to 45 (1 SchemaViolation), filter 45 to 44")


def test_reasons_are_ranked_with_examples() -> None:
    funnel = Funnel(())
    for number in range(7):
        funnel.reasons.add(Rejected(f"a:{number}", "TooLong" if number < 2 else "TooShort", "because"))
    assert [(left.reason, left.rows, len(left.examples)) for left in funnel.reasons.ranked()] == [
        ("TooShort", 5, 5),
        ("TooLong", 2, 2),
    ]


def test_rows_that_are_lost_together_are_one_example_and_as_many_rows() -> None:
    funnel = Funnel([Step.model_validate({"parse": {"as": "Parquet"}})])
    entry = Rejected("a.parquet:11", "UnreadableFile", "rows 11 to 510 are lost", rows=500)
    funnel.stopped(0, entry)
    funnel.stopped(0, Rejected("a.parquet:9", "UnreadableFile", "because"))
    assert words(funnel.steps(kept=499)) == "parse 1000 to 499 (501 UnreadableFile)"
    (left_out,) = funnel.reasons.ranked()
    assert (left_out.rows, len(left_out.examples)) == (501, 2)
    tally = Tally(kept=499)
    tally.reject(entry)
    assert (tally.rejected, tally.total, tally.breakdown()) == (500, 999, "500 UnreadableFile")
    assert json.loads(entry.line())["rows"] == 500
    assert "rows" not in json.loads(Rejected("a:1", "TooLong", "because").line())


def test_the_scores_of_all_judged_rows_are_told(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(20) + pair("spam", "buy gold now cheap and " * 60))
    result = place.prepare("JSONL", "Completion", {"filter": {"minQualityPercent": 70}})
    [scores] = place.report(result).scores
    assert (scores.step, scores.least) == (1, 70)
    assert sum(bin.rows for bin in scores.bins) == 21
    assert [(bin.at_least, bin.below) for bin in scores.bins] == [(n, n + 10) for n in range(0, 90, 10)] + [(90, 101)]
    assert scores.bins[-1].rows == 20
    assert scores.costs == {"RepeatedWords": 1}
    [left_out] = place.report(result).left_out
    assert left_out.reason == "LowQuality"
    assert "Of 21 rows that step 2 judged, those with fewer than 70 points are left out." in page(place, result)[0]
