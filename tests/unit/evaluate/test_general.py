"""Are general texts read with care, and always the same ones chosen?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slipway.api.common import ArtifactRef, HeldOutLoss
from slipway_pod.errors import BadData
from slipway_train_torch.evaluate.general import texts
from tests.unit.evaluate.test_items import item, write

REF = ArtifactRef(uri="s3://slipway/general/", digest="sha256:" + "a" * 64)


def test_files_and_lines_are_items_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "a.txt").write_text("One day.\n", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "notes.md").write_text("not taken")
    (tmp_path / "more.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in ("Two\u2028days.", "Three.")))
    found = {one.id: one for one in texts(tmp_path, REF, 99)}
    assert {name: one.completion for name, one in found.items()} == {
        "news/a.txt": "One day.\n", "more.jsonl#1": "Two\u2028days.", "more.jsonl#2": "Three.",
    }  # fmt: skip
    assert len({one.group for one in found.values()}) == 3
    assert not any(one.chat or one.prompt for one in found.values())


def test_a_larger_choice_holds_the_smaller_one(tmp_path: Path) -> None:
    for at in range(20):
        (tmp_path / f"{at}.txt").write_text(f"text {at}")
    assert texts(tmp_path, REF, 12)[:5] == texts(tmp_path, REF, 5)


def test_of_a_prepared_dataset_the_test_split_is_taken(tmp_path: Path) -> None:
    write(tmp_path, [item(at, str(at)) for at in range(6)])
    (tmp_path / "report.txt").write_text("no text of it")
    assert {one.id for one in texts(tmp_path, REF, 9)} == {f"row-{at}" for at in range(6)}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"txt": "b"}\n', 'a.jsonl, line 2: write a line as {"text": "\u2026"}'),
        ("a.jsonl", b'{"text": " "}\n', "a.jsonl, line 1: write a line"),
        ("a.jsonl", b'["a"]\n', "a.jsonl, line 1: write a line"),
        ("a.jsonl", b"hello\n", "a.jsonl, line 1: not JSON"),
        ("a.txt", b"\xff\xfe", "a.txt: not UTF-8"),
    ],
)
def test_what_is_no_text_is_told_with_its_place(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadData) as caught:
        texts(tmp_path, REF, 9)
    assert caught.value.reason == "NoText"
    assert says in caught.value.message


def test_too_few_texts_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    with pytest.raises(BadData, match=r"s3://slipway/general/ has 1 texts, a figure needs at least 2"):
        texts(tmp_path, REF, 9)


def test_without_data_the_metric_is_written_as_before() -> None:
    assert HeldOutLoss().dump() == {"maxExamples": 64}, "figures measured before keep their keys"
