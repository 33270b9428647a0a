"""How does a pod that estimates start?"""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path

from slipway.contract.job import EstimateMemory
from slipway.contract.result import Estimated
from slipway_pod.run import main


def estimate(job: EstimateMemory) -> Estimated:
    """Estimate the run of `job` in a scratch folder of its own."""
    logging.getLogger("gguf").setLevel(logging.WARNING)
    warnings.simplefilter("ignore", FutureWarning)
    from slipway_train_torch.causal_lm.memory.ahead import estimated

    with tempfile.TemporaryDirectory() as folder:
        return estimated(job, Path(folder))


if __name__ == "__main__":
    main(estimate, EstimateMemory)
