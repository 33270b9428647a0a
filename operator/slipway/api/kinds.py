"""Which kinds are there, how are they called, and what does `kubectl get` show of them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from slipway.api.base import Model, Rule, StatusModel
from slipway.api.dataset import DatasetSpec, DatasetStatus
from slipway.api.modelversion import ModelVersionSpec, ModelVersionStatus
from slipway.api.rollout import RolloutSpec, RolloutStatus
from slipway.api.trainingjob import TrainingJobSpec
from slipway.api.trainingjob_status import TrainingJobStatus

CATEGORY = "slipway"


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`; `wide` ones appear with -o wide only."""

    name: str
    path: str
    description: str
    type: Literal["string", "integer", "date"] = "string"
    wide: bool = False


@dataclass(frozen=True)
class Scale:
    """Where `kubectl scale` writes and reads."""

    spec_path: str
    status_path: str
    selector_path: str


@dataclass(frozen=True)
class Kind:
    """One of the four kinds."""

    name: str
    plural: str
    short: str
    description: str
    spec: type[Model]
    status: type[StatusModel]
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    selectable: tuple[str, ...]
    """Paths for `kubectl get --field-selector`."""
    scale: Scale | None = None

    @property
    def singular(self) -> str:
        """The name as one writes it on a command line."""
        return self.name.lower()


def _name_limit(limit: int, why: str) -> Rule:
    return Rule(f"size(self.metadata.name) <= {limit}", f"the name has more than {limit} characters: {why}")


LABEL_VALUE = "it becomes the value of a label, choose a shorter one"

STATE = Column("State", ".status.state", "Where the object is, in one word.")
SINCE = Column("Since", '.status.conditions[?(@.type=="Ready")].lastTransitionTime', "When Ready last changed.", "date")
MESSAGE = Column("Message", ".status.message", "The present situation in one sentence.", wide=True)
AGE = Column("Age", ".metadata.creationTimestamp", "When the object was created.", "date")

DATASET = Kind(
    name="Dataset",
    plural="datasets",
    short="swd",
    description="Dataset is raw data made checked, deduplicated, split and content-addressed. "
    "TrainingJobs read it once it is Ready.",
    spec=DatasetSpec,
    status=DatasetStatus,
    columns=(
        STATE,
        Column("Train", ".status.rows.train", "Rows to train on.", "integer"),
        Column("Validation", ".status.rows.validation", "Rows that loss is watched on while training.", "integer"),
        Column("Test", ".status.rows.test", "Rows that versions are judged on.", "integer"),
        Column("Rejected", ".status.rows.rejected", "Rows rejected, each with a reason.", "integer"),
        Column("Duplicates", ".status.rows.duplicates", "Rows dropped as equal or alike.", "integer", wide=True),
        SINCE,
        AGE,
        Column("Digest", ".status.digest", "Digest of the prepared data.", wide=True),
        Column("Checked", ".status.source.lastCheckedAt", "When the source was last looked at.", "date", wide=True),
        MESSAGE,
    ),
    rules=(
        _name_limit(63, LABEL_VALUE),
        Rule(
            "!has(self.spec) || !has(self.spec.source) || !has(self.spec.source.datasets) || "
            "self.spec.source.datasets.members.all(m, m.name != self.metadata.name)",
            "a Dataset cannot be mixed from itself: take its own name out of spec.source.datasets.members",
        ),
    ),
    selectable=(".status.state",),
)

TRAINING_JOB = Kind(
    name="TrainingJob",
    plural="trainingjobs",
    short="swt",
    description="TrainingJob is one immutable run of a recipe on a Dataset. "
    "It ends in an artefact in the object store and the ModelVersion that names it.",
    spec=TrainingJobSpec,
    status=TrainingJobStatus,
    columns=(
        Column("Model", ".spec.model", "The line of versions it adds to."),
        STATE,
        Column("Percent", ".status.progress.percent", "Share of the planned steps done, of the stage.", "integer"),
        Column("Stage", ".status.progress.stage", "The stage that the run is in, where it has stages.", wide=True),
        Column("Step", ".status.progress.step", "Optimiser steps done, of the stage.", "integer", wide=True),
        Column("LearningRate", ".status.progress.learningRate", "Learning rate of the last step.", wide=True),
        Column(
            "Tokens/s", ".status.progress.tokensPerSecond", "Tokens a second, without padding.", "integer", wide=True
        ),
        Column(
            "Trained/s",
            ".status.progress.trainedTokensPerSecond",
            "Loss-bearing tokens a second.",
            "integer",
            wide=True,
        ),
        Column("MFU", ".status.progress.mfuPercent", "Percent of the device's peak in use.", "integer", wide=True),
        Column("Loss", ".status.progress.loss", "Loss of the last step, in nats per trained token."),
        Column("Validation", ".status.progress.validationLoss", "Loss on the validation split, as last measured."),
        Column("ETA", ".status.progress.etaSeconds", "Seconds left at the present speed, of the stage.", "integer"),
        Column("Version", ".status.modelVersion", "The ModelVersion made from the result."),
        Column("Trials", ".status.search.summary", "Of a search: trials that ended, of all, and the best value."),
        SINCE,
        AGE,
        Column("Failed", ".status.restarts.failed", "Attempts that ended in an error.", "integer", wide=True),
        Column("Preempted", ".status.restarts.preempted", "Disruptions survived.", "integer", wide=True),
        MESSAGE,
    ),
    # A run without spec.version makes version 0.1.0-NAME, and a version is a label value.
    rules=(
        _name_limit(57, "it becomes part of a version (0.1.0-NAME), choose a shorter one"),
        Rule(
            "!has(self.spec.search) || size(self.metadata.name) <= 53",
            "the name of a search has more than 53 characters: its trials add a number to it, choose a shorter one",
        ),
    ),
    selectable=(".spec.model", ".status.state"),
)

MODEL_VERSION = Kind(
    name="ModelVersion",
    plural="modelversions",
    short="swm",
    description="ModelVersion is the registry entry of one trained model: immutable identity, lineage and proof of "
    "quality. A Rollout may serve it once it is Ready. Write one by hand for a model trained elsewhere.",
    spec=ModelVersionSpec,
    status=ModelVersionStatus,
    columns=(
        Column("Model", ".spec.model", "The line of versions it belongs to."),
        Column("Version", ".spec.version", "The version in its line."),
        STATE,
        Column("Stage", ".status.stage", "How far it came: Candidate, Canary, Production, Archived or Rejected."),
        Column("Score", ".status.score", "Its metrics in one short line."),
        SINCE,
        AGE,
        Column("Job", ".spec.lineage.trainingJob", "The TrainingJob that made it.", wide=True),
        Column("Digest", ".spec.artifact.digest", "Digest of the artefact.", wide=True),
        MESSAGE,
    ),
    rules=(_name_limit(63, LABEL_VALUE),),
    selectable=(".spec.model", ".spec.version", ".status.state", ".status.stage"),
)

ROLLOUT = Kind(
    name="Rollout",
    plural="rollouts",
    short="swr",
    description="Rollout says which ModelVersion serves a model's traffic, and how a new one earns it step by step. "
    "A version whose metrics turn bad goes back to no traffic by itself.",
    spec=RolloutSpec,
    status=RolloutStatus,
    columns=(
        STATE,
        Column("Stable", ".status.stable.version", "The version to which every failure returns."),
        Column("Candidate", ".status.candidate.version", "The version on its way."),
        Column(
            "Percent",
            ".status.percent",
            "Share of requests (of users, with traffic.sticky) sent to the candidate.",
            "integer",
        ),
        Column("Step", ".status.step", "The present step, from 0; messages count from 1.", "integer"),
        Column("Steps", ".status.steps", "How many steps there are before all traffic.", "integer", wide=True),
        Column("Ready", ".status.replicas", "Ready pods, all revisions together.", "integer"),
        SINCE,
        AGE,
        Column("Rollback", ".status.lastRollback.version", "The version last sent back.", wide=True),
        MESSAGE,
    ),
    rules=(
        _name_limit(40, "names of its children add a hash to it, choose a shorter one"),
        Rule(
            "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "the name becomes that of Services: start with a letter and use lower case letters, digits and '-' only",
        ),
    ),
    selectable=(".spec.model", ".status.state"),
    scale=Scale(".spec.serving.replicas", ".status.replicas", ".status.selector"),
)

KINDS = (DATASET, TRAINING_JOB, MODEL_VERSION, ROLLOUT)
