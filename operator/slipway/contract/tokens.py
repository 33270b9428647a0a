"""Which tokenizer made the tokens that lie beside a dataset's rows, and may another take them for its own?

    tokens/train/00000.parquet …   validation/…   test/…     a row each, in the order of the rows

A Parquet row has the columns id (string), ids (list of int32) and trained (list of bool, one for each of ids). Rows are
whole: who trains cuts them.
"""

from __future__ import annotations

from collections.abc import Iterable

from slipway.api.base import StatusModel
from slipway.contract.artifact import ArtifactFile, digest

FOLDER = "tokens"
ENCODING = 1
"""To be raised when rows become other tokens by the same tokenizer."""
VOCABULARY = "tokenizer.json"
TEMPLATE = "chat_template.jinja"
SETTINGS = "tokenizer_config.json"
SPECIAL = "special_tokens_map.json"
FILES = frozenset(
    {
        VOCABULARY,
        TEMPLATE,
        SETTINGS,
        SPECIAL,
        "added_tokens.json",
        "config.json",
        "merges.txt",
        "tokenizer.model",
        "vocab.json",
    }
)
"""Files of a model from which its library makes the tokenizer; config.json says which class it is."""


class Tokens(StatusModel):
    """Whose tokens lie beside the rows."""

    tokenizer: str
    """The digest of the tokenizer's files, as `tokenizer_digest` has it."""
    vocabulary: int
    """How many tokens it knows; one that was given more since is another."""
    encoding: int


def tokenizer_files(files: Iterable[ArtifactFile]) -> tuple[ArtifactFile, ...]:
    """Return those of a model's files that are its tokenizer; none where it has no tokenizer.json."""
    found = tuple(file for file in files if file.path in FILES)
    return found if any(file.path == VOCABULARY for file in found) else ()


def tokenizer_digest(files: Iterable[ArtifactFile]) -> str | None:
    """Return the digest of the tokenizer among a model's files; None where there is none."""
    found = tokenizer_files(files)
    return digest(found) if found else None
