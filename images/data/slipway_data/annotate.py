"""What does an annotate step write, and into which part of a row?

Both ways what rows hold is data. A template is compiled once, from the spec, and gets texts as values; what comes out
is a text and is not looked into again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from slipway.api.dataset_annotate import Annotate, Augment
from slipway_data.raw import Refused
from slipway_data.rows import (
    ANNOTATION_FAILED,
    Chat,
    Completion,
    Content,
    Message,
    Preference,
    Rejected,
    Row,
    is_text,
)
from slipway_pod.errors import BadConfig

Part = Literal["Prompt", "Answer", "System"]
VARIABLES = frozenset({"prompt", "answer", "system", "id", "path", "project"})


class FromTemplate:
    """Writes what a template says of each row; of an augment step, of each variant too."""

    def __init__(self, step: Annotate, number: int) -> None:
        self._part, self._most = step.write, step.max_characters
        environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        where = f"steps[{number}].{named(step)}.template"
        try:
            known = VARIABLES | ({"variant"} if isinstance(step, Augment) else set())
            unknown = meta.find_undeclared_variables(environment.parse(step.template or "")) - known
            self._template = environment.from_string(step.template or "")
        except jinja2.TemplateSyntaxError as error:
            raise BadConfig("BadTemplate", f"{where}, line {error.lineno}: {error.message}: correct it") from error
        if unknown:
            said = f"{where}: there is no {sorted(unknown)[0]}; there are {', '.join(sorted(known))}"
            raise BadConfig("BadTemplate", said)

    def __call__(self, row: Row, variant: int = 0) -> Row | Rejected:
        """Return the row with its new part, or why there is none."""
        text = ""
        try:
            known = parts(row.content) | {"id": row.id, "path": row.path, "project": row.project}
            for piece in self._template.generate(**known, variant=variant):
                text += piece
                if len(text) > self._most:
                    break
        except Exception as error:  # a template may fail in any way that Python can, and so may each row
            # By its kind only: messages of Python quote values, which are data.
            return Rejected(row.id, ANNOTATION_FAILED, f"the template ended with {type(error).__name__} for this row")
        return annotated(row, self._part, text, self._most)


def annotated(row: Row, part: Part, text: str, most: int) -> Row | Rejected:
    """Return `row` with `text` as its `part`, or why it cannot be."""
    if len(text) > most:
        return Rejected(row.id, ANNOTATION_FAILED, f"more than {most} characters, maxCharacters, were written")
    if not text.strip():
        return Rejected(row.id, ANNOTATION_FAILED, "nothing was written")
    if not is_text(text):
        message = "half a character (a lone surrogate, such as \\ud83d) was written"
        return Rejected(row.id, ANNOTATION_FAILED, message)
    try:
        return replace(row, content=written(row.content, part, text), drawn=None)
    except Refused as error:
        return error.rejected(row.id)


def parts(content: Content) -> dict[str, str]:
    """Return the texts of a row by name; what a row has not is empty. Of a preference, the answer is the one chosen."""
    match content:
        case Completion(prompt=prompt, completion=completion):
            return {"prompt": prompt, "answer": completion, "system": ""}
        case Chat(messages=messages):
            return {
                "prompt": _last(messages, "user"),
                "answer": _last(messages, "assistant"),
                "system": _system(messages),
            }
        case Preference(prompt=asked, chosen=chosen):
            return {"prompt": _last(asked, "user"), "answer": _last(chosen, "assistant"), "system": _system(asked)}


def written(content: Content, part: Part, text: str) -> Content:
    """Return `content` with `text` as its `part`; raise Refused where it has none."""
    match content:
        case Completion() if part != "System":
            return replace(content, **{"prompt" if part == "Prompt" else "completion": text})
        case Chat(messages=messages):
            return Chat(_with(messages, part, text))
        case Preference(prompt=asked) if part != "Answer":
            return replace(content, prompt=_with(asked, part, text))
    raise BadConfig("BadSteps", f"annotate.write: rows of this schema have no {part} that could be written")


def _with(messages: tuple[Message, ...], part: Part, text: str) -> tuple[Message, ...]:
    if part == "System":
        rest = messages[1:] if messages[0].role == "system" else messages
        return (Message("system", text), *rest)
    role = "user" if part == "Prompt" else "assistant"
    at = max((at for at, message in enumerate(messages) if message.role == role), default=None)
    if at is None:
        raise Refused(ANNOTATION_FAILED, f"it has no message by {role} that could be written anew")
    return (*messages[:at], Message(role, text), *messages[at + 1 :])


def _last(messages: Sequence[Message], role: str) -> str:
    return next((message.content for message in reversed(messages) if message.role == role), "")


def _system(messages: Sequence[Message]) -> str:
    return messages[0].content if messages[0].role == "system" else ""


def question(content: Content) -> dict[str, Any]:
    """Return what a language model is shown of a row."""
    return {name: text for name, text in parts(content).items() if text}


def named(step: Annotate) -> str:
    """Return what a step is called in the spec."""
    return "augment" if isinstance(step, Augment) else "annotate"
