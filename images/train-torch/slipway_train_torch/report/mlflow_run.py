"""How does MLflow follow a run that may be resumed, when its server may be away?

What is sent follows from the history, from a thread of its own: a server that is away gets later what it missed, and a
resumed run sends only what its server does not have. Trouble is logged, once for each kind, and costs the run nothing.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from slipway.contract.job import Train
from slipway.contract.training_report import folder
from slipway_train_torch.report.mlflow_api import (
    METRICS_PER_CALL,
    PARAMETERS_PER_CALL,
    Metric,
    MLflow,
    Status,
)

log = logging.getLogger("slipway")

INTERVAL_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 15.0
"""How long the end of a run waits for a slow server: after SIGTERM there is no more to spare."""
KEYS: Final[Mapping[str, str]] = {
    "loss": "loss",
    "validationLoss": "validation_loss",
    "learningRate": "learning_rate",
    "gradientNorm": "gradient_norm",
    "tokensPerSecond": "tokens_per_second",
    "trainedTokensPerSecond": "trained_tokens_per_second",
    "mfuPercent": "mfu_percent",
    "memoryBytes": "memory_bytes",
}
"""What MLflow calls the figures of a line."""
RUN_TAG: Final = "slipway.run"
"""By this tag a later attempt finds the run again."""


def from_environment(job: Train, environment: Mapping[str, str]) -> MLflowRun | None:
    """Return the run that MLflow's own variables ask for; None without MLFLOW_TRACKING_URI."""
    uri = environment.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        return None
    if not uri.startswith(("http://", "https://")):
        log.warning("MLFLOW_TRACKING_URI does not begin with http:// or https://: MLflow is not told of this run")
        return None
    server = MLflow(
        uri,
        token=environment.get("MLFLOW_TRACKING_TOKEN", ""),
        user=environment.get("MLFLOW_TRACKING_USERNAME", ""),
        password=environment.get("MLFLOW_TRACKING_PASSWORD", ""),
    )
    return MLflowRun(server, job, environment.get("MLFLOW_EXPERIMENT_NAME") or job.model)


class MLflowRun:
    """One run of an experiment."""

    def __init__(self, server: MLflow, job: Train, experiment: str, interval: float = INTERVAL_SECONDS) -> None:
        self._server = server
        self._job = job
        self._experiment = experiment
        self._interval = interval
        self._history: Callable[[], Sequence[Mapping[str, Any]]] = tuple
        self._parameters: Mapping[str, str] = {}
        self._id = ""
        self._known: Mapping[str, int] = {}
        self._sent = 0
        self._end: tuple[Status, Mapping[str, str]] | None = None
        self._closing = threading.Event()
        self._complained = ""
        self._thread = threading.Thread(target=self._run, name="mlflow", daemon=True)

    def start(self, history: Callable[[], Sequence[Mapping[str, Any]]], parameters: Mapping[str, str]) -> None:
        """Send what `history` returns, and what it gains from now on; returns at once."""
        self._history, self._parameters = history, dict(parameters)
        self._thread.start()

    def end(self, status: Status, tags: Mapping[str, str]) -> None:
        """Send what is left and how the run ended; takes no longer than PATIENCE_SECONDS."""
        self._end = status, tags
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        while True:
            last = self._closing.is_set()  # before the history is read: what comes meanwhile is sent too
            try:
                self._send()
                if last and self._end is not None:
                    self._finish(*self._end)
                self._complained = ""
            except Exception as error:
                # Whatever it is, a strange answer among it: the run goes on, and so do the attempts.
                if str(error) != self._complained:
                    log.warning("MLflow is not told of this run for now: %s", error)
                    self._complained = str(error)
            if last:
                return
            self._closing.wait(self._interval)

    def _send(self) -> None:
        if not self._id:
            self._open()
        history = self._history()
        metrics = self._metrics(history[self._sent :])
        while batch := list(islice(metrics, METRICS_PER_CALL)):
            self._server.log(self._id, batch)
            # A later batch may fail: this one is not to be sent again.
            self._known = {**self._known, **{metric.key: metric.step for metric in batch}}
        self._sent = len(history)

    def _open(self) -> None:
        """Find the run that an attempt before has made, or make one."""
        name = folder(self._job)
        experiment = self._server.experiment(self._experiment)
        found = self._server.find(experiment, RUN_TAG, name)
        if found is not None:
            self._server.update(found.id, "RUNNING")
            self._known = found.steps
        made = found.id if found is not None else self._create(experiment, name)
        if found is None or not found.has_parameters:
            left = iter(self._parameters.items())
            while some := dict(islice(left, PARAMETERS_PER_CALL)):
                self._server.log(made, parameters=some)
        self._id = made

    def _create(self, experiment: str, name: str) -> str:
        job = self._job
        tags = {
            RUN_TAG: name,
            "slipway.namespace": job.namespace,
            "slipway.trainingJob": job.name,
            "slipway.model": job.model,
            "slipway.dataset": job.dataset.digest,
            "slipway.baseModel": job.base_model.digest,
        }
        return self._server.create(experiment, f"{job.namespace}/{job.name}", _now(), tags)

    def _metrics(self, lines: Sequence[Mapping[str, Any]]) -> Iterator[Metric]:
        """Yield the figures of `lines` that the server does not have."""
        for line in lines:
            for key, name in KEYS.items():
                value, step = line.get(key), line["step"]
                if value is not None and math.isfinite(value) and step > self._known.get(name, -1):
                    yield Metric(name, float(value), round(1000 * line.get("at", 0.0)), step)

    def _finish(self, status: Status, tags: Mapping[str, str]) -> None:
        self._server.tag(self._id, tags)
        self._server.update(self._id, status, None if status == "SCHEDULED" else _now())


def _now() -> int:
    return round(1000 * time.time())
