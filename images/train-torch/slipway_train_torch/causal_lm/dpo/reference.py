"""How likely did the model find each answer before the run, measured once?

The figures are an artefact beside the run's checkpoints: a restarted run reads what the first attempt measured, so that
it goes on with the same bits and wastes no time.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from slipway.contract.job import Train
from slipway_pod.artifact import publish_at
from slipway_train_torch.causal_lm.kept import kept
from slipway_train_torch.causal_lm.processes.ranks import Ranks

log = logging.getLogger("slipway")

IDS, FIGURES = "ids.json", "reference.safetensors"
NAME = "logprobs"

Reference = Mapping[str, tuple[float, float]]
"""By id of the pair: the log probabilities, in nats, of the chosen and of the rejected answer."""


def reference(job: Train, mark: str, scratch: Path, ranks: Ranks, measured: Callable[[], Reference]) -> Reference:
    """Return the figures of the run `mark`: those that an earlier attempt kept, else what `measured` returns.

    All processes ask; the first keeps what they have measured together.
    """
    found = _kept(job, mark, scratch)
    if not ranks.any(found is None):
        return found or {}
    made = measured()
    folder = scratch / "reference"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / IDS).write_text(json.dumps({"mark": mark, "ids": list(made)}), encoding="utf-8")
    save_file({NAME: torch.tensor(list(made.values()), dtype=torch.float32)}, folder / FIGURES)
    if ranks.first:
        publish_at(folder, _uri(job), job.store)
    return made


def _kept(job: Train, mark: str, scratch: Path) -> Reference | None:
    folder = scratch / "reference"
    if kept(_uri(job), folder, job.store) is None:
        return None
    document = json.loads((folder / IDS).read_text(encoding="utf-8"))
    if document["mark"] != mark:
        log.warning("the reference at %s belongs to another run, it is measured again", _uri(job))
        return None
    figures = load_file(folder / FIGURES)[NAME].tolist()
    return {id: (chosen, rejected) for id, (chosen, rejected) in zip(document["ids"], figures, strict=True)}


def _uri(job: Train) -> str:
    return f"{job.checkpoint_uri.rstrip('/')}/reference/"
