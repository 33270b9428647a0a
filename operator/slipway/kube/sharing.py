"""How do thousands of objects that are nearly alike take the memory of few?

What is equal in two of them is kept once: the owner and labels of a root's children, the steps and metrics of Rollouts
that came from one template. Nobody changes what the store holds, so nobody notices.
"""

from __future__ import annotations

from typing import Any


def shared(value: Any, like: Any) -> Any:
    """Return what equals `value`, made of parts of `like` wherever these are the same, types included."""
    if value is like or type(value) is not type(like):
        return value
    if type(value) is dict:
        found = {name: shared(part, like[name]) if name in like else part for name, part in value.items()}
        same = len(found) == len(like) and all(name in like and part is like[name] for name, part in found.items())
        return like if same else found
    if type(value) is list:
        parts = [shared(part, other) for part, other in zip(value, like, strict=False)]
        parts += value[len(parts) :]
        same = len(parts) == len(like) and all(part is other for part, other in zip(parts, like, strict=True))
        return like if same else parts
    return like if value == like else value
