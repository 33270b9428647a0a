"""Which pairs of answers are learned from, as tokens?"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet

from slipway.contract.dataset import PREFERENCE
from slipway_pod.errors import BadConfig, BadData
from slipway_train_torch.causal_lm.data import Example, card, require_chats
from slipway_train_torch.evaluate.encode import encode
from slipway_train_torch.evaluate.items import Item, Messages

log = logging.getLogger("slipway")

Pair = tuple[Example, Example]
"""The chosen answer and the rejected one, each behind the prompt that they share."""


@dataclass(frozen=True)
class Raw:
    """A row: a conversation, and two ways in which it goes on."""

    id: str
    prompt: Messages
    chosen: Messages
    rejected: Messages


@dataclass(frozen=True)
class Pairs:
    """The pairs of one split, and how many were changed or left out to get them."""

    name: str
    pairs: tuple[Pair, ...]
    truncated: int = 0
    untrained: tuple[str, ...] = ()
    """Ids of pairs of which, within the longest sequence, one answer has no token or both have the same ones."""

    @property
    def examples(self) -> tuple[Example, ...]:
        """The chosen answers, one a pair."""
        return tuple(chosen for chosen, _ in self.pairs)

    @property
    def tokens(self) -> int:
        """All tokens of the split."""
        return sum(len(example.ids) for pair in self.pairs for example in pair)

    @property
    def targets(self) -> int:
        """Tokens of the split that bear loss."""
        return sum(example.targets for pair in self.pairs for example in pair)


def load(folder: Path, tokenizer: Any, max_tokens: int) -> tuple[Pairs, Pairs]:
    """Return train and validation split of the dataset `folder`.

    Raises BadConfig for a dataset that has no pairs by its schema, or a model that cannot read chats; BadData when
    there is no pair to learn from, or one that cannot be learned from.
    """
    require_pairs(card(folder).schema_, tokenizer)
    rows = {split: tuple(read(folder, split)) for split in ("train", "validation")}
    require_sound(row for split in rows.values() for row in split)
    train, validation = (encoded(name, found, tokenizer, max_tokens) for name, found in rows.items())
    if not train.pairs:
        raise nothing_to_train(train.untrained, max_tokens)
    return train, validation


def nothing_to_train(untrained: Sequence[str], max_tokens: int) -> BadData:
    """Return the error of a train split of which no pair, not those with the ids `untrained`, can be learned from."""
    if not untrained:
        return BadData(
            "NoPairs", "the train split has no pairs of answers: raise split.trainPercent or bring more data"
        )
    return BadData(
        "NothingToTrain",
        f"none of the {len(untrained)} pairs of the train split has two answers that differ within maxTokens="
        f"{max_tokens}: raise recipe.causalLM.maxTokens, or shorten the prompts",
        example=untrained[0],
    )


def require_pairs(schema: str, tokenizer: Any) -> None:
    """Raise BadConfig when rows of `schema` are no pairs, or `tokenizer` cannot write chats."""
    if schema != PREFERENCE:
        raise BadConfig(
            "DatasetDoesNotFit",
            f"recipe.causalLM.dpo learns from pairs of answers, and the dataset's schema is {schema}: name a Dataset "
            f"with schema {PREFERENCE}, or remove dpo",
        )
    require_chats(schema, tokenizer)


def read(folder: Path, split: str) -> Iterator[Raw]:
    """Yield the pairs of a split; raise BadData when a file of it cannot be read or has other columns."""
    for path in sorted((folder / split).glob("*.parquet")):
        try:
            for row in pyarrow.parquet.read_table(path).to_pylist():
                yield Raw(row["id"], *(_messages(row, column) for column in ("prompt", "chosen", "rejected")))
        except (OSError, pyarrow.ArrowInvalid, KeyError, TypeError) as error:
            raise BadData(
                "DatasetUnreadable", f"{split}/{path.name} has no pairs of answers: {error}: prepare the Dataset again"
            ) from error


def require_sound(rows: Iterable[Raw]) -> None:
    """Raise BadData for a pair that nothing can be learned from, or an id that two pairs have."""
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            raise BadData(
                "DuplicateIds", f"two pairs of answers have the id {row.id}: prepare the Dataset again", example=row.id
            )
        seen.add(row.id)
        for what, messages in (
            ("prompt", row.prompt),
            ("chosen answer", row.chosen),
            ("rejected answer", row.rejected),
        ):
            if not messages:
                raise BadData(
                    "EmptyAnswer", f"row {row.id} has no message in its {what}: remove the row", example=row.id
                )
        if row.chosen == row.rejected:
            raise BadData(
                "IdenticalAnswers",
                f"the chosen and the rejected answer of row {row.id} are the same, so nothing is preferred: remove "
                "such rows, or correct what was recorded",
                example=row.id,
            )


def encoded(name: str, rows: Iterable[Raw], tokenizer: Any, max_tokens: int) -> Pairs:
    """Return `rows` as tokens, cut to `max_tokens`, without those that tell nothing any more."""
    pairs: list[Pair] = []
    untrained: list[str] = []
    truncated = 0
    for row in rows:
        chosen, rejected = both(row, tokenizer)
        truncated += max(len(chosen.ids), len(rejected.ids)) > max_tokens
        pair = apart(chosen, rejected, max_tokens)
        if pair is not None:
            pairs.append(pair)
        else:
            untrained.append(row.id)
    found = Pairs(name, tuple(pairs), truncated, tuple(untrained))
    log.info(
        "%s: %d pairs, %d tokens, %d of them trained; %d pairs cut to %d tokens, %d left out as they tell nothing%s",
        name, len(pairs), found.tokens, found.targets, truncated, max_tokens, len(untrained),
        f" (for example {untrained[0]})" if untrained else "",
    )  # fmt: skip
    return found


def both(row: Raw, tokenizer: Any) -> Pair:
    """Return the two answers of `row` as tokens, whole."""
    chosen, rejected = (answered(row.id, row.prompt, said, tokenizer) for said in (row.chosen, row.rejected))
    return chosen, rejected


def apart(chosen: Example, rejected: Example, max_tokens: int) -> Pair | None:
    """Return two answers cut to `max_tokens`; None where one has no token left, or both have the same ones."""
    pair = cut(chosen, max_tokens), cut(rejected, max_tokens)
    return pair if all(one.targets for one in pair) and pair[0].ids != pair[1].ids else None


def answered(id: str, prompt: Messages, answer: Messages, tokenizer: Any) -> Example:
    """Return `prompt` and `answer` as tokens; trained are the assistant's messages of the answer alone."""
    row = encode(Item(id, "", (*prompt, *answer)), tokenizer)
    asked = [{"role": role, "content": content} for role, content in prompt]
    start = len(tokenizer.apply_chat_template(asked, add_generation_prompt=True)["input_ids"])
    return Example(id, row.ids, (*[False] * start, *row.trained[start:]))


def cut(example: Example, length: int) -> Example:
    """Return the first `length` tokens of `example`."""
    return Example(example.id, example.ids[:length], example.trained[:length])


def _messages(row: Mapping[str, Any], column: str) -> Messages:
    return tuple((message["role"], message["content"]) for message in row[column] or ())
