"""What does OpenAI take for supervised fine-tuning?

Rules: its guide to supervised fine-tuning (at least 10 examples, files of up to 512 MB, examples of up to 65,536
tokens, longer ones are cut) and the format checks of its cookbook (every message has a known role and text, the
assistant speaks), as read in November 2026. Vendors that took over the format mostly took over the rules.
"""

from __future__ import annotations

from slipway_data.export.vendor import ROLES_OUT_OF_ORDER, Broken, FileRules, Vendor, empty
from slipway_data.rows import Message

MEGABYTE = 10**6
PER_MESSAGE = 4
"""Tokens that wrap a message: its begin, role, separator and end."""
PER_EXAMPLE = 3


def broken(messages: tuple[Message, ...]) -> Broken | None:
    """Return the first rule that an example breaks."""
    if messages[-1].role != "assistant":
        return Broken(ROLES_OUT_OF_ORDER, f"the last message is by {messages[-1].role}: it must be by assistant")
    return empty(messages)


def tokens(messages: tuple[Message, ...]) -> int:
    """Return how many tokens an example has at most.

    OpenAI's tokenizers work on bytes: no token is shorter than one. (Their vocabularies are downloaded when first used,
    and this pod has no network.) English text has about four bytes a token.
    """
    return PER_EXAMPLE + sum(PER_MESSAGE + len(message.content.encode()) for message in messages)


def line(messages: tuple[Message, ...]) -> dict[str, object]:
    """Return an example as OpenAI wants it."""
    return {"messages": [{"role": message.role, "content": message.content} for message in messages]}


OPENAI_CHAT = Vendor(
    format="OpenAIChat",
    folder="openai-chat",
    who="OpenAI",
    counting="UpperBound",
    files={
        "train": FileRules(least_rows=10, most_rows=None, most_bytes=512 * MEGABYTE),
        "validation": FileRules(least_rows=1, most_rows=None, most_bytes=512 * MEGABYTE),
    },
    most_rows=None,
    most_tokens=65_536,
    longer="Cut",
    broken=broken,
    tokens=tokens,
    line=line,
)
