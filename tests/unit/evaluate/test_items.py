"""Which items is a model judged on?"""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from slipway.api.common import EvaluationMetric
from slipway_pod.errors import BadData
from slipway_train_torch.evaluate.items import Item, choose, chosen


def item(at: int, group: str = "g", answer: str = "yes") -> Item:
    return Item(f"row-{at}", group, (("system", "be good"), ("user", "well?"), ("assistant", answer)))


def write(folder: Path, items: list[Item]) -> None:
    rows = [
        {"id": i.id, "group": i.group, "messages": [{"role": r, "content": c} for r, c in i.messages]} for i in items
    ]
    (folder / "test").mkdir()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "test" / "00000.parquet")


def metric(**of: dict) -> EvaluationMetric:
    return EvaluationMetric.model_validate(of)


def test_the_choice_depends_on_the_items_alone() -> None:
    items = [item(at, f"g{at % 5}") for at in range(40)]
    assert choose(items, 8) == choose(reversed(items), 8)
    assert len(choose(items, 8)) == 8
    assert choose(items, 99) != tuple(items), "by hash, not by order"


def test_a_larger_choice_holds_the_smaller_one() -> None:
    items = [item(at, f"g{at % 5}") for at in range(40)]
    assert choose(items, 20)[:8] == choose(items, 8)


def test_groups_take_turns() -> None:
    items = [item(at, "large") for at in range(50)] + [item(50 + at, f"small-{at}") for at in range(7)]
    assert len({one.group for one in choose(items, 8)}) == 8


def test_a_question_ends_before_the_last_answer() -> None:
    talk = (("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    assert Item("x", "g", talk).question == talk[:3]
    assert Item("x", "g", talk).wanted == "d"
    assert Item("x", "g", prompt="p", completion="c").wanted == "c"


def test_answers_that_cannot_fit_are_not_asked_for(tmp_path: Path) -> None:
    write(tmp_path, [item(0, "a", "x" * 300), item(1, "b", "x" * 301), item(2, "c", "x" * 30)])
    found = chosen(tmp_path, metric(blueprintValidity={"maxExamples": 9, "maxNewTokens": 100}))
    assert {one.id for one in found} == {"row-0", "row-2"}
    assert len(chosen(tmp_path, metric(heldOutLoss={"maxExamples": 9}))) == 3


def test_too_short_an_answer_is_told(tmp_path: Path) -> None:
    write(tmp_path, [item(at, str(at), "x" * 300) for at in range(4)])
    with pytest.raises(BadData, match=r"0 of 4 answers in the test split fit into 20 tokens.*raise maxNewTokens"):
        chosen(tmp_path, metric(blueprintValidity={"maxNewTokens": 20}))


def test_a_test_split_of_one_row_is_told(tmp_path: Path) -> None:
    write(tmp_path, [item(0)])
    with pytest.raises(BadData, match="has 1 rows, a figure needs at least 2"):
        chosen(tmp_path, metric(heldOutLoss={}))


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "00000.parquet").write_text("hello")
    with pytest.raises(BadData, match=r"test/00000\.parquet"):
        chosen(tmp_path, metric(heldOutLoss={}))
