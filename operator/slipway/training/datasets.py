"""Which Datasets does a run read, and which of them keeps it from starting?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from slipway.api.causal_lm import CausalLM
from slipway.api.common import ArtifactRef
from slipway.api.dataset import DatasetStatus
from slipway.api.stages import StageData
from slipway.api.trainingjob import TrainingJobSpec
from slipway.contract.dataset import PREFERENCE
from slipway.plan import Manifest, View
from slipway.rooms import Missing

DATASET_NOT_FOUND: Final = "DatasetNotFound"
DATASET_NOT_READY: Final = "DatasetNotReady"
DATASET_FAILED: Final = "DatasetFailed"
DATASET_DOES_NOT_FIT: Final = "DatasetDoesNotFit"

Inputs = tuple[ArtifactRef, tuple[StageData, ...]]
"""Prepared data: that of spec, and that of each stage."""


@dataclass(frozen=True)
class Data:
    """A Dataset as far as a run is concerned."""

    exists: bool = False
    failed: bool = False
    artifact: ArtifactRef | None = None
    """What is prepared, once the Dataset is Ready."""
    said: str = ""
    schema: str = ""
    """Of its rows; empty where it is not known."""


@dataclass(frozen=True)
class Use:
    """What a Dataset is trained on for: by a stage, or by a run without stages (no name)."""

    stage: str
    dataset: str
    pairs: bool
    """Whether pairs of answers are learned from."""

    def does_not_fit(self, schema: str) -> str:
        """Return what is wrong with rows of `schema`, and the cure; nothing where they fit or are not known."""
        if not schema or (schema == PREFERENCE) == self.pairs:
            return ""
        where = f"stage {self.stage}" if self.stage else "the recipe"
        if self.pairs:
            cure = f"name a Dataset with schema {PREFERENCE}, or remove dpo"
            return f"{where} learns from pairs of answers (dpo), and Dataset {self.dataset} has schema {schema}: {cure}"
        return f"Dataset {self.dataset} has pairs of answers (schema {schema}), and {where} has no dpo: set it"


def read(spec: TrainingJobSpec, namespace: str, view: View) -> Mapping[str, Data]:
    """Return the Datasets that the run of `spec` reads, by name, as they are now."""
    return {name: of(view.get("Dataset", namespace, name)) for name in names(spec)}


def unready(spec: TrainingJobSpec, said: str) -> Mapping[str, Data]:
    """Return the Datasets of `spec` as not prepared, because of what is `said`."""
    return {name: Data(exists=True, said=said) for name in names(spec)}


def fixed(spec: TrainingJobSpec, dataset: ArtifactRef, stages: Sequence[StageData]) -> Mapping[str, Data]:
    """Return the Datasets of `spec` with the data of a snapshot: that of spec, and that of each stage."""
    artifacts = {stage.name: stage.dataset for stage in stages}
    ready = {use.dataset: artifacts[use.stage] for use in _uses(spec) if use.stage in artifacts}
    ready[spec.dataset.name] = dataset
    return {name: Data(exists=True, artifact=artifact) for name, artifact in ready.items()}


def of(found: Manifest | None) -> Data:
    """Return what the Dataset `found` is to a run; None is one that is not there."""
    if found is None:
        return Data()
    try:
        status = DatasetStatus.model_validate(found.get("status") or {})
    except ValidationError:
        status = DatasetStatus()
    settled = status.observed_generation == found["metadata"].get("generation", 1)
    ready = status.state == "Ready" and settled and status.artifact is not None
    artifact = status.artifact
    return Data(
        exists=True,
        failed=status.state == "Failed" and settled,
        artifact=ArtifactRef(uri=artifact.uri, digest=artifact.digest) if ready and artifact is not None else None,
        said=status.message,
        schema=str((found.get("spec") or {}).get("schema") or ""),
    )


def names(spec: TrainingJobSpec) -> tuple[str, ...]:
    """Return the names of all Datasets that the run of `spec` reads, each once, that of spec first."""
    return tuple(dict.fromkeys((spec.dataset.name, *(use.dataset for use in _uses(spec)))))


def lacking(spec: TrainingJobSpec, data: Mapping[str, Data], namespace: str) -> Missing | None:
    """Return what keeps the run of `spec` from starting, with the Datasets `data` of `namespace`; None for nothing."""
    for name in names(spec):
        found = data.get(name, Data())
        if not found.exists:
            return Missing(DATASET_NOT_FOUND, f"Dataset {name} does not exist in namespace {namespace}: create it")
        if found.failed:
            said = f"Dataset {name} failed: {found.said.rstrip('.')}. Correct it; the run then starts by itself"
            return Missing(DATASET_FAILED, said, stalled=True)
        for use in _uses(spec):
            if use.dataset == name and (wrong := use.does_not_fit(found.schema)):
                return Missing(DATASET_DOES_NOT_FIT, wrong, stalled=True)
        if found.artifact is None:
            return Missing(DATASET_NOT_READY, f"waiting for Dataset {name}: {found.said or 'it is not prepared yet'}")
    return None


def inputs(spec: TrainingJobSpec, data: Mapping[str, Data]) -> Inputs | None:
    """Return the prepared data of spec and of each stage; None while some of it is not prepared."""
    ready = {name: found.artifact for name, found in data.items() if found.artifact is not None}
    if any(name not in ready for name in names(spec)):
        return None
    stages = tuple(StageData(name=use.stage, dataset=ready[use.dataset]) for use in _uses(spec) if use.stage)
    return ready[spec.dataset.name], stages


def _uses(spec: TrainingJobSpec) -> Iterator[Use]:
    recipe = spec.recipe.chosen
    assert isinstance(recipe, CausalLM)
    for stage in recipe.stages or ():
        name = stage.dataset.name if stage.dataset is not None else spec.dataset.name
        yield Use(stage.name, name, stage.dpo is not None)
    if not recipe.stages:
        yield Use("", spec.dataset.name, recipe.dpo is not None)
