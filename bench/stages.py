"""Where do the milliseconds between a bad answer and the route go? Each stage of Slipway's hot path, in order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

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
    from_decision: list[float] = field(default_factory=list)
    """From the end of the decision, when nothing is written yet, to the route's event."""

    def add(self, notes: Sequence[Note], bad: float, heard: float) -> bool:
        """Split the time between the bad answer and the route's event; tell whether all stages were found."""
        steps = path(notes, bad, heard)
        if steps is None:
            return False
        for stage, milliseconds in split(steps, bad, heard).items():
            self.taken.setdefault(stage, []).append(milliseconds)
        self.from_decision.append((heard - steps.decision[3]) * 1000)
        return True

    def spreads(self) -> dict[str, Spread]:
        """Return p50 and p99 of every stage, in order."""
        return {stage: spread(self.taken[stage]) for stage in ORDER if stage in self.taken}

    def table(self) -> str:
        """Return a Markdown table."""
        lines = ["| Stage | p50, ms | p99, ms |", "|---|---|---|"]
        lines += [f"| {stage} | {one.p50:.1f} | {one.p99:.1f} |" for stage, one in self.spreads().items()]
        return "\n".join(lines)


class Steps(NamedTuple):
    """From a bad answer to the route: the question that got it, the next decision, the next apply of a route."""

    answer: Note
    decision: Note
    route: Note


def path(notes: Iterable[Note], bad: float, heard: float) -> Steps | None:
    """Return what happened between two moments; None if the path is not whole."""
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
    return Steps(*steps)


def split(steps: Steps, bad: float, heard: float) -> dict[str, float]:
    """Return the milliseconds of each stage of a path."""
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
