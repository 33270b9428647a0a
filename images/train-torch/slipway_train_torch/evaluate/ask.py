"""Measure everything that needs the model, and leave the answers that Blender has to run.

    python -m slipway_train_torch.evaluate.ask

The first of three containers, see slipway.sandbox in the operator. Figures go to the object store, where
slipway_train_torch.evaluate finds them.
"""

from __future__ import annotations

import os

from slipway.contract.job import Evaluate
from slipway_pod.run import main

# A log is read line by line; transformers draws bars into it. tqdm looks when it is first imported.
os.environ.setdefault("TQDM_DISABLE", "1")


def ask(job: Evaluate) -> None:
    """Run `job`; the libraries that it needs are imported only once the job file has proved to be one."""
    from slipway_train_torch.evaluate import job as jobs

    jobs.ask(job)


if __name__ == "__main__":
    main(ask, Evaluate)
