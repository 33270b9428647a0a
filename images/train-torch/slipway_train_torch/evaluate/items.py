"""Which rows of the test split is a model judged on?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet

from slipway.api.common import BlueprintDistance, BlueprintValidity, EvaluationMetric, HeldOutLoss
from slipway.api.preference import HumanPreference
from slipway_pod.errors import BadData

LEAST = 2
CHARACTERS_PER_TOKEN = 3
"""A cautious guess for code, the same whatever the tokenizer, so that models are asked the same questions."""

Messages = tuple[tuple[str, str], ...]
"""(role, content) in order."""


@dataclass(frozen=True)
class Item:
    """One row: a conversation that ends with the answer wanted, or a prompt and its completion."""

    id: str
    group: str
    messages: Messages = ()
    prompt: str = ""
    completion: str = ""

    @property
    def chat(self) -> bool:
        """Tell whether it is a conversation."""
        return bool(self.messages)

    @property
    def question(self) -> Messages:
        """The conversation up to, and without, its last answer."""
        last = max(at for at, (role, _) in enumerate(self.messages) if role == "assistant")
        return self.messages[:last]

    @property
    def wanted(self) -> str:
        """The last answer, or the completion."""
        return self.messages[len(self.question)][1] if self.chat else self.completion


def chosen(folder: Path, metric: EvaluationMetric) -> tuple[Item, ...]:
    """Return the items of the test split below the prepared dataset `folder` on which `metric` is measured."""
    items = tuple(read(folder, "test"))
    match metric.chosen:
        case HeldOutLoss(max_examples=limit):
            fit = items
        case (
            BlueprintValidity(max_examples=limit, max_new_tokens=tokens)
            | BlueprintDistance(max_examples=limit, max_new_tokens=tokens)
            | HumanPreference(max_examples=limit, max_new_tokens=tokens)
        ):
            # Where the answer wanted is longer than the answer allowed, nobody can be right.
            fit = tuple(item for item in items if len(item.wanted) <= tokens * CHARACTERS_PER_TOKEN)
    if len(items) < LEAST:
        raise BadData(
            "TestSplitTooSmall",
            f"the test split of the dataset has {len(items)} rows, a figure needs at least {LEAST}: raise "
            "split.testPercent or bring more data",
        )
    if len(fit) < LEAST:
        raise BadData(
            "AnswersTooLong",
            f"{len(fit)} of {len(items)} answers in the test split fit into {tokens} tokens, a figure needs at least "
            f"{LEAST}: raise maxNewTokens",
        )
    return choose(fit, limit)


def choose(items: Iterable[Item], limit: int) -> tuple[Item, ...]:
    """Return at most `limit` of `items`, the same ones whenever the items are the same.

    Groups take turns, for rows of one group are alike and tell less; a hash of the id decides within and between them.
    """
    groups: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: (_mark(item), item.id)):
        groups.setdefault(item.group, []).append(item)
    turns = [(turn, _mark(item), item.id, item) for group in groups.values() for turn, item in enumerate(group)]
    return tuple(item for *_, item in sorted(turns, key=lambda turn: turn[:3])[:limit])


def read(folder: Path, split: str) -> Iterator[Item]:
    """Yield the rows of a split; raise BadData when a file of it cannot be read."""
    for path in sorted((folder / split).glob("*.parquet")):
        try:
            rows = pyarrow.parquet.read_table(path).to_pylist()
        except (OSError, pyarrow.ArrowInvalid) as error:
            raise BadData("DatasetUnreadable", f"{split}/{path.name}: {error}: prepare the Dataset again") from error
        for row in rows:
            # Of a pair of answers, the chosen one is what a model is judged on.
            pair = [*row["prompt"], *row["chosen"]] if row.get("chosen") else None
            messages = tuple((m["role"], m["content"]) for m in pair or row.get("messages") or ())
            prompt = "" if pair else row.get("prompt") or ""
            yield Item(row["id"], row["group"], messages, prompt, row.get("completion") or "")


def _mark(item: Item) -> str:
    return hashlib.sha256(item.id.encode()).hexdigest()
