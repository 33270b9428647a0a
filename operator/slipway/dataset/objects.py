"""Which objects prepare a Dataset?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from slipway.api.common import ArtifactRef
from slipway.api.dataset import DatasetSpec, DatasetStatus
from slipway.api.dataset_parsed_rows import ParsedRows
from slipway.contract.artifact import digest_of
from slipway.contract.execution import RESOURCES
from slipway.contract.job import Look, MixMember, PrepareDataset
from slipway.dataset.access import environment, mounts, network_policy
from slipway.names import ATTEMPT_LABEL, LOOK_LABEL, child_name
from slipway.plan import Manifest
from slipway.sandbox import with_blender
from slipway.settings import Settings
from slipway.workload import JobShape, Root, job, job_config, thread_limit

COMMAND: Final = ("python", "-m", "slipway_data")
BRING: Final = ("python", "-m", "slipway_data.blends")
READ: Final = ("python", "-m", "slipway_eval_blender.read")
CONFIG_LIMIT: Final = 1_000_000
"""Bytes of a job file. A ConfigMap takes 1 MiB, names and labels included."""


@dataclass(frozen=True)
class Dataset:
    """A Dataset, parsed."""

    root: Root
    spec: DatasetSpec
    status: DatasetStatus
    generation: int = 1
    members: tuple[MixMember, ...] = ()
    """What it is mixed from, with the data that is there now (see members.pinned)."""
    asked: str = ""
    """The value of annotation slipway.dev/refresh."""

    @property
    def published(self) -> bool:
        """Whether data is there that the spec describes, be it as its source is now or as it was."""
        return self.status.artifact is not None and self.status.recipe == self.recipe

    @property
    def look(self) -> Look | None:
        """What a look at the source that is on its way compares with; None: none is on its way."""
        source, artifact = self.status.source, self.status.artifact
        if not self.published or artifact is None or source is None or source.looking_since is None:
            return None
        return Look(
            mark=f"{source.looking_since} {source.command}".strip(),
            artifact=ArtifactRef(uri=artifact.uri, digest=artifact.digest),
            inputs=source.inputs,
            revision=self.status.revision or "",
            refused=source.refused,
        )

    @property
    def recipe(self) -> str:
        """The digest of what determines the data: equal recipes of equal sources give equal data.

        Neither the image nor fields at their defaults are part of it: an upgrade of Slipway, which may bring new
        fields, prepares nothing again that is published already.
        """
        parts = {"source", "schema_", "steps", "split", "quality", "export", "render"}
        made = self.spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True, include=parts)
        return digest_of([made, *(member.artifact.digest for member in self.members)] if self.members else made)


def told(dataset: Dataset, settings: Settings) -> PrepareDataset:
    """Return what the pod is told to do."""
    spec = dataset.spec
    return PrepareDataset(
        namespace=dataset.root.namespace,
        name=dataset.root.name,
        store=settings.store,
        source=spec.source,
        schema_=spec.schema_,
        steps=tuple(spec.steps),
        split=spec.split,
        quality=spec.quality,
        export=tuple(spec.export),
        render=spec.render,
        members=dataset.members,
        engine=spec.engine,
        look=dataset.look,
        parsed_rows=spec.parsed_rows,
    )


def job_name(dataset: Dataset, attempt: int, settings: Settings) -> str:
    """Return the name of an attempt's Job and ConfigMap.

    It carries a digest of everything in them: they are immutable, and settings may change between attempts.
    """
    spec = dataset.spec
    parts = [
        told(dataset, settings).fingerprint(),
        settings.images.data,
        *([settings.images.eval_blender] if reads_blends(dataset) else []),
        spec.resources.dump(),
        spec.deadline_seconds,
        attempt,
        # Left out while absent: Jobs of Datasets without them keep the names they had before there were any.
        *(part.dump() for part in (spec.pod, spec.queue, dataset.look) if part is not None),
        *([spec.parsed_rows.dump()] if spec.parsed_rows != ParsedRows() else []),
    ]
    return child_name(dataset.root.name, f"prepare-{digest_of(parts).removeprefix('sha256:')[:8]}")


def preparation(dataset: Dataset, attempt: int, settings: Settings) -> tuple[Manifest, ...]:
    """Return the job file, the way through the network where one is needed, and the Job of one attempt, in that order.

    All have one name.
    """
    name = job_name(dataset, attempt, settings)
    shape = JobShape(
        settings.images.data,
        COMMAND,
        dataset.spec.resources,
        deadline_seconds=dataset.spec.deadline_seconds,
        environment=(*environment(dataset.spec.source, dataset.spec.steps), thread_limit(dataset.spec.resources)),
        mounts=mounts(dataset.spec.source),
        pod=dataset.spec.pod,
        queue=dataset.spec.queue,
    )
    made = job(dataset.root, name, name, shape, settings)
    if reads_blends(dataset):
        made = with_blender(made, "bring", BRING, READ, RESOURCES, settings)
    made["metadata"]["labels"] |= {ATTEMPT_LABEL: str(attempt)} | ({LOOK_LABEL: "true"} if dataset.look else {})
    # Where no other policy selects the pod, this one would be the first, and shut it in.
    closed = dataset.root.namespace in settings.closed_namespaces
    policies = network_policy(dataset.root, name, dataset.spec) if closed else []
    return job_config(dataset.root, name, told(dataset, settings)), *policies, made


def reads_blends(dataset: Dataset) -> bool:
    """Tell whether the data is .blend files, which Blender has to read first."""
    parse = dataset.spec.steps[0].parse
    return parse is not None and parse.format == "Blend"


def config_bytes(config: Manifest) -> int:
    """Return the size of a job file."""
    return len(config["data"]["job.json"].encode())
