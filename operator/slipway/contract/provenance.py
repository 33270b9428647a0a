"""What made an artefact, told so that the tools of supply chains can read it?

An in-toto statement (https://in-toto.io/Statement/v1) with the predicate of SLSA 1.0
(https://slsa.dev/spec/v1.0/provenance). Where it lies, and how it is signed: slipway.contract.signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from slipway.api.base import StatusModel
from slipway.api.common import ArtifactRef
from slipway.contract.artifact import ArtifactFile
from slipway.contract.job import Train
from slipway.contract.signature import STATEMENT, subjects

PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://slipway.dev/trainingjob/v1"
BUILDER = "https://slipway.dev/operator"
DATASET, BASE_MODEL, IMAGE = "dataset", "baseModel", "image"
"""Names of what a run depends on."""


@dataclass(frozen=True)
class Made:
    """What a run knows of itself at its end."""

    parameters: Mapping[str, str]
    """All of them, defaults and what the device decided included."""
    code_version: str
    started: str
    finished: str
    """Times as RFC 3339 writes them."""


class _Subject(StatusModel):
    name: str
    digest: dict[str, str]


class _Dependency(StatusModel):
    name: str = ""
    digest: dict[str, str] = {}


class _Definition(StatusModel):
    resolved_dependencies: tuple[_Dependency, ...] = ()


class _Predicate(StatusModel):
    build_definition: _Definition


class Provenance(StatusModel):
    """A statement of provenance, as far as a reader needs it."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: tuple[_Subject, ...]
    predicate_type: Literal["https://slsa.dev/provenance/v1"]
    predicate: _Predicate

    def files(self) -> dict[str, str]:
        """Return name → sha256 (hex) of every file that it is about."""
        return {subject.name: subject.digest.get("sha256", "") for subject in self.subject}

    def base_models(self) -> frozenset[str]:
        """Return the digests of the base models that the run started from."""
        return frozenset(
            f"sha256:{found.digest.get('sha256', '')}"
            for found in self.predicate.build_definition.resolved_dependencies
            if found.name == BASE_MODEL
        )


def provenance(job: Train, uri: str, files: Iterable[ArtifactFile], made: Made) -> dict[str, Any]:
    """Return the statement on the artefact `uri` that `job` made."""
    told = job.dump()
    asked = {key: told[key] for key in ("model", "dataset", "baseModel", "recipe", "seed", "export")}
    return {
        "_type": STATEMENT,
        "subject": subjects(uri, files),
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": asked,
                "internalParameters": dict(made.parameters),
                "resolvedDependencies": [
                    _artifact(DATASET, job.dataset),
                    *(_artifact(DATASET, data) for data in job.stage_data if data != job.dataset),
                    _artifact(BASE_MODEL, job.base_model),
                    *([_image(job.image)] if job.image else []),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"slipway": made.code_version}},
                "metadata": {
                    "invocationId": f"{job.namespace}/{job.name}",
                    "startedOn": made.started,
                    "finishedOn": made.finished,
                },
            },
        },
    }


def _artifact(name: str, ref: ArtifactRef) -> dict[str, Any]:
    # Of its list of files (slipway.contract.artifact.digest), which a folder has instead of bytes of its own.
    return {"name": name, "uri": ref.uri, "digest": {"sha256": ref.digest.removeprefix("sha256:")}}


def _image(image: str) -> dict[str, Any]:
    _, _, digest = image.partition("@sha256:")
    return {"name": IMAGE, "uri": f"oci://{image}"} | ({"digest": {"sha256": digest}} if digest else {})
