"""Where does a version stand in its line, as the Rollouts that use it say?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from slipway.api.modelversion import Stage, VersionState
from slipway.api.rollout import RevisionRef, RolloutStatus
from slipway.plan import Manifest


@dataclass(frozen=True)
class Use:
    """What one Rollout does with versions of its model."""

    rollout: str
    stable: RevisionRef | None = None
    candidate: RevisionRef | None = None


def uses(rollouts: Iterable[Manifest]) -> tuple[Use, ...]:
    """Return what `rollouts` say in their status, sorted by name."""
    found = []
    for rollout in rollouts:
        try:
            status = RolloutStatus.model_validate(rollout.get("status") or {})
        except ValidationError:
            continue
        found.append(Use(rollout["metadata"]["name"], status.stable, status.candidate))
    return tuple(sorted(found, key=lambda use: use.rollout))


def stage(before: Stage, state: VersionState, name: str, digest: str, rollouts: Sequence[Use]) -> Stage:
    """Return the stage of version `name`. `before` is the memory that it once was in production."""

    def means_it(revision: RevisionRef | None) -> bool:
        return revision is not None and revision.version == name and revision.digest == digest

    if state == "Rejected":
        return "Rejected"
    if any(means_it(use.stable) for use in rollouts):
        return "Production"
    # A first version has nobody beside whom it could be a canary: it serves, or it does not yet.
    if any(means_it(use.candidate) and use.stable is not None for use in rollouts):
        return "Canary"
    return "Archived" if before in ("Production", "Archived") else "Candidate"
