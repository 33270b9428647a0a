"""How good are answers that another container ran?

This side asks (asking) and counts. What becomes of the answers is found where Blender is (images/eval-blender); the two
share a folder, see slipway.contract.execution.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from slipway.api.common import BlenderExecution
from slipway.contract.execution import BLENDER, EXCHANGE, JUDGE, VERDICTS, Task, Verdicts
from slipway_pod.errors import BadConfig
from slipway_train_torch.evaluate.results import Figure

MARKS = (f"blender {BLENDER}", f"judge {JUDGE}")
"""What, beside the engine, figures depend on."""


def exchange() -> Path:
    """Return the folder that both containers see; SLIPWAY_EXCHANGE moves it."""
    return Path(os.environ.get("SLIPWAY_EXCHANGE", EXCHANGE))


def figures(metric: BlenderExecution, tasks: Sequence[Task], key: str) -> Iterator[Figure]:
    """Yield pass@k of each of `tasks`, from the verdicts that lie under `key`; raise BadConfig where none do."""
    judged = dict(_verdicts(exchange() / VERDICTS / f"{key}.json").judged)
    for task in tasks:
        outcome = judged[task.id]
        right = sum(verdict.layer == "AsAsked" for verdict in outcome)
        note = {"right": right, "answers": [verdict.dump() for verdict in outcome]}
        yield Figure(task.id, task.group or task.id, pass_at(len(outcome), right, metric.pass_at), 1.0, note)


def pass_at(samples: int, right: int, k: int) -> float:
    """Return the chance that of `k` answers one is right, estimated from `samples` of which so many were `right`.

    Without bias, unlike 1 - (1 - right/samples)^k (Chen et al., Evaluating Large Language Models Trained on Code, 2021,
    section 2.1).
    """
    return 1.0 - math.comb(samples - right, k) / math.comb(samples, k)


def _verdicts(path: Path) -> Verdicts:
    try:
        verdicts = Verdicts.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadConfig(
            "NoVerdicts", f"nothing ran the answers, {path} is not there: the container `blender` has to come before"
        ) from error
    except ValidationError as error:
        raise BadConfig("ExchangeUnreadable", f"{path}: {error}. Do the images differ in version?") from error
    if verdicts.blender != BLENDER:
        raise BadConfig(
            "OtherBlender",
            f"answers ran in Blender {verdicts.blender}, this image was made for {BLENDER}: install images of one "
            "version",
        )
    return verdicts
