"""Is what takes too much memory stopped by itself, and nothing else with it?"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from slipway_data import bounded
from slipway_data.bounded import MIB, Exhausted, Failed
from slipway_pod.errors import OutOfMemory

MEMORY = 64 * MIB
KEPT: list[bytes] = []


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    bounded.end()
    yield
    bounded.end()


# What the other process does


def texts(count: int, size: int) -> Iterator[str]:
    for number in range(count):
        yield f"{number} {'x' * size}"


def takes(size: int) -> Iterator[int]:
    yield 1
    yield len(bytearray(size))


def process() -> Iterator[int]:
    yield os.getpid()


def grows(size: int) -> Iterator[int]:
    KEPT.append(b"x" * size)
    yield os.getpid()


def stays(size: int) -> Iterator[int]:
    """Fill memory up, and do something else for ever."""
    with suppress(MemoryError):
        while True:
            KEPT.append(bytes(size))
    while True:
        yield from ()


def dies(number: int) -> Iterator[int]:
    yield 1
    os.kill(os.getpid(), number)


def raises() -> Iterator[int]:
    yield from ()
    raise ValueError("nobody expected that")


# What this one sees


def test_items_come_as_they_are_and_in_their_order() -> None:
    assert list(bounded.items(MEMORY, texts, 5, 3)) == list(texts(5, 3))
    assert list(bounded.items(MEMORY, texts, 0, 0)) == []
    many = list(bounded.items(MEMORY, texts, 3000, 500))  # more than goes at once
    assert many == list(texts(3000, 500))
    assert list(bounded.items(MEMORY, texts, 2, 3 * bounded.FRAME)) == list(texts(2, 3 * bounded.FRAME))


def test_more_than_it_may_take_is_said_and_harms_nothing_else() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    assert list(bounded.items(MEMORY, takes, MEMORY // 2)) == [1, MEMORY // 2]
    with pytest.raises(Exhausted):
        list(bounded.items(MEMORY, takes, 2 * MEMORY))
    assert list(bounded.items(3 * MEMORY, takes, 2 * MEMORY)) == [1, 2 * MEMORY], "another may take more"
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.mark.parametrize("size", [400, 4000])
def test_who_stays_at_the_bound_is_not_waited_for(size: int) -> None:
    with pytest.raises(Exhausted):
        list(bounded.items(MEMORY, stays, size))


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_what_brings_its_process_down_is_to_blame(number: int) -> None:
    found = bounded.items(MEMORY, dies, number)
    with pytest.raises(Exhausted):
        list(found)
    assert list(bounded.items(MEMORY, texts, 1, 1)) == ["0 x"]


def test_a_process_that_somebody_killed_is_the_pods_matter() -> None:
    with pytest.raises(OutOfMemory, match=r"raise resources\.memory"):
        list(bounded.items(MEMORY, dies, signal.SIGKILL))


def test_what_nobody_expected_is_told_and_its_place_logged(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Failed, match=r"^ValueError: nobody expected that$"):
        list(bounded.items(MEMORY, raises))
    assert "in raises" in capfd.readouterr().err


def test_a_process_is_used_again_unless_it_has_grown() -> None:
    (first,) = bounded.items(MEMORY, process)
    assert list(bounded.items(MEMORY, process)) == [first]
    assert list(bounded.items(2 * bounded.GROWN, grows, bounded.GROWN + MIB)) == [first]
    (other,) = bounded.items(MEMORY, process)
    assert other not in {first, os.getpid()}
    bounded.end()
    with pytest.raises(ProcessLookupError):
        os.kill(other, 0)


def test_who_wants_no_more_ends_it() -> None:
    (pid,) = bounded.items(MEMORY, process)
    found = bounded.items(MEMORY, texts, 1_000_000, 100)
    assert next(found).startswith("0 ")
    others = bounded.items(MEMORY, process)
    assert next(others) != pid, "the first is at work"
    found.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
