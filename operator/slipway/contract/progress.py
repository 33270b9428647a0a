"""What does a pod push while it works? Missing pushes lose nothing."""

from __future__ import annotations

from pydantic import Field

from slipway.api.base import StatusModel, StoreUri
from slipway.api.trainingjob_status import RunMemory

PATH = "/v1/progress"
BODY_LIMIT = 4096


class Progress(StatusModel):
    """The newest figures of a run; finite numbers only."""

    phase: str = Field(default="", max_length=64)
    step: int = Field(ge=0)
    steps: int = Field(ge=0)
    epoch: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    eta_seconds: int | None = Field(default=None, ge=0)
    tokens_per_second: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """All of them but padding."""
    trained_tokens_per_second: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Those that bear loss."""
    mfu_percent: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Share of what the device can do at its best, where that is known."""
    loss: float | None = Field(default=None, allow_inf_nan=False)
    learning_rate: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    gradient_norm: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    memory_bytes: int | None = Field(default=None, ge=0)
    """The most that a GPU held in the step, or what the process holds."""
    memory: RunMemory | None = None
    stop_seconds: int | None = Field(default=None, ge=0)
    """The most that a step and a save took together, rounded up; absent before the first save."""
    validation_loss: float | None = Field(default=None, allow_inf_nan=False)
    micro_batch_size: int | None = Field(default=None, ge=1)
    recompute: bool | None = None
    validation_step: int | None = Field(default=None, ge=0)
    best_step: int | None = Field(default=None, ge=0)
    best_validation_loss: float | None = Field(default=None, allow_inf_nan=False)
    report: StoreUri | None = None
    """The page of the run, once it is there (slipway.contract.training_report)."""
    reward_margin: float | None = Field(default=None, allow_inf_nan=False)
    reward_accuracy: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    """Share of the validation split's pairs whose chosen answer gained more than the rejected one."""
    stage: str | None = Field(default=None, min_length=1, max_length=63)
    stage_number: int | None = Field(default=None, ge=1)
    stages: int | None = Field(default=None, ge=1)
