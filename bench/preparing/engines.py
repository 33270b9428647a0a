"""How do other engines do the same work in the same run? `python -m bench.data --engines ray daft`

Filter and redaction are Slipway's own functions in each of them, so what differs is what spreads the rows and what
finds those that are alike. datatrove runs too, with Slipway's words and patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from bench.preparing import truth
from bench.preparing.pipelines import Bench, Side
from bench.preparing.plan import Run
from bench.preparing.settings import SETTINGS
from bench.preparing.text import Text
from bench.preparing.truth import Verdict
from bench.report import machine, number, publish
from e2e.setup.progress import Steps, say

NAMES = {"slipway": "Slipway", "datatrove": "datatrove", "ray": "Ray Data", "daft": "Daft"}
Once = Callable[[Text], tuple[Run, set[str]]]


def pipelines(bench: Bench, engines: Sequence[str]) -> dict[str, Once]:
    """Return what runs each pipeline once, by its name."""
    setting = list(SETTINGS)[-1]
    found: dict[str, Once] = {"slipway": bench.slipway, "datatrove": lambda of: bench.peer(of, setting)}
    return found | {name: lambda of, name=name: bench.engine(of, name) for name in engines}


def measured(bench: Bench, of: Text, engines: Sequence[str], repetitions: int, steps: Steps) -> None:
    """Run all of them in turns over the text, and publish their table. One that fails is told below it."""
    runs: dict[str, list[Run]] = {}
    kept: dict[str, set[str]] = {}
    failed: list[str] = []
    every = pipelines(bench, engines)
    for _ in range(repetitions):
        for name, once in every.items():
            with steps.step(f"{NAMES[name]}: {of.rows} rows"):
                try:
                    run, kept[name] = once(of)
                except SystemExit as error:
                    failed.append(f"{NAMES[name]}: {error}")
                    continue
                runs.setdefault(name, []).append(run)
                say(f"      {run}")
    with steps.step("which texts are alike in truth"):
        verdicts = dict(zip(kept, truth.verdicts(bench.plan, of.folder, *kept.values()), strict=True))
    sides = {name: Side.of(found, of.rows) for name, found in runs.items()}
    said = (
        f"Measured on {machine()}, {bench.plan.workers} workers, each {times(repetitions)}, in turns: {of.rows} files, "
        f"{of.bytes / 1e6:.0f} MB of text. Runs that failed: {'; '.join(failed) or 'none'}."
    )
    figures = {
        name: side.json() | {"kept": len(kept[name]), "right": asdict(verdicts[name])} for name, side in sides.items()
    }
    raw = {"rows": of.rows, "bytes": of.bytes, "repetitions": repetitions, "failed": failed, "machine": machine()}
    publish("bench-engines", f"{table(sides, verdicts)}\n\n{said}", figures | raw)


def times(count: int) -> str:
    """Return how often, in words."""
    return "once" if count == 1 else f"{count} times"


def table(sides: Mapping[str, Side], verdicts: Mapping[str, Verdict]) -> str:
    """Return the published table: a column for each pipeline."""
    lines = [
        ["", *(NAMES[name] for name in sides)],
        ["---"] * (len(sides) + 1),
        ["rows a second (more is better)", *(number(side.rows_per_s) for side in sides.values())],
        ["seconds of the cores, all processes together", *(number(side.cpu_seconds) for side in sides.values())],
        ["peak memory of all processes together, MiB", *(number(side.peak_mib) for side in sides.values())],
        ["did right by the exact similarity", *(told(verdicts[name]) for name in sides)],
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def told(found: Verdict) -> str:
    """Return a verdict as text."""
    return f"{found.percent:.2f} % ({found.lost} lost, {found.left} left in)"
