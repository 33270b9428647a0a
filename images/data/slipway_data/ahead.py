"""How is the work on single rows done on several cores?

Batches of rows go to worker processes, and come back in the order in which they went: the result is the same with any
number of cores. Only a few batches are on their way at a time, so memory does not grow with the data.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import chain, islice

from slipway_data.alone import Alone, Done, Work
from slipway_data.counts import Counts
from slipway_data.known import Known
from slipway_data.rows import Rejected, Row
from slipway_pod.errors import OutOfMemory

log = logging.getLogger("slipway")

BATCH_ROWS = 64
BATCH_CHARACTERS = 1_000_000
ON_THEIR_WAY = 3
"""Batches for each worker: one that it is at, and others, so that it never waits."""
LOOK_SECONDS = 1.0
"""How often it is looked whether all workers live while an answer is waited for."""
WORTH_A_POOL = 4
"""Batches from which the start of processes (a second or so) is soon made up for."""

Numbered = tuple[int, Row | Rejected | Known]
Batch = list[Numbered]


def cores(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many cores the pod asked for, as numerical libraries are told it; 1 where nobody says."""
    asked = environment.get("OMP_NUM_THREADS", "")
    return max(1, min(int(asked), len(os.sched_getaffinity(0)))) if asked.isdecimal() else 1


def done(items: Iterable[Numbered], work: Work, counts: Counts, workers: int) -> Iterator[tuple[int, Done]]:
    """Yield what becomes of every row by `work`, with the number that came with it; count in `counts` as Alone does.

    Raises OutOfMemory when a worker was killed.
    """
    here = Alone(work)  # in any case: what is wrong with a step is told by this process
    rest = batches(items)
    first = list(islice(rest, WORTH_A_POOL))
    if workers == 1 or len(first) < WORTH_A_POOL or not (work.steps or work.banding):
        yield from ((number, here(item)) for batch in chain(first, rest) for number, item in batch)
        counts.add(here.counts)
        return
    log.info("%d worker processes", workers)
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks of the store's client
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(work,))
    try:
        for found, counted in in_order(
            lambda batch: partial(_answer, pool, pool.submit(_work, batch)), chain(first, rest), workers * ON_THEIR_WAY
        ):
            counts.add(counted)
            yield from found
    except BrokenProcessPool as error:
        _unblock(pool)
        said = "a worker process was killed, most often for memory: raise resources.memory, or lower resources.cpu"
        raise OutOfMemory("OutOfMemory", said) from error
    finally:
        pool.shutdown(cancel_futures=True)


Answered = tuple[list[tuple[int, Done]], Counts]


def _answer(pool: ProcessPoolExecutor, future: Future[Answered]) -> Answered:
    """Wait for an answer as long as all workers live.

    One that is killed while it writes leaves half an answer in a pipe, for whose other half the pool waits for ever.
    """
    while not wait([future], LOOK_SECONDS).done:
        if any(process.exitcode is not None for process in (pool._processes or {}).values()):
            raise BrokenProcessPool("a worker ended")
    return future.result()


def _unblock(pool: ProcessPoolExecutor) -> None:
    """Let the threads of a pool end that lost a worker: one may write to a pipe that nobody reads any more (CPython's
    issue 94777, until Python 3.12), another read from one to which nobody writes.
    """
    for process in list((pool._processes or {}).values()):
        process.kill()
    pool._call_queue._reader.close()
    pool._result_queue._writer.close()


def in_order(
    submit: Callable[[Batch], Callable[[], Answered]], batches: Iterable[Batch], most: int
) -> Iterator[Answered]:
    """Yield the answer to each batch, in their order, with at most `most` batches on their way.

    `submit` sends a batch away and returns what waits for its answer.
    """
    waiting: deque[Callable[[], Answered]] = deque()
    for batch in batches:
        waiting.append(submit(batch))
        if len(waiting) >= most:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


def batches(items: Iterable[Numbered]) -> Iterator[Batch]:
    """Yield `items` in batches that are worth the way."""
    batch: Batch = []
    characters = 0
    for number, item in items:
        batch.append((number, item))
        characters += len(item.content.text) if isinstance(item, Row) else 0
        if len(batch) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


# In a worker process

_alone = Alone(Work())


def _begin(work: Work) -> None:
    global _alone  # noqa: PLW0603 - a process has one job
    _alone = Alone(work)


def _work(batch: Batch) -> Answered:
    return answered(_alone, batch)


def answered(alone: Alone, batch: Batch) -> Answered:
    """Return what becomes of each row of `batch` by `alone`, and what was counted on the way."""
    alone.counts.clear()
    found, counts = [(number, alone(item)) for number, item in batch], Counts()
    counts.add(alone.counts)
    return found, counts
