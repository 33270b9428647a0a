"""How is a system brought up, fed and looked at while a bench runs?"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.api import Api, Object, all_of, follow, until
from bench.sides import Operator, Side, name_of

PATIENCE_SECONDS = 120.0


@dataclass
class Observed:
    """What the watches showed, with the moment at which each thing was heard."""

    side: Side
    roots: dict[str, Object] = field(default_factory=dict)
    healthy: set[str] = field(default_factory=set)
    shares: dict[str, int] = field(default_factory=dict)
    zero_at: dict[str, float] = field(default_factory=dict)
    """When the route's share for the candidate last became 0."""
    verdict_at: dict[str, float] = field(default_factory=dict)
    changed_at: float = 0.0
    """When anything last changed."""
    _verdicts: set[tuple[str, str]] = field(default_factory=set)

    def hear_root(self, moment: float, kind: str, root: Object) -> None:
        """Take a Rollout."""
        self.changed_at = moment
        name = root["metadata"]["name"]
        self.roots[name] = root
        (self.healthy.add if self.side.healthy(root) else self.healthy.discard)(name)

    def hear_route(self, moment: float, kind: str, route: Object) -> None:
        """Take a route."""
        self.changed_at = moment
        if kind == "DELETED":
            return
        name, share = self.side.route_of(route), self.side.share(route)
        if share == 0 and self.shares.get(name, 0) > 0:
            self.zero_at[name] = moment
        self.shares[name] = share

    def hear_verdict(self, moment: float, kind: str, one: Object) -> None:
        """Take what may carry a verdict; each counts when it is first seen."""
        found = self.side.failed(one)
        if found is not None and found not in self._verdicts:
            self._verdicts.add(found)
            self.verdict_at[found[0]] = moment

    def forget(self, names: Iterable[str]) -> None:
        """Wait for news of these Rollouts from now on."""
        for name in names:
            self.zero_at.pop(name, None)
            self.verdict_at.pop(name, None)


@asynccontextmanager
async def background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run endless work beside the block; a failure of it ends the block."""
    block = asyncio.current_task()
    assert block is not None
    failures: list[BaseException] = []

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            failures.append(task.exception() or RuntimeError())
            block.cancel()

    tasks = [asyncio.create_task(one) for one in work]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if failures:
            raise failures[0] from None
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def observed(api: Api, side: Side) -> AsyncIterator[Observed]:
    """Watch Rollouts, routes and verdicts as long as the block lasts."""
    seen = Observed(side)
    watches = [(side.roots, seen.hear_root), (side.routes, seen.hear_route), (side.verdicts(), seen.hear_verdict)]
    ready = [asyncio.Event() for _ in watches]
    work = [follow(api, path, hear, event) for (path, hear), event in zip(watches, ready, strict=True)]
    async with background(*work):
        for event in ready:
            await asyncio.wait_for(event.wait(), 30)
        yield seen


async def leading(api: Api, side: Side, operator: Operator) -> None:
    """Wait until somebody leads and answers with metrics."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        lease = await api.call("GET", side.lease, ok=(404,))
        text = await asyncio.to_thread(operator.metrics)
        if side.leads(lease) and text:
            return
        if not operator.child.alive:
            raise RuntimeError(f"{side.name} ended:\n{operator.child.tail()}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{side.name} does not lead:\n{operator.child.tail()}")
        await asyncio.sleep(0.2)


async def create(api: Api, side: Side, numbers: Iterable[int]) -> None:
    """Create Rollouts as fast as the apiserver takes them."""
    await all_of(api.call("POST", *side.root(number)) for number in numbers)


async def release(api: Api, side: Side, numbers: Iterable[int], version: int) -> None:
    """Start a new version of many Rollouts."""
    await all_of(api.merge(*side.release(number, version)) for number in numbers)


async def all_healthy(seen: Observed, count: int, seconds: float) -> None:
    """Wait until so many Rollouts serve their version."""
    with contextlib.suppress(TimeoutError):
        await until(lambda: len(seen.healthy) >= count, seconds, "all Rollouts healthy", 0.05)
    if len(seen.healthy) < count:
        left = sorted(name_of(number) for number in range(count) if name_of(number) not in seen.healthy)
        example = seen.roots.get(left[0], {}).get("status")
        raise TimeoutError(
            f"{len(left)} of {count} Rollouts not healthy within {seconds:g} s; {left[0]} has status {example}"
        )
