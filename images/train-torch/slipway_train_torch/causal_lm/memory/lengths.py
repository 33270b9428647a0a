"""How long are the rows that a run is to train, as far as that can be known without its pod?

Of every row only its lengths are held, so that a small pod can look at much data.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from slipway.api.causal_lm import CausalLM
from slipway.api.common import ArtifactRef
from slipway.contract.artifact import ArtifactFile
from slipway.contract.dataset import CARD, PREFERENCE
from slipway.contract.job import Store
from slipway.contract.tokens import FOLDER
from slipway_pod.store import open_uri
from slipway_train_torch.causal_lm import batches, data, stored
from slipway_train_torch.causal_lm.data import Example
from slipway_train_torch.causal_lm.dpo import pairs
from slipway_train_torch.causal_lm.memory.estimate import Lines
from slipway_train_torch.causal_lm.memory.sketch import bring, found
from slipway_train_torch.evaluate.items import read

log = logging.getLogger("slipway")

SPLIT = "train"
MOST = 64 * 2**20
"""Bytes of Parquet (a few hundred MB of text) that are brought and looked at; minutes of one CPU."""


@dataclass(frozen=True)
class Lengths:
    """The lengths of a run's lines, and how they are known."""

    lines: Lines
    known: Literal["Stored", "Counted", "Assumed"]


@dataclass(frozen=True)
class Length:
    """A row of which nothing but its lengths is left; to batches it is an Example."""

    id: str
    ids: range
    targets: int


def lengths(ref: ArtifactRef, recipe: CausalLM, tokenizer: Any, base: Path, folder: Path, store: Store) -> Lengths:
    """Return the lengths of the lines that `recipe` makes of the train split of the prepared dataset `ref`.

    `base` is where `tokenizer` was read from, `folder` a new one for what is brought of the dataset.

    Raises what the run would raise of data that does not fit its recipe, or has nothing to train on.
    """
    files = {file.path: file for file in found(ref, store)}
    _bring(ref, [file for path, file in files.items() if path == CARD], folder, store)
    about = data.card(folder)
    require = pairs.require_pairs if recipe.dpo is not None else data.require_answers
    require(about.schema_, tokenizer)
    text = [file for path, file in files.items() if path.startswith(f"{SPLIT}/")]
    if sum(file.bytes for file in text) > MOST:
        log.info("%s has more than %d MiB to train on: every row is taken for one of maxTokens", ref.uri, MOST // 2**20)
        return _assumed(about.rows.train, recipe)
    tokens = [file for path, file in files.items() if path.startswith(f"{FOLDER}/{SPLIT}/")]
    _bring(ref, text, folder, store)
    taken = False
    if about.schema_ != PREFERENCE and tokens and sum(file.bytes for file in tokens) <= MOST:
        _bring(ref, tokens, folder, store)
        taken = stored.usable(folder, about, base, tokenizer, (SPLIT,))
    if recipe.dpo is not None:
        return Lengths(lines_of(_pairs(folder, tokenizer, recipe)), "Counted")
    return Lengths(lines_of(_answers(folder, tokenizer, recipe, taken)), "Stored" if taken else "Counted")


def _bring(ref: ArtifactRef, files: Sequence[ArtifactFile], folder: Path, store: Store) -> None:
    bucket, prefix = open_uri(store, ref.uri)
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        bring(ref, file, path, store, bucket, prefix + file.path)


def _answers(folder: Path, tokenizer: Any, recipe: CausalLM, taken: bool) -> Sequence[batches.Row]:
    rows = stored.rows(folder, SPLIT) if taken else data.made(read(folder, SPLIT), tokenizer)
    held: list[Length] = []
    untrained: list[str] = []
    for id, row in rows:
        size = min(len(row.ids), recipe.max_tokens)
        targets = sum(row.trained[1:size])
        if targets:
            held.append(Length(id, range(size), targets))
        else:
            untrained.append(id)
    if not held:
        raise data.nothing_to_train(untrained, recipe.max_tokens)
    return batches.rows(cast(Sequence[Example], held), recipe.batching, recipe.max_tokens)


def _pairs(folder: Path, tokenizer: Any, recipe: CausalLM) -> Sequence[batches.Row]:
    pairs.require_sound(pairs.read(folder, SPLIT))
    held: list[batches.Row] = []
    untrained: list[str] = []
    for row in pairs.read(folder, SPLIT):
        pair = pairs.apart(*pairs.both(row, tokenizer), recipe.max_tokens)
        if pair is None:
            untrained.append(row.id)
        else:
            held.append(tuple(cast(Example, Length(one.id, range(len(one.ids)), one.targets)) for one in pair))
    if not held:
        raise pairs.nothing_to_train(untrained, recipe.max_tokens)
    return held


def lines_of(rows: Sequence[batches.Row]) -> Lines:
    """Return the lengths of `rows`."""
    return Lines([batches.tokens_in(row) for row in rows], [batches.targets([row]) for row in rows])


def _assumed(rows: int, recipe: CausalLM) -> Lengths:
    """Return what `rows` rows are at most. A batch never has more."""
    size = recipe.max_tokens * (1 if recipe.dpo is None else 2)
    whole = [size] * min(rows, recipe.batch_size)
    return Lengths(Lines(whole, whole), "Assumed")
