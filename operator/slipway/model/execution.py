"""How does an evaluation Job run what the model writes?"""

from __future__ import annotations

from typing import Final

from slipway.api.common import Evaluation
from slipway.contract.execution import RESOURCES
from slipway.plan import Manifest
from slipway.sandbox import with_blender
from slipway.settings import Settings

MEASURE: Final = "measure"
ASK: Final = ("python", "-m", "slipway_train_torch.evaluate.ask")
EXECUTE: Final = ("python", "-m", "slipway_eval_blender")


def executes(evaluation: Evaluation | None) -> bool:
    """Tell whether a metric of `evaluation` runs what the model writes."""
    return evaluation is not None and any(m.measure.blender_execution is not None for m in evaluation.metrics)


def with_execution(job: Manifest, evaluation: Evaluation, settings: Settings) -> Manifest:
    """Return evaluation `job` with the containers that ask and execute before the one that compares."""
    made = with_blender(job, MEASURE, ASK, EXECUTE, evaluation.execution or RESOURCES, settings)
    # The device is for the model; when figures are compared it has gone.
    for main in made["spec"]["template"]["spec"]["containers"]:
        main["resources"]["limits"].pop("nvidia.com/gpu", None)
    return made
