"""Does the queue keep its promises under any order of calls?"""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from slipway.kube.queue import LONGEST_DELAY, Backlog, Priority, WorkQueue
from slipway.plan import Key
from tests.engine.virtual import virtual

KEYS = [Key("Dataset", "demo", name) for name in "abcd"]
keys, priorities = st.sampled_from(KEYS), st.sampled_from(Priority)
delays = st.floats(0, 100, allow_nan=False)


class Promises(RuleBasedStateMachine):
    """No key is worked on twice at a time, none is forgotten, none comes without a cause."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog(jitter=lambda: 1.0)
        self.now = 0.0
        self.owed: dict[Key, Priority] = {}
        self.later: dict[Key, float] = {}
        self.working: set[Key] = set()
        self.resting: dict[Key, float] = {}

    @rule(key=keys, priority=priorities)
    def add(self, key: Key, priority: Priority) -> None:
        self.backlog.add(key, self.now, priority)
        self.owe(key, priority)

    def owe(self, key: Key, priority: Priority) -> None:
        if key in self.owed or key in self.working or self.rested(key) or priority is Priority.HIGH:
            self.owed[key] = min(priority, self.owed.get(key, priority))
        else:
            self.later[key] = min(self.resting[key], self.later.get(key, self.resting[key]))

    def rested(self, key: Key) -> bool:
        return self.resting.get(key, self.now) <= self.now

    @rule(key=keys, delay=st.none() | delays)
    def wake(self, key: Key, delay: float | None) -> None:
        when = None if delay is None else self.now + delay
        self.backlog.wake_at(key, when)
        self.later.pop(key, None)
        if when is not None:
            self.later[key] = when

    @rule(key=keys)
    def fail(self, key: Key) -> None:
        delay = self.backlog.fail(key, self.now)
        assert 0 < delay <= LONGEST_DELAY
        self.later[key] = self.now + delay

    @rule(delay=delays)
    def pass_time(self, delay: float) -> None:
        self.now += delay

    @rule()
    def take(self) -> None:
        for key in [key for key, when in self.later.items() if when <= self.now]:
            del self.later[key]
            self.owe(key, Priority.NORMAL)
        free = {key for key in self.owed if key not in self.working}
        taken = self.backlog.take(self.now)
        if taken is None:
            assert not free
            return
        key, waited, _ = taken
        assert key in free
        assert waited >= 0
        del self.owed[key]
        self.resting.pop(key, None)
        self.working.add(key)

    @precondition(lambda self: self.working)
    @rule(data=st.data(), rest=st.just(0.0) | delays)
    def done(self, data: st.DataObject, rest: float) -> None:
        key = data.draw(st.sampled_from(sorted(self.working)))
        assert self.backlog.done(key, self.now, rest) >= 0
        self.working.remove(key)
        self.resting[key] = self.now + rest
        if key in self.owed and not self.rested(key) and self.owed[key] is not Priority.HIGH:
            del self.owed[key]
            self.owe(key, Priority.NORMAL)

    @invariant()
    def knows_the_next_timer(self) -> None:
        due = self.backlog.next_due()
        assert due == min(self.later.values(), default=None)

    @invariant()
    def counts(self) -> None:
        assert self.backlog.working == len(self.working)
        assert len(self.backlog) <= len(KEYS)


TestPromises = Promises.TestCase
TestPromises.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@given(st.lists(st.tuples(keys, priorities), min_size=1, max_size=30))
def test_keys_come_by_priority_then_by_age(adds: list[tuple[Key, Priority]]) -> None:
    backlog = Backlog()
    best: dict[Key, tuple[Priority, int]] = {}
    for order, (key, priority) in enumerate(adds):
        backlog.add(key, 0, priority)
        if key not in best or priority < best[key][0]:
            best[key] = (priority, order)
    taken = []
    while (found := backlog.take(0)) is not None:
        taken.append(found[0])
    assert taken == sorted(best, key=lambda key: best[key])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_back_off_grows_to_its_limit_and_starts_again_when_forgiven(jitters: list[float]) -> None:
    left = iter(jitters)
    backlog = Backlog(jitter=lambda: next(left))
    for attempt, jitter in enumerate(jitters):
        longest = min(0.005 * 2**attempt, LONGEST_DELAY)
        assert backlog.fail(KEYS[0], 0) == longest * (0.5 + 0.5 * jitter)
    backlog.forgive(KEYS[0])
    assert Backlog(jitter=lambda: 1.0).fail(KEYS[0], 0) == 0.005
    assert backlog.failures(KEYS[0]) == 0


@pytest.mark.parametrize("mine", [Priority.HIGH, Priority.NORMAL])
def test_it_is_crowded_where_somebody_as_urgent_waits_or_is_worked_on_beside_another(mine: Priority) -> None:
    backlog = Backlog()
    backlog.add(KEYS[0], 0.0, Priority(mine + 1))
    assert not backlog.crowded(mine), "who waits is less urgent"
    backlog.add(KEYS[1], 0.0, mine)
    assert backlog.crowded(mine)
    backlog.take(0.0)
    assert not backlog.crowded(mine), "it is being worked on, and nothing else"
    backlog.take(0.0)
    assert not backlog.crowded(mine), "who is worked on beside it is less urgent"
    backlog.add(KEYS[2], 0.0, mine)
    backlog.take(0.0)
    assert backlog.crowded(mine)
    backlog.done(KEYS[1], 1.0)
    assert not backlog.crowded(mine)


def test_a_new_time_replaces_the_old_one() -> None:
    backlog = Backlog()
    backlog.wake_at(KEYS[0], 10)
    backlog.wake_at(KEYS[0], 20)
    assert backlog.take(15) is None
    assert backlog.take(20) == (KEYS[0], 0, Priority.NORMAL)
    backlog.done(KEYS[0], 20)
    assert backlog.take(100) is None


def test_times_set_over_and_over_take_no_memory() -> None:
    backlog = Backlog()
    for second in range(10_000):
        backlog.wake_at(KEYS[second % 4], second + 86_400)
    assert len(backlog._heap) < 200
    assert backlog.next_due() == 9_996 + 86_400


def test_a_key_added_while_worked_on_rests_as_told() -> None:
    backlog = Backlog()
    backlog.add(KEYS[0], 0)
    assert backlog.take(0)
    backlog.add(KEYS[0], 1)
    assert backlog.take(1) is None
    backlog.done(KEYS[0], 2, rest=5)
    assert backlog.take(6) is None
    assert backlog.take(7) == (KEYS[0], 0, Priority.NORMAL)


def test_an_answer_that_came_while_its_key_was_worked_on_does_not_rest() -> None:
    backlog = Backlog()
    backlog.add(KEYS[0], 0)
    assert backlog.take(0)
    backlog.add(KEYS[0], 1)
    backlog.add(KEYS[0], 1, Priority.HIGH)
    backlog.done(KEYS[0], 2, rest=5)
    assert backlog.take(2) == (KEYS[0], 1, Priority.HIGH)


def test_what_changes_a_key_that_rests_wakes_it_when_it_has_rested() -> None:
    backlog = Backlog()
    backlog.add(KEYS[0], 0)
    assert backlog.take(0)
    backlog.wake_at(KEYS[0], 60)
    backlog.done(KEYS[0], 2, rest=5)
    backlog.add(KEYS[0], 3)
    assert backlog.take(6) is None
    backlog.add(KEYS[0], 6, Priority.HIGH)
    assert backlog.take(6) == (KEYS[0], 0, Priority.HIGH), "an answer does not wait"


@virtual
async def test_waiting_workers_get_keys_when_they_are_due_and_none_when_it_closes() -> None:
    queue, got = WorkQueue(), []

    async def work() -> None:
        while (taken := await queue.get()) is not None:
            got.append((taken[0].name, asyncio.get_running_loop().time()))
            queue.done(taken[0])

    workers = [asyncio.create_task(work()) for _ in range(3)]
    queue.wake_after(KEYS[0], 10)
    queue.wake_after(KEYS[1], 5)
    queue.add(KEYS[2])
    await asyncio.sleep(7)
    queue.wake_after(KEYS[0], 1)
    await asyncio.sleep(30)
    assert got == [("c", 0.0), ("b", 5.0), ("a", 8.0)]
    queue.close()
    await asyncio.gather(*workers)


@virtual
async def test_others_have_their_turn_while_thousands_of_keys_need_no_write() -> None:
    queue, beats, done = WorkQueue(), 0, 0
    for number in range(1000):
        queue.add(Key("Rollout", "demo", str(number)))

    async def beat() -> None:
        nonlocal beats
        while done < 1000:
            beats += 1
            await asyncio.sleep(0)

    async def work() -> None:
        nonlocal done
        for _ in range(500):
            taken = await queue.get()
            assert taken is not None
            queue.done(taken.key)
            done += 1

    await asyncio.gather(beat(), work(), work())
    assert beats > 400
