"""How near are a model's answers to the graphs that were wanted?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slipway_formats.t3d import Graph, T3DError, parse
from slipway_formats.t3d.distance import Nearness, nearness
from slipway_pod.errors import BadData
from slipway_train_torch.evaluate.items import Item
from slipway_train_torch.evaluate.results import Figure
from slipway_train_torch.evaluate.validity import whole

MARKS = ("distance 1",)
"""Raise it when a figure means something new: those made before are then not used any more."""


def figures(items: Sequence[Item], answered: Sequence[Figure]) -> Iterator[Figure]:
    """Yield the likeness of each answer in `answered`, which are the figures of blueprintValidity on `items`."""
    for item, said in zip(items, answered, strict=True):
        text, cut = str(said.note["answer"]), bool(said.note["cut"])
        found = near(text, wanted(item), cut=cut)
        shared = {"nodes": round(found.nodes, 3), "links": found.links} if found is not None else {}
        amount = found.similarity if found is not None else 0.0
        yield Figure(item.id, item.group, amount, 1.0, {**shared, "cut": cut, "answer": text})


def wanted(item: Item) -> Graph:
    """Return the graph that `item` wants; raise BadData where it wants none."""
    try:
        graph = parse(item.wanted)
    except T3DError as error:
        raise BadData(
            "NoBlueprint",
            f"the answer that row {item.id} wants is no T3D ({error}): blueprintDistance takes a dataset of "
            "Blueprints, as the step parse {as: BlueprintT3D} makes it",
        ) from error
    return graph


def near(text: str, graph: Graph, *, cut: bool) -> Nearness | None:
    """Return what an answer has in common with `graph`; None where it is no graph. Of a `cut` one whole nodes count."""
    try:
        said = parse(whole(text) if cut else text)
    except T3DError:
        return None
    return nearness(said, graph) if said.objects else None
