"""What is a pod told to do? One JSON document, mounted as a file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from slipway.api.base import Model
from slipway.api.common import ArtifactRef, Evaluation
from slipway.api.dataset import Quality, Schema, Split
from slipway.api.dataset_engine import Engine
from slipway.api.dataset_export import HostedFormat
from slipway.api.dataset_parsed_rows import ParsedRows
from slipway.api.dataset_refresh import Inputs
from slipway.api.dataset_render import Render
from slipway.api.dataset_source import Source
from slipway.api.dataset_steps import Step
from slipway.api.modelversion import Format
from slipway.api.preference import HumanPreference
from slipway.api.trainingjob import Checkpoint, Export, Recipe
from slipway.contract.artifact import digest_of
from slipway.contract.ratings import Sheet
from slipway.contract.signature import Signing, Trust
from slipway.contract.study import PlottedStudy

JOB_FILE = "/slipway/job/job.json"
SCRATCH = "/slipway/scratch"
MODEL_DIR = "/slipway/model"
TERMINATION_LOG = "/dev/termination-log"
PROGRESS_TOKEN = "/slipway/token/progress"
PROGRESS_AUDIENCE = "slipway-progress"
COORDINATOR = "SLIPWAY_COORDINATOR"
"""Variable of the pods of a run that has several: where the first of them listens, as host:port."""
NODE_INDEX = "JOB_COMPLETION_INDEX"
"""Variable in which an Indexed Job tells a pod its number, from 0."""


class Store(Model):
    """The object store. Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment."""

    endpoint: str = ""
    region: str = "us-east-1"
    bucket: str
    prefix: str = "slipway"


class JobBase(Model):
    """What every job has: who it is for, and where results go."""

    contract: Literal[1] = 1
    namespace: str
    name: str
    store: Store
    progress_url: str = ""

    def fingerprint(self) -> str:
        """Return the digest of everything that determines the result.

        That is not where progress goes, who signs, what was there before, what is kept for the next time, or by what
        pods know each other.
        """
        beside = {"progress_url", "signing", "look", "parsed_rows", "countersign"}
        return digest_of(self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=beside))


class MixMember(Model):
    """A Dataset that gives rows, and the data that it had when preparation began."""

    name: str
    artifact: ArtifactRef
    weight: int | None = None


class Look(Model):
    """What is published already: where the source is as it was then, nothing is to be done."""

    mark: str
    """Tells this look from others; all its pods are told the same."""
    artifact: ArtifactRef
    inputs: Inputs | None = None
    """What the artefact was made from; None: nobody knows any more."""
    revision: str = ""
    """The commit, where the source is a Git repository."""
    refused: Inputs | None = None
    """A later state of the source, of which no data could be made."""


class PrepareDataset(JobBase):
    """Read, check, clean, split and publish data."""

    type: Literal["PrepareDataset"] = "PrepareDataset"
    source: Source
    schema_: Schema = Field(alias="schema")
    steps: tuple[Step, ...]
    split: Split
    quality: Quality
    # Left out while empty: Jobs of Datasets that export nothing keep the names they had before there were exports.
    export: tuple[HostedFormat, ...] = Field(default=(), exclude_if=lambda formats: not formats)
    render: Render | None = None
    members: tuple[MixMember, ...] = Field(default=(), exclude_if=lambda members: not members)
    """What source.datasets names, in the order of names."""
    engine: Engine | None = None
    look: Look | None = None
    parsed_rows: ParsedRows = Field(default=ParsedRows(), exclude_if=lambda kept: kept == ParsedRows())


class Train(JobBase):
    """Train a recipe and publish the artefact."""

    type: Literal["Train"] = "Train"
    model: str
    dataset: ArtifactRef
    # Of each stage, in order. Left out while empty: runs without stages keep the digests that they had.
    stage_data: tuple[ArtifactRef, ...] = Field(default=(), exclude_if=lambda data: not data)
    base_model: ArtifactRef
    recipe: Recipe
    checkpoint: Checkpoint
    checkpoint_uri: str
    export: tuple[Export, ...]
    seed: int
    grace_seconds: int = 60
    image: str | None = None
    """The image that trains, for the provenance of the artefact."""
    signing: Signing | None = None
    """Sign the artefact; absent means that its provenance lies beside it unsigned."""
    # Left out while false: Jobs of runs that ask for none keep the names they had before there was this.
    tensor_board: bool = Field(default=False, exclude_if=lambda wanted: not wanted)
    # Left out where it is one, for the same reason.
    processes: int = Field(default=1, ge=1, exclude_if=lambda count: count == 1)
    """Of each pod."""
    nodes: int = Field(default=1, ge=1, exclude_if=lambda count: count == 1)
    """Pods that share the run."""
    countersign: str = Field(default="", exclude_if=lambda said: not said)
    """Of several pods: what they know each other by. Another one for each attempt."""


class EstimateMemory(JobBase):
    """Say what a run takes of each GPU, before there is one: of the base model only its description is read."""

    type: Literal["EstimateMemory"] = "EstimateMemory"
    base_model: ArtifactRef
    dataset: ArtifactRef
    stage_data: tuple[ArtifactRef, ...] = ()
    """Of each stage, in order; empty for a run without stages."""
    recipe: Recipe
    """Fields that change no memory are at their defaults."""
    processes: int = Field(ge=1)
    """Of all nodes together; each has one GPU."""
    gpu_bytes: int | None = Field(default=None, ge=1)
    """Memory of each GPU, where it is known."""

    def subject(self) -> str:
        """Return the digest of what is estimated, whoever asks."""
        who = {"namespace", "name", "store", "progress_url"}
        return digest_of(self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=who))


class Subject(Model):
    """A model as it will serve: an artefact, and its base where it is an adapter."""

    name: str
    artifact: ArtifactRef
    kind: Literal["Adapter", "Model", "Base"]
    formats: tuple[Format, ...]
    base_model: ArtifactRef | None = None


class Evaluate(JobBase):
    """Verify an artefact, and measure it and its reference on pinned data, item by item."""

    type: Literal["Evaluate"] = "Evaluate"
    subject: Subject
    reference: Subject | None = None
    data: ArtifactRef | None = None
    evaluation: Evaluation | None = None
    trust: Trust | None = None
    """Evaluate nothing that is not signed; absent means that digests suffice."""


class CountRatings(JobBase):
    """Count what people said of a sheet."""

    type: Literal["CountRatings"] = "CountRatings"
    sheet: Sheet
    metric: HumanPreference
    confidences: tuple[int, ...]
    """Percents at which gates ask for a bound."""
    config_maps: tuple[str, ...]
    """Whose entries are the files, each `name@resourceVersion`: another version is another job."""


class FetchItem(Model):
    """An artefact to bring to a folder, its digest checked."""

    artifact: ArtifactRef
    target: str


class Fetch(JobBase):
    """Bring artefacts to a serving pod: the version's own comes last, what it is served on before it."""

    type: Literal["Fetch"] = "Fetch"
    items: tuple[FetchItem, ...]
    trust: Trust | None = None
    """Bring nothing that is not signed; absent means that digests suffice."""


class PlotStudy(JobBase):
    """Put a page with the plots of a search into the store."""

    type: Literal["PlotStudy"] = "PlotStudy"
    key: str
    """Where in the store's bucket."""
    study: PlottedStudy


AnyJob = PrepareDataset | Train | EstimateMemory | Evaluate | CountRatings | Fetch | PlotStudy
Job = Annotated[AnyJob, Field(discriminator="type")]
ANY_JOB: TypeAdapter[AnyJob] = TypeAdapter(Job)


def parse_job(text: str | bytes) -> AnyJob:
    """Return the job that `text` (JSON) describes; raise pydantic.ValidationError if it describes none."""
    return ANY_JOB.validate_json(text)
