"""What is a revision, and how is its template kept?

A revision is a model version together with its serving template. Stable keeps its own template in a ControllerRevision,
so that it can be served, scaled and repaired whatever the spec, the ModelVersion or the operator's images say by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import ValidationError

from slipway.api.base import Label, Name, StatusModel
from slipway.api.common import ArtifactRef, Resources
from slipway.api.modelversion import ModelVersionSpec
from slipway.api.pod import PodOptions
from slipway.api.rollout import RevisionRef, Runtime, Serving
from slipway.contract.artifact import digest_of
from slipway.names import REVISION_LABEL
from slipway.plan import Manifest
from slipway.settings import Settings

HASH_LENGTH = 10


class Template(StatusModel):
    """Everything that the pods of a revision are made from, replicas aside."""

    model: Label
    version: Name
    artifact: ArtifactRef
    kind: Literal["Adapter", "Model"]
    base_model: ArtifactRef | None = None
    runtime: Runtime
    resources: Resources
    pod: PodOptions | None = None
    image: str
    """The engine's image when the revision was made: a new operator does not change what was judged."""
    proxy: str


def template(name: str, version: ModelVersionSpec, serving: Serving, settings: Settings) -> Template:
    """Return the template of ModelVersion `name` served as `serving` says."""
    return Template(
        model=version.model,
        version=name,
        artifact=ArtifactRef(uri=version.artifact.uri, digest=version.artifact.digest),
        kind=version.artifact.kind,
        base_model=version.base_model,
        runtime=serving.runtime,
        resources=serving.resources,
        pod=serving.pod,
        image=settings.images.serve_llamacpp,
        proxy=settings.images.proxy,
    )


def serving_hash(serving: Serving) -> str:
    """Return the hash of the serving template without replicas.

    Fields at their default are left out: a field added by a newer API must not turn every revision into a new one.
    """
    content = serving.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"replicas"})
    return _short(content)


def reference(made: Template, serving: Serving) -> RevisionRef:
    """Return the identity of the revision that `made` and `serving` are."""
    hashed = serving_hash(serving)
    base = made.base_model.digest if made.base_model is not None else ""
    return RevisionRef(
        revision=_short([made.version, made.artifact.digest, base, hashed]),
        version=made.version,
        digest=made.artifact.digest,
        template=hashed,
        base=served_on(made),
    )


def kept_reference(name: str, made: Template) -> RevisionRef:
    """Return the identity of revision `name`, whose template was kept."""
    hashed = serving_hash(Serving(runtime=made.runtime, resources=made.resources, pod=made.pod))
    digest = made.artifact.digest
    return RevisionRef(revision=name, version=made.version, digest=digest, template=hashed, base=served_on(made))


def served_on(made: Template) -> str | None:
    """Return the digest of the model that an adapter is served on; a whole model is only compared with its base."""
    return made.base_model.digest if made.kind == "Adapter" and made.base_model is not None else None


def kept(controller_revisions: Iterable[Manifest]) -> Mapping[str, tuple[Template, int]]:
    """Return the templates that ControllerRevisions keep, with their ordinals, by revision; no unreadable ones."""
    found: dict[str, tuple[Template, int]] = {}
    for manifest in controller_revisions:
        revision = (manifest["metadata"].get("labels") or {}).get(REVISION_LABEL)
        try:
            made = Template.model_validate(manifest.get("data"))
        except ValidationError:
            continue  # its Deployment is then left as it is
        if revision:
            found[revision] = (made, int(manifest.get("revision") or 0))
    return found


def _short(value: object) -> str:
    return digest_of(value).partition(":")[2][:HASH_LENGTH]
