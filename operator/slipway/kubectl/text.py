"""How are times, bars, tables and colours written on a terminal?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from slipway.api.conditions import moment

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True)
class Screen:
    """What the text is for: columns (0: as many as it takes), rows (0: no end), and whether colours are wanted."""

    width: int = 0
    height: int = 0
    color: bool = False

    def paint(self, text: str, style: str) -> str:
        """Return `text` in a style of STYLES, or as it is."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.color and style and text else text

    def narrowed(self, lines: Sequence[str]) -> list[str]:
        """Return lines that do not wrap."""
        return [cut(line, self.width) for line in lines]

    def fit(self, lines: Sequence[str]) -> list[str]:
        """Return lines that neither wrap nor scroll, so that they can be drawn over."""
        fitted = self.narrowed(lines)
        if not self.height or len(fitted) <= self.height:
            return fitted
        return [*fitted[: self.height - 1], f"… {len(fitted) - self.height + 1} more lines"]


def cut(line: str, width: int) -> str:
    """Return `line` in at most `width` columns; escape codes take none."""
    if not width or len(_ESCAPE.sub("", line)) <= width:
        return line
    out, used, at = "", 0, 0
    while used < width - 1:
        escape = _ESCAPE.match(line, at)
        if escape:
            out, at = out + escape[0], escape.end()
            continue
        out, at, used = out + line[at], at + 1, used + 1
    return out + ("…\x1b[0m" if "\x1b" in out else "…")


def plain(text: str) -> str:
    """Return foreign text as one line without control characters: what a pod wrote must not steer the terminal."""
    return _CONTROL.sub(" ", text)


def bar(part: float, whole: float, columns: int) -> str:
    """Return a bar that is full at `part` = `whole`, and empty only at 0."""
    share = min(1.0, max(0.0, part / whole)) if whole > 0 else 1.0
    full = round(share * columns)
    full = min(max(full, 1), columns - 1) if 0 < share < 1 else full
    return "█" * full + "░" * (columns - full)


def span(seconds: float) -> str:
    """Return a time span as people say it: two units at most."""
    left = max(0, int(seconds))
    days, left = divmod(left, 86_400)
    hours, left = divmod(left, 3600)
    minutes, left = divmod(left, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{value} {unit}" for value, unit in parts[:2] if value or len(parts) == 1)


def ago(written: str | None, now: datetime) -> str:
    """Return how long ago a moment in status was, and nothing where there is none."""
    return f"{span((now - moment(written)).total_seconds())} ago" if written else "-"


def clock(written: str | None) -> str:
    """Return a moment in status for people: to the second, in UTC."""
    return moment(written).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if written else "-"


def table(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[list[str]]:
    """Return cells padded to the widest of their column; columns in `right` end flush, the last is left as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1

    def padded(index: int, cell: str) -> str:
        if index in right:
            return cell.rjust(widths[index])
        return cell if index == last else cell.ljust(widths[index])

    return [[padded(index, cell) for index, cell in enumerate(row)] for row in rows]
