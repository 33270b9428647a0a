"""Where do the milliseconds between a bad answer and the route go? Each stage of Slipway's hot path, in order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import Spread, spread

Note = tuple[str, str, float, float]

ANSWER = "the bad answer is given → read by the operator"
QUEUE = "read → its Rollout's turn"
DECIDE = "decide: judge, choose, make the plan"
ROUTE = "apply the route, the verdict on it"
BETWEEN = "between the stages: looking up, comparing, waiting"
EVENT = "the route is applied → its watch event is heard"
ORDER = (ANSWER, QUEUE, DECIDE, ROUTE, BETWEEN, EVENT)


@dataclass
class Stages:
    """Milliseconds of every stage, by repetition."""

    taken: dict[str, list[float]] = field(default_factory=dict)

    def add(self, notes: Sequence[Note], bad: float, heard: float) -> bool:
        """Split the time between the bad answer and the route's event; tell whether all stages were found."""
        found = path(notes, bad, heard)
        for stage, milliseconds in (found or {}).items():
            self.taken.setdefault(stage, []).append(milliseconds)
        return found is not None

    def spreads(self) -> dict[str, Spread]:
        """Return p50 and p99 of every stage, in order."""
        return {stage: spread(self.taken[stage]) for stage in ORDER if stage in self.taken}

    def table(self) -> str:
        """Return a Markdown table."""
        lines = ["| Stage | p50, ms | p99, ms |", "|---|---|---|"]
        lines += [f"| {stage} | {one.p50:.1f} | {one.p99:.1f} |" for stage, one in self.spreads().items()]
        return "\n".join(lines)


def path(notes: Iterable[Note], bad: float, heard: float) -> dict[str, float] | None:
    """Return milliseconds by stage of what happened between two moments; None if the path is not whole.

    The path: the question whose answer was bad, the next decision, the next apply of a route.
    """
    inside = sorted((note for note in notes if note[3] >= bad and note[2] <= heard), key=lambda note: note[3])
    asked = next((note for note in inside if note[0] == "ask"), None)
    if asked is None:
        return None
    steps = [asked]
    for what, of in (("decide", ""), ("apply", "HTTPRoute")):
        after = (n for n in inside if n[0] == what and (not of or n[1] == of) and n[2] >= steps[-1][3])
        step = next(after, None)
        if step is None:
            return None
        steps.append(step)
    answer, decision, route = steps
    found = {
        ANSWER: answer[3] - bad,
        QUEUE: decision[2] - answer[3],
        DECIDE: decision[3] - decision[2],
        ROUTE: route[3] - route[2],
        BETWEEN: route[2] - decision[3],
        # The event may overtake the answer to the apply.
        EVENT: max(0.0, heard - route[3]),
    }
    return {stage: seconds * 1000 for stage, seconds in found.items()}


def read(file: Path) -> list[Note]:
    """Return what the stopwatch wrote."""
    return [tuple(json.loads(line)) for line in file.read_text().splitlines()]
