"""How are questions, answers and checks shown at the end?"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from e2e.example.questions import Judged
from e2e.example.verdict import Check

LINES = 12


def answers(found: Sequence[Judged]) -> RenderableType:
    """Return each question with its answer, the first lines of both, and what is said of it."""
    parts: list[RenderableType] = []
    for one in found:
        passed = [layer for layer, holds in one.layers.items() if holds]
        said = "; ".join(filter(None, [", ".join(passed) or "nothing holds", one.why]))
        style = "green" if all(one.layers.values()) else "yellow" if passed else "red"
        parts += [
            Text(f"\n? {cut(one.said.question, 4)}", "bold"),
            Text(f"  {cut(one.said.text, LINES)}", "cyan"),
            Text(f"→ {said} ({one.said.seconds:.1f} s)", style),
        ]
    return Group(*parts)


def checked(found: Sequence[Check]) -> RenderableType:
    """Return one line for each check."""
    lines = (
        Text.assemble(
            ("✓ ", "green") if check.held else ("✗ ", "red bold"),
            check.claim,
            (f"  {check.evidence}", "dim" if check.held else "red"),
        )
        for check in found
    )
    return Group(Text(), *lines, Text())


def cut(text: str, lines: int) -> str:
    """Return the first `lines` of `text`, indented by two, and a mark where there were more."""
    found = text.strip().splitlines()
    shown = [*found[:lines], *(["…"] if len(found) > lines else [])]
    return "\n  ".join(shown)
