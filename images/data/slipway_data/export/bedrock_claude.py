"""What does Amazon Bedrock take for fine-tuning a model of Anthropic's?

Rules: the data requirements of Bedrock's user guide and the checks of AWS's own validation script for Claude 3 Haiku
(32 to 10,000 examples to train, 32 to 1,000 to validate, 10,000 together; files of 10 and 1 GB; 32,000 tokens an
example, at three characters a token; the user begins, roles alternate, the assistant ends; the system prompt stands
beside the messages), as read in November 2026.
"""

from __future__ import annotations

from slipway_data.export.vendor import ROLES_OUT_OF_ORDER, Broken, FileRules, Vendor, empty
from slipway_data.rows import Message

GIBIBYTE = 2**30
CHARACTERS = 3
"""Of a token, by the vendor's own estimate."""


def broken(messages: tuple[Message, ...]) -> Broken | None:
    """Return the first rule that an example breaks."""
    _, turns = _parted(messages)
    for number, turn in enumerate(turns):
        wanted = ("user", "assistant")[number % 2]
        if turn.role != wanted:
            said = f"turn {number + 1} after the system prompt is by {turn.role}: user and assistant must take turns"
            return Broken(ROLES_OUT_OF_ORDER, f"{said}, the user first")
    if len(turns) < 2 or turns[-1].role != "assistant":
        return Broken(ROLES_OUT_OF_ORDER, "a user's message and the assistant's answer must be there, the answer last")
    return empty(messages)


def tokens(messages: tuple[Message, ...]) -> int:
    """Return how many tokens the vendor takes an example for."""
    return sum(len(message.content) // CHARACTERS for message in messages)


def line(messages: tuple[Message, ...]) -> dict[str, object]:
    """Return an example as Bedrock wants it; keys other than these are refused."""
    system, turns = _parted(messages)
    made: dict[str, object] = {"system": system.content} if system is not None else {}
    return made | {"messages": [{"role": turn.role, "content": turn.content} for turn in turns]}


def _parted(messages: tuple[Message, ...]) -> tuple[Message | None, tuple[Message, ...]]:
    if messages[0].role == "system":
        return messages[0], messages[1:]
    return None, messages


BEDROCK_CLAUDE = Vendor(
    format="BedrockClaude",
    folder="bedrock-claude",
    who="Amazon Bedrock",
    counting="Estimate",
    files={
        "train": FileRules(least_rows=32, most_rows=10_000, most_bytes=10 * GIBIBYTE),
        "validation": FileRules(least_rows=32, most_rows=1_000, most_bytes=GIBIBYTE),
    },
    most_rows=10_000,
    most_tokens=32_000,
    longer="Refused",
    broken=broken,
    tokens=tokens,
    line=line,
)
