"""How does blue-green judge a candidate beside stable and then switch?"""

from __future__ import annotations

from pydantic import Field

from slipway.api.base import Model, Name, Seconds
from slipway.api.traffic import HostName


class BlueGreen(Model):
    """Judge the candidate at full size on host names of its own, then move all traffic in one write."""

    preview_hostnames: list[HostName] = Field(
        min_length=1,
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="previewHostnames reach the candidate before it has any other traffic, and stable while there is "
        "none.",
    )
    hold_seconds: Seconds = Field(
        default=60,
        description="holdSeconds on the preview; the switch comes when they are over and every metric in force passes.",
    )
    metrics: list[Name] | None = Field(
        default=None,
        min_length=1,
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="metrics of spec.analysis, by name, that are in force on the preview; absent means all of them. "
        "After the switch all are. A bound relative to stable compares test traffic with that of users.",
    )
    auto_promote: bool = Field(
        default=True,
        description="autoPromote false waits, once the preview passed, until somebody writes the annotation "
        "slipway.dev/promote.",
    )
    scale_down_delay_seconds: Seconds = Field(
        default=300,
        description="scaleDownDelaySeconds after the bake in which the old version keeps its pods; naming it again in "
        "spec.version within this time switches back at once, unjudged.",
    )
