"""How are results published? One JSON line, and a table between two marks in docs/benchmarks.md."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Bucket, Spread, ratio

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "benchmarks.md"
RAW = REPOSITORY / "out" / "bench"

Figure = float | Spread | Bucket | None


@dataclass(frozen=True)
class Row:
    """One line of a table; less is better in every column. `None` was not measured."""

    what: str
    ours: Figure
    theirs: Sequence[Figure]
    goal: str = ""
    remark: str = ""


def table(peers: Sequence[str], rows: Iterable[Row]) -> str:
    """Return a Markdown table: ours, each peer, and ours against the best peer."""
    head = ["", "Slipway", *peers, "Slipway is", "Goal", "Remark"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        cells = [cell(row.ours), *(cell(figure) for figure in row.theirs)]
        lines.append([row.what, *cells, standing(row), row.goal, row.remark])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(figure: Figure) -> str:
    """Return a figure as text."""
    match figure:
        case None:
            return ""
        case Spread():
            return f"{number(figure.p50)} / {number(figure.p99)}"
        case Bucket(upto=math.inf):
            return f"more than {number(figure.above)}"
        case Bucket():
            return f"{number(figure.above)} to {number(figure.upto)}"
    return number(figure)


def number(value: float) -> str:
    """Return a number with as many digits as it deserves."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.2g}"


def standing(row: Row) -> str:
    """Return ours against the best of the peers, at the worse of two quantiles; of buckets nothing can be said."""
    ours, *theirs = (sizes(figure) for figure in (row.ours, *row.theirs))
    known = [found for found in theirs if found]
    if not ours or not known:
        return ""
    pairs = zip(ours, map(min, zip(*known, strict=True)), strict=True)
    return ratio(*max(pairs, key=lambda pair: pair[0] / pair[1] if pair[1] else math.inf))


def sizes(figure: Figure) -> tuple[float, ...]:
    """Return the numbers by which a figure is compared, if it has any."""
    match figure:
        case None | Bucket():
            return ()
        case Spread():
            return figure.p50, figure.p99
    return (figure,)


def spliced(page: str, name: str, text: str) -> str:
    """Return `page` with what stands between the marks of `name` replaced."""
    begin, end = f"<!-- {name} begins -->", f"<!-- {name} ends -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page lacks the lines {begin} and {end}: put them where the table belongs")
    return f"{before}{begin}\n{text.strip()}\n{end}{after}"


def publish(name: str, text: str, result: Mapping[str, Any]) -> None:
    """Write a bench's table into the page and tell its figures."""
    write(name, text)
    tell(name, result)


def write(name: str, text: str) -> None:
    """Write a table into the page, between the marks of `name`."""
    PAGE.write_text(spliced(PAGE.read_text(), name, text))


def tell(name: str, result: Mapping[str, Any]) -> None:
    """Keep the raw figures in a file, and print them as the last line: one JSON object."""
    RAW.mkdir(parents=True, exist_ok=True)
    (RAW / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result), flush=True)


def machine() -> str:
    """Return what the figures were measured on, in words."""
    cpus = len(os.sched_getaffinity(0))
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return f"{cpus} cores of {model}, {memory / 1024 / 1024:.0f} GiB, Linux {platform.release().split('-')[0]}"


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
