"""Which rows does a file of JSON lines hold?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slipway_data.raw import RawFile, Refused, decoded
from slipway_data.rows import NOTHING_TO_TRAIN_ON, SCHEMA_VIOLATION, Chat, Completion, Content, Message, Rejected


class _Line(BaseModel):
    """Fields that any line may have; others are left out."""

    model_config = ConfigDict(strict=True, extra="ignore")

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


def read(file: RawFile, schema: Literal["Chat", "Completion"]) -> Iterator[tuple[str, Content, str | None] | Rejected]:
    """Yield id, content and project of every line of `file`, and a rejection for every line that is no row."""
    number = 0
    try:
        for number, line in enumerate(file.lines(), start=1):
            if not line.strip():
                continue
            where = f"{file.path}:{number}"
            try:
                content, project = parsed(decoded(line), schema)
            except Refused as error:
                yield error.rejected(where)
            else:
                yield where, content, project
    except Refused as error:
        yield error.rejected(f"{file.path}:{number + 1}" if number else file.path)


def parsed(line: str, schema: Literal["Chat", "Completion"]) -> tuple[Content, str | None]:
    """Return the row that `line` is, and its project; raise Refused when it breaks the schema or trains nothing."""
    model = _ChatLine if schema == "Chat" else _CompletionLine
    try:
        found = model.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        message = f"{where}: {first['msg']}" if where else first["msg"]
        raise Refused(SCHEMA_VIOLATION, f"{message}. The schema {schema} wants {_wanted(schema)}") from None
    content = _content(found)
    if isinstance(content, Chat) and content.messages[-1].role != "assistant":
        raise Refused(SCHEMA_VIOLATION, f"messages: the last one is by {content.messages[-1].role}, not by assistant")
    if isinstance(content, Chat) and any(m.role == "system" for m in content.messages[1:]):
        raise Refused(SCHEMA_VIOLATION, "messages: only the first one may be by system")
    if not content.trained.strip():
        what = "every assistant message" if schema == "Chat" else "completion"
        raise Refused(NOTHING_TO_TRAIN_ON, f"{what} is empty, so no token of the row would be trained")
    return content, found.project


def _content(found: _ChatLine | _CompletionLine) -> Content:
    if isinstance(found, _CompletionLine):
        return Completion(found.prompt, found.completion)
    return Chat(tuple(Message(turn.role, turn.content) for turn in found.messages))


def _wanted(schema: Literal["Chat", "Completion"]) -> str:
    if schema == "Chat":
        return '{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}'
    return '{"prompt": "…", "completion": "…"}'
