"""How does a canary raise a candidate's share?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import Model, Name, Rule, Seconds
from slipway.api.traffic import HeaderValue


class Pause(Model):
    """A pause in which the share stays as it is."""

    seconds: Annotated[Seconds, Field(ge=1)] | None = Field(
        default=None,
        description="seconds after which it goes on by itself if every metric passes; absent means: when somebody "
        "writes the annotation slipway.dev/promote.",
    )


class CanaryStep(Model):
    """A share of traffic that is held for a time, or a pause."""

    rules = (
        Rule(
            "[has(self.percent), has(self.mirrorPercent), has(self.pause)].filter(x, x).size() == 1",
            "set exactly one of percent, mirrorPercent, pause",
        ),
        Rule(
            "!has(self.pause) || !(has(self.holdSeconds) || has(self.replicas) || has(self.metrics))",
            "holdSeconds, replicas and metrics belong to a step with percent or mirrorPercent; a pause keeps those of "
            "the step before",
        ),
    )

    percent: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None,
        description="percent of requests sent to the candidate; of users, where traffic.sticky is set.",
    )
    mirror_percent: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None,
        description="mirrorPercent of requests that are copied to the candidate while stable answers all of them; the "
        "copies' answers are judged and thrown away. It takes a gateway that can (RequestMirror).",
    )
    hold_seconds: Seconds | None = Field(
        default=None,
        description="holdSeconds at this share; the step ends when they are over and every metric passes. "
        "Defaults to 60.",
    )
    replicas: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="replicas of the candidate at this step, where it should have more than its share needs. It never "
        "has fewer than that, and never more than spec.serving.replicas.",
    )
    metrics: list[Name] | None = Field(
        default=None,
        min_length=1,
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="metrics of spec.analysis, by name, that are in force at this step; absent means all of them. The "
        "bake is always judged by all.",
    )
    pause: Pause | None = Field(
        default=None, description="pause keeps the share of the step before, for a time or until somebody promotes."
    )


class CanaryCapacity(Model):
    """Room for the pods of a candidate."""

    rules = (
        Rule(
            "self.mode == 'NoSurge' || self.interruption == 'Refuse'",
            "with mode: Surge nothing is interrupted: set mode to NoSurge, or leave interruption out",
        ),
    )

    mode: Literal["Surge", "NoSurge"] = Field(
        default="Surge",
        description="mode is Surge (the candidate's pods come beside all of stable's) or NoSurge (both together have "
        "no more than spec.serving.replicas, for want of a spare GPU; fewer pods carry the traffic meanwhile).",
    )
    interruption: Literal["Refuse", "Accept"] = Field(
        default="Refuse",
        description="interruption says what happens with NoSurge and one replica: Refuse (no version is released) or "
        "Accept (the pod of stable goes first, and nothing serves until that of the candidate is ready; the steps are "
        "left out, the bake is judged, and a return to stable interrupts again).",
    )


class Canary(Model):
    """Raise the candidate's share step by step."""

    rules = (
        Rule(
            "self.steps.all(i, s, !has(s.percent) || "
            "self.steps.all(j, t, j >= i || !has(t.percent) || t.percent < s.percent))",
            "steps must rise: write each percent above the ones before it",
        ),
        Rule(
            "self.steps.all(i, s, !has(s.mirrorPercent) || self.steps.all(j, t, j >= i || !has(t.percent)))",
            "a candidate with users needs no copies: put steps with mirrorPercent before those with percent",
        ),
        Rule(
            "self.capacity.mode != 'NoSurge' || !self.steps.exists(s, has(s.mirrorPercent))",
            "copies need both versions beside each other: remove the steps with mirrorPercent, or capacity.mode: "
            "NoSurge",
        ),
        Rule(
            "self.capacity.mode != 'NoSurge' || !self.steps.exists(s, has(s.replicas))",
            "replicas of a step beyond its share would take pods from stable's: remove them, or capacity.mode: NoSurge",
        ),
    )

    steps: list[CanaryStep] = Field(
        min_length=1,
        max_length=32,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="steps before promotion to 100 percent: shares, each larger than the ones before, and pauses.",
    )
    capacity: CanaryCapacity = Field(
        default=CanaryCapacity(), description="capacity says whether there is room for more pods during a release."
    )
    headers: list[HeaderValue] = Field(
        default=[],
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="headers that send a request to the candidate as soon as it is ready, whatever the percent; any "
        "one of them is enough. For testers of your own, for example.",
    )
