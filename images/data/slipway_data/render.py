"""Which tokens are the rows, for the tokenizer that spec.render names? They are made once, and kept beside the rows."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import pyarrow as pa

from slipway.api.dataset import Rows, Schema
from slipway.api.dataset_render import Render
from slipway.contract.artifact import ArtifactFile
from slipway.contract.dataset import SPLITS
from slipway.contract.dataset_report import Rendered
from slipway.contract.job import Store
from slipway.contract.tokens import ENCODING, FOLDER, VOCABULARY, Tokens, tokenizer_digest, tokenizer_files
from slipway_data.report.kept import Spread
from slipway_data.report.sampled import Sampled
from slipway_data.rows import Chat, Completion, Content, Row
from slipway_data.shards import Shards
from slipway_formats.tokens.encode import Encoded, chat, completion
from slipway_formats.tokens.template import TemplateFault
from slipway_formats.tokens.tokenizer import FolderTokenizer, TokenizerFault
from slipway_pod import artifact
from slipway_pod.errors import BadConfig, BadData
from slipway_pod.visible import one_line

log = logging.getLogger("slipway")

LARGEST = 512 * 1024 * 1024
"""Bytes of a tokenizer's files together."""
EXAMPLES = 5
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("ids", pa.list_(pa.field("item", pa.int32(), nullable=False)), nullable=False),
        pa.field("trained", pa.list_(pa.field("item", pa.bool_(), nullable=False)), nullable=False),
    ]
)


class Rendering:
    """Makes tokens of the rows kept, and counts what a run will cut or leave out."""

    def __init__(self, wanted: Render, schema: Schema, store: Store, scratch: Path, dataset: Path) -> None:
        """Read the tokenizer, before any row; raise BadConfig where it cannot be used."""
        self._wanted = wanted
        files = _files(wanted, store)
        self._digest = tokenizer_digest(files) or ""
        self._tokenizer = _tokenizer(wanted, files, store, scratch)
        if schema == "Chat" and not self._tokenizer.chats:
            raise BadConfig(
                "NoChatTemplate",
                f"render.tokenizer: {wanted.tokenizer.uri} has no chat template, and by one rows of schema Chat are "
                "written: name an instruct model's, or set schema to Completion",
            )
        if schema == "Completion" and self._tokenizer.eos_token_id is None:
            raise BadConfig(
                "NoEndToken",
                f"render.tokenizer: {wanted.tokenizer.uri} names no eos_token that it knows, and a completion ends "
                "with it: correct its tokenizer_config.json, and push it again",
            )
        self._shards = {name: Shards(dataset / FOLDER / name, SCHEMA) for name in SPLITS}
        self._counts: Counter[str] = Counter()
        self._whole, self._trained = Spread(), Spread()
        self._cut, self._untrained = Sampled[str](EXAMPLES), Sampled[str](EXAMPLES)
        self._refused = ""

    def add(self, split: str, row: Row) -> None:
        """Write the tokens of a row."""
        try:
            found = _encoded(row.content, self._tokenizer)
        except TemplateFault as error:
            self._refused = self._refused or f"{row.id}: {error}"
            self._counts["refused"] += 1
            return
        self._shards[split].add({"id": row.id, "ids": found.ids, "trained": found.trained}, len(found.ids))
        self._count(row, found)

    def close(self) -> None:
        """Finish the files."""
        for shards in self._shards.values():
            shards.close()
        log.info("%s", ", ".join(f"{count} {what}" for what, count in sorted(self._counts.items())) or "no tokens")

    def card(self) -> Tokens:
        """Return whose tokens they are."""
        return Tokens(tokenizer=self._digest, vocabulary=self._tokenizer.vocabulary, encoding=ENCODING)

    def report(self) -> Rendered:
        """Return what a run that cuts rows to maxTokens will find."""
        return Rendered(
            tokenizer=one_line(self._wanted.tokenizer.uri),
            digest=self._digest,
            max_tokens=self._wanted.max_tokens,
            tokens=self._counts["tokens"],
            trained=self._counts["trained"],
            cut=self._counts["cut"],
            untrained=self._counts["untrained"],
            lengths=(self._whole.lengths("Tokens"), self._trained.lengths("TrainedTokens")),
            cut_examples=tuple(map(one_line, self._cut.chosen())),
            untrained_examples=tuple(map(one_line, self._untrained.chosen())),
        )

    def fault(self, rows: Rows) -> BadData | None:
        """Return why the rows cannot all be made tokens, None where they were."""
        if not (count := self._counts["refused"]):
            return None
        said = (
            f"render: {count} rows are none that the chat template of {self._wanted.tokenizer.uri} takes: filter or "
            "annotate them, name a tokenizer that takes them, or leave render out"
        )
        return BadData("TemplateRefuses", said, example=self._refused, rows=rows)

    def _count(self, row: Row, found: Encoded) -> None:
        most = self._wanted.max_tokens
        trained = sum(found.trained[1:])
        self._whole.add(len(found.ids))
        self._trained.add(trained)
        self._counts["tokens"] += len(found.ids)
        self._counts["trained"] += trained
        if len(found.ids) > most:
            self._counts["cut"] += 1
            self._cut.offer(row.id, lambda: row.id)
        # The first token has nothing before it to be said from.
        if not any(found.trained[1:most]):
            self._counts["untrained"] += 1
            self._untrained.offer(row.id, lambda: row.id)


def _encoded(content: Content, tokenizer: FolderTokenizer) -> Encoded:
    match content:
        case Chat(messages=messages):
            return chat([(message.role, message.content) for message in messages], tokenizer)
        case Completion(prompt=prompt, completion=answer):
            return completion(prompt, answer, tokenizer)
    raise BadConfig("BadSchema", "render: preferences are made tokens by the run that learns from them")


def _files(wanted: Render, store: Store) -> tuple[ArtifactFile, ...]:
    """Return the tokenizer's files, proven by the digest of all that lies there to be those that are meant."""
    files = tokenizer_files(artifact.listed(wanted.tokenizer, store))
    where = f"render.tokenizer: {wanted.tokenizer.uri}"
    if not files:
        raise BadConfig("NoTokenizer", f"{where} has no {VOCABULARY}: name a folder with one, and its digest")
    if (size := sum(file.bytes for file in files)) > LARGEST:
        raise BadConfig("NoTokenizer", f"{where}: its files have {size} bytes, more than {LARGEST}: they are none")
    return files


def _tokenizer(wanted: Render, files: tuple[ArtifactFile, ...], store: Store, scratch: Path) -> FolderTokenizer:
    folder = scratch / "tokenizer"
    folder.mkdir()
    for file in files:
        with (folder / file.path).open("wb") as out:
            for piece in artifact.checked(wanted.tokenizer, file, store):
                out.write(piece)
    try:
        return FolderTokenizer(folder)
    except TokenizerFault as error:
        said = f"render.tokenizer: {wanted.tokenizer.uri}: {error}: bring another, or correct it and push it again"
        raise BadConfig("TokenizerUnreadable", said) from error
