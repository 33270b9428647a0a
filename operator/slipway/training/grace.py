"""How long are pods granted to save themselves, and is that enough?

Between SIGTERM and SIGKILL a pod ends its step and saves it. How long that takes is known once a pod has done it: it
tells so with its progress. A Job's pods are made from a template that cannot change, so what is learned is for Jobs
that are yet to be made.
"""

from __future__ import annotations

from typing import Final

from slipway.api.trainingjob import Checkpoint
from slipway.api.trainingjob_status import TrainingJobStatus
from slipway.jobs import Run
from slipway.names import GRACE_LABEL
from slipway.plan import Event

GRACE_TOO_SHORT: Final = "GraceTooShort"
LEAST: Final = 120
"""Seconds that every pod is granted, and that Jobs had before there was another number."""
MOST: Final = 3600
"""Seconds: drains of nodes wait for their pods."""
TIMES: Final = 2
"""How often what was measured would fit in: stores have bad days."""


def learned(status: TrainingJobStatus) -> TrainingJobStatus:
    """Return `status` with the longest stop that any pod of the run told of."""
    told = status.progress.stop_seconds if status.progress is not None else None
    if told is None or told <= (status.stop_seconds or 0):
        return status
    return status.model_copy(update={"stop_seconds": told})


def wanted(status: TrainingJobStatus, checkpoint: Checkpoint) -> int:
    """Return the seconds that pods which are yet to be made are granted."""
    return min(max(TIMES * (status.stop_seconds or 0), checkpoint.grace_seconds or 0, LEAST), MOST)


def labels(seconds: int) -> dict[str, str]:
    """Return the labels of a Job whose pods are to be granted `seconds`; none for what all had before."""
    return {GRACE_LABEL: str(seconds)} if seconds != LEAST else {}


def asked(run: Run) -> int:
    """Return the seconds that `run` was made with, whatever an admission webhook made of them."""
    written = run.labels.get(GRACE_LABEL, "")
    return int(written) if written.isdecimal() else LEAST


def granted(run: Run) -> int:
    """Return the seconds that the pods of `run` are granted."""
    return run.grace_seconds or LEAST


def complaint(status: TrainingJobStatus, run: Run, checkpoint: Checkpoint) -> str:
    """Return what is to be said where the pods of `run` are granted less than a stop was measured to take, else ""."""
    takes, has, next_time = status.stop_seconds or 0, granted(run), wanted(status, checkpoint)
    if takes <= has:
        return ""
    cure = (
        f"set spec.suspend to true right after a checkpoint, then to false: its new pods are granted {next_time} s; "
        f"for the next run set checkpoint.graceSeconds to {next_time}"
        if next_time > asked(run)
        else "its pods are granted no more: lower recipe.causalLM.batchSize, or train fewer weights"
    )
    return (
        f"a step and a save take {takes} s, and its pods are granted {has} s between SIGTERM and SIGKILL: one that is "
        f"evicted loses what it did since its last checkpoint; {cure}"
    )


def warned(before: TrainingJobStatus, run: Run, said: str) -> tuple[Event, ...]:
    """Return the event of the complaint `said`, the first time that `run` has cause for it; `before` is its status."""
    first = (before.stop_seconds or 0) <= granted(run)
    return (Event(GRACE_TOO_SHORT, said, type="Warning"),) if said and first else ()
