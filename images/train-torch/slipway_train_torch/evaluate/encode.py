"""Which tokens of a row are trained, and so judged?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slipway_train_torch.evaluate.items import Item


@dataclass(frozen=True)
class Encoded:
    """A row as tokens, and for each whether it is trained."""

    ids: tuple[int, ...]
    trained: tuple[bool, ...]


def encode(item: Item, tokenizer: Any) -> Encoded:
    """Return `item` as tokens: trained are the assistant's messages with their end, or the completion with its end."""
    if not item.chat:
        prompt = tokenizer(item.prompt)["input_ids"]
        rest = [*tokenizer(item.completion, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        return Encoded((*prompt, *rest), (*[False] * len(prompt), *[True] * len(rest)))
    messages = [{"role": role, "content": content} for role, content in item.messages]
    ids: list[int] = tokenizer.apply_chat_template(messages)["input_ids"]
    trained = [False] * len(ids)
    for at, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        start = len(tokenizer.apply_chat_template(messages[:at], add_generation_prompt=True)["input_ids"])
        end = len(tokenizer.apply_chat_template(messages[: at + 1])["input_ids"])
        trained[start:end] = [True] * (end - start)
    return Encoded(tuple(ids), tuple(trained))
