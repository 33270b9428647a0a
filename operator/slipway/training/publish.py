"""Which ModelVersion does a finished run become?"""

from __future__ import annotations

from typing import Any

from slipway.api.base import API_VERSION
from slipway.api.modelversion import Lineage, ModelVersionSpec, VersionArtifact
from slipway.api.trainingjob_status import Snapshot
from slipway.contract.result import Trained
from slipway.names import MODEL_LABEL
from slipway.plan import Manifest
from slipway.training.objects import Training
from slipway.workload import Root


def model_version(training: Training, fixed: Snapshot, result: Trained) -> Manifest:
    """Return the ModelVersion of `result`, with everything that made it."""
    spec = training.spec
    made = ModelVersionSpec(
        model=spec.model,
        version=training.version,
        artifact=VersionArtifact(
            uri=result.artifact.uri, digest=result.artifact.digest, formats=list(result.formats), kind=result.kind
        ),
        base_model=spec.base_model,
        evaluation=spec.evaluation,
        evaluation_data=fixed.dataset if spec.evaluation is not None else None,
        pod=spec.pod,
        queue=spec.queue,
        lineage=Lineage(
            training_job=training.root.name,
            dataset=fixed.dataset,
            stages=fixed.stages,
            recipe_digest=fixed.recipe_digest,
            image=fixed.image,
            code_version=fixed.code_version,
            seed=spec.seed,
            parameters=result.parameters,
        ),
    )
    metadata: dict[str, Any] = {
        "name": training.model_version,
        "namespace": training.root.namespace,
        "labels": {MODEL_LABEL: spec.model, "app.kubernetes.io/managed-by": "slipway"},
    }
    if spec.deletion_policy == "Delete":
        metadata["ownerReferences"] = [_goes_with(training.root)]
    return {"apiVersion": API_VERSION, "kind": "ModelVersion", "metadata": metadata, "spec": made.dump()}


def _goes_with(root: Root) -> dict[str, Any]:
    """Return the reference by which the cluster deletes an object when `root` is gone; `root` does not control it."""
    return {"apiVersion": API_VERSION, "kind": root.kind, "name": root.name, "uid": root.uid}


def taken(training: Training) -> str:
    """Return that another artefact has the name of the result."""
    return f"ModelVersion {training.model_version} exists already and holds something else"


def holds(found: Manifest, digest: str) -> bool:
    """Tell whether the ModelVersion `found` is of the artefact `digest`."""
    artifact: dict[str, Any] = (found.get("spec") or {}).get("artifact") or {}
    return artifact.get("digest") == digest


def made_by(found: Manifest, job: str) -> bool:
    """Tell whether a TrainingJob named `job` made the ModelVersion `found`."""
    lineage: dict[str, Any] = (found.get("spec") or {}).get("lineage") or {}
    return lineage.get("trainingJob") == job


def made_with(found: Manifest, fixed: Snapshot) -> bool:
    """Tell whether the ModelVersion `found` came of the very recipe, data and image in `fixed`."""
    lineage: dict[str, Any] = (found.get("spec") or {}).get("lineage") or {}
    return lineage.get("recipeDigest") == fixed.recipe_digest
