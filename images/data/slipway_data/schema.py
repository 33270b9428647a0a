"""Is this a row of the schema?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slipway_data.raw import Refused
from slipway_data.rows import NOTHING_TO_TRAIN_ON, SCHEMA_VIOLATION, Chat, Completion, Content, Message, Parsed


class _Line(BaseModel):
    """Fields that any line may have; others are no part of the row, but steps may ask for them."""

    model_config = ConfigDict(strict=True, extra="allow")

    project: str | None = None


class _Turn(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    role: Literal["system", "user", "assistant"]
    content: str


class _ChatLine(_Line):
    messages: Annotated[list[_Turn], Field(min_length=1)]


class _CompletionLine(_Line):
    prompt: str
    completion: str


def parsed(
    id: str,
    found: str | Mapping[str, Any],
    schema: Literal["Chat", "Completion"],
    columns: frozenset[str] = frozenset(),
) -> Parsed:
    """Return the row that `found` (JSON text or columns) is, with those of `columns` that it has.

    Raise Refused where it breaks the schema, or trains nothing.
    """
    model = _ChatLine if schema == "Chat" else _CompletionLine
    try:
        checked = model.model_validate_json(found) if isinstance(found, str) else model.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        message = f"{where}: {first['msg']}" if where else first["msg"]
        raise Refused(SCHEMA_VIOLATION, f"{message}. The schema {schema} wants {_wanted(schema)}") from None
    content = _content(checked)
    if isinstance(content, Chat) and content.messages[-1].role != "assistant":
        raise Refused(SCHEMA_VIOLATION, f"messages: the last one is by {content.messages[-1].role}, not by assistant")
    if isinstance(content, Chat) and any(m.role == "system" for m in content.messages[1:]):
        raise Refused(SCHEMA_VIOLATION, "messages: only the first one may be by system")
    if not content.trained.strip():
        what = "every assistant message" if schema == "Chat" else "completion"
        raise Refused(NOTHING_TO_TRAIN_ON, f"{what} is empty, so no token of the row would be trained")
    others = {"project": checked.project, **(checked.model_extra or {})}
    return Parsed(id, content, checked.project, {name: others[name] for name in columns if name in others})


def _content(found: _ChatLine | _CompletionLine) -> Content:
    if isinstance(found, _CompletionLine):
        return Completion(found.prompt, found.completion)
    return Chat(tuple(Message(turn.role, turn.content) for turn in found.messages))


def _wanted(schema: Literal["Chat", "Completion"]) -> str:
    if schema == "Chat":
        return '{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}'
    return '{"prompt": "…", "completion": "…"}'
