"""How is what a finished stage leaves kept for the next one, so that a restarted run need not do it again?

A border is an artefact beside the stage's checkpoints: the trained weights, and what they cost. It is found again by
the mark of the stage that it ends; one whose bytes are wrong is none, and its stage is done again.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from slipway.contract.job import Train
from slipway.contract.result import Rung
from slipway_pod.artifact import publish_at
from slipway_train_torch.causal_lm.checkpoint import mark
from slipway_train_torch.causal_lm.kept import kept
from slipway_train_torch.causal_lm.stages.plan import Passed

log = logging.getLogger("slipway")

COSTS, WEIGHTS = "border.json", "weights.safetensors"


def save(job: Train, start: str, weights: Mapping[str, torch.Tensor], costs: Mapping[str, Any], scratch: Path) -> None:
    """Keep what the stage `job`, begun with the weights `start`, has left: `weights`, in the memory of the host.

    `costs` are the other fields of Passed.
    """
    folder = scratch / "border"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file(dict(weights), folder / WEIGHTS)
    document = {"mark": mark(job, start), "start": start, **costs}
    (folder / COSTS).write_text(json.dumps(document), encoding="utf-8")
    publish_at(folder, uri(job), job.store)


def find(job: Train, scratch: Path) -> Passed | None:
    """Return what the stage `job` left when it was done; None where it is to be done."""
    folder = scratch / "border"
    manifest = kept(uri(job), folder, job.store)
    if manifest is None:
        return None
    found = json.loads((folder / COSTS).read_text(encoding="utf-8"))
    if found.pop("mark") != mark(job, found.pop("start")):
        log.warning("what lies at %s belongs to another run, passed over", uri(job))
        return None
    # The weights alone: a stage that is done again to the same bits has taken other seconds.
    of_weights = next(file.sha256 for file in manifest.files if file.path == WEIGHTS)
    rungs = tuple(Rung(**rung) for rung in found.pop("rungs"))
    return Passed(digest=f"sha256:{of_weights}", weights=load_file(folder / WEIGHTS), rungs=rungs, **found)


def uri(job: Train) -> str:
    """Return where the border of the stage `job` lies."""
    return f"{job.checkpoint_uri.rstrip('/')}/border/"
