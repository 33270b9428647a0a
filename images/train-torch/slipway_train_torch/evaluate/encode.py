"""Which tokens of a row are trained, and so judged?"""

from __future__ import annotations

from typing import Any

from slipway_formats.tokens.encode import Encoded, chat, completion
from slipway_train_torch.evaluate.items import Item

__all__ = ["Encoded", "encode"]


def encode(item: Item, tokenizer: Any) -> Encoded:
    """Return `item` as tokens: trained are the assistant's messages with their end, or the completion with its end."""
    return chat(item.messages, tokenizer) if item.chat else completion(item.prompt, item.completion, tokenizer)
