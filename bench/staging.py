"""A system on a stage: brought up, with healthy Rollouts and users, and told what happens to its candidates."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench import gateway as gateways
from bench.api import Api, text_of, until
from bench.driver import PATIENCE_SECONDS, Observed, all_healthy, background, create, leading, observed, release
from bench.ground import REPOSITORY, Ground, own_address
from bench.measurements import Measurements
from bench.prometheus import Prometheus, prometheus
from bench.sides import SHARE, Backends, Operator, Side, Source, host_of, name_of
from bench.slipway_side import Slipway
from tests.apiserver.server import free_port


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
    prometheus: Prometheus | None = None
    """Who scrapes the figures, where they are scraped."""


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
            scraper = stack.enter_context(prometheus(measured.port, ground.folder)) if scraped else None
            source = Source(scraper.url if scraper else f"http://127.0.0.1:{measured.port}", prometheus=scraped)
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
                    stage = Stage(api, side, seen, measured, operator, bool(ground.pods), scraper)
                    if not gateway:
                        yield stage, None
                    else:
                        async with users(gateway, [host_of(0)], backends, rate) as asking:
                            yield stage, asking
        finally:
            await measured.close()


async def rescraped(stage: Stage, phase: str) -> None:
    """Let Prometheus scrape at another part of a second, and wait until it does."""
    assert stage.prometheus is not None
    stage.prometheus.scrape(phase)
    await until(lambda: stage.measured.scrapes[phase] >= 2, PATIENCE_SECONDS, "scraped at another part of a second")


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
    try:
        await until(
            lambda: all(name in stage.seen.zero_at for name in names), PATIENCE_SECONDS, "every share taken", 0.005
        )
    except TimeoutError as late:
        raise TimeoutError(
            f"{late}; {_why(stage, [name for name in names if name not in stage.seen.zero_at])}"
        ) from None


def _why(stage: Stage, names: Sequence[str]) -> str:
    """Return what can be known of Rollouts that do not do what is expected: the first one's figures and its status."""
    name = names[0]
    asked = f"{stage.measured.asked[name]} measurements, first bad at {stage.measured.first_bad.get(name)}"
    status = text_of(stage.seen.roots[name].get("status"))
    return f"{len(names)} Rollouts, {name} for one ({asked}): {status}\n{stage.operator.child.tail()}"


async def rested(stage: Stage, numbers: Sequence[int]) -> None:
    """Wait until some Rollouts could start another version."""
    names = [name_of(number) for number in numbers]
    await until(
        lambda: all(stage.side.settled(stage.seen.roots[name]) for name in names),
        PATIENCE_SECONDS,
        "every Rollout at rest",
    )
