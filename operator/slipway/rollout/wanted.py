"""Which revision does the spec want, and may it serve?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from slipway.api.faults import first_fault
from slipway.api.modelversion import ModelVersionSpec, ModelVersionStatus
from slipway.api.rollout import RevisionRef
from slipway.plan import Manifest
from slipway.rollout import reasons, revision
from slipway.rollout.revision import Template
from slipway.rollout.rollout import Rollout
from slipway.settings import Settings


@dataclass(frozen=True)
class Servable:
    """A revision that may serve."""

    ref: RevisionRef
    template: Template


@dataclass(frozen=True)
class Waiting:
    """A version that is not ready yet; time will tell."""

    reason: str
    message: str


@dataclass(frozen=True)
class Unusable:
    """A version that cannot serve as things are; someone has to change something."""

    reason: str
    message: str


Wanted = Servable | Waiting | Unusable

NEVER_SERVES = frozenset({reasons.VERSION_REJECTED, reasons.VERSION_FAILED})
"""Verdicts about the version itself: a candidate that gets one loses its traffic."""


def wanted(
    rollout: Rollout,
    version: Manifest | None,
    kept: Mapping[str, tuple[Template, int]],
    settings: Settings,
) -> Wanted:
    """Return the revision that the spec names, or why it cannot serve."""
    name = rollout.spec.version.name
    if version is None:
        return Unusable(
            reasons.VERSION_NOT_FOUND,
            f"ModelVersion {name} does not exist in namespace {rollout.root.namespace}: create it, or correct "
            "spec.version.name",
        )
    try:
        spec = ModelVersionSpec.model_validate(version.get("spec") or {})
        status = ModelVersionStatus.model_validate(version.get("status") or {})
    except ValidationError as error:
        return Unusable(reasons.VERSION_INVALID, f"ModelVersion {name}, field {first_fault(error)}; recreate it")
    refusal = _refusal(rollout, name, spec, status)
    if refusal is not None:
        return refusal
    made = revision.template(name, spec, rollout.spec.serving, settings)
    ref = revision.reference(made, rollout.spec.serving)
    # A kept template wins: the revision goes on with the images it was judged with.
    return Servable(ref, kept[ref.revision][0] if ref.revision in kept else made)


def _refusal(
    rollout: Rollout, name: str, spec: ModelVersionSpec, status: ModelVersionStatus
) -> Waiting | Unusable | None:
    if spec.model != rollout.spec.model:
        return Unusable(
            reasons.MODEL_MISMATCH,
            f"ModelVersion {name} is a version of model {spec.model}, this Rollout serves {rollout.spec.model}: "
            "correct spec.version.name",
        )
    if rollout.spec.serving.runtime.llama_cpp is not None and "GGUF" not in spec.artifact.formats:
        found = ", ".join(spec.artifact.formats)
        return Unusable(
            reasons.FORMAT_MISSING,
            f"runtime llamaCpp needs GGUF, but ModelVersion {name} has {found}: export GGUF in its TrainingJob "
            "(spec.export), or choose another version",
        )
    match status.state:
        case "Ready":
            return None
        case "Rejected":
            return Unusable(
                reasons.VERSION_REJECTED,
                f"ModelVersion {name} was rejected and gets no traffic: {_said(status.message)}. Train a better "
                "version and name it in spec.version.name",
            )
        case "Failed":
            return Unusable(
                reasons.VERSION_FAILED,
                f"ModelVersion {name} could not be verified and gets no traffic: {_said(status.message)}. Create a new "
                "ModelVersion once the cause is gone",
            )
        case _:
            return Waiting(
                reasons.VERSION_NOT_READY,
                f"waiting for ModelVersion {name}, which is {status.state}: {_said(status.message)}",
            )


def _said(message: str) -> str:
    return message.rstrip(".") or "its status says no more"
