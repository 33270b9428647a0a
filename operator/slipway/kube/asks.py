"""Who finds the answers that plans ask for, while reconciles go on?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from slipway.kube.clock import Clock
from slipway.kube.lanes import Busy, Lanes
from slipway.metrics.operator import OperatorMetrics
from slipway.plan import Answer, Ask, Facts, Key, Question

TIMEOUT_SECONDS = 15.0
GUARD_SECONDS = 2.0
"""How much longer than its own time a question may take: its asker knows better what to say about a slow server."""


class Asker(Protocol):
    """Whoever can answer a question."""

    async def ask(self, question: Question) -> Answer:
        """Return the answer; failures are answers too, with `error` set."""


@dataclass
class _Flight:
    """One question on its way, for everybody who asks the same at the same time."""

    task: asyncio.Task[Answer]
    waiting: set[asyncio.Task[None]] = field(default_factory=set)


class Asks:
    """Open questions and answers, by key. What a key's newest plan does not ask is cancelled or forgotten."""

    def __init__(
        self,
        asker: Asker,
        clock: Clock,
        metrics: OperatorMetrics,
        answered: Callable[[Key], None],
        *,
        lanes: Lanes | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._asker = asker
        self._clock = clock
        self._metrics = metrics
        self._answered = answered
        self._lanes = lanes or Lanes()
        self._timeout = timeout
        self._open: dict[Key, dict[Ask, asyncio.Task[None]]] = {}
        self._answers: dict[Key, dict[Ask, Answer]] = {}
        self._flights: dict[Question, _Flight] = {}

    def facts(self, key: Key) -> Facts:
        """Return the answers to the asks of the last plan of `key`, as far as they are there."""
        return Facts({ask.id: answer for ask, answer in self._answers.get(key, {}).items()})

    def update(self, key: Key, asks: Sequence[Ask]) -> None:
        """Make `asks` the open questions of `key`: begin the new ones, each at its time, and drop the others."""
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
        flights = [flight.task for flight in self._flights.values()]
        tasks = [*(task for open_ in self._open.values() for task in open_.values()), *flights]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._open.clear()

    async def _find(self, key: Key, ask: Ask) -> None:
        if ask.at is not None:
            await asyncio.sleep((ask.at - self._clock.now()).total_seconds())
        answer = await self._shared(ask.question)
        self._metrics.asks.labels(result="error" if answer.error else "answer").inc()
        self._open.get(key, {}).pop(ask, None)
        self._answers.setdefault(key, {})[ask] = answer
        self._answered(key)

    async def _shared(self, question: Question) -> Answer:
        """Return the answer to `question`, asked once for all who want it while it is on its way.

        Equal questions name the same Secrets of the same namespace, so nobody gets an answer that is not theirs.
        """
        flight = self._flights.get(question)
        if flight is None:
            flight = _Flight(asyncio.create_task(self._answer(question), name=f"question to {question.lane}"))
            self._flights[question] = flight
            flight.task.add_done_callback(lambda _: self._landed(question, flight))
        waiter = asyncio.current_task()
        assert waiter is not None
        flight.waiting.add(waiter)
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting.discard(waiter)
            if not flight.waiting and not flight.task.done():
                flight.task.cancel()  # nobody wants to know any more
                self._landed(question, flight)

    def _landed(self, question: Question, flight: _Flight) -> None:
        if self._flights.get(question) is flight:
            del self._flights[question]

    async def _answer(self, question: Question) -> Answer:
        """Return the answer within twice the question's time: once to wait for a place, once to be answered."""
        limit = question.timeout or self._timeout
        try:
            async with self._lanes.place(question.lane, limit), asyncio.timeout(limit + GUARD_SECONDS):
                return await self._asker.ask(question)
        except Busy:
            server = question.lane or "Prometheus"
            return Answer(
                self._clock.now(), error=f"{server} is slow: this question waited {limit:g} s behind others to it"
            )
        except TimeoutError:
            return Answer(self._clock.now(), error=f"no answer within {limit:g} s")
        except Exception as error:  # an answer is owed whatever happens: silence would hold a rollout for ever
            return Answer(self._clock.now(), error=f"{type(error).__name__}: {error}")
