"""What does it cost to look after many Rollouts? `python -m bench.scale`

Everything runs on an etcd and a kube-apiserver of its own; pods are not run but said to be ready, by the same program
for both systems.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.api import Api, Object, follow, until
from bench.argo_side import LEASE_SECONDS, Argo
from bench.driver import Observed, all_healthy, background, create, leading, observed
from bench.figures import Bucket, bucket_quantile, since, spread
from bench.ground import Ground, control_plane
from bench.measurements import Measurements
from bench.process import cpu_seconds, rss_mib
from bench.report import Row, cell, machine, table, tell, write
from bench.sides import Backends, Operator, Side, Source, name_of, samples
from bench.slipway_side import Slipway
from bench.staging import Stage, fallen, risen
from e2e.setup.progress import Steps, say

SIZES = (500, 2000, 5000)
PEER_UP_TO = 2000
BULK_APPLIES = 3
"""Of both systems, in turns: neighbours of a virtual machine make a minute's work a quarter dearer, now and then."""
QUIET_SECONDS = 8.0
"""Without any change for so long, a system has settled."""
BUSY = 100
"""Rollouts that move at the same time."""
VERDICTS = 30
LOOK_SECONDS = 0.2
WARM_SECONDS_EACH = 0.02
"""How long a standby is given for each Rollout before it has to take over."""
WRITES = ("POST", "PUT", "PATCH", "APPLY", "DELETE")


@dataclass
class Figures:
    """What was measured of one system at one size."""

    converge_s: float = 0.0
    cpu_s: float = 0.0
    apiserver_cpu_s: float = 0.0
    bulk_applies: int = 1
    """How many bulk applies the three above are the medians of."""
    rss_mib: float = 0.0
    rarely_cpu_s_per_min: float = 0.0
    """Of the next but one: what is done too rarely to be seen while the idle system is watched."""
    idle_writes: float = 0.0
    idle_cpu_s_per_min: float = 0.0
    takeover_s: float | None = None
    takeover_from_stop_s: float | None = None
    cold_start_s: float | None = None
    cold_cpu_s: float | None = None
    queue_p99: Bucket | None = None
    first_bad_to_route: list[float] = field(default_factory=list)
    first_bad_to_route_busy: list[float] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """Return the figures under the keys that are published."""
        numbers = {name: value for name, value in vars(self).items() if name not in (*VERDICT_LINES, "queue_p99")}
        queue = self.queue_p99
        numbers |= {"queue_p99_above_s": queue and queue.above, "queue_p99_s": queue and queue.upto}
        found: dict[str, Any] = {
            name: round(value, 3) if value is not None and math.isfinite(value) else None  # JSON knows no infinity
            for name, value in numbers.items()
        }
        for name in VERDICT_LINES:
            if values := getattr(self, name):
                found[f"{name}_ms"] = spread(values).json()
        return found


@dataclass(frozen=True)
class Many:
    """A system with many Rollouts, watched, and everything that is needed to measure it."""

    ground: Ground
    api: Api
    side: Side
    seen: Observed
    measured: Measurements
    count: int


@asynccontextmanager
async def arranged(ground: Ground, side: Side, count: int) -> AsyncIterator[Many]:
    """Prepare what users have before their Rollouts, and watch."""
    measured = Measurements()
    await measured.serve("127.0.0.1")
    try:
        async with ground.api() as api:
            backends = Backends()
            await side.prepare(api, count, Source(f"http://127.0.0.1:{measured.port}", prometheus=False), backends)
            async with background(*side.parts(api, backends, gateway=False)), observed(api, side) as seen:
                yield Many(ground, api, side, seen, measured, count)
    finally:
        await measured.close()


def patience(count: int) -> float:
    """Return in how many seconds even the peer with its default limits has done something to `count` Rollouts."""
    return 120 + count * 0.3


async def converge(many: Many, operator: Operator, figures: Figures) -> None:
    """Wait until `operator` leads, create all Rollouts at once, and wait until every one serves its version."""
    await leading(many.api, many.side, operator)
    await rested(many)
    before = cpu_seconds(operator.child.pid), cpu_seconds(many.ground.apiserver_pid)
    begun = time.monotonic()
    await create(many.api, many.side, range(many.count))
    await all_healthy(many.seen, many.count, patience(many.count))
    figures.converge_s = time.monotonic() - begun
    await quiet(many)
    await rested(many)
    figures.cpu_s = cpu_seconds(operator.child.pid) - before[0]
    figures.apiserver_cpu_s = cpu_seconds(many.ground.apiserver_pid) - before[1]
    say(f"      all healthy after {figures.converge_s:.1f} s, {figures.cpu_s:.1f} CPU s")


async def quiet(many: Many) -> None:
    """Wait until nothing changes any more."""
    await until(lambda: time.monotonic() - many.seen.changed_at > QUIET_SECONDS, 300, "the system settles", 0.2)


async def writes(api: Api) -> float:
    """Return the writes that the apiserver served, but for Leases and for what it writes by itself.

    ConfigMaps count: Slipway owns one for each Rollout, and the apiserver's own two change only as it starts.
    """
    own = {"leases", "flowschemas", "prioritylevelconfigurations", "apiservices", "endpoints"}
    text = await api.text("/metrics")
    return sum(
        value
        for has, value in samples(text, "apiserver_request_total")
        if has.get("verb") in WRITES and has.get("resource") not in own and has.get("dry_run") != "All"
    )


async def rested(many: Many, seconds: float = 3.0) -> None:
    """Wait until nothing is written any more: ModelVersions are looked at when Rollouts have what they need."""
    last, since = -1.0, time.monotonic()
    deadline = since + 300
    while time.monotonic() - since < seconds:
        if (now := await writes(many.api)) != last:
            last, since = now, time.monotonic()
        if since > deadline:
            raise TimeoutError("the operator writes without end")
        await asyncio.sleep(LOOK_SECONDS)


async def idle(many: Many, operator: Operator, figures: Figures, seconds: float) -> None:
    """Watch the system do nothing."""
    before = await writes(many.api), cpu_seconds(operator.child.pid)
    await asyncio.sleep(seconds)
    watched = (cpu_seconds(operator.child.pid) - before[1]) / seconds * 60
    figures.rarely_cpu_s_per_min = await many.side.rarely(many.ground)
    figures.idle_cpu_s_per_min = watched + figures.rarely_cpu_s_per_min
    figures.idle_writes = await writes(many.api) - before[0]
    figures.rss_mib = rss_mib(operator.child.pid)


async def decided(many: Many, operator: Operator) -> None:
    """Wait until an operator has looked at every Rollout."""
    deadline = time.monotonic() + patience(many.count)
    while not many.side.decided(await asyncio.to_thread(operator.metrics), many.count):
        if time.monotonic() > deadline or not operator.child.alive:
            raise TimeoutError(f"{many.side.name} has not looked at every Rollout:\n{operator.child.tail()}")
        await asyncio.sleep(LOOK_SECONDS)


async def take_over(many: Many, first: Operator, second: Operator, figures: Figures) -> None:
    """Stop the leader; measure until the standby, which was warm, has looked at every Rollout."""
    await asyncio.sleep(3 + many.count * WARM_SECONDS_EACH)
    free = asyncio.Event()
    moments: dict[str, float] = {}

    def hear(moment: float, kind: str, lease: Object) -> None:
        if "stopped" in moments and not many.side.leads(lease):
            moments.setdefault("free", moment)
            free.set()

    collection = many.side.lease.rpartition("/")[0]
    async with background(follow(many.api, collection, hear)):
        await asyncio.sleep(0.2)
        moments["stopped"] = time.monotonic()
        ending = asyncio.create_task(asyncio.to_thread(first.child.stop))  # it ends beside the one that takes over
        freed = asyncio.create_task(free.wait())
        await asyncio.wait((ending, freed), return_when=asyncio.FIRST_COMPLETED)
        if not free.is_set():
            await asyncio.sleep(0.2)
        if not free.is_set():  # it does not give its Lease back: free is what has run out
            moments["free"] = moments["stopped"] + await remaining(many)
        freed.cancel()
        await decided(many, second)
        done = time.monotonic()
        await ending
    figures.takeover_s = done - moments["free"]
    figures.takeover_from_stop_s = done - moments["stopped"]


async def remaining(many: Many) -> float:
    """Return in how many seconds the Lease runs out, counted from its last renewal."""
    lease = await many.api.call("GET", many.side.lease)
    renewed = datetime.fromisoformat(lease["spec"]["renewTime"].replace("Z", "+00:00")).timestamp()
    return max(0.0, renewed + float(lease["spec"].get("leaseDurationSeconds") or LEASE_SECONDS) - time.time())


async def cold(many: Many, stack: ExitStack, figures: Figures) -> Operator:
    """Start an operator while nobody leads; measure until it has looked at every Rollout."""
    await many.api.call("DELETE", many.side.lease, ok=(404,))
    begun = time.monotonic()
    operator = stack.enter_context(many.side.operator(many.ground.kubeconfig, many.ground.folder, "cold"))
    await decided(many, operator)
    figures.cold_start_s = time.monotonic() - begun
    figures.cold_cpu_s = cpu_seconds(operator.child.pid)
    return operator


async def drained(operator: Operator) -> None:
    """Wait until no key waits in the queues of an operator: those of its start are not those of a rollout."""
    deadline = time.monotonic() + 300
    while sum(value for _, value in samples(await asyncio.to_thread(operator.metrics), "workqueue_depth")):
        if time.monotonic() > deadline:
            raise TimeoutError("the operator's queues do not empty")
        await asyncio.sleep(LOOK_SECONDS)


async def alone(stage: Stage, numbers: Sequence[int], figures: Figures) -> None:
    """Let the candidates of some Rollouts turn bad one after another, while all other Rollouts are at rest."""
    await drained(stage.operator)
    chance = random.Random(11)
    for number in numbers:
        await risen(stage, [number], 2)
        figures.first_bad_to_route.append(await verdict(stage, number, chance))


async def busy(stage: Stage, numbers: Sequence[int], figures: Figures) -> None:
    """Start a version of many Rollouts at once, then let some of them turn bad one after another."""
    await drained(stage.operator)
    before = stage.side.queue(await asyncio.to_thread(stage.operator.metrics))
    await risen(stage, numbers, 2)
    await asyncio.sleep(5)
    after = stage.side.queue(await asyncio.to_thread(stage.operator.metrics))
    figures.queue_p99 = bucket_quantile(since(before, after), 99)
    chance = random.Random(7)
    for number in numbers[:VERDICTS]:
        figures.first_bad_to_route_busy.append(await verdict(stage, number, chance))


async def verdict(stage: Stage, number: int, chance: random.Random) -> float:
    """Let one candidate turn bad at a random moment; return the milliseconds from its bad answer to weight 0."""
    await asyncio.sleep(chance.random())
    await fallen(stage, [number])
    name = name_of(number)
    return (stage.seen.zero_at[name] - stage.measured.first_bad[name]) * 1000


async def bulk_apply(side: Side, count: int) -> Figures:
    """Measure nothing but a bulk apply."""
    figures = Figures()
    with control_plane() as ground:
        async with arranged(ground, side, count) as many:
            with side.operator(ground.kubeconfig, ground.folder, "first") as operator:
                await converge(many, operator, figures)
    return figures


def take_medians(figures: Figures, others: Sequence[Figures]) -> None:
    """Make the figures of a bulk apply the medians of that one and the `others`."""
    for name in ("converge_s", "cpu_s", "apiserver_cpu_s"):
        setattr(figures, name, statistics.median(getattr(one, name) for one in (figures, *others)))
    figures.bulk_applies = 1 + len(others)


async def measure(side: Side, count: int, idle_seconds: float) -> Figures:
    """Measure one system at one size."""
    figures = Figures()
    with control_plane() as ground, ExitStack() as stack:
        config, folder = ground.kubeconfig, ground.folder
        async with arranged(ground, side, count) as many:
            first = stack.enter_context(side.operator(config, folder, "first"))
            await converge(many, first, figures)
            await idle(many, first, figures, idle_seconds)
            say(f"      idle: {figures.idle_writes:.0f} writes, {figures.idle_cpu_s_per_min:.2f} CPU s a minute, "
                f"{figures.rss_mib:.0f} MiB")  # fmt: skip
            second = stack.enter_context(side.operator(config, folder, "second"))
            await take_over(many, first, second, figures)
            say(f"      taken over {figures.takeover_s:.1f} s after the Lease was free")
            await asyncio.to_thread(second.child.stop)
            third = await cold(many, stack, figures)
            say(f"      cold start {figures.cold_start_s:.1f} s, {figures.cold_cpu_s:.1f} CPU s")
            stage = Stage(many.api, many.side, many.seen, many.measured, third)
            tried = min(VERDICTS, count // 2)  # those that have had their verdict are no candidates again
            await alone(stage, range(tried), figures)
            say(f"      others at rest: first bad to route p99 {spread(figures.first_bad_to_route).p99:.0f} ms")
            await busy(stage, range(tried, min(tried + BUSY, count)), figures)
            verdicts = spread(figures.first_bad_to_route_busy)
            say(f"      queue p99 {cell(figures.queue_p99)} s, first bad to route p99 {verdicts.p99:.0f} ms")
    return figures


MORE = "six objects and two statuses are written for each Rollout, where the peer writes a ReplicaSet"
COLD = (
    "Python takes a second to start, and about three milliseconds to read and decide one Rollout; the peer reads and "
    "writes every TraefikService anew, twice"
)
REHEARSED = (
    "the standby has decided before; the metadata of all objects is compared once, which grows with their number"
)
RARELY = (
    "a minute's, and a thirtieth of what the comparison of the metadata of all objects with what the watches brought "
    "costs, which comes each half hour"
)
QUEUED = "everybody's turns; verdicts do not wait behind them (rows below)"
MEASURED = (
    "all hundred are measured each second, at the same moment, on the same two cores; the goal above is for the others "
    "at rest, and is not met here"
)
LINES = (
    ("all reconciled after a bulk apply, s", "converge_s", "", MORE),
    ("CPU of the operator for it, s", "cpu_s", "", MORE),
    ("CPU of the apiserver for it, s", "apiserver_cpu_s", "", MORE),
    ("memory after settling, MiB", "rss_mib", "300 at 5,000", ""),
    ("writes in the idle time", "idle_writes", "0", ""),
    ("CPU while idle, s a minute", "idle_cpu_s_per_min", "0.1", RARELY),
    ("cold start: every Rollout decided, s", "cold_start_s", "", COLD),
    ("CPU of the cold start, s", "cold_cpu_s", "", COLD),
    ("warm take-over after the Lease is free, s", "takeover_s", "3", REHEARSED),
    (
        "take-over after the leader was stopped, s",
        "takeover_from_stop_s",
        "",
        "the peer waits until the Lease runs out",
    ),
    (f"wait in the queue with {BUSY} moving, p99, s (bounds of the bucket)", "queue_p99", "", QUEUED),
)
VERDICT_LINES = {
    "first_bad_to_route": ("all others at rest", "20 / 50", ""),
    "first_bad_to_route_busy": (f"{BUSY} moving", "", MEASURED),
}
"""By the name of their figures: what the others do, the goal and the remark."""


def rows(ours: Figures, theirs: Sequence[Figures]) -> list[Row]:
    """Return the lines of one size's table."""
    found = [
        Row(what, getattr(ours, name), [getattr(one, name) for one in theirs], goal, remark)
        for what, name, goal, remark in LINES
    ]
    for name, (others, goal, remark) in VERDICT_LINES.items():
        mine, *peers = (spread(values) if (values := getattr(one, name)) else None for one in (ours, *theirs))
        found.append(Row(f"first bad answer → weight 0, {others}, ms (p50 / p99)", mine, peers, goal, remark))
    return found


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of Rollouts, with commas")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds to watch the idle system")
    parser.add_argument("--only", choices=("slipway", "argo"), help="measure one system and publish nothing")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    if min(sizes) < 2:
        parser.error("--sizes: a verdict beside others needs 2 Rollouts at least")
    if not arguments.only and not set(sizes) <= set(SIZES):
        parser.error(f"tables are published for {', '.join(map(str, SIZES))} only; other --sizes need --only")
    begun = time.monotonic()
    # The peer is measured up to the middle size: the rest would take most of an hour, and the goals there are ours.
    sides: list[Side] = [Slipway(), Argo(1000), Argo()]
    if arguments.only:
        wanted = {"slipway": "Slipway", "argo": "argo-rollouts, "}[arguments.only]
        sides = [side for side in sides if side.name.startswith(wanted)]
    plan = [(size, side) for size in sizes for side in sides if size <= PEER_UP_TO or isinstance(side, Slipway)]
    # Of the peer with its default limits, which is far behind, once is enough.
    pairs = [(size, side) for size in sizes if size <= PEER_UP_TO and not arguments.only for side in sides[:2]]
    again = pairs * (BULK_APPLIES - 1)
    applies: dict[tuple[int, str], list[Figures]] = {}
    steps = Steps(len(plan) + len(again))
    found: dict[tuple[int, str], Figures] = {}
    try:
        for size, side in plan:
            with steps.step(f"{side.name} with {size} Rollouts"):
                found[size, side.name] = asyncio.run(measure(side, size, arguments.idle))
                say(f"      {json.dumps(found[size, side.name].json())}")  # an hour's work outlives a later failure
        for size, side in again:
            with steps.step(f"{side.name} with {size} Rollouts: a bulk apply again"):
                applies.setdefault((size, side.name), []).append(asyncio.run(bulk_apply(side, size)))
        for where, others in applies.items():
            take_medians(found[where], others)
    except KeyboardInterrupt:
        raise SystemExit("interrupted; everything that was started has ended") from None
    if arguments.only:
        print(json.dumps({f"{name} {size}": one.json() for (size, name), one in found.items()}), flush=True)
        return
    names = [side.name for side in sides]
    for size in sizes:
        theirs = [found.get((size, name), Figures()) for name in names[1:]]
        present = [name for name in names[1:] if (size, name) in found]
        lines = rows(
            found[size, names[0]], [one for name, one in zip(names[1:], theirs, strict=True) if name in present]
        )
        limits = "; ".join(f"{side.name}: {side.limits}" for side in sides if (size, side.name) in found)
        alone = "" if present else " The peer is not measured at this size: its runs would take most of an hour."
        applied = f", and {BULK_APPLIES} bulk applies in turns of the first two columns (medians)" if present else ""
        verdicts = f"Once each, but for {VERDICTS} verdicts{applied}."
        measured_on = f"Measured on {machine()}. {verdicts} Client limits: {limits}.{alone}"
        write(f"bench-scale-{size}", f"{table(present, lines)}\n\n{measured_on}")
    result: dict[str, Any] = {str(size): found[size, names[0]].json() for size in sizes}
    for key, name in (("argo_rollouts", "argo-rollouts"), ("argo_rollouts_1000_qps", names[1])):
        result[key] = {str(size): one.json() for (size, who), one in found.items() if who == name}
    tell("bench-scale", result | {"machine": machine(), "seconds": round(time.monotonic() - begun)})


if __name__ == "__main__":
    main()
