"""Where does the data image start? `python -m slipway_data`, with a PrepareDataset job as its job file."""

from __future__ import annotations

from slipway.contract.job import PrepareDataset
from slipway_data.prepare import prepare
from slipway_pod import run

if __name__ == "__main__":
    run.main(prepare, PrepareDataset)
