"""Is this a row of the schema?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError

from slipway.api.dataset import Schema
from slipway.api.faults import first_fault
from slipway_data.raw import Refused
from slipway_data.rows import (
    NOTHING_TO_TRAIN_ON,
    SCHEMA_VIOLATION,
    Chat,
    Completion,
    Content,
    Message,
    Parsed,
    Preference,
)


class _Line(BaseModel):
    """Fields that any line may have; others are no part of the row, but steps may ask for them."""

    model_config = ConfigDict(strict=True, extra="allow")

    project: str | None = None


class _Turn(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    role: Literal["system", "user", "assistant"]
    content: str


_Turns = Annotated[list[_Turn], Field(min_length=1), FailFast()]
"""With its first fault only: to tell all faults of a line takes a hundred times its size, and nobody reads them."""


class _ChatLine(_Line):
    messages: _Turns


class _CompletionLine(_Line):
    prompt: str
    completion: str


class _PreferenceLine(_Line):
    prompt: _Turns
    chosen: _Turns
    rejected: _Turns


LINES: dict[str, type[_Line]] = {"Chat": _ChatLine, "Completion": _CompletionLine, "Preference": _PreferenceLine}
WANTED = {
    "Chat": '{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}',
    "Completion": '{"prompt": "…", "completion": "…"}',
    "Preference": '{"prompt": [{"role": "user", "content": "…"}], "chosen": [{"role": "assistant", "content": "…"}], '
    '"rejected": [{"role": "assistant", "content": "…"}]}',
}


def parsed(
    id: str,
    found: str | Mapping[str, Any],
    schema: Schema,
    columns: frozenset[str] = frozenset(),
) -> Parsed:
    """Return the row that `found` (JSON text or columns) is, with those of `columns` that it has.

    Raise Refused where it breaks the schema, or trains nothing.
    """
    model = LINES[schema]
    try:
        checked = model.model_validate_json(found) if isinstance(found, str) else model.model_validate(found)
    except ValidationError as error:
        raise Refused(SCHEMA_VIOLATION, f"{first_fault(error)}. The schema {schema} wants {WANTED[schema]}") from None
    content = _content(checked)
    check(content)
    others = {"project": checked.project, **(checked.model_extra or {})}
    return Parsed(id, content, checked.project, {name: others[name] for name in columns if name in others})


def check(content: Content) -> None:
    """Raise Refused where the turns are in no order that can be trained, or nothing would be."""
    match content:
        case Chat(messages=messages):
            _ends_with("messages", messages, "assistant")
            _one_system("messages", messages)
            what = "every assistant message"
        case Preference(prompt=prompt, chosen=chosen, rejected=rejected):
            _ends_with("prompt", prompt, "user")
            _one_system("prompt", prompt)
            for name, said in (("chosen", chosen), ("rejected", rejected)):
                if any(m.role != "assistant" for m in said):
                    raise Refused(SCHEMA_VIOLATION, f"{name}: an answer has messages by assistant only")
                if not any(m.content.strip() for m in said):
                    raise Refused(NOTHING_TO_TRAIN_ON, f"{name} is empty, so there is nothing to compare")
            if chosen == rejected:
                raise Refused(NOTHING_TO_TRAIN_ON, "chosen and rejected are equal, so neither is to be preferred")
            return
        case _:
            what = "completion"
    if not content.trained.strip():
        raise Refused(NOTHING_TO_TRAIN_ON, f"{what} is empty, so no token of the row would be trained")


def _ends_with(name: str, messages: tuple[Message, ...], role: str) -> None:
    if messages[-1].role != role:
        raise Refused(SCHEMA_VIOLATION, f"{name}: the last one is by {messages[-1].role}, not by {role}")


def _one_system(name: str, messages: tuple[Message, ...]) -> None:
    if any(m.role == "system" for m in messages[1:]):
        raise Refused(SCHEMA_VIOLATION, f"{name}: only the first one may be by system")


def _content(found: _Line) -> Content:
    match found:
        case _CompletionLine():
            return Completion(found.prompt, found.completion)
        case _PreferenceLine():
            return Preference(_turns(found.prompt), _turns(found.chosen), _turns(found.rejected))
    assert isinstance(found, _ChatLine), "every schema has its line"
    return Chat(_turns(found.messages))


def _turns(found: list[_Turn]) -> tuple[Message, ...]:
    return tuple(Message(turn.role, turn.content) for turn in found)
