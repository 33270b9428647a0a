"""What does a pod push while it works? Missing pushes lose nothing."""

from __future__ import annotations

from pydantic import Field

from slipway.api.base import StatusModel

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
    loss: float | None = Field(default=None, allow_inf_nan=False)
    validation_loss: float | None = Field(default=None, allow_inf_nan=False)
    micro_batch_size: int | None = Field(default=None, ge=1)
    recompute: bool | None = None
    best_step: int | None = Field(default=None, ge=0)
    best_validation_loss: float | None = Field(default=None, allow_inf_nan=False)
    reward_margin: float | None = Field(default=None, allow_inf_nan=False)
    reward_accuracy: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    """Share of the validation split's pairs whose chosen answer gained more than the rejected one."""
    stage: str | None = Field(default=None, min_length=1, max_length=63)
    stage_number: int | None = Field(default=None, ge=1)
    stages: int | None = Field(default=None, ge=1)
