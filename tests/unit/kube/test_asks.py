"""Does a slow server delay anybody but those who ask it? In virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.kube.asks import Asks
from slipway.kube.lanes import Busy, Lanes
from slipway.metrics.operator import OperatorMetrics
from slipway.plan import Access, Answer, Ask, Key, PrometheusQuery, Question, Server
from tests.engine.virtual import EPOCH, VirtualClock, virtual

TIMEOUT = 5.0


def key(number: int) -> Key:
    return Key("Rollout", "games", f"r{number}")


def query(server: str, text: str = "up") -> PrometheusQuery:
    return PrometheusQuery(text, Server(f"http://{server}", Access("games")), TIMEOUT)


class Servers:
    """Servers named hang… never answer; the others take 10 ms."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.open: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        for name in (question.lane, "all"):
            self.open[name] += 1
            self.most[name] = max(self.most[name], self.open[name])
        try:
            if question.lane.startswith("http://bug"):
                raise ZeroDivisionError("a bug")
            await asyncio.sleep(1e9 if question.lane.startswith("http://hang") else 0.01)
        finally:
            for name in (question.lane, "all"):
                self.open[name] -= 1
        return Answer(EPOCH, series=(({}, 1.0),))


class Desk:
    """Asks, and when each key was answered."""

    def __init__(self, lanes: Lanes | None = None) -> None:
        self.servers = Servers()
        self.at: dict[Key, float] = {}
        self.asks = Asks(self.servers, VirtualClock(), OperatorMetrics(), self._answered, lanes=lanes, timeout=TIMEOUT)

    def _answered(self, key: Key) -> None:
        self.at[key] = asyncio.get_running_loop().time()

    def error(self, key: Key) -> str:
        return self.asks.facts(key).answers["a"].error


@virtual
async def test_a_server_that_hangs_delays_nobody_else() -> None:
    desk = Desk()
    for number in range(100):
        desk.asks.update(key(number), [Ask("a", query("hang:9090", f"q{number}"))])
    for number in range(100, 110):
        desk.asks.update(key(number), [Ask("a", query("good:9090", f"q{number}"))])
    await asyncio.sleep(1)
    assert set(desk.at) == {key(number) for number in range(100, 110)}
    assert max(desk.at.values()) < 0.05
    assert desk.servers.most["http://hang:9090"] == 10
    await asyncio.sleep(3 * TIMEOUT)
    assert len(desk.at) == 110, "a server that hangs is an answer too, for everyone who asked it"
    assert "waited 5 s behind others" in desk.error(key(99))
    assert desk.error(key(0)) == "no answer within 5 s"
    await desk.asks.close()


@virtual
async def test_many_servers_that_hang_leave_a_turn_for_the_next() -> None:
    desk = Desk(Lanes(per_lane=2, in_all=4))
    for number in range(20):
        desk.asks.update(key(number), [Ask("a", query(f"hang{number % 2}:9090", f"q{number}"))])
    await asyncio.sleep(0.1)
    desk.asks.update(key(99), [Ask("a", query("good:9090"))])
    await asyncio.sleep(3 * TIMEOUT)
    assert desk.error(key(99)) != "no answer within 5 s"
    assert desk.servers.most["all"] <= 4
    await desk.asks.close()


@virtual
async def test_the_same_question_is_asked_once_while_it_is_on_its_way() -> None:
    desk = Desk()
    for number in range(5):
        desk.asks.update(key(number), [Ask("a", query("good"))])
    other = PrometheusQuery("up", Server("http://good", Access("films")), TIMEOUT)
    desk.asks.update(key(9), [Ask("a", other)])
    await asyncio.sleep(1)
    assert len(desk.at) == 6
    assert desk.servers.asked == [query("good"), other], "another namespace's Secrets make it another question"
    desk.asks.update(key(7), [Ask("a", query("good"))])
    await asyncio.sleep(1)
    assert len(desk.servers.asked) == 3, "an answer is not kept for later questions"


@virtual
async def test_who_stops_asking_does_not_stop_the_others() -> None:
    desk = Desk()
    desk.asks.update(key(1), [Ask("a", query("good"))])
    desk.asks.update(key(2), [Ask("a", query("good"))])
    await asyncio.sleep(0.001)
    desk.asks.update(key(1), [])
    await asyncio.sleep(1)
    assert set(desk.at) == {key(2)}
    desk.asks.update(key(3), [Ask("a", query("hang"))])
    await asyncio.sleep(0.001)
    desk.asks.forget(key(3))
    await asyncio.sleep(0.001)
    assert desk.servers.open["all"] == 0, "a question that nobody waits for is dropped"


@virtual
async def test_a_question_is_asked_when_its_time_has_come() -> None:
    desk = Desk()
    for number, seconds in enumerate((-5, 10, 20)):
        desk.asks.update(key(number), [Ask("a", query("good", f"q{number}"), EPOCH + timedelta(seconds=seconds))])
    await asyncio.sleep(5)
    desk.asks.update(key(1), [Ask("a", query("good", "q1"), EPOCH + timedelta(seconds=99))])  # the same question
    desk.asks.update(key(2), [])
    await asyncio.sleep(100)
    assert [round(at, 2) for at in desk.at.values()] == [0.01, 10.01]
    assert len(desk.servers.asked) == 2, "a question that nobody asks any more is not asked"


@virtual
async def test_whatever_fails_is_an_answer() -> None:
    desk = Desk()
    desk.asks.update(key(1), [Ask("a", query("bug"))])
    await asyncio.sleep(1)
    assert desk.error(key(1)) == "ZeroDivisionError: a bug"


Visit = tuple[int, float, float]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 5), st.floats(0.1, 8)), max_size=30))
@settings(max_examples=60, deadline=None)
def test_places_are_never_exceeded_nor_lost(visits: list[Visit]) -> None:
    """Whatever comes, goes and gives up: the bounds hold at every moment, and in the end all places are free."""

    @virtual
    async def run() -> None:
        lanes, inside, refused = Lanes(per_lane=2, in_all=3), Counter[int](), 0

        async def visit(lane: int, start: float, stay: float) -> None:
            nonlocal refused
            await asyncio.sleep(start)
            try:
                async with lanes.place(str(lane), patience=2):
                    inside[lane] += 1
                    assert inside[lane] <= 2
                    assert inside.total() <= 3
                    await asyncio.sleep(stay)
                    inside[lane] -= 1
            except Busy:
                refused += 1

        await asyncio.gather(*(visit(*one) for one in visits))
        assert lanes._lanes == {}
        assert lanes._taken == 0

    run()
