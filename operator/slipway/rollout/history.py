"""Which revisions served or tried before, and which of them may return without analysis?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from slipway.api.conditions import timestamp
from slipway.api.rollout import PastRevision, RevisionRef, RolloutSpec, RolloutStatus
from slipway.rollout.situation import Situation

LONGEST = 16
"""Entries of status.history."""
SERVED = ("Stable", "Replaced")


def promoted(s: Situation, ref: RevisionRef) -> list[PastRevision]:
    """Return the history in which `ref` has become stable."""
    now = timestamp(s.now)
    before = [
        entry.model_copy(update={"outcome": "Replaced", "replaced_at": now}) if entry.outcome == "Stable" else entry
        for entry in s.status.history
    ]
    return _bounded([PastRevision(**_identity(ref), promoted_at=now, outcome="Stable"), *before])


def ended(s: Situation, ref: RevisionRef, outcome: Literal["RolledBack", "Withdrawn"]) -> list[PastRevision]:
    """Return the history in which `ref` has lost its traffic without having been stable."""
    entry = PastRevision(**_identity(ref), replaced_at=timestamp(s.now), outcome=outcome)
    return _bounded([entry, *s.status.history])


def returnable(spec: RolloutSpec, status: RolloutStatus) -> list[PastRevision]:
    """Return the revisions that were stable before the present one, newest first, as far as the window reaches.

    One that was tried again since and rolled back is known to be bad, not good: it earns its traffic like any other.
    """
    if spec.rollback_window is None or status.stable is None:
        return []
    newest: dict[str, PastRevision] = {}
    for entry in status.history:
        if entry.outcome != "Withdrawn" and entry.revision != status.stable.revision:
            newest.setdefault(entry.revision, entry)
    return [entry for entry in newest.values() if entry.outcome == "Replaced"][: spec.rollback_window.revisions]


def _identity(ref: RevisionRef) -> dict[str, str]:
    return {name: getattr(ref, name) for name in RevisionRef.model_fields}


def _bounded(entries: Iterable[PastRevision]) -> list[PastRevision]:
    """Return the newest entries. Attempts that never were stable go first: the window needs the others."""
    kept = list(entries)
    while len(kept) > LONGEST:
        attempts = [index for index, entry in enumerate(kept) if entry.outcome not in SERVED]
        del kept[attempts[-1] if attempts else -1]
    return kept
