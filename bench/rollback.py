"""How long does a bad version keep its traffic? `python -m bench.rollback`

A bad figure is served → the operator's verdict → weight 0 on the route → the last request at the bad version. Moments
are those at which this process's watches hear of a change, so they include one watch event; both systems pay it alike.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bench import gateway as gateways
from bench.api import Api, until
from bench.argo_side import Argo
from bench.driver import PATIENCE_SECONDS, Observed, all_healthy, background, create, leading, observed, release
from bench.figures import Spread, spread
from bench.ground import REPOSITORY, Ground, control_plane, own_address
from bench.measurements import Measurements
from bench.node import node
from bench.process import cpu_seconds
from bench.prometheus import prometheus
from bench.report import Row, machine, publish, table
from bench.sides import CANDIDATE, SHARE, Backends, Operator, Side, Source, host_of, name_of
from bench.slipway_side import Slipway
from e2e.setup.progress import Steps, say
from tests.apiserver.server import free_port

GroundOf = Callable[[], AbstractContextManager[Ground]]
FLEETS = (20, 100)
LATE_SECONDS = 1.0
"""How long after weight 0 a request may still arrive at the bad version and be counted."""


@dataclass
class Result:
    """What was measured of one system, in milliseconds."""

    first_bad_to_route: list[float] = field(default_factory=list)
    verdict_to_route: list[float] = field(default_factory=list)
    first_bad_to_last_request: list[float] = field(default_factory=list)
    prometheus_to_route: list[float] = field(default_factory=list)
    fleets: dict[int, float] = field(default_factory=dict)
    """From the first bad figure of the fleet to the last weight 0."""
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
        found |= {f"fleet_{size}_last_route_ms": round(value, 1) for size, value in self.fleets.items()}
        return found | {"failed_requests": self.failed_requests}


class Users:
    """The process that asks and answers; see `bench.users`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tally(self) -> dict[str, Any]:
        """Return what the users saw so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()
        found: dict[str, Any] = json.loads(await asyncio.wait_for(self._process.stdout.readline(), 20))
        return found


@asynccontextmanager
async def users(gateway: str, hosts: Sequence[str], backends: Backends, rate: int) -> AsyncIterator[Users]:
    """Run the users as long as the block lasts."""
    arguments = [word for host in hosts for word in ("--host", host)]
    if not backends.image:
        arguments += ["--serve", f"{backends.address}:{backends.stable}:{backends.candidate}"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.users", "--gateway", gateway, "--rate", str(rate), *arguments),
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Users(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


@dataclass
class Stage:
    """A system that runs and is watched: what the repetitions work on."""

    api: Api
    side: Side
    seen: Observed
    measured: Measurements
    operator: Operator
    real_pods: bool = False


@asynccontextmanager
async def staged(
    ground: Ground, side: Side, count: int, versions: int, *, scraped: bool = False, rate: int = 0
) -> AsyncIterator[tuple[Stage, Users | None]]:
    """Bring a system up with `count` healthy Rollouts, and with users if a `rate` is given."""
    backends = Backends(own_address(), free_port(), free_port(), ground.pods)
    measured = Measurements(tuple(name_of(number) for number in range(count)))
    with ExitStack() as stack:
        try:
            await measured.serve("127.0.0.1")
            source = Source(f"http://127.0.0.1:{measured.port}", prometheus=scraped)
            if scraped:
                source = Source(stack.enter_context(prometheus(measured.port, ground.folder)), prometheus=True)
            async with ground.api() as api:
                await side.prepare(api, count, source, backends, versions)
                gateway = ""
                if rate:
                    gateway = await gateways.of(api, ground, stack, gateway_api=isinstance(side, Slipway))
                operator = stack.enter_context(side.operator(ground.kubeconfig, ground.folder, "operator"))
                async with (
                    background(*side.parts(api, backends, bool(gateway))),
                    observed(api, side) as seen,
                ):
                    await leading(api, side, operator)
                    await create(api, side, range(count))
                    await all_healthy(seen, count, PATIENCE_SECONDS)
                    stage = Stage(api, side, seen, measured, operator, bool(ground.pods))
                    if not gateway:
                        yield stage, None
                    else:
                        async with users(gateway, [host_of(0)], backends, rate) as asking:
                            yield stage, asking
        finally:
            await measured.close()


async def risen(stage: Stage, numbers: Sequence[int], version: int) -> None:
    """Start a version of some Rollouts and wait until each has its share and is measured."""
    names = [name_of(number) for number in numbers]
    stage.measured.turn_good(*names)
    await release(stage.api, stage.side, numbers, version)
    await until(
        lambda: all(stage.seen.shares.get(name) == SHARE for name in names), PATIENCE_SECONDS, "every share given"
    )
    for name in names:
        stage.measured.asked.pop(name, None)
    await until(
        lambda: all(stage.measured.asked[name] >= 2 for name in names), PATIENCE_SECONDS, "every candidate measured"
    )


async def fallen(stage: Stage, numbers: Sequence[int]) -> None:
    """Turn some Rollouts bad at once and wait until no candidate has a share."""
    names = [name_of(number) for number in numbers]
    stage.seen.forget(names)
    stage.measured.turn_bad(*names)
    await until(lambda: all(name in stage.seen.zero_at for name in names), PATIENCE_SECONDS, "every share taken", 0.005)


async def rested(stage: Stage, numbers: Sequence[int]) -> None:
    """Wait until some Rollouts could start another version."""
    names = [name_of(number) for number in numbers]
    await until(
        lambda: all(stage.side.settled(stage.seen.roots[name]) for name in names),
        PATIENCE_SECONDS,
        "every Rollout at rest",
    )


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
    if verdict is not None:
        result.verdict_to_route.append((route - verdict) * 1000)
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
    """Measure one Rollout again and again, its figure scraped by a Prometheus each second."""
    chance = random.Random(7)
    with control_plane() as ground:
        async with staged(ground, side, 1, repetitions + 2, scraped=True) as (stage, _):
            for number in range(repetitions):
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
    numbers = range(size)
    with control_plane() as ground:
        async with staged(ground, side, size, 2) as (stage, _):
            await risen(stage, numbers, 2)
            await asyncio.sleep(3)
            await fallen(stage, numbers)
            names = [name_of(number) for number in numbers]
            first = min(stage.measured.first_bad[name] for name in names)
            result.fleets[size] = (max(stage.seen.zero_at[name] for name in names) - first) * 1000
            say(f"      {size} at once: the last route after {result.fleets[size]:.0f} ms")


async def measure(
    side: Side, ground_of: GroundOf, repetitions: int, scrapes: int, steps: Steps, *, fleets_only: bool = False
) -> Result:
    """Measure everything of one system. Fleets never have pods: a node holds fewer than they need."""
    result = Result()
    if not fleets_only:
        with steps.step(f"{side.name}: {repetitions} rollbacks under requests"):
            await single(side, ground_of, repetitions, result)
        with steps.step(f"{side.name}: {scrapes} rollbacks by a Prometheus that scrapes each second"):
            await scraped(side, scrapes, result)
    for size in FLEETS:
        with steps.step(f"{side.name}: {size} Rollouts turn bad at once"):
            await fleet(side, size, result)
    return result


def rows(ours: Result, theirs: Sequence[Result]) -> list[Row]:
    """Return the lines of the published table."""

    def line(what: str, name: str, goal: str, remark: str = "") -> Row:
        def of(result: Result) -> Spread | None:
            values = getattr(result, name)
            return spread(values) if values else None

        return Row(what, of(ours), [of(one) for one in theirs], goal, remark)

    found = [
        line("first bad answer → weight 0, ms (p50 / p99)", "first_bad_to_route", "20 / 50"),
        line("verdict → weight 0, ms (p50 / p99)", "verdict_to_route", ""),
        line("first bad answer → last bad request, ms (p50 / p99)", "first_bad_to_last_request", "p99 200"),
        line("first bad scrape → weight 0, ms (p50 / p99)", "prometheus_to_route", "p99 800"),
    ]
    goals = {20: "250", 100: "1000"}
    for size in FLEETS:
        found.append(
            Row(
                f"{size} at once: first bad answer → last weight 0, ms",
                ours.fleets.get(size),
                [one.fleets.get(size) for one in theirs],
                goals[size],
            )
        )
    return found


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.rollback", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--scrapes", type=int, default=12)
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
    steps = Steps(sum(len(FLEETS) if side.name.endswith("QPS") else len(FLEETS) + 2 for side in sides))
    try:
        found = [
            asyncio.run(
                measure(
                    side,
                    node if arguments.on == "node" else control_plane,
                    arguments.repetitions,
                    arguments.scrapes,
                    steps,
                    fleets_only=side.name.endswith("QPS"),
                )
            )
            for side in sides
        ]
    except KeyboardInterrupt:
        raise SystemExit("interrupted; everything that was started has ended") from None
    if arguments.only:
        print(json.dumps({side.name: one.json() for side, one in zip(sides, found, strict=True)}), flush=True)
        return
    ours, theirs = found[0], found[1:]
    result = ours.json() | {
        "argo_rollouts": {**theirs[0].json(), "limits": sides[1].limits},
        "argo_rollouts_1000_qps": {**theirs[1].json(), "limits": sides[2].limits},
        "machine": machine(),
        "on": arguments.on,
        "seconds": round(time.monotonic() - begun),
    }
    limits = "; ".join(f"{side.name}: {side.limits}" for side in sides)
    lines = table([side.name for side in sides[1:]], rows(ours, theirs))
    text = f"{lines}\n\nMeasured on {machine()}. Client limits: {limits}."
    publish("bench-rollback", text, result)


if __name__ == "__main__":
    main()
