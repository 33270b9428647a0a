"""What is a Rollout: which version serves, and how a new one earns traffic?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.abtest import AbTest
from slipway.api.analysis import Analysis, MetricStatus
from slipway.api.base import (
    Count,
    Digest,
    Label,
    Message,
    Model,
    Name,
    OneOf,
    Percent,
    Rule,
    Seconds,
    StatusModel,
    Timestamp,
    bounded,
)
from slipway.api.bluegreen import BlueGreen
from slipway.api.canary import Canary
from slipway.api.common import Resources
from slipway.api.conditions import ROLLOUT_CONDITIONS, Condition
from slipway.api.pod import PodOptions
from slipway.api.traffic import MirroringStatus, Traffic, TrafficStatus

MOST_RETIRING = 8
"""Revisions that drain at a time."""
COMMAND_PREFIX = "slipway.dev/"
"""Of the annotations that are commands; their value names the ModelVersion that is meant."""
CommandName = Literal["retry", "abort", "pause", "resume", "promote", "skip-step", "promote-full"]

RolloutState = Literal[
    "Pending", "Initializing", "Progressing", "Paused", "Baking", "RollingBack", "Healthy", "Degraded", "Stalled"
]


class VersionName(Model):
    """The version wanted."""

    name: Name = Field(description="name of a ModelVersion of this namespace and model. Change this line to release.")


class LlamaCpp(Model):
    """llama.cpp with the OpenAI-compatible API, for GGUF models."""

    # llama.cpp gives a slot 256 tokens where it is asked for fewer.
    context_tokens: Annotated[int, Field(ge=256, le=1_048_576)] = Field(
        default=2048,
        description="contextTokens of each request slot, prompt and answer together; longer requests are answered with "
        "an error.",
    )
    parallel: Annotated[int, Field(ge=1, le=256)] = Field(
        default=2, description="parallel is the number of request slots, that is of requests answered at the same time."
    )
    threads: Annotated[int, Field(ge=1, le=256)] | None = Field(
        default=None, description="threads that compute; absent means as many as the CPU request."
    )


class Runtime(OneOf):
    """The engine that serves; exactly one member must be set."""

    llama_cpp: LlamaCpp | None = Field(default=None, description="llamaCpp serves GGUF models.")


class Serving(Model):
    """How pods of a version run. Any change but of replicas is a new revision and is judged like a new model."""

    runtime: Runtime = Field(description="runtime is the engine; exactly one member must be set.")
    replicas: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1,
        description="replicas of stable. A candidate has as many as its share of the traffic needs, rounded up.",
    )
    resources: Resources = Field(default=Resources(), description="resources of the engine of each pod.")
    pod: PodOptions | None = Field(
        default=None,
        description="pod gives each pod its priority, its place and its surroundings. env and volumes reach the engine "
        "and the container that fetches the model.",
    )


class Strategy(OneOf):
    """How a candidate earns traffic; exactly one member must be set."""

    canary: Canary | None = Field(default=None, description="canary raises the share step by step.")
    blue_green: BlueGreen | None = Field(
        default=None, description="blueGreen judges on a preview and then switches all traffic at once."
    )
    ab_test: AbTest | None = Field(
        default=None, description="abTest lets two versions compete for a goal until the evidence decides."
    )


class RolloutSpec(Model):
    """spec says which version should serve, and how it gets there."""

    rules = (
        Rule("self.model == oldSelf.model", "model is immutable: create a Rollout with a new name instead"),
        Rule(
            "!has(self.traffic.sticky) || !has(self.strategy.canary) || !has(self.strategy.canary.headers) || "
            "self.strategy.canary.headers.all(h, h.name != self.traffic.sticky.bucketHeader)",
            "strategy.canary.headers may not name the header of traffic.sticky.bucketHeader: choose another header",
        ),
        Rule(
            "!has(self.strategy.canary) || self.strategy.canary.steps.all(s, !has(s.metrics) || "
            "s.metrics.all(m, self.analysis.metrics.exists(known, known.name == m)))",
            "a step names a metric that spec.analysis.metrics does not have: correct its name, or add the metric",
            field_path=".strategy.canary.steps",
        ),
        Rule(
            "!has(self.strategy.canary) || self.strategy.canary.steps.all(s, !has(s.metrics) || "
            "self.analysis.metrics.exists(known, known.name in s.metrics && !known.dryRun))",
            "all metrics of a step are dry runs, which judge nothing, and what nothing judges goes no further: add a "
            "metric without dryRun to the step, or leave its metrics out",
            field_path=".strategy.canary.steps",
        ),
        Rule(
            "!has(self.strategy.abTest) || !has(self.strategy.abTest.percent) || has(self.traffic.sticky)",
            "strategy.abTest.percent is a share of users: set traffic.sticky, so that each of them stays with one "
            "version",
        ),
        Rule(
            "!has(self.strategy.abTest) || !has(self.strategy.abTest.headers) || !has(self.traffic.sticky)",
            "strategy.abTest.headers say who gets the candidate, so traffic.sticky has no effect: remove "
            "traffic.sticky, or set percent in place of headers",
        ),
        Rule(
            "!has(self.strategy.abTest) || self.analysis.metrics.exists(m, m.name == self.strategy.abTest.goal && "
            "((has(m.errorRate) && has(m.errorRate.maxIncreasePercent)) || "
            "(has(m.feedback) && has(m.feedback.maxIncreasePercent))) && !(has(m.dryRun) && m.dryRun))",
            "strategy.abTest.goal must name a metric of spec.analysis that is an errorRate or feedback with "
            "maxIncreasePercent and no dry run: only those are compared by evidence",
            field_path=".strategy.abTest.goal",
        ),
        Rule(
            "!has(self.traffic.sticky) || !has(self.strategy.blueGreen)",
            "strategy.blueGreen moves all users at once, so traffic.sticky has no effect: remove traffic.sticky",
        ),
        Rule(
            "!has(self.strategy.blueGreen) || "
            "self.strategy.blueGreen.previewHostnames.all(h, !(h in self.traffic.hostnames))",
            "a host name is either served or a preview: remove it from traffic.hostnames or from previewHostnames",
        ),
        Rule(
            "!has(self.strategy.blueGreen) || !has(self.strategy.blueGreen.metrics) || "
            "self.strategy.blueGreen.metrics.all(m, self.analysis.metrics.exists(known, known.name == m))",
            "strategy.blueGreen.metrics names a metric that spec.analysis.metrics does not have: correct its name, or "
            "add the metric",
            field_path=".strategy.blueGreen.metrics",
        ),
        Rule(
            "!has(self.strategy.blueGreen) || !has(self.strategy.blueGreen.metrics) || "
            "self.analysis.metrics.exists(known, known.name in self.strategy.blueGreen.metrics && !known.dryRun)",
            "all metrics of strategy.blueGreen are dry runs, which judge nothing, and what nothing judges gets no "
            "traffic: add a metric without dryRun, or leave metrics out",
            field_path=".strategy.blueGreen.metrics",
        ),
    )

    model: Label = Field(
        description="model whose versions are served, for example blueprint-assistant. It cannot change."
    )
    version: VersionName = Field(description="version that should serve. Changing it starts a release.")
    serving: Serving = Field(description="serving says how pods of a version run.")
    traffic: Traffic = Field(description="traffic says where requests come in.")
    strategy: Strategy = Field(
        description="strategy says how a candidate earns traffic; exactly one member must be set."
    )
    analysis: Analysis = Field(
        description="analysis says how a candidate is judged, from its first request to the end of the bake."
    )
    bake_seconds: Seconds = Field(
        default=600,
        description="bakeSeconds is the time after promotion in which the version is still judged and the old one kept "
        "warm.",
    )
    rollback_window: RollbackWindow | None = Field(
        default=None,
        description="rollbackWindow lets versions that were stable return without analysis; absent means that every "
        "version earns its traffic.",
    )
    progress_deadline_seconds: Annotated[Seconds, Field(ge=10)] = Field(
        default=600,
        description="progressDeadlineSeconds is the time in which the pods of a revision must become ready, and the "
        "Gateway accept the route of the first one.",
    )


class RollbackWindow(Model):
    """How far back a version may return without analysis."""

    revisions: Annotated[int, Field(ge=1, le=10)] = Field(
        description="revisions is how many revisions that were stable before the present one may return without "
        "analysis: warmed up, then all traffic at once."
    )


class RevisionRef(StatusModel):
    """A model version together with its serving template."""

    revision: Label = Field(description="revision is the hash that names the pods, Service and ControllerRevision.")
    version: Name = Field(description="version is the name of the ModelVersion.")
    digest: Digest = Field(description="digest of the model's artefact.")
    template: Annotated[str, bounded(63, minimum=0)] = Field(
        default="", description="template is the hash of the serving template alone, replicas left out."
    )
    base: Digest | None = Field(
        default=None, description="base is the digest of the model that an adapter is served on; absent for others."
    )


class CandidateStatus(RevisionRef):
    """The revision on its way."""

    since: Timestamp = Field(description="since is when the revision was first wanted.")
    traffic_since: Timestamp | None = Field(
        default=None,
        description="trafficSince is when it was first given traffic; no measurement looks back beyond it.",
    )
    share_since: Timestamp | None = Field(
        default=None,
        description="shareSince is when its present step or share was given; absent once the gateway confirmed it.",
    )
    preview_since: Timestamp | None = Field(
        default=None,
        description="previewSince is since when requests that ask for the candidate reach it, whatever the percent; "
        "absent while none do.",
    )
    waiting_since: Timestamp | None = Field(
        default=None,
        description="waitingSince is since when more ready pods are awaited; absent while enough are ready.",
    )
    lost_at: list[Timestamp] = Field(
        default_factory=list,
        max_length=3,
        description="lostAt is when it lost its last ready pod under traffic; the third time within an hour ends it.",
    )
    interrupts: bool = Field(
        default=False,
        description="interrupts is true where the only pod of stable had to go before the candidate could start "
        "(strategy.canary.capacity).",
    )
    unjudged: bool = Field(
        default=False,
        description="unjudged is true for a revision that was stable within spec.rollbackWindow: it returns without "
        "analysis.",
    )
    replicas: Count = Field(
        default=0,
        description="replicas is spec.serving.replicas of when its share last changed. That a later scale-up waits for "
        "room is not held against it.",
    )
    resumed_at: Timestamp | None = Field(
        default=None,
        description="resumedAt is when it last was resumed, by command or by the correction of a query that was "
        "refused; silence is counted anew from there.",
    )
    test_since: Timestamp | None = Field(
        default=None,
        description="testSince is when its A-B test began; its deadline counts from there, whatever comes between.",
    )


class PastRevision(RevisionRef):
    """A revision that is or was stable, or tried to be."""

    promoted_at: Timestamp | None = Field(
        default=None, description="promotedAt is when it became stable; absent where it never did."
    )
    replaced_at: Timestamp | None = Field(
        default=None, description="replacedAt is when it lost its traffic; absent while it is stable."
    )
    outcome: Literal["Stable", "Replaced", "RolledBack", "Withdrawn"] = Field(
        description="outcome is Stable (it serves), Replaced (it was stable), RolledBack (it failed or was aborted) or "
        "Withdrawn (the spec changed its mind)."
    )


class Paused(StatusModel):
    """Why the candidate goes no further until somebody resumes it. It is judged on."""

    by: Literal["Command", "NoData"] = Field(
        description="by is Command (the annotation slipway.dev/pause) or NoData (spec.analysis.noData.action)."
    )
    since: Timestamp = Field(description="since is when it was paused.")
    percent: Percent = Field(description="percent of requests above which the candidate does not rise meanwhile.")
    message: Message = Field(default="", description="message says what it was paused for.")


class Command(StatusModel):
    """The newest command of one name, and what became of it. A command acts once."""

    name: CommandName = Field(description="name of the annotation, without slipway.dev/.")
    value: Annotated[str, bounded(320)] = Field(description="value of the annotation; another value is a new command.")
    at: Timestamp = Field(description="at is when it was handled.")
    outcome: Literal["Done", "Refused", "Stale"] = Field(
        description="outcome is Done, Refused (it cannot be done now) or Stale (it names a version that it cannot act "
        "on any more)."
    )
    message: Message = Field(default="", description="message says what was done, or why not.")


class PreviousRevision(RevisionRef):
    """The revision before stable, kept with all its pods: naming it again switches back at once."""

    since: Timestamp = Field(description="since is when it was replaced.")


class FailedRevision(RevisionRef):
    """A revision that was rolled back; it is not tried again before the retry annotation names its version."""

    traffic_since: Timestamp | None = Field(
        default=None, description="trafficSince is when it was first given traffic; absent where it never was."
    )
    reason: Annotated[str, bounded(64)] = Field(description="reason is a stable word for programs.")
    message: Message = Field(default="", description="message carries the numbers of the verdict.")
    at: Timestamp = Field(description="at is when the return was decided.")


class RolloutStatus(StatusModel):
    """status is what was decided and observed."""

    conditions: list[Condition] = Field(
        default=[],
        max_length=16,
        description=ROLLOUT_CONDITIONS,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: Count = Field(default=0, description="observedGeneration is the generation acted upon.")
    state: RolloutState = Field(default="Pending", description="state is a word for people, derived from conditions.")
    stable: RevisionRef | None = Field(
        default=None, description="stable is the revision to which every failure returns."
    )
    candidate: CandidateStatus | None = Field(default=None, description="candidate is the revision on its way.")
    step: Count = Field(default=0, description="step is the index of the present step, from 0; messages count from 1.")
    steps: Count = Field(default=0, description="steps is the number of steps before all traffic.")
    steps_hash: Annotated[str, bounded(63, minimum=0)] = Field(
        default="", description="stepsHash tells an edited list of steps from the one that the candidate walks."
    )
    queries_hash: Annotated[str, bounded(63)] | None = Field(
        default=None,
        description="queriesHash tells edited queries of prometheus metrics from those that Prometheus has spoken of.",
    )
    paused: Paused | None = Field(
        default=None, description="paused says who paused the candidate beside its steps, if anybody did."
    )
    percent: Percent = Field(
        default=0, description="percent of requests sent to the candidate; of users, where traffic.sticky is set."
    )
    mirror_percent: Percent = Field(
        default=0, description="mirrorPercent of requests that are copied to the candidate, which answers nobody."
    )
    mirroring: MirroringStatus | None = Field(
        default=None, description="mirroring says whether the Gateway can copy requests, where a step wants that."
    )
    step_started_at: Timestamp | None = Field(default=None, description="stepStartedAt is when the share took effect.")
    bake_started_at: Timestamp | None = Field(
        default=None, description="bakeStartedAt is when the candidate reached 100 percent."
    )
    previous: PreviousRevision | None = Field(
        default=None, description="previous is the revision that was replaced and is still warm, without traffic."
    )
    gateway_since: Timestamp | None = Field(
        default=None,
        description="gatewaySince is when an edit named another Gateway for the route; absent where none did.",
    )
    retiring: list[RevisionRef] = Field(
        default=[],
        max_length=MOST_RETIRING,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="retiring lists revisions without traffic that are drained before they are scaled down.",
    )
    retiring_since: Timestamp | None = Field(
        default=None, description="retiringSince is when the newest of the retiring revisions lost its traffic."
    )
    analysis: list[MetricStatus] = Field(
        default=[],
        max_length=16,
        description="analysis is the newest judgement of each metric.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["metric"]},
    )
    last_rollback: FailedRevision | None = Field(
        default=None,
        description="lastRollback is the newest automatic return to stable, with the verdict that caused it.",
    )
    failed: list[FailedRevision] = Field(
        default=[],
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="failed lists revisions, newest first, that are not tried again until the annotation "
        "slipway.dev/retry names "
        "their version.",
    )
    commands: list[Command] = Field(
        default=[],
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        description="commands is the newest handled command of each name.",
    )
    traffic: TrafficStatus | None = Field(
        default=None, description="traffic is what clients of sticky users have to know; absent without sticky."
    )
    history: list[PastRevision] = Field(
        default=[],
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="history lists the revisions that served or tried to, newest first.",
    )
    route_version: Count = Field(
        default=0,
        description="routeVersion counts the changes of shares. The HTTPRoute carries the number, so that an older one "
        "is not taken for the present one.",
    )
    selector: Annotated[str, bounded(256, minimum=0)] = Field(
        default="", description="selector finds the serving pods of all revisions; autoscalers read it."
    )
    replicas: Count = Field(default=0, description="replicas is the number of ready pods, all revisions together.")
    message: Message = Field(default="", description="message is the present situation in one sentence.")


def held_since(status: RolloutStatus) -> str | None:
    """Return since when the present step is held, once the gateway confirmed it; an A-B test since it began."""
    if status.step_started_at is None or status.candidate is None or status.step > 0:
        return status.step_started_at
    return status.candidate.test_since or status.step_started_at
