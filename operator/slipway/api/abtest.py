"""How do two versions compete for a goal until the evidence decides?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import Model, Name, Rule
from slipway.api.measures import PercentText
from slipway.api.traffic import HeaderValue


class AbTest(Model):
    """Give some users the candidate until the evidence says that it is better at a goal, or not, or time is over."""

    rules = (
        Rule("has(self.percent) != has(self.headers)", "set exactly one of percent, headers"),
        Rule(
            "double(self.falseWinPercent) > 0.0 && double(self.falseWinPercent) <= 50.0",
            "falseWinPercent must be above 0, for no finite evidence excludes chance altogether, and at most 50",
        ),
        Rule(
            "!has(self.smallestGainPercent) || double(self.smallestGainPercent) > 0.0",
            "smallestGainPercent must be above 0: of two that are equal no finite evidence says so exactly",
        ),
    )

    percent: Annotated[int, Field(ge=1, le=99)] | None = Field(
        default=None,
        description="percent of users who get the candidate, by the bucket of traffic.sticky, which has to be set; 50 "
        "decides soonest.",
    )
    headers: list[HeaderValue] | None = Field(
        default=None,
        min_length=1,
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="headers by which your clients say that a user is in the candidate's group; any one of them is "
        "enough. They stand in place of traffic.sticky.",
    )
    goal: Name = Field(
        description="goal is the metric of spec.analysis, an errorRate or feedback with maxIncreasePercent, at which "
        "the candidate has to be better than stable."
    )
    false_win_percent: PercentText = Field(
        default="5",
        description="falseWinPercent is the probability, over the whole test, that a candidate which is no better wins "
        "all the same, as a string.",
    )
    smallest_gain_percent: PercentText | None = Field(
        default=None,
        description="smallestGainPercent is the smallest gain worth a change, in percentage points of the goal, as a "
        "string: the test ends without a winner, as atDeadline says, once the evidence is that the candidate is not "
        "better by so much. One that is better by more is called so with a probability of at most falseWinPercent. "
        "Absent means that a test without a winner goes on to its deadline.",
    )
    deadline_seconds: Annotated[int, Field(ge=60, le=31_536_000)] = Field(
        description="deadlineSeconds after which the test ends although neither version has won."
    )
    at_deadline: Literal["Return", "Promote", "Pause"] = Field(
        default="Return",
        description="atDeadline, and when nothing is to be gained, is Return (stable stays, the candidate is "
        "remembered like a failed one), Promote (if every metric passes) or Pause (until somebody writes the "
        "annotation slipway.dev/promote or abort).",
    )
