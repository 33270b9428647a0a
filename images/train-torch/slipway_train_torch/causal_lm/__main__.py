"""How does a training pod start?"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path

from slipway.contract.job import JOB_FILE, Train
from slipway.contract.result import Preempted, Trained
from slipway_pod.errors import PodError
from slipway_pod.run import load, main
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.processes.launch import RANK, launch


def train(job: Train) -> Trained | Preempted | None:
    """Run `job` in a scratch folder of its own, or in that of the processes that it was launched with."""
    stop = StopFlag.on_sigterm()
    # What libraries tell their developers is not for those who read a training pod's log.
    logging.getLogger("gguf").setLevel(logging.WARNING)
    warnings.simplefilter("ignore", FutureWarning)
    # Seconds of imports: a SIGTERM that comes meanwhile is noted, not fatal.
    from slipway_train_torch.causal_lm.processes.ranks import joined
    from slipway_train_torch.causal_lm.runs import run_of

    with joined() as shared, tempfile.TemporaryDirectory() as scratch:
        return run_of(job, shared or Path(scratch), stop).run()


def processes() -> int:
    """Return how many processes the job is for; a job that cannot be read is one process's to complain about."""
    try:
        return load(Path(os.environ.get("SLIPWAY_JOB", JOB_FILE)), Train).processes
    except PodError:
        return 1


if __name__ == "__main__":
    if RANK not in os.environ and (count := processes()) > 1:
        sys.exit(launch(count))
    main(train, Train)
