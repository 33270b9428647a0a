"""May the tokens that lie beside a dataset's rows be trained as they are?

They may when the base model's tokenizer has the digest of the one that made them, and has got no tokens since. Some
models' classes change what their files say, so a few rows are made tokens again, and must be the same.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet

from slipway.api.dataset import Rows
from slipway.contract.dataset import DatasetCard
from slipway.contract.tokens import ENCODING, FILES, FOLDER, Tokens, tokenizer_digest
from slipway_formats.tokens.encode import Encoded
from slipway_pod.artifact import described
from slipway_pod.errors import BadData
from slipway_train_torch.evaluate.encode import encode
from slipway_train_torch.evaluate.items import read

log = logging.getLogger("slipway")

COMPARED = 32
"""Rows of a split that are made tokens again."""


def usable(folder: Path, card: DatasetCard, base: Path, tokenizer: Any, splits: Sequence[str]) -> bool:
    """Tell whether the tokens of the dataset `folder` are what `tokenizer`, read from `base`, makes of its rows."""
    if card.tokens is None:
        return False
    why = _mismatch(card.tokens, base, tokenizer) or _difference(folder, card.rows, tokenizer, splits)
    log.info("tokens beside the rows are %s", f"not used: {why}" if why else "taken as they are")
    return not why


def rows(folder: Path, split: str) -> Iterator[tuple[str, Encoded]]:
    """Yield the tokens of every row of a split after its id; raise BadData where a file of them cannot be read."""
    for path in sorted((folder / FOLDER / split).glob("*.parquet")):
        try:
            for batch in pyarrow.parquet.ParquetFile(path).iter_batches():
                for row in batch.to_pylist():
                    yield row["id"], Encoded(tuple(row["ids"]), tuple(row["trained"]))
        except (OSError, KeyError, pyarrow.ArrowInvalid) as error:
            said = f"{FOLDER}/{split}/{path.name}: {error}: prepare the Dataset again"
            raise BadData("DatasetUnreadable", said) from error


def _mismatch(tokens: Tokens, base: Path, tokenizer: Any) -> str:
    """Return why `tokens` are those of another tokenizer; empty where they are not."""
    if tokens.encoding != ENCODING:
        return f"they were made by encoding {tokens.encoding}, this is {ENCODING}"
    mine = tokenizer_digest(described(base, FILES))
    if mine != tokens.tokenizer:
        return f"they are of tokenizer {tokens.tokenizer}, the base model's is {mine or 'in no tokenizer.json'}"
    if len(tokenizer.get_vocab()) != tokens.vocabulary:
        return (
            f"the tokenizer knows {len(tokenizer.get_vocab())} tokens, and knew {tokens.vocabulary} when they were made"
        )
    return ""


def _difference(folder: Path, counts: Rows, tokenizer: Any, splits: Sequence[str]) -> str:
    """Return which rows have other tokens than `tokenizer` makes of them; empty where those looked at have not."""
    for split in splits:
        held = sum(pyarrow.parquet.read_metadata(path).num_rows for path in (folder / FOLDER / split).glob("*.parquet"))
        if held != getattr(counts, split):
            return f"{split} has {getattr(counts, split)} rows, and tokens of {held}"
        for item, (id, stored) in islice(zip(read(folder, split), rows(folder, split), strict=False), COMPARED):
            if item.id != id or encode(item, tokenizer) != stored:
                return f"row {item.id} has others by the base model's class"
    return ""
