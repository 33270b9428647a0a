"""When is what a measurement has so far kept, and what of it does the next attempt take?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from slipway_pod.errors import BadConfig, StoreUnreachable
from slipway_train_torch.evaluate import so_far
from slipway_train_torch.evaluate.so_far import EVERY_SECONDS, SoFar, lines, rows

IDS = ("a", "b", "c")


@dataclass
class Bucket:
    """A bucket with one object, and how often it was written."""

    content: bytes | None = None
    puts: int = 0
    away: bool = False

    def uri(self, key: str) -> str:
        return key

    def read(self, key: str) -> bytes:
        if self.content is None:
            raise BadConfig("NoSuchObject", key)
        return self.content

    def put(self, key: str, content: bytes) -> None:
        self.puts += 1
        if self.away:
            raise StoreUnreachable("StoreUnreachable", key)
        self.content = content


def opened(bucket: Bucket) -> SoFar:
    return SoFar(bucket, "k", IDS)  # type: ignore[arg-type]


def ended_by(error: BaseException, made: SoFar) -> None:
    with made:
        made.add(row("a"))
        raise error


def row(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, **more}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(so_far.time, "monotonic", lambda: now[0])
    return now


def test_it_is_written_every_so_many_seconds_and_at_the_end(clock: list[float]) -> None:
    bucket = Bucket()
    with opened(bucket) as made:
        made.add(row("a"))
        assert bucket.puts == 0
        clock[0] += EVERY_SECONDS
        made.add(row("b"))
        assert rows(bucket.content or b"") == [row("a"), row("b")]
        clock[0] += EVERY_SECONDS - 1
        made.add(row("c"))
        assert bucket.puts == 1
    assert bucket.puts == 2
    assert opened(bucket).rows == [row("a"), row("b"), row("c")]


def test_much_is_written_less_often(clock: list[float]) -> None:
    bucket = Bucket()
    with opened(bucket) as made:
        clock[0] += EVERY_SECONDS
        made.add(row("a", answer="x" * (20 << 20)))
        clock[0] += EVERY_SECONDS
        made.add(row("b"))
        assert bucket.puts == 1
        clock[0] += 20 - EVERY_SECONDS + 1
        made.add(row("c"))
        assert bucket.puts == 2


def test_nothing_new_is_not_written() -> None:
    bucket = Bucket(lines([row("a")]))
    with opened(bucket) as made:
        assert made.rows == [row("a")]
    assert bucket.puts == 0


def test_whatever_ends_a_measurement_what_it_has_is_kept() -> None:
    bucket = Bucket()
    with pytest.raises(SystemExit):
        ended_by(SystemExit(143), opened(bucket))
    assert opened(bucket).rows == [row("a")]


def test_a_store_that_was_waited_for_in_vain_is_not_waited_for_twice(clock: list[float]) -> None:
    bucket = Bucket(away=True)
    made = opened(bucket)
    clock[0] += EVERY_SECONDS
    with pytest.raises(StoreUnreachable):
        ended_by(SystemExit(143), made)
    assert bucket.puts == 1


@pytest.mark.parametrize(
    ("content", "taken"),
    [
        (None, 0),
        (lines([row("a"), row("x"), row("c")]), 1),
        (lines([row("a"), row("b"), row("c"), row("d")]), 3),
        (lines([row("a", answer="one\u2028two\x85\r\n")]), 1),
        (b'{"id": "a"}\n{"id": "b', 0),
        (b"[1]\n", 0),
        (b'{"name": "a"}\n', 0),
        (b"\xff\xfe", 0),
    ],
)
def test_only_what_is_of_the_items_in_their_order_is_taken(content: bytes | None, taken: int) -> None:
    assert [one["id"] for one in opened(Bucket(content)).rows] == list(IDS[:taken])


def test_a_store_that_does_not_answer_is_not_taken_for_an_empty_one() -> None:
    class Away(Bucket):
        def read(self, key: str) -> bytes:
            raise StoreUnreachable("StoreUnreachable", key)

    with pytest.raises(StoreUnreachable):
        opened(Away())
