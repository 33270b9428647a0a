"""How does a training pod start?"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import NoReturn

from slipway.contract.job import JOB_FILE, Train
from slipway.contract.result import Preempted, Trained
from slipway_pod.errors import PodError
from slipway_pod.run import load, main, show_log
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.processes.launch import RANK, launch
from slipway_train_torch.causal_lm.processes.mates import ALONE, Node


def train(job: Train) -> Trained | Preempted | None:
    """Run `job` in a scratch folder of its own, or in that of the processes that it was launched with."""
    stop = StopFlag.on_sigterm()
    # What libraries tell their developers is not for those who read a training pod's log.
    logging.getLogger("gguf").setLevel(logging.WARNING)
    warnings.simplefilter("ignore", FutureWarning)
    # Seconds of imports: a SIGTERM that comes meanwhile is noted, not fatal.
    from slipway_train_torch.causal_lm.processes.ranks import here, joined
    from slipway_train_torch.causal_lm.runs import run_of

    with joined() as shared, tempfile.TemporaryDirectory() as scratch:
        result = run_of(job, shared or Path(scratch), stop).run()
        if isinstance(result, Preempted):
            here().wait()  # for the one that saves: a pod that is made anew must not meet what is left of this run
        return result


def place() -> tuple[int, Node]:
    """Return how many processes this pod is to be, and which pod of the run; a job that cannot be read is for one."""
    try:
        job = load(Path(os.environ.get("SLIPWAY_JOB", JOB_FILE)), Train)
    except PodError:
        return 1, ALONE
    return job.processes, Node.here(job.nodes, job.countersign, os.environ)


def leave_at_once(code: int) -> NoReturn:
    """End without taking the interpreter apart: all is published, and the termination message is written.

    A thread of torch that still holds a tensor of Python's asks for the interpreter's lock meanwhile, and Python 3.11
    ends it in a way that aborts the process, with 134 for a run that was done (pytorch#179291).
    """
    sys.stderr.flush()
    os._exit(code)


def start() -> None:
    """Be the program of a pod: its only process, or the one that launches them."""
    count, node = (1, ALONE) if RANK in os.environ else place()
    if count == 1 and node.of == 1:
        main(train, Train, leave_with=leave_at_once)
    show_log()
    sys.exit(launch(count, node=node))


if __name__ == "__main__":
    start()
