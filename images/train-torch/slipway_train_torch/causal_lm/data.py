"""Which rows are trained, as tokens, and which of their tokens bear loss?"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from slipway.contract.dataset import CARD, PREFERENCE, DatasetCard
from slipway_pod.errors import BadConfig, BadData
from slipway_train_torch.causal_lm import stored
from slipway_train_torch.evaluate.encode import Encoded, encode
from slipway_train_torch.evaluate.items import Item, read

log = logging.getLogger("slipway")


@dataclass(frozen=True)
class Example:
    """A row as tokens. Token t + 1 is what position t is trained to say."""

    id: str
    ids: tuple[int, ...]
    trained: tuple[bool, ...]

    @property
    def targets(self) -> int:
        """Tokens that bear loss; the first token has nothing before it to be said from."""
        return sum(self.trained[1:])


@dataclass(frozen=True)
class Split:
    """The rows of one split, and how many were changed or left out to get them."""

    name: str
    examples: tuple[Example, ...]
    truncated: int = 0
    untrained: tuple[str, ...] = ()
    """Ids of rows that would train on no token, so were left out."""

    @property
    def tokens(self) -> int:
        """All tokens of the split."""
        return sum(len(example.ids) for example in self.examples)

    @property
    def targets(self) -> int:
        """Tokens of the split that bear loss."""
        return sum(example.targets for example in self.examples)


def card(folder: Path) -> DatasetCard:
    """Return the card of the prepared dataset `folder`; raise BadData when there is none."""
    try:
        return DatasetCard.model_validate_json((folder / CARD).read_bytes())
    except (OSError, ValidationError) as error:
        raise BadData("DatasetUnreadable", f"{CARD} of the dataset: {error}: prepare the Dataset again") from error


def load(folder: Path, tokenizer: Any, max_tokens: int, base: Path | None = None) -> tuple[Split, Split]:
    """Return train and validation split of the dataset `folder` as tokens.

    `base` is where `tokenizer` was read from, and absent where it got tokens since. Tokens that lie beside the rows are
    taken where it made them.

    Raises BadData when no row of the train split would train on anything, BadConfig when the model cannot read chats.
    """
    about = card(folder)
    require_answers(about.schema_, tokenizer)
    names = ("train", "validation")
    taken = base is not None and stored.usable(folder, about, base, tokenizer, names)
    train, validation = (
        cut(name, stored.rows(folder, name) if taken else made(read(folder, name), tokenizer), max_tokens)
        for name in names
    )
    if not train.examples:
        raise nothing_to_train(train.untrained, max_tokens)
    return train, validation


def nothing_to_train(untrained: Sequence[str], max_tokens: int) -> BadData:
    """Return the error of a train split of which all rows, with the ids `untrained`, have nothing to train on."""
    if not untrained:
        return BadData("NoRows", "the train split has no rows: raise split.trainPercent or bring more data")
    return BadData(
        "NothingToTrain",
        f"none of the {len(untrained)} rows of the train split has a token to train on within maxTokens="
        f"{max_tokens}: raise recipe.causalLM.maxTokens, or shorten the prompts",
        example=untrained[0],
    )


def require_answers(schema: str, tokenizer: Any) -> None:
    """Raise BadConfig when rows of `schema` are no answers to learn, or chats that `tokenizer` cannot write."""
    if schema == PREFERENCE:
        raise BadConfig(
            "DatasetDoesNotFit",
            f"the dataset has pairs of answers (schema {PREFERENCE}), and nothing says what to learn from them: set "
            "recipe.causalLM.dpo (or that of the stage), or name a Dataset with schema Chat or Completion",
        )
    if schema == "Chat":
        require_chats(schema, tokenizer)


def require_chats(schema: str, tokenizer: Any) -> None:
    """Raise BadConfig when rows of `schema` are chats and `tokenizer` cannot write any."""
    if not tokenizer.chat_template:
        raise BadConfig(
            "NoChatTemplate",
            f"the dataset's schema is {schema}, but the base model's tokenizer has no chat template: use an instruct "
            "model, or a Dataset with schema Completion",
        )


def made(items: Iterable[Item], tokenizer: Any) -> Iterator[tuple[str, Encoded]]:
    """Yield `items` as tokens, each after its id."""
    return ((item.id, encode(item, tokenizer)) for item in items)


def encoded(name: str, items: Iterable[Item], tokenizer: Any, max_tokens: int) -> Split:
    """Return `items` as tokens, cut to `max_tokens`, without those that have nothing left to train on."""
    return cut(name, made(items, tokenizer), max_tokens)


def cut(name: str, rows: Iterable[tuple[str, Encoded]], max_tokens: int) -> Split:
    """Return `rows`, each after its id, cut to `max_tokens`, without those that have nothing left to train on."""
    examples: list[Example] = []
    untrained: list[str] = []
    truncated = 0
    for id, row in rows:
        truncated += len(row.ids) > max_tokens
        example = Example(id, tuple(row.ids[:max_tokens]), tuple(row.trained[:max_tokens]))
        if example.targets:
            examples.append(example)
        else:
            untrained.append(id)
    split = Split(name, tuple(examples), truncated, tuple(untrained))
    log.info(
        "%s: %d rows, %d tokens, %d of them trained; %d rows cut to %d tokens, %d left out with nothing to train on%s",
        name, len(examples), split.tokens, split.targets, truncated, max_tokens, len(untrained),
        f" (for example {untrained[0]})" if untrained else "",
    )  # fmt: skip
    return split
