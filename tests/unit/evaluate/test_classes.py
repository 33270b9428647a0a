"""Which node classes are known?"""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from slipway_pod.errors import BadData
from slipway_train_torch.evaluate.classes import classes, trained

GRAPHS = Path(__file__).parents[2] / "data" / "t3d"
NODE = 'Begin Object Class=/Script/BlueprintGraph.{cls} Name="A"\nEnd Object\n'


def write(folder: Path, split: str, *answers: str) -> None:
    asked = {"role": "user", "content": "?"}
    rows = [
        {"id": str(at), "group": "g", "messages": [asked, {"role": "assistant", "content": answer}]}
        for at, answer in enumerate(answers)
    ]
    (folder / split).mkdir()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / split / "00000.parquet")


def test_classes_are_those_of_whole_graphs() -> None:
    assert classes([NODE.format(cls="K2Node_Knot"), "Begin Object", "talk"]) == {"K2Node_Knot"}
    assert len(classes(path.read_text(encoding="utf-8") for path in GRAPHS.glob("*.t3d"))) > 5


def test_they_come_from_what_was_trained_on(tmp_path: Path) -> None:
    write(tmp_path, "train", NODE.format(cls="K2Node_Knot"), NODE.format(cls="K2Node_Event"), "no graph")
    write(tmp_path, "test", NODE.format(cls="K2Node_Other"))
    assert trained(tmp_path) == {"K2Node_Knot", "K2Node_Event"}


def test_without_a_graph_to_learn_from_nothing_is_judged(tmp_path: Path) -> None:
    write(tmp_path, "train", "no graph")
    with pytest.raises(BadData, match="no Blueprint graph, so nobody knows which nodes exist") as refused:
        trained(tmp_path)
    assert refused.value.reason == "NoNodeClasses"
