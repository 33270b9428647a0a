"""Where do texts lie in the space of their meanings, as a model tells it once for each?

embeddings/<format>/<digest of the question>.json      the direction, or why there is none (see model_api.py)

Texts are sent many at a time and kept one by one: what a text is sent together with makes no other question of it.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from slipway.api.dataset_semantic import Semantic
from slipway.contract.job import Store
from slipway_data.grid import LARGEST, Grid, grid
from slipway_data.model_api import Budget, Client
from slipway_data.sources.web import REAL, Clock
from slipway_pod.errors import BadConfig

FORMAT = 1
"""To be raised when questions are put, or directions written, in another way."""
BATCH_CHARACTERS = 200_000
"""Characters of one request, where one text alone has no more: APIs bound the tokens of a request too."""
BYTES_EACH = 32 * LARGEST
"""Bytes that are read for each embedding; a number takes up to 25."""

Asked = list[tuple[str, str]]
"""Texts, each after the digest of its question."""


class Embedding(BaseModel):
    """The direction of a text (16 bit numbers, least byte first, in base64), or why it has none."""

    model_config = ConfigDict(extra="ignore")

    direction: str = ""
    fault: str = ""

    @classmethod
    def of(cls, numbers: npt.NDArray[np.float64]) -> Embedding:
        """Return the embedding that a model answered with."""
        found = grid(numbers)
        if found is None:
            return cls(fault="the model answered with numbers that point nowhere: zeros, or such as are no numbers")
        return cls(direction=base64.b64encode(found.astype("<i2").tobytes()).decode())

    def grid(self) -> Grid:
        """Return the direction."""
        return np.frombuffer(base64.b64decode(self.direction), dtype="<i2").astype(np.int16)


class Embedder:
    """Tells the directions of texts, and asks for those that nobody asked for before."""

    def __init__(
        self,
        wanted: Semantic,
        number: int,
        store: Store,
        database: sqlite3.Connection,
        environment: Mapping[str, str],
        clock: Clock = REAL,
    ) -> None:
        self._wanted, self._usable = wanted, False
        field, budget = f"steps[{number}].deduplicate.semantic", Budget("maxTexts", wanted.max_texts, "texts")
        folder = f"embeddings/{FORMAT}"
        self._client = Client(wanted, field, folder, budget, number, store, database, environment, clock)
        self._size, self._guard = wanted.dimensions, threading.Lock()

    def embed(self, pool: ThreadPoolExecutor, texts: Sequence[str]) -> list[Embedding]:
        """Return the embedding of each text; questions go through `pool`.

        Raises BadConfig where there are too many texts, where the model embeds none, or no two alike.
        """
        digests = [self._client.digest(self._question(text)) for text in texts]
        different = dict(zip(digests, texts, strict=True))
        for digest in different:
            self._client.count(digest)
        found = {digest: kept for digest, kept in zip(different, pool.map(self._kept, different), strict=True) if kept}
        missing = [(digest, text) for digest, text in different.items() if digest not in found]
        for answered in pool.map(self._answers, self._batches(missing)):
            found |= answered
        self._judge(found, missing)
        return [found[digest] for digest in digests]

    def _judge(self, found: Mapping[str, Embedding], asked: Asked) -> None:
        """Keep why texts have no embedding, unless that is the fault of the model and not theirs."""
        self._usable = self._usable or any(not embedding.fault for embedding in found.values())
        faults = {digest: found[digest] for digest, _ in asked if found[digest].fault}
        if faults and not self._usable:
            raise BadConfig(
                "NothingEmbedded",
                f"{self._client.field}: the model embedded none of the first {len(found)} texts, of one "
                f"{next(iter(faults.values())).fault}: correct url, model or dimensions, or filter longer rows before",
            )
        for digest, embedding in faults.items():
            self._client.keep(digest, embedding)

    def _batches(self, asked: Asked) -> Iterator[Asked]:
        batch: Asked = []
        characters = 0
        for digest, text in asked:
            if batch and (len(batch) == self._wanted.batch_size or characters + len(text) > BATCH_CHARACTERS):
                yield batch
                batch, characters = [], 0
            batch.append((digest, text))
            characters += len(text)
        if batch:
            yield batch

    def _question(self, text: str | list[str]) -> dict[str, Any]:
        """Return the question for one text or several."""
        shorter = {} if self._wanted.dimensions is None else {"dimensions": self._wanted.dimensions}
        return {"model": self._wanted.model, "input": text, "encoding_format": "float", **shorter}

    def _kept(self, digest: str) -> Embedding | None:
        kept = self._client.kept(digest, Embedding)
        if kept is not None and not kept.fault:
            self._must_fit(len(kept.grid()))
        return kept

    def _answers(self, asked: Asked) -> dict[str, Embedding]:
        """Return what the model answers to a batch, each embedding kept; a batch that is refused is asked in halves."""
        texts = [text for _, text in asked]
        most = BYTES_EACH * (len(texts) + 1)
        answered = self._client.post(
            "embeddings", self._question(texts), lambda body: self._read(body, len(texts)), lambda status: status, most
        )
        if isinstance(answered, int):
            if len(asked) == 1:
                return {asked[0][0]: Embedding(fault=f"the model refused it with status {answered}")}
            half = len(asked) // 2
            return self._answers(asked[:half]) | self._answers(asked[half:])
        found = dict(zip((digest for digest, _ in asked), answered, strict=True))
        for digest, embedding in found.items():
            if not embedding.fault:
                self._client.keep(digest, embedding)
        return found

    def _read(self, body: bytes, count: int) -> list[Embedding] | int:
        try:
            data = json.loads(body)["data"]
            numbered = {entry["index"]: np.asarray(entry["embedding"], dtype=np.float64) for entry in data}
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            said = "what it answers is no list of embeddings: let url end where /embeddings begins"
            raise BadConfig(
                "NoEmbeddings", f"{self._client.field}.url: {said}, and model name one that embeds"
            ) from error
        if len(data) != count or set(numbered) != set(range(count)):
            raise BadConfig(
                "NoEmbeddings",
                f"{self._client.field}.url: asked for {count} embeddings, it answers with {len(data)}, or numbers them "
                "otherwise than from 0: set batchSize to what the server can take, or ask another one",
            )
        for numbers in numbered.values():
            self._must_fit(numbers.size if numbers.ndim == 1 else 0)
        return [Embedding.of(numbered[at]) for at in range(count)]

    def _must_fit(self, size: int) -> None:
        """Raise BadConfig where embeddings have another size than those before, or than was asked for."""
        field, wanted = self._client.field, self._wanted.dimensions
        if not 1 <= size <= LARGEST:
            raise BadConfig("NoEmbeddings", f"{field}.model: it gives {size} numbers for a text: use 1 to {LARGEST}")
        with self._guard:
            first = self._size = self._size or size
        if size == first:
            return
        if wanted is not None:
            said = f"dimensions is {wanted}, and the model gives {size} numbers: set what it can give, or leave it out"
            raise BadConfig("OtherDimensions", f"{field}.{said}")
        raise BadConfig(
            "OtherDimensions",
            f"{field}.model: it gives {size} numbers for a text and gave {first} for others, so that they cannot be "
            "compared: it is another model under one name. Give it a name of its own, or delete what lies below "
            f"embeddings/{FORMAT}/ in the store",
        )
