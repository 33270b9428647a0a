"""Who keeps the report of a run while it goes, and over all its attempts, and tells others?

The curves follow from the history, which each checkpoint holds: a resumed run tells no step twice. What no checkpoint
can hold, that there was a restart and why, is read back from the report that the attempt before left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slipway.api.conditions import timestamp
from slipway.contract.job import Train
from slipway.contract.training_report import Outcome, Restart
from slipway_pod.errors import PodError, told
from slipway_train_torch.report import build
from slipway_train_torch.report.build import Facts
from slipway_train_torch.report.files import Files
from slipway_train_torch.report.mlflow_api import Status
from slipway_train_torch.report.mlflow_run import MLflowRun

if TYPE_CHECKING:
    from slipway_train_torch.report.event_file import EventFile

log = logging.getLogger("slipway")

RESTARTS: Final = 100
"""The newest that are kept."""
HOW_ENDED: Final = {"Running": "Killed", "Stopped": "Stopped", "Succeeded": "ResultLost"}
"""What the report that the attempt before left says of its end."""
STATUS: Final[Mapping[str, Status]] = {"Stopped": "SCHEDULED", "Succeeded": "FINISHED", "Failed": "FAILED"}
"""What MLflow calls the end of an attempt: a stopped one goes on."""
EVENTS: Final = "tensorboard/events.out.tfevents.0000000000.slipway"
"""TensorBoard looks for `tfevents`. One name for the whole run: a later attempt replaces the file."""


class Journal:
    """Writes the report of one run. Trouble is logged and costs the run nothing.

    An attempt that ends before `begin` has no facts: what the report said before stays, and its end is added.
    """

    def __init__(
        self,
        job: Train,
        scratch: Path,
        mlflow: MLflowRun | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._job = job
        self._facts: Callable[[], Facts] | None = None
        self._scratch = scratch
        self._mlflow = mlflow
        self._events: EventFile | None = None
        self._now = now
        self._files = Files(job)
        self._restarts: tuple[Restart, ...] = ()
        self.page = ""
        """The address of the report's page, once it is written."""

    def begin(self, facts: Callable[[], Facts]) -> None:
        """Note where this attempt starts, or that another stage goes on from there, and write a report of it.

        From now on `facts` say how far the run is.
        """
        first, self._facts = self._facts is None, facts
        if first:
            self._without_harm(lambda: self._remember(facts()))
            self._without_harm(lambda: self._start_mlflow(facts()))
        self.write("Running")

    def write(self, outcome: Outcome) -> None:
        """Write the report of a run that got as far as it did."""
        self._without_harm(lambda: self._put(outcome, None))
        self._without_harm(lambda: self._tell_mlflow(outcome))

    @contextmanager
    def failure(self) -> Iterator[None]:
        """Tell of the error by which what is done inside ends, if it ends by one.

        It goes on as what it is for people, so that its report is found with it.
        """
        try:
            yield
        except Exception as error:
            fault = told(error)
            self.fail(fault or error)
            if fault is None or fault is error:
                raise
            raise fault from error

    def fail(self, error: Exception) -> None:
        """Write the report of an attempt that ends by `error`, and let the error say where it is."""
        unexpected = PodError("Unexpected", f"{type(error).__name__}: {error}. The pod's log has the trace")
        fault = error if isinstance(error, PodError) else unexpected
        self._without_harm(lambda: self._put("Failed", fault))
        fault.report = fault.report or self.page
        self._without_harm(lambda: self._tell_mlflow("Failed"))

    def _remember(self, facts: Facts) -> None:
        """Take over the restarts before this attempt, and add the one that it is."""
        before = self._files.before()
        if before is None or before.mark != facts.mark:
            return
        ended = before.failure.reason if before.failure is not None else HOW_ENDED[before.outcome]
        again = Restart(step=facts.step, reached=before.step, ended=ended, at=self._time())
        self._restarts = (*before.restarts, again)[-RESTARTS:]

    def _put(self, outcome: Outcome, fault: PodError | None) -> None:
        facts = self._facts() if self._facts is not None else None
        if facts is not None:
            report = build.told(self._job, facts, self._restarts, outcome, self._time())
        else:
            report = self._files.before() or build.begun(self._job, outcome, self._time())
        if fault is not None:
            report = build.failed(report, fault, self._time())
        self.page = self._files.put(report, facts.history if facts is not None else None)
        if facts is not None and self._job.tensor_board:
            self._files.put_file(self._event_file(facts.history), EVENTS)

    def _event_file(self, history: Sequence[Mapping[str, Any]]) -> Path:
        # protobuf and TensorBoard's messages are loaded only where they are asked for.
        from slipway_train_torch.report.event_file import EventFile

        if self._events is None:
            self._events = EventFile(self._scratch / EVENTS)
        self._events.extend(history)
        return self._events.path

    def _start_mlflow(self, facts: Facts) -> None:
        if self._mlflow is not None:
            self._mlflow.start(self._history, facts.parameters)

    def _history(self) -> Sequence[Mapping[str, Any]]:
        return self._facts().history if self._facts is not None else ()

    def _tell_mlflow(self, outcome: Outcome) -> None:
        """Let MLflow know that the attempt is over, if it is."""
        if self._mlflow is None or outcome == "Running":
            return
        facts = self._facts() if self._facts is not None else None
        tags = {"slipway.report": self.page}
        if facts is not None and facts.artifact is not None:
            tags |= {"slipway.artifact": facts.artifact.uri, "slipway.artifactDigest": facts.artifact.digest}
        self._mlflow.end(STATUS[outcome], tags)

    def _time(self) -> str:
        return timestamp(self._now())

    def _without_harm(self, work: Callable[[], None]) -> None:
        try:
            work()
        except PodError as error:
            log.warning("the report of the run could not be kept: %s", error)
        except Exception:
            # Hours of training must not be lost for a page about them, whatever is wrong with it.
            log.exception("the report of the run could not be made")
