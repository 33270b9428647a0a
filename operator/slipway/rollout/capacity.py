"""How many pods does each revision have?

Where there is room, stable keeps all its pods until the candidate has replaced it. Without room (strategy.canary
.capacity.mode: NoSurge) both together have no more than spec.serving.replicas: the candidate grows as stable shrinks,
and stable keeps one pod for the way back. Where it has only one, that one goes first, if the user bears it.
"""

from __future__ import annotations

from collections.abc import Mapping

from slipway.api.canary import Canary
from slipway.api.rollout import RevisionRef, RolloutSpec, RolloutStatus
from slipway.rollout.steps import step_at, steps_of


def carrying(replicas: int, percent: int) -> int:
    """Return the replicas that carry `percent` of the traffic, at least one."""
    return max(1, -(-replicas * percent // 100))


def no_surge(spec: RolloutSpec) -> bool:
    """Tell whether there is no room for more pods than spec.serving.replicas."""
    chosen = spec.strategy.chosen
    return isinstance(chosen, Canary) and chosen.capacity.mode == "NoSurge"


def interrupts(spec: RolloutSpec) -> bool:
    """Tell whether a candidate can only start once the last pod of stable is gone."""
    return no_surge(spec) and spec.serving.replicas == 1


def refuses(spec: RolloutSpec) -> bool:
    """Tell whether that interruption is one that the user does not bear."""
    chosen = spec.strategy.chosen
    return interrupts(spec) and isinstance(chosen, Canary) and chosen.capacity.interruption == "Refuse"


def needed(spec: RolloutSpec, status: RolloutStatus) -> int:
    """Return the pods that the candidate's present step needs before its share rises."""
    full = spec.serving.replicas
    if status.stable is None:
        return full
    step = step_at(steps_of(spec), status.step)
    share = max(step.percent, status.percent)
    if no_surge(spec):  # what it has beyond its share, stable would lack
        return max(1, min(carrying(full, share), full - 1))
    return min(full, max(step.replicas, carrying(full, max(share, step.mirror))))


def room(spec: RolloutSpec, stable: RevisionRef, held: Mapping[str, int]) -> bool:
    """Tell whether a candidate may start beside stable: without room only when nobody else has pods."""
    return not refuses(spec) and not (no_surge(spec) and others(stable, held))


def others(stable: RevisionRef, held: Mapping[str, int]) -> int:
    """Return the places that other revisions than stable hold, wanted or not."""
    return sum(places for revision, places in held.items() if revision != stable.revision)


def sizes(
    spec: RolloutSpec, status: RolloutStatus, deployed: Mapping[str, int], held: Mapping[str, int]
) -> list[tuple[RevisionRef, int]]:
    """Return every revision that has pods, and how many; `deployed` is what each asks for, `held` what it takes.

    Stable is at full size wherever there is room: it can take all traffic back at any moment. A candidate grows ahead
    of its share and does not shrink while there is; what is kept warm can take everything back too; what retires keeps
    its size until it is drained.
    """
    full, stable = spec.serving.replicas, status.stable
    found: list[tuple[RevisionRef, int]] = []
    if status.candidate is not None:
        wanted = needed(spec, status)
        if not no_surge(spec):
            wanted = max(wanted, deployed.get(status.candidate.revision, 0))
        found.append((status.candidate, min(full, wanted)))
    if status.previous is not None:
        found.append((status.previous, full))
    found += [(ref, deployed[ref.revision]) for ref in status.retiring if ref.revision in deployed]
    if stable is None:
        return found
    if not no_surge(spec):
        return [(stable, full), *found]
    if status.candidate is None:
        # It grows into the room that others have left, pods and all, and never shrinks for them.
        left = full - others(stable, held)
        return [(stable, max(left, min(full, deployed.get(stable.revision, 0)))), *found]
    gives_way = status.candidate.interrupts and full == 1
    return [(stable, 0 if gives_way else max(1, full - sum(size for _, size in found))), *found]
