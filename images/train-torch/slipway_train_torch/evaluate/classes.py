"""Which classes of nodes does Unreal have? Those that its own graphs show."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from slipway_formats.t3d import T3DError, parse
from slipway_pod.errors import BadData
from slipway_train_torch.evaluate.items import read


def classes(texts: Iterable[str]) -> frozenset[str]:
    """Return the node classes in `texts`; what is no T3D has none."""
    return frozenset(name for text in texts for name in _of(text))


def trained(data: Path) -> frozenset[str]:
    """Return the node classes in the answers of the train split below the prepared dataset `data`.

    They are as pinned as the dataset is. Raises BadData where there are none: no answer could be right.
    """
    found = classes(
        text
        for item in read(data, "train")
        for text in (*(said for role, said in item.messages if role == "assistant"), item.completion)
        if text
    )
    if not found:
        raise BadData(
            "NoNodeClasses",
            "the train split of the dataset has no Blueprint graph, so nobody knows which nodes exist: judge on a "
            "dataset of graphs, with split.trainPercent above 0",
        )
    return found


def _of(text: str) -> Iterable[str]:
    try:
        return [node.short_class for node in parse(text).objects]
    except T3DError:
        return []
