"""How does a training pod start?"""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path

from slipway.contract.job import Train
from slipway.contract.result import Preempted, Trained
from slipway_pod.run import main
from slipway_pod.stop import StopFlag


def train(job: Train) -> Trained | Preempted:
    """Run `job` in a scratch folder of its own."""
    stop = StopFlag.on_sigterm()
    # What libraries tell their developers is not for those who read a training pod's log.
    logging.getLogger("gguf").setLevel(logging.WARNING)
    warnings.simplefilter("ignore", FutureWarning)
    # Seconds of imports: a SIGTERM that comes meanwhile is noted, not fatal.
    from slipway_train_torch.causal_lm.runs import run_of

    with tempfile.TemporaryDirectory() as scratch:
        return run_of(job, Path(scratch), stop).run()


if __name__ == "__main__":
    main(train, Train)
