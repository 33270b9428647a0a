"""How fast does text become a Dataset, beside datatrove? `python -m bench.data`

Same rows, filter, private text, shingles, similarity, number of hashes, cores and machine; both read JSON lines and
write rows. datatrove is first tried on a part with each of its settings, and then measured with the fastest. What each
chose is judged by the exact similarity of all texts: speeds are published only where both did the task.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.preparing import engines, kept, text, truth
from bench.preparing.engines import told as said
from bench.preparing.kept import Agreement
from bench.preparing.pipelines import ENGINES, Bench, Side
from bench.preparing.plan import Plan
from bench.preparing.settings import SETTINGS, peer_banding
from bench.preparing.text import Text
from bench.preparing.truth import Verdict
from bench.report import machine, number, publish
from e2e.setup import cache
from e2e.setup.datatrove import python_with_datatrove
from e2e.setup.progress import Steps, say
from slipway_data import redact, sketch, word_hashes

GOAL = 1.5
LEAST_BYTES = 200_000_000
"""Of text: less would measure how fast processes start."""
RIGHT_PERCENT = 95
"""Of the different texts: who does the right thing with fewer did another task, and its speed says nothing."""


def tried(bench: Bench, of: Text, names: Sequence[str]) -> dict[str, float]:
    """Return the peer's rows a second over a part of the text with each setting."""
    found: dict[str, float] = {}
    for name in names:
        found[name] = of.rows / bench.peer(of, name)[0].seconds
        say(f"      {name}: {found[name]:.0f} rows/s")
    return found


def plan_of(told: argparse.Namespace) -> Plan:
    """Return the plan: the shape of rows from the command line, the rest as the data pod has it."""
    bands, size = sketch.banding(told.similarity_percent / 100)
    peer_bands, peer_size = peer_banding(told.similarity_percent / 100, sketch.PERMUTATIONS)
    return Plan(
        min_characters=told.min_characters,
        max_characters=told.max_characters,
        max_line_characters=told.max_line_characters,
        min_alphanumeric_percent=told.min_alphanumeric_percent,
        similarity_percent=told.similarity_percent,
        words=sketch.WORDS,
        bands=bands,
        band_size=size,
        peer_bands=peer_bands,
        peer_band_size=peer_size,
        word=word_hashes.WORD.pattern,
        email=redact.EMAIL.pattern,
        ipv4=redact.IPV4.pattern,
        workers=told.workers,
    )


def table(ours: Side, theirs: Side, found: Agreement, mine: Verdict, peer: Verdict) -> str:
    """Return the published table."""
    same = f"the same with {found.percent:.1f} % of the different texts"
    closer = f"of {mine.texts} to choose from; each must be right for {RIGHT_PERCENT} %"
    lines = [
        ("", "Slipway", "datatrove", "Slipway is", "Goal"),
        ("---",) * 5,
        (
            "rows a second (more is better)",
            number(ours.rows_per_s),
            number(theirs.rows_per_s),
            f"{ours.rows_per_s / theirs.rows_per_s:.2f} times as fast",
            f"{GOAL} times",
        ),
        (
            "peak memory of all processes together, MiB",
            number(ours.peak_mib),
            number(theirs.peak_mib),
            f"{ours.peak_mib / theirs.peak_mib:.2f} times as large",
            "",
        ),
        (
            f"different texts kept, of {found.texts}",
            str(found.both + found.ours),
            str(found.both + found.theirs),
            same,
            "",
        ),
        ("did right by the exact similarity", said(mine), said(peer), closer, ""),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def described(plan: Plan, whole: Text, chosen: str, figures: Mapping[str, float]) -> str:
    """Return what stands under the table."""
    others = "; ".join(f"{name}: {figure:.0f} rows/s" for name, figure in figures.items())
    return (
        f"Measured on {machine()}, {plan.workers} workers: {whole.rows} files, {whole.bytes / 1e6:.0f} MB of text; "
        f"rows of {plan.min_characters} to {plan.max_characters} characters, "
        f"lines of at most {plan.max_line_characters}, "
        f"at least {plan.min_alphanumeric_percent} % letters and digits; shingles of {plan.words} words, "
        f"from {plan.similarity_percent} % on alike; {plan.bands} bands of {plan.band_size} hashes. "
        f"datatrove: {plan.peer_bands} bands of {plan.peer_band_size}, {chosen} (on a part of the text: {others})."
    )


def measured(bench: Bench, whole: Text, told: argparse.Namespace, steps: Steps) -> dict[str, Any]:
    """Do everything and publish it."""
    begun = time.monotonic()
    if whole.bytes < LEAST_BYTES:
        raise SystemExit(f"there are {whole.bytes} bytes of text, and {LEAST_BYTES} are wanted: see {text.LOCK}")
    with steps.step(f"datatrove with {len(told.settings)} settings, on each {told.trial_every}th row"):
        some = text.part(whole, told.trial_every, bench.out / "part")
        figures = tried(bench, some, told.settings)
    chosen = max(figures, key=lambda name: figures[name])
    ours, theirs = [], []
    mine: set[str] = set()
    peer: set[str] = set()
    for _ in range(told.repetitions):
        with steps.step(f"datatrove, {chosen}: {whole.rows} rows"):
            run, peer = bench.peer(whole, chosen)
            theirs.append(run)
        with steps.step(f"Slipway: {whole.rows} rows"):
            run, mine = bench.slipway(whole)
            ours.append(run)
    found = kept.agreement(kept.texts(whole.folder), mine, peer)
    with steps.step("which texts are alike in truth"):
        choices = truth.verdicts(bench.plan, whole.folder, mine, peer)
    slipway, datatrove = Side.of(ours, whole.rows), Side.of(theirs, whole.rows)
    result = slipway.json() | {
        "kept": len(mine),
        "datatrove": datatrove.json()
        | {"kept": len(peer), "settings": chosen}
        | {"tried": {name: round(figure, 1) for name, figure in figures.items()}},
        "ratio": round(slipway.rows_per_s / datatrove.rows_per_s, 3),
        "agreement": asdict(found) | {"percent": round(found.percent, 2)},
        "right": {
            name: asdict(choice) | {"percent": round(choice.percent, 2)}
            for name, choice in zip(("slipway", "datatrove"), choices, strict=True)
        },
        "rows": whole.rows,
        "bytes": whole.bytes,
        "text": cache.content_key(whole.folder),
        "plan": asdict(bench.plan),
        "repetitions": told.repetitions,
        "machine": machine(),
        "seconds": round(time.monotonic() - begun),
    }
    if min(choice.percent for choice in choices) < RIGHT_PERCENT:
        raise SystemExit(f"one of the two did another task, so they cannot be compared: {json.dumps(result)}")
    shown = table(slipway, datatrove, found, *choices)
    publish("bench-data", f"{shown}\n\n{described(bench.plan, whole, chosen, figures)}", result)
    return result


def parsed() -> argparse.Namespace:
    """Return what the command line asks for."""
    last = list(SETTINGS)[-1]
    parser = argparse.ArgumentParser(prog="python -m bench.data", description=__doc__)
    parser.add_argument("--min-characters", type=int, default=100)
    parser.add_argument("--max-characters", type=int, default=200_000)
    parser.add_argument("--max-line-characters", type=int, default=1_000)
    parser.add_argument("--min-alphanumeric-percent", type=int, default=40)
    parser.add_argument("--similarity-percent", type=int, default=85)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repetitions", type=int, default=1, help="runs of each; the medians are published")
    parser.add_argument(
        "--settings", choices=list(SETTINGS), nargs="+", default=list(SETTINGS), help="that datatrove is tried with"
    )
    parser.add_argument("--trial-every", type=int, default=20, help="which part of the rows datatrove is tried on")
    parser.add_argument(
        "--only",
        choices=("slipway", "datatrove"),
        help=f"measure one pipeline and publish nothing; datatrove with the last of --settings ({last})",
    )
    parser.add_argument("--engines", choices=list(ENGINES), nargs="+", help="measure these too, in a table of its own")
    parser.add_argument("--every", type=int, default=1, help="with --only or --engines: each how manyth row")
    return parser.parse_args()


def _steps(told: argparse.Namespace) -> int:
    if told.only:
        return 2
    sides = 2 + len(told.engines or ())
    return (2 if told.engines else 3) + sides * int(told.repetitions)


def main() -> None:
    """Run the command line."""
    told = parsed()
    steps = Steps(_steps(told))
    with steps.step("the text and the peer's environment, made once"):
        python, whole = python_with_datatrove(), text.collected()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        bench = Bench(plan_of(told), python, Path(folder))
        if told.only is None and told.engines is None:
            measured(bench, whole, told, steps)
            return
        some = whole if told.every == 1 else text.part(whole, told.every, bench.out / "part")
        if told.engines is not None:
            engines.measured(bench, some, told.engines, told.repetitions, steps)
            return
        with steps.step(f"{told.only} alone"):
            run, ids = bench.slipway(some) if told.only == "slipway" else bench.peer(some, told.settings[-1])
        print(json.dumps(Side.of([run], some.rows).json() | {"rows": some.rows, "kept": len(ids)}), flush=True)


if __name__ == "__main__":
    main()
