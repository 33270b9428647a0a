"""Is the result the same with any number of cores?"""

from __future__ import annotations

import gc
import os
import random
import signal
import struct
from collections.abc import Iterator
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import pytest

from slipway.api.dataset_steps import Step
from slipway_data import ahead
from slipway_data.alone import Work
from slipway_data.counts import Counts
from slipway_data.rows import Completion, Rejected, Row
from slipway_pod.errors import OutOfMemory
from tests.unit.data.preparing import Place, pair

STEPS = [
    Step.model_validate(step)
    for step in (
        {"parse": {"as": "JSONL"}},
        {"filter": {"minCharacters": 3}},
        {"redact": {"kinds": ["Email", "IPAddress", "Secret"]}},
        {"deduplicate": {"method": "MinHash"}},
    )
]


def items(count: int) -> Iterator[tuple[int, Row | Rejected]]:
    for n in range(count):
        if n % 17 == 0:
            yield n, Rejected(str(n), "SchemaViolation", "no row")
        else:
            yield n, Row(str(n), "g", Completion(f"ask {n}", "no" if n % 5 == 0 else f"mail a{n}@example.org " * 9))


def test_only_the_steps_before_the_first_that_remembers_are_done_ahead() -> None:
    work = Work.of(STEPS)
    assert [number for number, _ in work.steps] == [1, 2]
    assert work.banding == (16, 8)
    assert Work.of([STEPS[0], STEPS[3], STEPS[1]]) == Work((), (16, 8))
    assert Work.of(STEPS[:2]).banding is None


def test_workers_give_the_same_rows_in_the_same_order() -> None:
    count = ahead.BATCH_ROWS * (ahead.WORTH_A_POOL + 3) + 5
    alone, together = Counts(), Counts()
    one = list(ahead.done(items(count), Work.of(STEPS), alone, 1))
    two = list(ahead.done(items(count), Work.of(STEPS), together, 2))
    assert [number for number, _ in two] == list(range(count))
    assert two == one
    assert together == alone
    assert alone.replaced["Email"] > count
    drawn = [
        (a.item.drawn, b.item.drawn)
        for (_, a), (_, b) in zip(one, two, strict=True)
        if isinstance(a.item, Row) and isinstance(b.item, Row)
    ]
    assert drawn
    assert all(a.bands == b.bands and list(a.hashes) == list(b.hashes) for a, b in drawn if a and b)


def test_only_a_few_batches_are_on_their_way() -> None:
    taken = 0

    def endless() -> Iterator[tuple[int, Row | Rejected]]:
        nonlocal taken
        for item in items(10**9):
            taken += 1
            yield item

    found = ahead.done(endless(), Work.of(STEPS), Counts(), 2)
    for _ in range(ahead.BATCH_ROWS):
        next(found)
    assert taken <= ahead.BATCH_ROWS * (2 * ahead.ON_THEIR_WAY + ahead.WORTH_A_POOL + 1)
    found.close()  # type: ignore[attr-defined]


def test_a_worker_that_is_killed_is_told_as_memory() -> None:
    before = _children()
    # Each batch is more than a pipe holds, so that one is being written to a worker when both are gone.
    large = ((n, Row(str(n), "g", Completion("ask", "word " * 4000))) for n in range(10**9))
    found = ahead.done(large, Work.of(STEPS), Counts(), 2)
    next(found)
    for child in _children() - before:
        os.kill(child, signal.SIGKILL)
    with pytest.raises(OutOfMemory, match=r"raise resources\.memory"):
        for _ in found:
            pass


def test_a_worker_that_is_killed_while_it_answers_is_told_as_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_work", torn)
    found = ahead.done(items(10**6), Work.of(STEPS), Counts(), 2)
    with pytest.raises(OutOfMemory, match=r"raise resources\.memory"):
        next(found)


def torn(batch: ahead.Batch) -> ahead.Answered:
    """Write half an answer, as a worker would, and be killed."""
    del batch
    [answers] = {id(one): one for one in gc.get_objects() if isinstance(one, SimpleQueue)}.values()
    os.write(answers._writer.fileno(), struct.pack("!i", 1_000_000) + b"half")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("killed before")


def _children() -> set[int]:
    """Return the worker processes of this one."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def test_cores_are_what_the_pod_asked_for_and_no_more_than_there_are() -> None:
    assert ahead.cores({}) == 1
    assert ahead.cores({"OMP_NUM_THREADS": "1"}) == 1
    assert ahead.cores({"OMP_NUM_THREADS": "lots"}) == 1
    assert ahead.cores({"OMP_NUM_THREADS": "0"}) == 1
    assert ahead.cores({"OMP_NUM_THREADS": "4096"}) == len(os.sched_getaffinity(0))


def test_the_digest_does_not_depend_on_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)
    place = Place(tmp_path)
    words = [f"word{n}" for n in range(300)]
    texts = [" ".join(rng.choices(words, k=30)) for _ in range(500)]
    texts += [text.replace("word1 ", "changed ") for text in texts[:80]]
    place.put("raw/a.jsonl", "".join(pair(f"q{n}", f"{text} a@example.org") for n, text in enumerate(texts)))
    steps = [step.dump() for step in STEPS[1:]]
    one = place.prepare("JSONL", "Completion", *steps)
    assert one.rows.duplicates > 0
    monkeypatch.setattr(ahead, "cores", lambda: 2)
    assert place.prepare("JSONL", "Completion", *steps) == one
