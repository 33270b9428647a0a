"""How many pods does each revision have?"""

from __future__ import annotations

from collections.abc import Mapping

from slipway.api.rollout import RevisionRef, RolloutSpec, RolloutStatus
from slipway.rollout.steps import step_at, steps_of


def carrying(replicas: int, percent: int) -> int:
    """Return the replicas that carry `percent` of the traffic, at least one."""
    return max(1, -(-replicas * percent // 100))


def needed(spec: RolloutSpec, status: RolloutStatus) -> int:
    """Return the pods that the candidate's present step needs before its share rises."""
    full = spec.serving.replicas
    if status.stable is None:
        return full
    step = step_at(steps_of(spec), status.step)
    return min(full, max(step.replicas, carrying(full, max(step.percent, status.percent))))


def sizes(spec: RolloutSpec, status: RolloutStatus, deployed: Mapping[str, int]) -> list[tuple[RevisionRef, int]]:
    """Return every revision that has pods, and how many.

    Stable is always at full size: it can take all traffic back at any moment. A candidate grows ahead of its share and
    does not shrink; what is kept warm can take everything back too; what retires keeps its size until it is drained.
    """
    full = spec.serving.replicas
    found: list[tuple[RevisionRef, int]] = []
    if status.stable is not None:
        found.append((status.stable, full))
    if status.candidate is not None:
        wanted = max(needed(spec, status), deployed.get(status.candidate.revision, 0))
        found.append((status.candidate, min(full, wanted)))
    if status.previous is not None:
        found.append((status.previous, full))
    found += [(ref, deployed[ref.revision]) for ref in status.retiring if ref.revision in deployed]
    return found
