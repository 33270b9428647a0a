"""What is a row of a dataset on its way through the steps?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from slipway_data.sketch import Sketch


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


@dataclass(frozen=True)
class Preference:
    """A conversation, and two answers to it; the one chosen is to become likelier than the one rejected."""

    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]

    @property
    def trained(self) -> str:
        """The text that is trained: what the model is to say."""
        return "\n".join(m.content for m in self.chosen)

    @property
    def text(self) -> str:
        """Everything that tells one row from another; system prompts are the same in many."""
        every = (*self.prompt, *self.chosen, *self.rejected)
        return "\n".join(m.content for m in every if m.role != "system")

    def mapped(self, change: Callable[[str], str]) -> Preference:
        """Return the preference with `change` applied to every text."""

        def all_of(messages: tuple[Message, ...]) -> tuple[Message, ...]:
            return tuple(replace(m, content=change(m.content)) for m in messages)

        return Preference(all_of(self.prompt), all_of(self.chosen), all_of(self.rejected))

    def dump(self) -> dict[str, object]:
        """Return the columns of the row."""
        named = {"prompt": self.prompt, "chosen": self.chosen, "rejected": self.rejected}
        return {name: [{"role": m.role, "content": m.content} for m in said] for name, said in named.items()}


Content = Chat | Completion | Preference


def content_of(columns: Mapping[str, Any]) -> Content:
    """Return the content of which `columns` are the dump."""
    if "messages" in columns:
        return Chat(_turns(columns["messages"]))
    if "chosen" in columns:
        return Preference(*(_turns(columns[name]) for name in ("prompt", "chosen", "rejected")))
    return Completion(columns["prompt"], columns["completion"])


def _turns(said: list[dict[str, str]]) -> tuple[Message, ...]:
    return tuple(Message(m["role"], m["content"]) for m in said)


def is_text(text: str) -> bool:
    """Tell whether `text` can be written down. Half a pair of surrogates cannot: no UTF-8 has it.

    Python's literals, YAML and JSON can all spell one, so it may be in what was read from a file that is good UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def spelled(text: str) -> str:
    """Return `text` with what cannot be written down spelled out, as \\ud83d is."""
    return text.encode(errors="backslashreplace").decode()


def instruction(asked: str, answer: str, schema: Literal["Chat", "Completion"], system: str) -> Content:
    """Return the row that teaches `answer` to who is asked; `system` says the task, in the schema that has room."""
    if schema == "Completion":
        return Completion(f"{asked}\n", answer)
    return Chat((Message("system", system), Message("user", asked), Message("assistant", answer)))


class Ids:
    """The ids that a file's rows have. A name that comes again gets a number, in the order of the file.

    Names are free: where one is written like a name with its number, the next number is taken.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: Counter[str] = Counter()

    def next(self, name: str) -> str:
        """Return the id of the next row that is called `name`."""
        called = name
        while self._seen[called]:
            self._seen[name] += 1
            called = f"{name}~{self._seen[name]}"
        self._seen[called] = 1
        return f"{self._path}#{called}"


@dataclass(frozen=True)
class Parsed:
    """What a reader found.

    `project` is the row's own word for its project, where it has one; `columns` are what else steps want to know of it.
    `group` is what it must stay together with where its file does not say that, `split` the split that it has already.
    """

    id: str
    content: Content
    project: str | None = None
    columns: Mapping[str, object] = field(default_factory=dict)
    group: str | None = None
    split: str = ""


@dataclass(frozen=True)
class Row:
    """A row; `id` says where it came from, `group` what must stay together in one split.

    Steps may judge it by `path`, its file, by `project` and by `columns`, which are no part of the dataset. `split` is
    the one that it must have; empty means that its group decides.
    """

    id: str
    group: str
    content: Content
    path: str = ""
    project: str = ""
    columns: Mapping[str, object] = field(default_factory=dict)
    split: str = ""
    drawn: Sketch | None = field(default=None, compare=False, repr=False)
    """Its sketch, where the next step needs one. Whatever changes the content drops it."""


@dataclass(frozen=True)
class Rejected:
    """A row (or a whole file) that is left out. The message never quotes the data: it may hold secrets.

    Of a duplicate, `like` is the kept row that it is like. `rows` is more than 1 where rows were lost together, which
    `id` is the first of.
    """

    id: str
    reason: str
    message: str
    like: str = ""
    similarity_percent: int = 0
    rows: int = 1

    def line(self) -> str:
        """Return the report's line; it says how many rows it stands for, where these are several."""
        entry: dict[str, object] = {"id": self.id, "reason": self.reason, "message": self.message}
        if self.rows > 1:
            entry["rows"] = self.rows
        return json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n"


ANNOTATION_FAILED = "AnnotationFailed"
CONTAMINATED = "Contaminated"
DUPLICATE = "Duplicate"
EMBEDDING_FAILED = "EmbeddingFailed"
FEW_ALPHANUMERICS = "FewAlphanumerics"
LICENCE_NOT_ALLOWED = "LicenceNotAllowed"
LICENCE_UNKNOWN = "LicenceUnknown"
LINE_TOO_LONG = "LineTooLong"
LOW_QUALITY = "LowQuality"
NO_PAIR = "NoPair"
NO_VERDICT = "NoVerdict"
NOT_FOR_TRAINING = "NotForTraining"
NOTHING_TO_ASK = "NothingToAsk"
NOTHING_TO_TRAIN_ON = "NothingToTrainOn"
NOT_LIKED = "NotLiked"
NOT_RECREATED = "NotRecreated"
OTHER_LANGUAGE = "OtherLanguage"
REPEATED_ID = "RepeatedId"
SCHEMA_VIOLATION = "SchemaViolation"
SOURCE_REFUSED = "SourceRefused"
SURPLUS = "Surplus"
TOO_LONG = "TooLong"
TOO_SHORT = "TooShort"
UNREADABLE_FILE = "UnreadableFile"
WRONG_ENCODING = "WrongEncoding"
