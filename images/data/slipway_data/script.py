"""How is a thing of Blender written down as the Python that makes it?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ASKS = (
    "Write {}.",
    "Give me the Python code of {}.",
    "Make this for Blender: {}.",
)
DIGITS = 6


@dataclass(frozen=True)
class Script:
    """What is asked for, and the code that makes it; `name` tells it from others of its file."""

    name: str
    asked: str
    code: str


@dataclass(frozen=True)
class Left:
    """A thing that no script is written for, and why; `name` tells it from others of its file."""

    name: str
    why: str


def script(name: str, what: str, details: Iterable[str], code: Iterable[str]) -> Script:
    """Return the script that makes `what`; the same code is always asked for in the same words."""
    text = "\n".join(code)
    opening = ASKS[hashlib.sha256(text.encode()).digest()[0] % len(ASKS)]
    return Script(name, "\n".join([opening.format(what), *details]), text)


def assignments(target: str, settings: Mapping[str, Any], changed: Iterable[str]) -> list[str]:
    """Return one line for each of `settings` that was `changed`."""
    return [f"{target}.{name} = {literal(settings[name])}" for name in changed]


def words(settings: Mapping[str, Any], changed: Iterable[str]) -> str:
    """Return changed settings as a person lists them."""
    return ", ".join(f"{name.replace('_', ' ')} {spoken(settings[name])}" for name in changed)


def literal(value: Any) -> str:
    """Return `value` as Python has it, numbers to the digits that are known of them; lists of numbers are tuples."""
    if isinstance(value, list | tuple):
        inside = ", ".join(literal(one) for one in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, float):
        return repr(round(value, DIGITS) + 0.0)  # no -0.0
    return repr(value)


def spoken(value: Any) -> str:
    """Return `value` as words have it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return literal(value)


def variable(text: str, taken: set[str]) -> str:
    """Return a name for a variable that none of `taken` has, and take it."""
    base = re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)).strip("_").lower() or "thing"
    if base[0].isdigit():
        base = f"n_{base}"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    taken.add(name)
    return name
