"""What is a row of a dataset on its way through the steps?"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Message:
    """One turn of a chat."""

    role: str
    content: str


@dataclass(frozen=True)
class Chat:
    """A conversation; what the assistant says is trained."""

    messages: tuple[Message, ...]

    @property
    def trained(self) -> str:
        """The text that is trained."""
        return "\n".join(m.content for m in self.messages if m.role == "assistant")

    @property
    def text(self) -> str:
        """Everything that tells one row from another; system prompts are the same in many."""
        return "\n".join(m.content for m in self.messages if m.role != "system")

    def mapped(self, change: Callable[[str], str]) -> Chat:
        """Return the chat with `change` applied to every text."""
        return Chat(tuple(replace(m, content=change(m.content)) for m in self.messages))

    def dump(self) -> dict[str, object]:
        """Return the columns of the row."""
        return {"messages": [{"role": m.role, "content": m.content} for m in self.messages]}


@dataclass(frozen=True)
class Completion:
    """A prompt and its completion; the completion is trained."""

    prompt: str
    completion: str

    @property
    def trained(self) -> str:
        """The text that is trained."""
        return self.completion

    @property
    def text(self) -> str:
        """Everything that tells one row from another."""
        return f"{self.prompt}\n{self.completion}"

    def mapped(self, change: Callable[[str], str]) -> Completion:
        """Return the pair with `change` applied to both texts."""
        return Completion(change(self.prompt), change(self.completion))

    def dump(self) -> dict[str, object]:
        """Return the columns of the row."""
        return {"prompt": self.prompt, "completion": self.completion}


Content = Chat | Completion


@dataclass(frozen=True)
class Row:
    """A row; `id` says where it came from, `group` what must stay together in one split."""

    id: str
    group: str
    content: Content


@dataclass(frozen=True)
class Rejected:
    """A row (or a whole file) that is left out. The message never quotes the data: it may hold secrets.

    Of a duplicate, `like` is the kept row that it is like.
    """

    id: str
    reason: str
    message: str
    like: str = ""
    similarity_percent: int = 0

    def line(self) -> str:
        """Return the report's line."""
        entry = {"id": self.id, "reason": self.reason, "message": self.message}
        return json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n"


DUPLICATE = "Duplicate"
NOTHING_TO_TRAIN_ON = "NothingToTrainOn"
SCHEMA_VIOLATION = "SchemaViolation"
TOO_LONG = "TooLong"
TOO_SHORT = "TooShort"
UNREADABLE_FILE = "UnreadableFile"
WRONG_ENCODING = "WrongEncoding"
