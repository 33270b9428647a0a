"""Which files count, and does every other say what is wrong with it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway_pod.ratings.files import LARGEST, found, sort
from tests.unit.ratings import sheets
from tests.unit.ratings.sheets import SHEET, ratings

GOOD = ratings("Mia", {1: "Left", 12: "BothBad"})


def refusal(content: object) -> str:
    done = sort([sheets.found("a/mia.json", content)], SHEET)
    assert done.accepted == ()
    (refused,) = done.refused
    assert refused.file == "a/mia.json"
    return refused.message


def test_what_the_sheet_saved_counts() -> None:
    content = ratings("José O'Hara-Ng", {1: "Left", 2: "Tie"}, c1="vector<int> a; a < b && b > c", c2="für\nmich")
    (accepted,) = sort([sheets.found("a/mia.json", content)], SHEET).accepted
    assert [rating.choice for rating in accepted.ratings.ratings] == ["Left", "Tie"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"{", "Invalid JSON: EOF while parsing", id="half a file"),
        pytest.param(b"\xff\xfe\x00", "Invalid JSON", id="no text"),
        pytest.param([], "Input should be an object", id="a list"),
        pytest.param(b"", "Invalid JSON", id="empty"),
        pytest.param(GOOD | {"format": "v2"}, "format: Input should be 'slipway.dev/ratings/v1'", id="other format"),
        pytest.param(
            ratings("Mia", {1: "Left"}, "sha256:" + "6" * 64),
            f"it is of another sheet (sha256:666666666666…), this one is sha256:555555555555…: rate {SHEET.uri}",
            id="another sheet",
        ),
        pytest.param(ratings("Mia", {13: "Left"}), "it rates pair 13, and the sheet has 12", id="an unknown pair"),
        pytest.param(ratings("Mia", {0: "Left"}), "ratings.0.item: Input should be greater", id="pair 0"),
        pytest.param(ratings("Mia", {1: "Middle"}), "ratings.0.choice: Input should be 'Left'", id="no choice"),
        pytest.param(ratings("Mia", {}), "ratings: Tuple should have at least 1 item", id="nothing rated"),
        pytest.param(ratings("", {1: "Left"}), "rater: String should have at least 1", id="nobody"),
        pytest.param(ratings("<b>Mia", {1: "Left"}), "rater: String should match pattern", id="markup for a name"),
        pytest.param(ratings("M\u202eia", {1: "Left"}), "rater: String should match pattern", id="a name that hides"),
        pytest.param(GOOD | {"winner": "v2"}, "winner: Extra inputs are not permitted", id="a field too many"),
        pytest.param(GOOD | {"\n\u202e<b>": 1}, "⏎⟨U+202E⟩<b>: Extra inputs", id="a field that hides"),
        pytest.param(
            ratings("Mia", {1: "Left"}, c1="see <SCRIPT src=//x>"),
            "the comment on pair 1 has markup ('<SCRIPT'): comments are plain text",
            id="script in a comment",
        ),
        pytest.param(
            ratings("Mia", {1: "Left"}, c1="[x](JavaScript :alert(1))"),
            "has markup ('JavaScript :')",
            id="a script url",
        ),
        pytest.param(ratings("Mia", {1: "Left"}, c1="x" * 1001), "comment: String should have at most", id="a novel"),
        pytest.param(
            {**GOOD, "ratings": [{"item": 1, "choice": "Left"}, {"item": 1, "choice": "Right"}]},
            "it rates pair 1 more than once",
            id="a pair twice",
        ),
        pytest.param(b" " * (LARGEST + 1), "it has more than 1 MiB", id="too large"),
    ],
)
def test_what_does_not_count_says_why(content: object, says: str) -> None:
    assert says in refusal(content)


def test_of_a_rater_with_two_files_neither_counts() -> None:
    files = [
        sheets.found("a/mia.json", ratings("Mia", {1: "Left"})),
        sheets.found("b/mia.json", ratings("MIA", {1: "Left"})),
        sheets.found("c/noa.json", ratings("Noa", {1: "Right"})),
    ]
    done = sort(files, SHEET)
    assert [one.name for one in done.accepted] == ["c/noa.json"]
    assert [(one.file, one.message) for one in done.refused] == [
        ("a/mia.json", "rater Mia has 2 files (a/mia.json, b/mia.json): keep the one that holds"),
        ("b/mia.json", "rater MIA has 2 files (a/mia.json, b/mia.json): keep the one that holds"),
    ]


def test_a_broken_second_file_does_not_take_the_first_one_with_it() -> None:
    done = sort([sheets.found("a/1.json", GOOD), sheets.found("a/2.json", b"{")], SHEET)
    assert [one.name for one in done.accepted] == ["a/1.json"]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40) | st.builds(lambda x: sheets.found("x", x).content, st.just(GOOD)), max_size=5))
def test_every_file_is_accepted_or_refused_with_words(contents: list[bytes]) -> None:
    files = [sheets.found(f"a/{at}", content) for at, content in enumerate(contents)]
    done = sort(files, SHEET)
    assert sorted([*(a.name for a in done.accepted), *(r.file for r in done.refused)]) == [f.name for f in files]
    assert all(one.message for one in done.refused)


def test_entries_are_read_as_the_kubelet_mounts_them(tmp_path: Path) -> None:
    for name in ("b", "a"):
        version = tmp_path / name / "..2026_11_28"
        version.mkdir(parents=True)
        (version / f"{name}.json").write_text("{}")
        (tmp_path / name / "..data").symlink_to(version.name)
        (tmp_path / name / f"{name}.json").symlink_to(f"..data/{name}.json")
    (tmp_path / "empty").mkdir()
    read: list[Any] = [one.name for one in found(tmp_path, ["b", "gone", "empty", "a"])]
    assert read == ["a/a.json", "b/b.json"]
