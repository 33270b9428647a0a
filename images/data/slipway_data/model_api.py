"""How does a step ask a model over HTTP: each question once, within a budget, patiently?

<folder>/<digest of the question>.json      what was answered, or why nothing was

A question is everything that an answer depends on. Answers are kept before they are used: a pod that goes on after
another, and the next preparation, find them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import urllib3
from pydantic import BaseModel

from slipway.api.model_api import ModelApi
from slipway.contract.artifact import digest_of
from slipway.contract.job import Store
from slipway.contract.source import step_variable
from slipway_data.sources.web import REAL, Clock, Web
from slipway_pod.errors import BadConfig
from slipway_pod.store import Kept, open_store

FOR_THIS_QUESTION = (400, 413, 422)
"""Statuses by which an API refuses one question: too long, or not to be answered."""

PIECE = 64 * 1024

T = TypeVar("T")


@dataclass(frozen=True)
class Budget:
    """How many different questions there may be, answered or not, and the field that says so."""

    field: str
    most: int
    unit: str = "questions"


class Client:
    """What a step asks of its model, and what it was answered before."""

    def __init__(
        self,
        api: ModelApi,
        field: str,
        folder: str,
        budget: Budget,
        number: int,
        store: Store,
        database: sqlite3.Connection,
        environment: Mapping[str, str],
        clock: Clock = REAL,
    ) -> None:
        self.field, self._api, self._budget = field, api, budget
        self._bucket, self._folder = open_store(store), f"{store.prefix}/{folder}"
        self._database, self._table, self._count = database, f"questions_{number}", 0
        database.execute(f"CREATE TABLE {self._table} (digest TEXT PRIMARY KEY) WITHOUT ROWID")
        self._web = _web(api, field, environment.get(step_variable(number), ""), clock)

    def digest(self, question: Mapping[str, Any]) -> str:
        """Return the name of `question`."""
        return digest_of([self._api.url, question]).removeprefix("sha256:")

    def count(self, digest: str) -> None:
        """Take a question into account; raise BadConfig (BudgetExhausted) at the first that is one too many."""
        new = self._database.execute(f"INSERT OR IGNORE INTO {self._table} VALUES (?)", (digest,)).rowcount
        self._count += new
        budget = self._budget
        if self._count > budget.most:
            raise BadConfig(
                "BudgetExhausted",
                f"{self.field}.{budget.field}: there are more than {budget.most} different {budget.unit}: raise it, "
                "or filter rows before this step. The answers so far are kept",
            )

    def kept(self, digest: str, kind: type[Kept]) -> Kept | None:
        """Return what was answered to a question before; None where it was not asked yet."""
        return self._bucket.kept(self._key(digest), kind)

    def keep(self, digest: str, answer: BaseModel) -> None:
        """Keep what was answered to a question."""
        self._bucket.put(self._key(digest), answer.model_dump_json().encode())

    def post(
        self, path: str, question: Mapping[str, Any], read: Callable[[bytes], T], refused: Callable[[int], T], most: int
    ) -> T:
        """Ask at `path` below the API's address, patiently, and return what `read` makes of the answer.

        Of an answer that refuses this question alone, it is what `refused` makes of the status. `most` bounds the bytes
        that are read. Raises BadConfig or BadData where asking anything cannot help, SourceUnreachable past patience.
        """
        url = f"{self._api.url.rstrip('/')}/{path}"
        body = json.dumps(question, ensure_ascii=False).encode()

        def once() -> T:
            with self._web.post(url, body, {"Content-Type": "application/json"}) as answer:
                if answer.status in FOR_THIS_QUESTION:
                    return refused(answer.status)
                self._web.must_be_good(url, answer)
                return read(_whole(answer, most))

        return self._web.patiently(url, once)

    def _key(self, digest: str) -> str:
        return f"{self._folder}/{digest[:2]}/{digest}.json"


def _whole(answer: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """Return the body of an answer, or its first `most` bytes. Raises HTTPError where it breaks off."""
    content = bytearray()
    for piece in answer.stream(PIECE):
        content += piece
        if len(content) > most:
            break
    return bytes(content[:most])


def _web(api: ModelApi, field: str, token: str, clock: Clock) -> Web:
    if api.token_secret is not None and not token:
        secret = api.token_secret
        raise BadConfig(
            "TokenMissing", f"{field}.tokenSecret: key {secret.key} of Secret {secret.name} is empty: fill it"
        )
    timeout = urllib3.Timeout(connect=10.0, read=api.timeout_seconds)
    pool = urllib3.PoolManager(retries=False, timeout=timeout, maxsize=api.parallel)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Web(field, headers, api.plain_http, clock=clock, pool=pool)
