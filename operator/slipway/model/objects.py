"""Which objects evaluate a version?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from slipway.api.common import Resources
from slipway.api.modelversion import ModelVersionSpec, ModelVersionStatus, Reference
from slipway.contract.artifact import digest_of
from slipway.contract.job import Evaluate, Subject
from slipway.model.execution import executes, with_execution
from slipway.names import ATTEMPT_LABEL, MODEL_LABEL, child_name
from slipway.plan import Manifest
from slipway.settings import Settings
from slipway.signing import trust, trust_mounts
from slipway.workload import JobShape, Root, job, job_config

DEADLINE_SECONDS: Final = 6 * 3600
VERIFY_RESOURCES: Final = Resources(cpu="100m", memory="512Mi")
BASE: Final = "the base model"


@dataclass(frozen=True)
class Version:
    """A ModelVersion, parsed."""

    root: Root
    spec: ModelVersionSpec
    status: ModelVersionStatus
    generation: int = 1

    @property
    def digest(self) -> str:
        """The digest that the spec promises."""
        return self.spec.artifact.digest


@dataclass(frozen=True)
class Compared:
    """What a version is compared with: a version, or the base model."""

    reference: Reference
    subject: Subject

    @property
    def words(self) -> str:
        """For messages."""
        return self.reference.name or BASE


def subject(name: str, spec: ModelVersionSpec) -> Subject:
    """Return a version as the evaluation job sees it."""
    return Subject(
        name=name,
        artifact={"uri": spec.artifact.uri, "digest": spec.artifact.digest},
        kind=spec.artifact.kind,
        formats=tuple(spec.artifact.formats),
        base_model=spec.base_model,
    )


def against_version(name: str, spec: ModelVersionSpec) -> Compared:
    """Return the comparison with the version `name`."""
    return Compared(Reference(name=name, digest=spec.artifact.digest), subject(name, spec))


def against_base(spec: ModelVersionSpec) -> Compared | None:
    """Return the comparison with the model that the version was tuned from, if the spec names one."""
    if spec.base_model is None:
        return None
    base = Subject(name="base", artifact=spec.base_model, kind="Base", formats=())
    return Compared(Reference(digest=spec.base_model.digest), base)


def evaluation(version: Version, compared: Compared | None, attempt: int, settings: Settings) -> tuple[Manifest, ...]:
    """Return the job file and the Job of one attempt, in the order of application.

    The name carries a digest of everything in them: they are immutable, and settings may change between attempts.
    """
    told = Evaluate(
        namespace=version.root.namespace,
        name=version.root.name,
        store=settings.store,
        subject=subject(version.root.name, version.spec),
        reference=compared.subject if compared is not None else None,
        data=version.spec.evaluation_data if version.spec.evaluation is not None else None,
        evaluation=version.spec.evaluation,
        trust=trust(settings),
    )
    shape = _shape(version.spec, settings)
    images = [shape.image, *([settings.images.eval_blender] if executes(version.spec.evaluation) else [])]
    mark = digest_of([told.fingerprint(), *images, attempt]).removeprefix("sha256:")[:8]
    name = child_name(version.root.name, f"evaluate-{mark}")
    made = job(version.root, name, name, shape, settings)
    if version.spec.evaluation is not None and executes(version.spec.evaluation):
        made = with_execution(made, version.spec.evaluation, settings)
    made["metadata"]["labels"] |= {ATTEMPT_LABEL: str(attempt), MODEL_LABEL: version.spec.model}
    return job_config(version.root, name, told), made


def _shape(spec: ModelVersionSpec, settings: Settings) -> JobShape:
    shape = JobShape(settings.images.data, ("python", "-m", "slipway_pod.verify"), VERIFY_RESOURCES)
    deadline = None
    if spec.evaluation is not None:
        command = ("python", "-m", "slipway_train_torch.evaluate")
        shape = JobShape(settings.images.train_torch, command, spec.evaluation.resources)
        deadline = spec.evaluation.deadline_seconds
    mounts, seconds = trust_mounts(settings), deadline or DEADLINE_SECONDS
    return replace(shape, deadline_seconds=seconds, mounts=mounts, pod=spec.pod, queue=spec.queue)
