"""How are gauges that are read from statuses written in Prometheus' text format?

Nothing is kept: what is gone is in no answer. Thousands of objects are written in portions, between which the event
loop turns, so that a scrape delays no verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from slipway.plan import Manifest

PORTION = 100
"""Objects written in one go: about a millisecond."""

Figure = tuple[str, Mapping[str, str], float]
"""Family, labels and value."""


async def gauges(
    prefix: str,
    families: Mapping[str, str],
    objects: Iterable[Manifest],
    figures: Callable[[Manifest], Iterable[Figure]],
    wanted: Collection[str] = (),
) -> str:
    """Return the gauges `prefix`_<family> of `objects`; `families` says what each is.

    Of those `wanted`, by their whole names, where any are named.
    """
    lines: dict[str, list[str]] = {name: [] for name in families if not wanted or f"{prefix}_{name}" in wanted}
    for number, found in enumerate(list(objects) if lines else (), start=1):
        for family, labels, value in figures(found):
            if family in lines:
                lines[family].append(_line(f"{prefix}_{family}", labels, value))
        if number % PORTION == 0:
            await asyncio.sleep(0)
    return "".join(
        f"# HELP {prefix}_{name} {said}\n# TYPE {prefix}_{name} gauge\n{''.join(lines[name])}"
        for name, said in families.items()
        if name in lines
    )


def number(written: Any) -> float | None:
    """Return what a status writes as a number, None where it is none: no data is no 0."""
    try:
        return float(written)
    except (TypeError, ValueError):
        return None


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    written = ",".join(f'{label}="{_escaped(word)}"' for label, word in labels.items())
    return f"{name}{{{written}}} {value!r}\n"


def _escaped(word: str) -> str:
    return word.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
