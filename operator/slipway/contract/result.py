"""What does a pod report at its end? One JSON document of at most 4 KB, its termination message."""

from __future__ import annotations

import json
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from slipway.api.base import StatusModel, StoreUri
from slipway.api.common import ArtifactStatus
from slipway.api.dataset import Rows
from slipway.api.dataset_export import ExportStatus
from slipway.api.dataset_refresh import Inputs
from slipway.api.modelversion import Format, MetricResult
from slipway.api.preference import MOST_RATERS
from slipway.api.ratings import MOST_REFUSED, Preference, RatedBy, RefusedRatings
from slipway.api.trainingjob_status import MemoryEstimate
from slipway.contract.ratings import Sheet

LIMIT = 4096
"""Bytes that the kubelet keeps of a termination message."""
NODE_LOST = "NodeLost"
"""Reason of a pod that ended because another pod of its run did, which knows why."""
UNEXPECTED = "Unexpected"
"""Reason of what nobody foresaw."""


class Failed(StatusModel):
    """Why the pod gave up, in words a user can act on."""

    type: Literal["Failed"] = "Failed"
    reason: str = Field(max_length=64, pattern=r"^[A-Z][A-Za-z0-9]+$")
    message: str = Field(max_length=1800)
    example: str = Field(default="", max_length=256)
    report: str = Field(default="", max_length=1024)
    rows: Rows | None = None
    inputs: Inputs | None = None
    """What a Dataset that is not to be had was to be made from, where it was found."""


class Prepared(StatusModel):
    """A published dataset."""

    type: Literal["Prepared"] = "Prepared"
    artifact: ArtifactStatus
    rows: Rows
    report: str = Field(max_length=1024)
    exports: tuple[ExportStatus, ...] | None = None
    revision: str = Field(default="", max_length=64)
    """The commit that was read, where the source is a Git repository."""
    inputs: Inputs | None = None
    """What it was made from."""


class Unchanged(StatusModel):
    """A look at a source that is as it was when the published data was made, or when it was refused."""

    type: Literal["Unchanged"] = "Unchanged"
    inputs: Inputs
    revision: str = Field(default="", max_length=64)
    """The commit that has these files, where the source is a Git repository."""
    refused: bool = False
    """It is still as it was when no data could be made of it."""


KILLED: Final = "Killed"
"""Reason of a rung: the kernel does not refuse memory, it kills."""


class Rung(StatusModel):
    """Smaller pieces of a batch, taken because memory did not suffice for the ones before."""

    step: int
    micro_batch: int
    """Rows per forward pass from then on."""
    recompute: bool
    """Whether activations are computed again from then on instead of kept."""
    reason: Literal["Killed"] | None = None
    """Absent where memory was refused; Killed where the attempt before was killed while it held nearly all."""


class Trained(StatusModel):
    """A published model."""

    type: Literal["Trained"] = "Trained"
    artifact: ArtifactStatus
    kind: Literal["Adapter", "Model"] = "Adapter"
    formats: tuple[Format, ...]
    steps: int
    """Steps that were done."""
    published_step: int | None = None
    """The step whose weights the artefact has."""
    tokens: int = 0
    validation_loss: str | None = None
    seconds: int = 0
    rungs: tuple[Rung, ...] = ()
    parameters: dict[str, str] = {}
    report: StoreUri | None = None
    """The page of the run (slipway.contract.training_report)."""


class Estimated(StatusModel):
    """What a run takes of each GPU. That it does not fit is a result too."""

    type: Literal["Estimated"] = "Estimated"
    estimate: MemoryEstimate


class Evaluated(StatusModel):
    """A verified and measured model."""

    type: Literal["Evaluated"] = "Evaluated"
    digest: str
    signature: str = Field(default="", max_length=253)
    """The key that vouches for the artefact; empty where none was asked for."""
    metrics: tuple[MetricResult, ...] = ()
    lower_bounds: dict[str, dict[str, str]] = {}
    """Per metric, the lower bound of the paired improvement at each confidence percent that a gate asks for."""
    report: str = Field(default="", max_length=1024)
    sheet: Sheet | None = None
    """What people are to rate before there is a figure of humanPreference."""
    no_sheet: str = Field(default="", max_length=512)
    """Why there is too little to rate."""


class Counted(StatusModel):
    """What people have rated so far, and what they said once enough of them did."""

    type: Literal["Counted"] = "Counted"
    rated: int
    """Pairs that somebody rated."""
    raters: int
    accepted: tuple[RatedBy, ...] = Field(default=(), max_length=MOST_RATERS)
    refused: tuple[RefusedRatings, ...] = Field(default=(), max_length=MOST_REFUSED)
    refusals: int = 0
    preference: Preference | None = None
    """Absent while too few have rated: who is ahead is nobody's business until then."""
    metric: MetricResult | None = None
    """Absent too where nobody preferred anything."""
    lower_bounds: dict[str, str] = {}
    """At each confidence percent that a gate asks for."""
    report: str = Field(default="", max_length=1024)


class Preempted(StatusModel):
    """Stopped by SIGTERM with everything saved."""

    type: Literal["Preempted"] = "Preempted"
    step: int


AnyResult = Failed | Prepared | Unchanged | Trained | Estimated | Evaluated | Counted | Preempted
Result = Annotated[AnyResult, Field(discriminator="type")]
ANY_RESULT: TypeAdapter[AnyResult] = TypeAdapter(Result)


def parse_result(text: str) -> AnyResult | None:
    """Return what a termination message says, or None when it is not one of ours (killed pods leave log lines)."""
    try:
        return ANY_RESULT.validate_json(text)
    except ValidationError:
        return None


def encode(result: AnyResult) -> str:
    """Return the termination message; raise ValueError when it would be cut by the kubelet."""
    text = json.dumps(result.model_dump(mode="json", by_alias=True, exclude_none=True), separators=(",", ":"))
    if len(text.encode()) > LIMIT:
        raise ValueError(f"the result takes {len(text.encode())} bytes, the kubelet keeps {LIMIT}")
    return text
