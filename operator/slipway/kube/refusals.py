"""Which children did the API server refuse, how do we say so, and when is it worth another try?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.api.conditions import Condition, condition
from slipway.kube.api import ApiError, Conflict, Forbidden, Invalid, NotFound
from slipway.kube.store import Name
from slipway.plan import Manifest

APPLIED = "ChildrenApplied"
"""The engine's own condition; present, and False, only while something is refused."""
FIRST_RETRY = 1.0
LONGEST_RETRY = 300.0
LONGEST_ROUTE_RETRY = 5.0
"""Of a child that directs traffic: while it is refused, a version that failed may keep its share."""
ROUTES = frozenset({"HTTPRoute"})
CRDS = {
    "HTTPRoute": "the Gateway API CRDs, for example",
    "JobSet": "JobSet (sigs.k8s.io/jobset, 0.11 or newer), which runs on several nodes, or set resources.nodes to 1 in "
    "a new object",
}
"""What to install where the cluster lacks a kind."""

FOREIGN = "ChildNotOurs"
REFUSED = "ChildRefused"
FORBIDDEN = "ChildForbidden"
UNKNOWN = "ChildKindUnknown"


@dataclass(frozen=True)
class Refusal:
    """A child that could not be applied. Until `until` it is not tried again unless it, or what we want, changes."""

    child: Name
    wanted: str
    cached: tuple[str, int] | None
    reason: str
    message: str
    attempts: int
    until: float

    def holds(self, wanted: str, cached: tuple[str, int] | None, now: float) -> bool:
        """Tell whether another try would be the same try."""
        return self.wanted == wanted and self.cached == cached and now < self.until


def is_refusal(error: ApiError) -> bool:
    """Tell whether the answer is about the object, so that sending it again at once cannot help."""
    return isinstance(error, Invalid | Forbidden | NotFound | Conflict) and error.status != 401


def retry_delay(kind: str, attempts: int) -> float:
    """Return how long to leave a refused child alone after so many attempts."""
    longest = LONGEST_ROUTE_RETRY if kind in ROUTES else LONGEST_RETRY
    delay: float = min(FIRST_RETRY * 2 ** min(attempts, 20), longest)
    return delay


def explain(child: Name, error: ApiError) -> tuple[str, str]:
    """Return reason and message of a refusal: what, where, what to do."""
    kind, namespace, name = child
    subject = f"{kind} {namespace}/{name}"
    match error:
        case NotFound():
            hint = CRDS.get(kind, "its CRD")
            return UNKNOWN, (
                f"{subject} cannot be created: {error}. If the cluster lacks the kind, install {hint}; it is retried."
            )
        case Forbidden():
            return FORBIDDEN, (
                f"{subject} is not allowed: {error}. Raise the quota, relax the policy that denies it, or grant the "
                f"operator's role the missing right; it is retried."
            )
        case Invalid() if "immutable" in str(error):
            return REFUSED, (
                f"{subject} cannot be changed in place: {error}. Delete it to have it made anew: "
                f"kubectl delete {kind.lower()} {name} -n {namespace}"
            )
        case _:
            return REFUSED, f"the API server refuses {subject}: {error}. Correct the field that it is made from."


def foreign(child: Name, found: Manifest, root: Manifest) -> tuple[str, str]:
    """Return reason and message of a name that is taken by an object that is not ours."""
    kind, namespace, name = child
    owners = [o for o in found["metadata"].get("ownerReferences") or () if o.get("controller")]
    whose = f"belongs to {owners[0]['kind']} {owners[0]['name']}" if owners else "was made by someone else"
    return FOREIGN, (
        f"{kind} {namespace}/{name} exists and {whose}; it is left alone. Delete or rename it, "
        f"or rename this {root['kind']}."
    )


def without_progress(status: Manifest) -> dict[str, Any]:
    """Return a status without the field that the progress server owns."""
    return {name: value for name, value in status.items() if name != "progress"}


def _bare(planned: Manifest) -> dict[str, Any]:
    """Return what of a planned status is the room's: one that passes its old status through carries our condition."""
    status = without_progress(planned)
    if "conditions" in status:
        status["conditions"] = [c for c in status["conditions"] if c.get("type") != APPLIED]
    return status


def carried(planned: Manifest, current: Manifest) -> dict[str, Any]:
    """Return the planned status with the engine's condition as it stands: what is refused is not known yet."""
    status = _bare(planned)
    standing = [c for c in current.get("conditions") or () if c.get("type") == APPLIED]
    if standing:
        status["conditions"] = [*status.get("conditions", ()), *standing]
    return status


def stated(
    planned: Manifest, current: Manifest, refusals: Sequence[Refusal], generation: int, now: datetime
) -> dict[str, Any]:
    """Return the planned status with the engine's condition as it should be."""
    status = _bare(planned)
    if refusals:
        before = [Condition.model_validate(c) for c in current.get("conditions") or () if c.get("type") == APPLIED]
        message = " · ".join(refusal.message for refusal in refusals)
        said = condition(before, APPLIED, "False", refusals[0].reason, message, generation, now)
        status["conditions"] = [*status.get("conditions", ()), said.dump()]
    return status


def soonest(refusals: Iterable[Refusal], now: float) -> float | None:
    """Return the seconds until the first of them is worth another try."""
    waits = [max(refusal.until - now, 0.0) for refusal in refusals]
    return min(waits, default=None)


def mark(cached: Manifest | None) -> tuple[str, int] | None:
    """Return what tells one state of a cached child from another: its uid and generation."""
    if cached is None:
        return None
    meta: Mapping[str, Any] = cached["metadata"]
    return meta["uid"], int(meta.get("generation", 0))
