"""Who finds the answers that plans ask for, while reconciles go on?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from slipway.kube.clock import Clock
from slipway.metrics.operator import OperatorMetrics
from slipway.plan import Answer, Ask, Facts, Key

CONCURRENCY = 8
TIMEOUT_SECONDS = 15.0


class Asker(Protocol):
    """Whoever can answer a query."""

    async def ask(self, query: str) -> Answer:
        """Return the answer; failures are answers too, with `error` set."""


class Asks:
    """Open questions and answers, by key. What a key's newest plan does not ask is cancelled or forgotten."""

    def __init__(
        self,
        asker: Asker,
        clock: Clock,
        metrics: OperatorMetrics,
        answered: Callable[[Key], None],
        *,
        concurrency: int = CONCURRENCY,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._asker = asker
        self._clock = clock
        self._metrics = metrics
        self._answered = answered
        self._limit = asyncio.Semaphore(concurrency)
        self._timeout = timeout
        self._open: dict[Key, dict[Ask, asyncio.Task[None]]] = {}
        self._answers: dict[Key, dict[Ask, Answer]] = {}

    def facts(self, key: Key) -> Facts:
        """Return the answers to the asks of the last plan of `key`, as far as they are there."""
        return Facts({ask.id: answer for ask, answer in self._answers.get(key, {}).items()})

    def update(self, key: Key, asks: Sequence[Ask]) -> None:
        """Make `asks` the open questions of `key`: begin the new ones, drop the others."""
        wanted = set(asks)
        for ask in [ask for ask in self._open.get(key, {}) if ask not in wanted]:
            self._open[key].pop(ask).cancel()
        for ask in [ask for ask in self._answers.get(key, {}) if ask not in wanted]:
            del self._answers[key][ask]
        for ask in asks:
            if ask not in self._open.get(key, {}) and ask not in self._answers.get(key, {}):
                task = asyncio.create_task(self._find(key, ask), name=f"ask {key}")
                self._open.setdefault(key, {})[ask] = task
        for kept in (self._open, self._answers):
            if key in kept and not kept[key]:
                del kept[key]

    def forget(self, key: Key) -> None:
        """Drop everything about `key`."""
        self.update(key, ())

    async def close(self) -> None:
        """Cancel all questions."""
        tasks = [task for open_ in self._open.values() for task in open_.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._open.clear()

    async def _find(self, key: Key, ask: Ask) -> None:
        async with self._limit:
            answer = await self._answer(ask)
        self._metrics.asks.labels(result="error" if answer.error else "answer").inc()
        self._open.get(key, {}).pop(ask, None)
        self._answers.setdefault(key, {})[ask] = answer
        self._answered(key)

    async def _answer(self, ask: Ask) -> Answer:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._asker.ask(ask.query)
        except TimeoutError:
            return Answer(self._clock.now(), error=f"no answer within {self._timeout:g} s")
        except Exception as error:  # an answer is owed whatever happens: silence would hold a rollout for ever
            return Answer(self._clock.now(), error=f"{type(error).__name__}: {error}")
