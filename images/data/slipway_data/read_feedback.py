"""Which rows follow from what users said of answers?

Records are gathered in tables on disk: the votes on an answer may be spread over many files, and what is preferred is
known only when all answers to a prompt are.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from slipway.api.dataset import Schema
from slipway.api.dataset_feedback import FeedbackSource
from slipway.api.faults import first_fault
from slipway.contract.feedback import FeedbackRecord
from slipway_data.raw import RawFile, Refused, decoded
from slipway_data.rows import (
    DUPLICATE,
    NO_PAIR,
    NO_VERDICT,
    NOT_LIKED,
    SCHEMA_VIOLATION,
    Chat,
    Content,
    Message,
    Parsed,
    Preference,
    Rejected,
)

HEX = 16
"""Digits of a digest that name a prompt or an answer in ids."""


@dataclass(frozen=True)
class Answer:
    """An answer to a prompt, and by how many votes those for it outnumber those against."""

    digest: bytes
    net: int
    verdict: Literal["Liked", "Disliked", "None"]
    corrected: bool


class Feedback:
    """The records of all files, by prompt and answer."""

    def __init__(self, source: FeedbackSource, schema: Schema, database: sqlite3.Connection) -> None:
        self._source, self._schema, self._database = source, schema, database
        self._versions = frozenset(source.versions)
        database.execute("CREATE TABLE said_texts (digest BLOB PRIMARY KEY, text TEXT) WITHOUT ROWID")
        database.execute(
            "CREATE TABLE said (id TEXT PRIMARY KEY, place TEXT, prompt BLOB, answer BLOB, vote INTEGER, "
            "correction BLOB, project TEXT) WITHOUT ROWID"
        )

    def take(self, file: RawFile) -> Iterator[Rejected]:
        """Take every record of `file` into account; yield what is no record, and records that another one replaced."""
        number = 0
        try:
            for number, line in enumerate(file.lines(), start=1):
                where = f"{file.path}:{number}"
                if isinstance(line, Refused):
                    yield line.rejected(where)
                    continue
                if not line.strip():
                    continue
                try:
                    yield from self._record(where, FeedbackRecord.model_validate_json(decoded(line)))
                except ValidationError as error:
                    yield Rejected(where, SCHEMA_VIOLATION, first_fault(error))
                except Refused as error:
                    yield error.rejected(where)
        except Refused as error:
            yield error.rejected(f"{file.path}:{number + 1}" if number else file.path)

    def rows(self) -> Iterator[Parsed | Rejected]:
        """Yield what follows for every prompt, in an order that depends on the prompts alone."""
        self._database.execute("CREATE INDEX said_by_prompt ON said (prompt, answer)")
        query = "SELECT prompt, MIN(project) FROM said GROUP BY prompt ORDER BY prompt"
        for prompt, project in self._database.execute(query):
            for id, found in self._of(prompt):
                if isinstance(found, Rejected):
                    yield found
                else:
                    yield Parsed(id, found, project, group=prompt.hex()[:HEX])

    def _record(self, where: str, record: FeedbackRecord) -> Iterator[Rejected]:
        if self._versions and record.version not in self._versions:
            return
        query = "SELECT place FROM said WHERE id = ?"
        before = self._database.execute(query, (record.id,)).fetchone()
        if before is not None:
            yield Rejected(before[0], DUPLICATE, f"{where} has the same id and replaces it")
        prompt = self._kept(json.dumps([[m.role, m.content] for m in record.prompt], ensure_ascii=False))
        correction = (record.correction or "").strip()
        if correction == record.answer.strip():
            correction = ""
        values = (
            record.id,
            where,
            prompt,
            self._kept(record.answer.strip()),
            self._vote(record),
            self._kept(correction) if correction else None,
            record.project,
        )
        self._database.execute("INSERT OR REPLACE INTO said VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def _vote(self, record: FeedbackRecord) -> int:
        """Return 1 for, -1 against, 0 neither; of thumb and rating that disagree, neither counts."""
        votes = {"up": 1, "down": -1, None: 0}[record.thumb]
        if record.rating is not None:
            votes += record.rating >= self._source.positive_ratings
            votes -= record.rating <= self._source.negative_ratings
        return (votes > 0) - (votes < 0)

    def _of(self, prompt: bytes) -> Iterator[tuple[str, Content | Rejected]]:
        """Yield what follows for one prompt."""
        answers = self._answers(prompt)
        disliked = {a.digest for a in answers if a.verdict == "Disliked"}
        query = "SELECT DISTINCT answer, correction FROM said WHERE prompt = ? AND correction IS NOT NULL ORDER BY 1, 2"
        found = self._database.execute(query, (prompt,)).fetchall()
        corrections = [(answer, better) for answer, better in found if better not in disliked]
        turns = tuple(Message(role, content) for role, content in json.loads(self._text(prompt)))
        liked = sorted((a for a in answers if a.verdict == "Liked"), key=lambda a: (-a.net, a.digest))
        if self._schema == "Chat":
            good = dict.fromkeys([*(a.digest for a in liked), *(c for _, c in corrections)])
            for digest in sorted(good):
                yield _id(prompt, digest), Chat((*turns, Message("assistant", self._text(digest))))
            used = set(good)
        else:
            pairs = {(chosen, rejected) for rejected, chosen in corrections}
            # One pair for each answer that is disliked, with the one liked most: all with all would be a product.
            pairs |= {(liked[0].digest, digest) for digest in disliked if liked}
            # Where people contradict each other, neither is preferred.
            pairs = {(one, other) for one, other in pairs if (other, one) not in pairs}
            for chosen, rejected in sorted(pairs):
                said = [(Message("assistant", self._text(digest)),) for digest in (chosen, rejected)]
                yield _id(prompt, chosen, rejected), Preference(turns, *said)
            used = {digest for pair in pairs for digest in pair}
        for answer in answers:
            if answer.digest not in used and not answer.corrected:
                id = _id(prompt, answer.digest)
                yield id, Rejected(id, *self._unused(answer))

    def _answers(self, prompt: bytes) -> list[Answer]:
        query = "SELECT answer, SUM(vote), COUNT(correction) FROM said WHERE prompt = ? GROUP BY answer ORDER BY answer"
        found = []
        for digest, net, corrected in self._database.execute(query, (prompt,)).fetchall():
            margin = self._source.min_margin
            # Who corrects an answer does not want it, however many like it.
            verdict: Literal["Liked", "Disliked", "None"] = "None"
            if net <= -margin:
                verdict = "Disliked"
            elif net >= margin and not corrected:
                verdict = "Liked"
            found.append(Answer(digest, net, verdict, corrected > 0))
        return found

    def _unused(self, answer: Answer) -> tuple[str, str]:
        """Return why no row has this answer."""
        if answer.verdict == "None":
            said = f"those for it outnumber those against by {answer.net}, feedback.minMargin is"
            return NO_VERDICT, f"{said} {self._source.min_margin}"
        if self._schema == "Chat":
            return NOT_LIKED, "it is disliked, and nobody wrote a better one"
        return NO_PAIR, f"it is {answer.verdict.lower()}, and there is no answer to the same prompt to compare it with"

    def _kept(self, text: str) -> bytes:
        digest = hashlib.sha256(text.encode()).digest()
        self._database.execute("INSERT OR IGNORE INTO said_texts VALUES (?, ?)", (digest, text))
        return digest

    def _text(self, digest: bytes) -> str:
        found = self._database.execute("SELECT text FROM said_texts WHERE digest = ?", (digest,)).fetchone()
        return str(found[0])


def _id(prompt: bytes, *answers: bytes) -> str:
    return "/".join(["feedback", *(digest.hex()[:HEX] for digest in (prompt, *answers))])
