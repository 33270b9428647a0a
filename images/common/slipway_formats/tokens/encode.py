"""Which tokens is a row, and which of them are trained, and so judged?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Messages = Sequence[tuple[str, str]]
"""(role, content) in order."""


class Tokenizer(Protocol):
    """What is asked of a tokenizer: that of transformers is one, and ours (see tokenizer.py) is another."""

    @property
    def eos_token_id(self) -> int | None:
        """The number of the token that ends a text."""

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> Mapping[str, Any]:
        """Return a text's tokens as `input_ids`, by default with what the model wants around them."""

    def apply_chat_template(
        self, conversation: list[dict[str, str]], *, add_generation_prompt: bool = False
    ) -> Mapping[str, Any]:
        """Return a conversation's tokens as `input_ids`, with how an answer begins where that is asked for."""


@dataclass(frozen=True)
class Encoded:
    """A row as tokens, and for each whether it is trained."""

    ids: tuple[int, ...]
    trained: tuple[bool, ...]


def chat(messages: Messages, tokenizer: Tokenizer) -> Encoded:
    """Return a conversation as tokens; trained are the assistant's messages with their end."""
    said = [{"role": role, "content": content} for role, content in messages]
    ids: list[int] = tokenizer.apply_chat_template(said)["input_ids"]
    trained = [False] * len(ids)
    for at, message in enumerate(said):
        if message["role"] != "assistant":
            continue
        start = len(tokenizer.apply_chat_template(said[:at], add_generation_prompt=True)["input_ids"])
        end = len(tokenizer.apply_chat_template(said[: at + 1])["input_ids"])
        trained[start:end] = [True] * (end - start)
    return Encoded(tuple(ids), tuple(trained))


def completion(prompt: str, answer: str, tokenizer: Tokenizer) -> Encoded:
    """Return a prompt and its completion as tokens; trained is the completion with its end."""
    asked = tokenizer(prompt)["input_ids"]
    rest = [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    return Encoded((*asked, *rest), (*[False] * len(asked), *[True] * len(rest)))
