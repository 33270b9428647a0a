"""Evaluate the model that the job file names."""

from __future__ import annotations

import os

from slipway.contract.job import Evaluate
from slipway.contract.result import Evaluated
from slipway_pod.run import main

# A log is read line by line; transformers draws bars into it. tqdm looks when it is first imported.
os.environ.setdefault("TQDM_DISABLE", "1")


def evaluate(job: Evaluate) -> Evaluated:
    """Run `job`; the libraries that it needs are imported only once the job file has proved to be one."""
    from slipway_train_torch.evaluate import job as jobs

    return jobs.evaluate(job)


if __name__ == "__main__":
    main(evaluate, Evaluate)
