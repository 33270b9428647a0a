"""How long does a bad version keep its traffic? `python -m bench.rollback`

A bad figure is served → the operator's verdict → weight 0 on the route → the last request at the bad version. Moments
are those at which this process's watches hear of a change, so they include one watch event; both systems pay it alike.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.api import until
from bench.argo_side import Argo
from bench.driver import PATIENCE_SECONDS, release
from bench.figures import Spread, spread
from bench.ground import Ground, control_plane
from bench.node import node
from bench.process import cpu_seconds
from bench.report import Row, machine, publish, table
from bench.sides import CANDIDATE, SHARE, Side, name_of
from bench.slipway_side import Slipway
from bench.stages import Stages, read
from bench.staging import Stage, Users, fallen, rescraped, rested, risen, staged
from e2e.setup.progress import Steps, say

GroundOf = Callable[[], AbstractContextManager[Ground]]
FLEETS = (20, 100)
FLEET_REPETITIONS = 3
PHASES = (
    "counted from the scrape: of both half a second of waiting for the look after it is expected, and at worst a whole "
    "one; the part of a second at which it is scraped is drawn anew each time, so who is ahead is chance"
)
SHARED = "users, gateway, pods and API server share two cores"
TAKEN_OVER = "what is beyond the row above is the gateway's"
BUSY = "both cores are busy: 12 ms of the API server for a route and the gateway's word on it, 4 ms of the operator"
DECIDED = (
    "Slipway: from the end of its decision, before anything is written, without users; the peer: from the news of its "
    "failed AnalysisRun"
)
LATE_SECONDS = 1.0
"""How long after weight 0 a request may still arrive at the bad version and be counted."""


@dataclass
class Result:
    """What was measured of one system, in milliseconds."""

    first_bad_to_route: list[float] = field(default_factory=list)
    verdict_to_route: list[float] = field(default_factory=list)
    first_bad_to_last_request: list[float] = field(default_factory=list)
    prometheus_to_route: list[float] = field(default_factory=list)
    fleets: dict[int, list[float]] = field(default_factory=dict)
    """From the first bad figure of the fleet to the last weight 0, each repetition. Up to a second of it is waiting
    for a Rollout's next measurement."""
    slowest: dict[int, list[float]] = field(default_factory=dict)
    """The longest time of a fleet from a Rollout's own first bad figure to its weight 0, each repetition."""
    failed_requests: int = 0
    cpu_seconds: float = 0.0

    def json(self) -> dict[str, Any]:
        """Return the figures under the keys that are published."""
        keys = {
            "first_bad_to_route_ms": self.first_bad_to_route,
            "first_bad_to_last_bad_request_ms": self.first_bad_to_last_request,
            "verdict_to_route_ms": self.verdict_to_route,
            "prometheus_first_bad_to_route_ms": self.prometheus_to_route,
        }
        found: dict[str, Any] = {key: spread(values).json() for key, values in keys.items() if values}
        for size, runs in self.fleets.items():
            found[f"fleet_{size}_last_route_ms"] = round(median(runs), 1)
            found[f"fleet_{size}_runs_ms"] = [round(run, 1) for run in runs]
        found |= {f"fleet_{size}_slowest_own_ms": round(median(runs), 1) for size, runs in self.slowest.items()}
        return found | {"failed_requests": self.failed_requests}


async def repeat(stage: Stage, asking: Users | None, version: int, chance: random.Random, result: Result) -> None:
    """Let one candidate turn bad at a random moment and measure what follows."""
    name = name_of(0)
    await risen(stage, [0], version)
    await asyncio.sleep(chance.random())
    await fallen(stage, [0])
    bad, route = stage.measured.first_bad[name], stage.seen.zero_at[name]
    result.first_bad_to_route.append((route - bad) * 1000)
    await asyncio.sleep(LATE_SECONDS)
    verdict = stage.seen.verdict_at.get(name)
    if verdict is not None and stage.side.verdicts() != stage.side.routes:  # else one write bears both: see `timed`
        result.verdict_to_route.append(max(0.0, route - verdict) * 1000)
    if asking is not None:
        bad_version = stage.side.answers_as(0, version) if stage.real_pods else CANDIDATE
        last = (await asking.tally())["last"].get(bad_version)
        if last is None:
            raise RuntimeError("no request ever reached the candidate: nothing was measured")
        result.first_bad_to_last_request.append(max(0.0, last - bad) * 1000)
    await rested(stage, [0])


async def single(side: Side, ground_of: GroundOf, repetitions: int, result: Result) -> None:
    """Measure one Rollout again and again, under requests."""
    chance = random.Random(7)
    with ground_of() as ground:
        async with staged(ground, side, 1, repetitions + 2, rate=200) as (stage, asking):
            assert asking is not None
            before = cpu_seconds(stage.operator.child.pid)
            for number in range(repetitions + 1):
                await repeat(stage, asking, number + 2, chance, result)
                if number == 0:  # the first warms caches up
                    for values in (
                        result.first_bad_to_route,
                        result.verdict_to_route,
                        result.first_bad_to_last_request,
                    ):
                        values.clear()
                elif number % 5 == 0:
                    say(f"      {number} of {repetitions}: {result.first_bad_to_route[-1]:.0f} ms to the route")
            result.cpu_seconds = cpu_seconds(stage.operator.child.pid) - before
            result.failed_requests = sum((await asking.tally())["failures"].values())


async def scraped(side: Side, repetitions: int, result: Result) -> None:
    """Measure one Rollout again and again, its figure scraped by a Prometheus each second, each time at another part.

    Both operators look at whole seconds: with one phase of the scrape, all repetitions would wait as long for a look.
    """
    chance = random.Random(7)
    with control_plane() as ground:
        async with staged(ground, side, 1, repetitions + 2, scraped=True) as (stage, _):
            for number in range(repetitions):
                await rescraped(stage, f"{chance.getrandbits(64):016x}")
                await release(stage.api, side, [0], number + 2)
                stage.measured.turn_good(name_of(0))
                await until(lambda: stage.seen.shares.get(name_of(0)) == SHARE, PATIENCE_SECONDS, "the share given")
                await asyncio.sleep(2.5 + chance.random())  # a good figure is scraped and judged
                await fallen(stage, [0])
                moments = stage.seen.zero_at[name_of(0)], stage.measured.first_bad[name_of(0)]
                result.prometheus_to_route.append((moments[0] - moments[1]) * 1000)
                stage.measured.turn_good(name_of(0))
                await rested(stage, [0])
                await asyncio.sleep(1.5)  # the bad figure must be gone from Prometheus before the next version


async def fleet(side: Side, size: int, result: Result) -> None:
    """Measure how long the last of many waits when all turn bad at once."""
    numbers, names = range(size), [name_of(number) for number in range(size)]
    chance = random.Random(7)
    last, slowest = [], []
    with control_plane() as ground:
        async with staged(ground, side, size, FLEET_REPETITIONS + 1) as (stage, _):
            for number in range(FLEET_REPETITIONS):
                await risen(stage, numbers, number + 2)
                # At any moment between two measurements: a fixed one would meet the same part of a second each time.
                await asyncio.sleep(3 + chance.random())
                await fallen(stage, numbers)
                bad, zero = stage.measured.first_bad, stage.seen.zero_at
                slowest.append(max(zero[name] - bad[name] for name in names) * 1000)
                last.append((max(zero[name] for name in names) - min(bad[name] for name in names)) * 1000)
                say(f"      {size} at once: the last route after {last[-1]:.0f} ms")
                await rested(stage, numbers)
    result.fleets[size], result.slowest[size] = last, slowest


async def timed(repetitions: int) -> Stages:
    """Measure the stages of Slipway's own path. Without users: what they use of the cores is not the operator's."""
    chance, moments = random.Random(7), []
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder, control_plane() as ground:
        notes = Path(folder) / "notes"
        async with staged(ground, Slipway(notes), 1, repetitions + 2) as (stage, _):
            for number in range(repetitions + 1):
                result = Result()
                await repeat(stage, None, number + 2, chance, result)
                moments.append((stage.measured.first_bad[name_of(0)], stage.seen.zero_at[name_of(0)]))
        stages, noted = Stages(), read(notes)
        for bad, heard in moments[1:]:
            stages.add(noted, bad, heard)
        return stages


async def without_pods(side: Side, scrapes: int, steps: Steps, result: Result) -> None:
    """Measure what needs no node. A node holds fewer pods than fleets need, and its idle pods would take from both."""
    if not fleets_only(side):
        with steps.step(f"{side.name}: {scrapes} rollbacks by a Prometheus that scrapes each second"):
            await scraped(side, scrapes, result)
    for size in FLEETS:
        with steps.step(f"{side.name}: {size} Rollouts turn bad at once"):
            await fleet(side, size, result)


def fleets_only(side: Side) -> bool:
    """Tell whether a peer is measured with many Rollouts only: for one its client limits do not matter."""
    return side.name.endswith("QPS")


def rows(ours: Result, theirs: Sequence[Result]) -> list[Row]:
    """Return the lines of the published table."""

    def line(what: str, name: str, goal: str, remark: str = "") -> Row:
        def of(result: Result) -> Spread | None:
            values = getattr(result, name)
            return spread(values) if values else None

        return Row(what, of(ours), [of(one) for one in theirs], goal, remark)

    found = [
        line("first bad answer → weight 0, ms (p50 / p99)", "first_bad_to_route", "20 / 50", SHARED),
        line("verdict → weight 0, ms (p50 / p99)", "verdict_to_route", "", DECIDED),
        line("first bad answer → last bad request, ms (p50 / p99)", "first_bad_to_last_request", "p99 200", TAKEN_OVER),
        line("first bad scrape → weight 0, ms (p50 / p99)", "prometheus_to_route", "p50 800", PHASES),
    ]
    goals = {20: "250", 100: "1000"}
    for size in FLEETS:
        last, *others = (middle(one.fleets.get(size)) for one in (ours, *theirs))
        found.append(Row(f"{size} at once: first bad answer → last weight 0, ms", last, others, goals[size], BUSY))
        own, *others = (middle(one.slowest.get(size)) for one in (ours, *theirs))
        found.append(Row(f"{size} at once: the slowest from its own bad answer, ms", own, others))
    return found


def middle(runs: Sequence[float] | None) -> float | None:
    """Return the median of what was measured."""
    return median(runs) if runs else None


def ranges(names: Sequence[str], results: Sequence[Result]) -> str:
    """Return the best and the worst run of every fleet, as a sentence."""
    found = []
    for name, result in zip(names, results, strict=True):
        fleets = (f"{size} at once: {min(runs):.0f} to {max(runs):.0f}" for size, runs in result.fleets.items())
        found.append(f"{name}, {', '.join(fleets)}")
    return f"The runs of a fleet, from its first bad answer to the last weight 0, ms: {'; '.join(found)}."


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.rollback", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--scrapes", type=int, default=30)
    parser.add_argument(
        "--on",
        choices=("node", "control-plane"),
        default="node",
        help="where single rollbacks happen: with pods on a real node, or with stand-ins for them on a bare apiserver",
    )
    parser.add_argument("--only", choices=("slipway", "argo"), help="measure one system and publish nothing")
    arguments = parser.parse_args()
    begun = time.monotonic()
    sides: list[Side] = [Slipway(), Argo(), Argo(1000)]
    if arguments.only:
        sides = [side for side in sides if side.name.startswith({"slipway": "Slipway", "argo": "argo"}[arguments.only])]
    found = [Result() for _ in sides]
    steps = Steps(sum(len(FLEETS) + 2 * (not fleets_only(side)) for side in sides) + (not arguments.only))
    try:
        for side, one in zip(sides, found, strict=True):
            asyncio.run(without_pods(side, arguments.scrapes, steps, one))
        if not arguments.only:
            with steps.step(f"Slipway, stage by stage: {arguments.repetitions} rollbacks"):
                stages = asyncio.run(timed(arguments.repetitions))
        ground_of = node if arguments.on == "node" else control_plane
        for side, one in zip(sides, found, strict=True):  # last: a node that was brought up stays
            if not fleets_only(side):
                with steps.step(f"{side.name}: {arguments.repetitions} rollbacks under requests"):
                    asyncio.run(single(side, ground_of, arguments.repetitions, one))
    except KeyboardInterrupt:
        raise SystemExit("interrupted; everything that was started has ended") from None
    if arguments.only:
        print(json.dumps({side.name: one.json() for side, one in zip(sides, found, strict=True)}), flush=True)
        return
    ours, theirs = found[0], found[1:]
    ours.verdict_to_route = stages.from_decision
    result = ours.json() | {
        "argo_rollouts": {**theirs[0].json(), "limits": sides[1].limits},
        "argo_rollouts_1000_qps": {**theirs[1].json(), "limits": sides[2].limits},
        "machine": machine(),
        "on": arguments.on,
        "stages_ms": {stage: one.json() for stage, one in stages.spreads().items()},
        "seconds": round(time.monotonic() - begun),
    }
    limits = "; ".join(f"{side.name}: {side.limits}" for side in sides)
    lines = table([side.name for side in sides[1:]], rows(ours, theirs))
    where = (
        "### Where the time goes\n\nFrom the bad answer to the watch's news of the route, in Slipway, without users."
    )
    often = (
        f"{arguments.repetitions} rollbacks under requests, {arguments.scrapes} by Prometheus, the median of "
        f"{FLEET_REPETITIONS} for a fleet"
    )
    runs = ranges([side.name for side in sides], found)
    measured = f"Measured on {machine()}: {often}. {runs} Client limits: {limits}."
    text = f"{lines}\n\n{measured}\n\n{where}\n\n{stages.table()}"
    publish("bench-rollback", text, result)


if __name__ == "__main__":
    main()
