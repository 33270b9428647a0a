"""Run the answers that lie in the exchange folder."""

from __future__ import annotations

from slipway.contract.job import Evaluate
from slipway_eval_blender.execute import execute
from slipway_eval_blender.lockdown import shut_off
from slipway_pod.run import main

if __name__ == "__main__":
    shut_off()
    main(execute, Evaluate)
