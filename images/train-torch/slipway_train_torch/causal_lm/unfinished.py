"""Was the attempt before killed for its memory, and with which pieces does this one begin?

On a CPU, memory that runs out is not refused: the kernel kills the pod, and the next one would meet the same end. So
while steps are done, a mark lies beside the checkpoints, and whatever ends or is stopped takes it away. One that is
found is of an attempt that was killed. If that held nearly all there was, it is taken for the reason, and this one
begins one rung lower; if not, nothing changes, for a lost node is no reason to sum in another order.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from slipway.api.base import StatusModel
from slipway.api.trainingjob_status import BatchLayout
from slipway.contract.job import Store
from slipway.contract.result import KILLED, Rung
from slipway_pod.errors import PodError
from slipway_pod.stop import StopFlag
from slipway_pod.store import open_uri
from slipway_train_torch.causal_lm.layout import Layout

log = logging.getLogger("slipway")

NEAR_PERCENT: Final = 90
"""Of the room that the run had: a process that was killed with less in use was hardly killed for memory."""
EVERY_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 5.0
"""How long an attempt that has ended waits for a mark that is just being written."""


class Unfinished(StatusModel):
    """The mark of an attempt that does steps."""

    run: str
    """Of which run it is: slipway_train_torch.causal_lm.checkpoint.mark."""
    began: BatchLayout
    rungs: tuple[Rung, ...] = ()
    """Of the run, when the attempt began."""
    near: BatchLayout | None = None
    """The layout with which the attempt held nearly all there was."""


@dataclass(frozen=True)
class Begin:
    """How an attempt cuts batches at first, and the rungs that led there."""

    layout: Layout
    rungs: Sequence[Rung]


def begin(found: Unfinished | None, planned: Begin, step: int) -> Begin:
    """Return how an attempt begins that would begin as `planned`, before step number `step`.

    `found` is the mark of an attempt that was killed; a rung that it began with may be in no checkpoint yet.
    """
    if found is None:
        return planned
    began = _cut(found.began)
    known = planned if planned.layout.rank >= began.rank else Begin(began, found.rungs)
    lower = _cut(found.near).smaller() if found.near is not None else None
    if lower is None or lower.rank <= known.layout.rank:
        return known
    rung = Rung(step=step, micro_batch=lower.micro_batch, recompute=lower.recompute, reason=KILLED)
    return Begin(lower, (*known.rungs, rung))


class Lookout:
    """Within, a mark says that steps are done, and with which layout nearly all memory was held.

    It costs the run nothing: a store that does not take the mark is logged.
    """

    def __init__(self, uri: str, store: Store, run: str, share: Callable[[], float | None], stop: StopFlag) -> None:
        """Make a mark of `run` at `uri`. `share` says what percentage of the room is in use now, None where running
        out of it kills nobody: then nothing is done. When `stop` is set, the mark is taken away.
        """
        self._bucket, self._key = open_uri(store, uri)
        self._run = run
        self._share = share
        self._stop = stop
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lookout", daemon=True)
        self._began = Begin(Layout(1), ())
        self._layout: Callable[[], Layout] = lambda: self._began.layout
        self._near: Layout | None = None

    def begin(self, planned: Begin, step: int) -> Begin:
        """Return how the attempt begins; see `begin`."""
        if self._share() is None:
            return planned
        found = self._bucket.kept(self._key, Unfinished)
        return begin(found if found is not None and found.run == self._run else None, planned, step)

    def over(self, began: Begin, layout: Callable[[], Layout]) -> Lookout:
        """Look out, once entered, over an attempt that has `began` so and now has `layout`."""
        self._began, self._layout = began, layout
        return self

    def __enter__(self) -> Lookout:
        if self._share() is not None:
            self._put()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(PATIENCE_SECONDS)
            self._clear()

    def look(self) -> None:
        """Note it if nearly all memory is held now, once for each layout."""
        layout = self._layout()
        if layout != self._near and (self._share() or 0) >= NEAR_PERCENT:
            self._near = layout
            self._put()

    def _watch(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            if self._stop.is_set():
                self._clear()
                return
            self.look()

    def _put(self) -> None:
        near = _told(self._near) if self._near is not None else None
        mark = Unfinished(run=self._run, began=_told(self._began.layout), rungs=tuple(self._began.rungs), near=near)
        self._without_harm(lambda: self._bucket.put(self._key, mark.model_dump_json(by_alias=True).encode()))

    def _clear(self) -> None:
        self._without_harm(lambda: self._bucket.delete(self._key))

    def _without_harm(self, work: Callable[[], None]) -> None:
        try:
            work()
        except PodError as error:
            log.warning("the mark of an unfinished attempt: %s", error)


def _cut(told: BatchLayout) -> Layout:
    return Layout(told.micro_batch_size, told.recompute)


def _told(layout: Layout) -> BatchLayout:
    return BatchLayout(micro_batch_size=layout.micro_batch, recompute=layout.recompute)
