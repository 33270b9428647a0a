"""Which simple facts do verdicts, view and page read off the tape?"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from e2e.demo.cast import ROLLOUT
from e2e.demo.tape import Request, Sighting, Tape
from slipway.api.modelversion import GateResult, MetricResult, ModelVersionStatus
from slipway.api.rollout import RolloutStatus
from slipway.names import REVISION_LABEL

LOSS = "held-out-loss"
VALIDITY = "blueprint-validity"


@dataclass(frozen=True)
class Weights:
    """The HTTPRoute's weights at one moment, by version."""

    at: float
    by_version: Mapping[str, int]

    def percent(self, version: str) -> float:
        """Return the share of traffic of a version."""
        total = sum(self.by_version.values())
        return 100 * self.by_version.get(version, 0) / total if total else 0.0


def rollout_status(sighting: Sighting) -> RolloutStatus:
    """Return a Rollout's status as the API's own model reads it."""
    return RolloutStatus.model_validate(sighting.status)


def version_status(tape: Tape, version: str) -> ModelVersionStatus | None:
    """Return a ModelVersion's newest status, or None when there is no such version."""
    found = tape.now("ModelVersion", version)
    return None if found is None else ModelVersionStatus.model_validate(found.status)


def metric(status: ModelVersionStatus | None, name: str) -> MetricResult | None:
    """Return one measured figure of a version."""
    return None if status is None else next((m for m in status.metrics if m.name == name), None)


def failed_gates(status: ModelVersionStatus) -> Sequence[GateResult]:
    """Return the gates that a version did not pass."""
    return [g for g in status.gates if g.outcome != "Pass"]


def rollouts(tape: Tape) -> Sequence[tuple[float, RolloutStatus]]:
    """Return every status that the Rollout was seen with, oldest first."""
    return [(s.at, rollout_status(s)) for s in tape.history("Rollout", ROLLOUT) if s.status]


def revisions(tape: Tape) -> Mapping[str, str]:
    """Return which version each revision hash stands for, from everything the Rollout ever said."""
    found: dict[str, str] = {}
    for _, status in rollouts(tape):
        named = [status.stable, status.candidate, status.last_rollback, *status.retiring, *status.failed]
        found |= {ref.revision: ref.version for ref in named if ref is not None}
    return found


def weights(tape: Tape) -> Sequence[Weights]:
    """Return the traffic shares that the HTTPRoute gave, one entry per change, oldest first."""
    names = revisions(tape)
    found: list[Weights] = []
    for sighting in tape.history("HTTPRoute", ROLLOUT):
        shares: dict[str, int] = {}
        catch_all = (sighting.spec.get("rules") or [{}])[-1]  # those before it are for sticky users and testers
        for backend in catch_all.get("backendRefs", []):
            revision = next((r for r in names if backend["name"].endswith(r)), None)
            version = names.get(revision or "", backend["name"])
            shares[version] = shares.get(version, 0) + int(backend.get("weight", 1))
        if not found or found[-1].by_version != shares:
            found.append(Weights(sighting.at, shares))
    return found


def weight_at(history: Sequence[Weights], at: float) -> Weights:
    """Return the shares in force at a moment."""
    index = bisect.bisect_right([w.at for w in history], at)
    return history[index - 1] if index else Weights(at, {})


def answered_by(tape: Tape, version: str) -> Sequence[Request]:
    """Return the requests that a version answered, well or badly."""
    return [r for r in tuple(tape.requests) if r.version == version]


def is_ready(pod: Sighting) -> bool:
    """Tell whether a pod was ready when it was seen."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.status.get("conditions", []))


def pods_of(tape: Tape, revision: str, at: float) -> frozenset[str]:
    """Return the uids of a revision's pods that were ready at a moment."""
    alive: dict[str, str] = {}
    for sighting in tape.of_kind("Pod"):
        if sighting.at > at:
            break
        labels = sighting.body.get("metadata", {}).get("labels", {})
        if not sighting.gone and labels.get(REVISION_LABEL) == revision and is_ready(sighting):
            alive[sighting.name] = sighting.uid
        else:
            alive.pop(sighting.name, None)
    return frozenset(alive.values())


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the value that `percent` of `values` do not exceed (nearest rank); None for nothing."""
    if not values:
        return None
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]
