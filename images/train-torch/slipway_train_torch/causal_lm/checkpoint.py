"""How does a run save everything it needs to go on as if it had never stopped?

A checkpoint is an artefact: files first, the manifest last, every byte hashed. One without a manifest does not exist;
one whose bytes are wrong is passed over for the one before.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from slipway.api.common import ArtifactRef
from slipway.contract.artifact import MANIFEST, ArtifactManifest, digest, digest_of
from slipway.contract.job import Store, Train
from slipway_pod.artifact import fetch, publish_at
from slipway_pod.errors import BadConfig, DigestMismatch
from slipway_pod.seal import now
from slipway_pod.store import open_uri
from slipway_train_torch.causal_lm.sharding.parts import divided, gathered, joined, put

log = logging.getLogger("slipway")

STATE, TENSORS = "state.json", "state.safetensors"
PARAMETER, OPTIMISER, RANDOM, BEST = "parameter", "optimiser", "random", "best"


def mark(job: Train, start: str = "") -> str:
    """Return the digest of what determines the numbers of a run, and of no more.

    An upgrade of the operator must not lose a run's progress. `start` is the digest of the weights that a stage begins
    with; empty where that is the base model.
    """
    assert job.recipe.causal_lm is not None
    parts = [job.dataset.digest, job.base_model.digest, job.recipe.dump(), job.seed]
    # What most runs have not is left out, so that they keep the marks that they had.
    return digest_of([*parts, *(data.digest for data in job.stage_data), *([start] if start else [])])


@dataclass
class State:
    """Where a run is. Batch order and learning rate follow from the step alone, so they need no state."""

    started: str = field(default_factory=now)
    """When its first attempt began, as RFC 3339 writes it."""
    step: int = 0
    tokens: int = 0
    evaluated: int = 0
    """The last step after which the validation split was measured."""
    validation_loss: float | None = None
    seconds: float = 0.0
    micro_batch: int = 0
    recompute: bool = False
    rungs: list[dict[str, Any]] = field(default_factory=list)
    """Where memory did not suffice (slipway.contract.result.Rung)."""
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Restored:
    """What a checkpoint holds beside what it wrote into parameters and optimiser."""

    state: State
    random_state: dict[str, torch.Tensor]
    best: dict[str, torch.Tensor]


def collected(
    parameters: Mapping[str, torch.nn.Parameter],
    optimiser: torch.optim.Optimizer,
    random_state: Mapping[str, torch.Tensor],
    best: Mapping[str, torch.Tensor],
    keep: bool,
) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint, in the process that is to `keep` them; all must ask.

    They are whole whether the model is divided among processes or not. `best` are the best measured weights, as each
    process holds them. They lie in each checkpoint, not beside them: what a resumed run holds for the best must be what
    it had measured by then.
    """
    tensors: dict[str, torch.Tensor] = {f"{PARAMETER}/{name}": p for name, p in parameters.items()}
    for name, parameter in parameters.items():
        tensors |= {f"{OPTIMISER}/{key}/{name}": value for key, value in optimiser.state[parameter].items()}
    tensors |= {f"{RANDOM}/{name}": value for name, value in random_state.items()}
    tensors |= {f"{BEST}/{name}": joined(value, parameters[name]) for name, value in best.items()}
    return gathered(tensors, keep)


class Checkpoints:
    """The checkpoints of one run, below one address of the store."""

    def __init__(self, uri: str, store: Store, fingerprint: str, keep: int, scratch: Path) -> None:
        self._uri = uri.rstrip("/") + "/"
        self._store = store
        self._fingerprint = fingerprint
        self._keep = keep
        self._scratch = scratch

    def save(self, state: State, tensors: Mapping[str, torch.Tensor]) -> None:
        """Publish a checkpoint of `state.step` with `tensors`, as `collected` returns them, then drop what is older
        than the newest `keep`.
        """
        folder = self._scratch / "checkpoint"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        save_file(dict(tensors), folder / TENSORS)
        document = {"fingerprint": self._fingerprint, "state": asdict(state)}
        (folder / STATE).write_text(json.dumps(document), encoding="utf-8")
        publish_at(folder, self._at(state.step), self._store)
        for step in self.steps()[self._keep :]:
            self._delete(step)

    def restore(
        self, parameters: Mapping[str, torch.nn.Parameter], optimiser: torch.optim.Optimizer
    ) -> Restored | None:
        """Load the newest whole checkpoint of this very run; return what else it holds, or None without one."""
        for step in self.steps():
            folder = self._scratch / "restored"
            shutil.rmtree(folder, ignore_errors=True)
            try:
                fetch(self._reference(step), folder, self._store)
            except (DigestMismatch, BadConfig, ValidationError) as error:
                log.warning("checkpoint of step %d is damaged, trying the one before: %s", step, error)
                continue
            document = json.loads((folder / STATE).read_text(encoding="utf-8"))
            if document["fingerprint"] != self._fingerprint:
                log.warning("checkpoint of step %d belongs to another run, passed over", step)
                continue
            tensors = load_file(folder / TENSORS)
            _put(tensors, parameters, optimiser)
            return Restored(State(**document["state"]), _below(tensors, RANDOM), _below(tensors, BEST))
        return None

    def steps(self) -> list[int]:
        """Return the steps of complete checkpoints, newest first."""
        bucket, prefix = open_uri(self._store, self._uri)
        found = (stored.key.removeprefix(prefix).split("/") for stored in bucket.list(prefix))
        whole = (p[0] for p in found if len(p) == 2 and p[1] == MANIFEST)
        return sorted((int(name[5:]) for name in whole if name.startswith("step-")), reverse=True)

    def clear(self) -> None:
        """Delete them all: what the run has made lies elsewhere."""
        for step in self.steps():
            self._delete(step)

    def _at(self, step: int) -> str:
        return f"{self._uri}step-{step:08d}/"

    def _reference(self, step: int) -> ArtifactRef:
        bucket, prefix = open_uri(self._store, self._at(step))
        manifest = ArtifactManifest.model_validate_json(bucket.read(prefix + MANIFEST))
        return ArtifactRef(uri=self._at(step), digest=digest(manifest.files))

    def _delete(self, step: int) -> None:
        bucket, prefix = open_uri(self._store, self._at(step))
        # The manifest first: from then on it is no checkpoint, however far the rest gets.
        bucket.delete(prefix + MANIFEST)
        for stored in list(bucket.list(prefix)):
            bucket.delete(stored.key)


def _below(tensors: Mapping[str, torch.Tensor], kind: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(f"{kind}/"): tensor for name, tensor in tensors.items() if name.startswith(f"{kind}/")}


def _put(
    tensors: Mapping[str, torch.Tensor],
    parameters: Mapping[str, torch.nn.Parameter],
    optimiser: torch.optim.Optimizer,
) -> None:
    """Write `tensors` into parameters and optimiser, in place where the parameters are."""
    for name, parameter in parameters.items():
        put(parameter, tensors[f"{PARAMETER}/{name}"])
    for key, tensor in tensors.items():
        kind, _, rest = key.partition("/")
        if kind == OPTIMISER:
            word, _, name = rest.partition("/")
            # Adam's step counter stays where a fresh optimiser keeps it: beside its parameter.
            optimiser.state[parameters[name]][word] = divided(tensor, parameters[name])
