"""How are conditions written, so that kubectl, Flux and Argo CD read the same truth?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import Count, Message, StatusModel, Timestamp, bounded

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
SUCCEEDED = "Succeeded"

CONDITIONS = (
    "conditions are the truth about the object: Ready; Reconciling or Stalled while they hold; and "
    "ChildrenApplied=False while the cluster refuses an object that it needs."
)
ROLLOUT_CONDITIONS = (
    f"{CONDITIONS} SamplesUnreachable=True warns that a metric cannot have its minSamples at the traffic that was "
    "seen; QueryRefused=True, that Prometheus refuses a query, so that the next version gets no traffic; "
    "GatewayNotFound=True, that the Gateway of spec.traffic, or its class, does not exist."
)
SAMPLES_UNREACHABLE = "SamplesUnreachable"
DATASET_CONDITIONS = (
    f"{CONDITIONS} RefreshFailed=True says why the last look at the source brought no data; the data before is served."
)
REFRESH_FAILED = "RefreshFailed"

Truth = Literal["True", "False", "Unknown"]


class Condition(StatusModel):
    """One observation about the object, in the form of metav1.Condition."""

    type: Annotated[str, bounded(64)] = Field(description="type names what is observed, for example Ready.")
    status: Truth = Field(description="status is True, False or Unknown.")
    observed_generation: Count = Field(
        default=0, description="observedGeneration is the generation of the spec judged."
    )
    last_transition_time: Timestamp = Field(description="lastTransitionTime is when status last changed, in UTC.")
    reason: Annotated[str, bounded(128, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")] = Field(
        description="reason is a stable word for programs, in CamelCase."
    )
    message: Message = Field(default="", description="message tells a person what happened and what to do.")


def timestamp(moment: datetime) -> str:
    """Return `moment` (aware) as Kubernetes writes times: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def timestamp_after(moment: datetime) -> str:
    """Return `moment` (aware) as `timestamp` does, but rounded up: a time counted from it never ends early."""
    return timestamp(moment + timedelta(microseconds=999_999))


def moment(written: str) -> datetime:
    """Return the aware datetime of an RFC 3339 time with or without fractions."""
    return datetime.fromisoformat(written.replace("Z", "+00:00"))


def condition(
    before: Iterable[Condition], kind: str, status: Truth, reason: str, message: str, generation: int, now: datetime
) -> Condition:
    """Return condition `kind`, keeping the old transition time while its status has not changed."""
    old = next((c for c in before if c.type == kind), None)
    since = old.last_transition_time if old is not None and old.status == status else timestamp(now)
    return Condition(
        type=kind,
        status=status,
        observed_generation=generation,
        last_transition_time=since,
        reason=reason,
        message=message[:2048],
    )


def find(conditions: Iterable[Condition], kind: str) -> Condition | None:
    """Return the condition of type `kind`, if there is one."""
    return next((c for c in conditions if c.type == kind), None)


def is_true(conditions: Iterable[Condition], kind: str) -> bool:
    """Tell whether condition `kind` is present and True."""
    found = find(conditions, kind)
    return found is not None and found.status == "True"


class Progressing(StatusModel):
    """The kstatus triple of an object, from which its conditions are made in one place."""

    ready: Truth
    reconciling: bool = False
    stalled: bool = False
    reason: str
    message: str = ""


def kstatus(before: Iterable[Condition], view: Progressing, generation: int, now: datetime) -> tuple[Condition, ...]:
    """Return Ready, and Reconciling or Stalled while they hold (abnormal-true conditions are absent otherwise)."""
    before = tuple(before)

    def made(kind: str, status: Truth) -> Condition:
        return condition(before, kind, status, view.reason, view.message, generation, now)

    found = [made(READY, view.ready)]
    if view.reconciling:
        found.append(made(RECONCILING, "True"))
    if view.stalled:
        found.append(made(STALLED, "True"))
    return tuple(found)
