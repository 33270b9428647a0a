"""What is a vendor of hosted tuning to us? The form of its lines and the rules that it checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from slipway.api.dataset_export import HostedFormat
from slipway_data.rows import Chat, Completion, Content, Message
from slipway_pod.errors import BadConfig

EMPTY_MESSAGE = "EmptyMessage"
ROLES_OUT_OF_ORDER = "RolesOutOfOrder"
TOO_MANY_TOKENS = "TooManyTokens"


@dataclass(frozen=True)
class Broken:
    """A rule that one row breaks. The message never quotes the row."""

    reason: str
    message: str


@dataclass(frozen=True)
class FileRules:
    """What a file must be for the vendor to take it."""

    least_rows: int
    most_rows: int | None
    most_bytes: int


@dataclass(frozen=True)
class Vendor:
    """The form and the rules of one vendor."""

    format: HostedFormat
    folder: str
    who: str
    counting: Literal["UpperBound", "Estimate"]
    """How `tokens` counts."""
    files: dict[str, FileRules]
    """By split; the test split is for judging, no vendor gets it."""
    most_rows: int | None
    """Of all files together."""
    most_tokens: int
    """Of one example."""
    longer: Literal["Refused", "Cut"]
    """What the vendor does with a longer one."""
    broken: Callable[[tuple[Message, ...]], Broken | None]
    """Return the first rule that the messages break, besides that of length."""
    tokens: Callable[[tuple[Message, ...]], int]
    line: Callable[[tuple[Message, ...]], dict[str, object]]


def messages_of(content: Content) -> tuple[Message, ...]:
    """Return a row as a conversation: a prompt is what the user says, its completion what the assistant answers."""
    if isinstance(content, Chat):
        return content.messages
    if isinstance(content, Completion):
        return Message("user", content.prompt), Message("assistant", content.completion)
    raise BadConfig("BadExport", "export: preferences go into no file for hosted tuning: leave export out")


def empty(messages: tuple[Message, ...]) -> Broken | None:
    """Return what is broken where a message says nothing."""
    for number, message in enumerate(messages):
        if not message.content.strip():
            said = f"messages[{number}], by {message.role}, is empty: give it text, or leave it out"
            return Broken(EMPTY_MESSAGE, said)
    return None
