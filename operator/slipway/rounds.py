"""Which pods of an Indexed Job were at work together?

They begin together, end together, and are made anew together: one round after the other. Kubernetes numbers pods, but
not rounds, and a pod that was drained leaves no trace. So rounds are told apart from the newest one back, of which no
pod is missing, and what ended before another pod was made was not at work with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from slipway.jobs import PodEnd, when
from slipway.plan import Manifest

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Mate:
    """A pod of a round."""

    name: str
    index: str
    created: datetime
    phase: str
    leaving: bool
    """It was told to go."""
    end: PodEnd | None

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.phase not in ("Succeeded", "Failed")

    @property
    def started(self) -> bool:
        """Whether it has started, and may have ended."""
        return self.phase != "Pending"


Round = Sequence[Mate]


def rounds(job: str, pods: Iterable[Manifest], ends: Iterable[PodEnd]) -> tuple[Round, ...]:
    """Return the `pods` of `job` in their rounds, the newest first; `ends` are theirs."""
    known = {end.pod: end for end in ends}
    found: list[list[Mate]] = []
    for one in sorted((_member(job, pod, known) for pod in pods), key=lambda m: (m.created, m.name), reverse=True):
        if not found or _earlier(one, found[-1]):
            found.append([])
        found[-1].append(one)
    return tuple(found)


def _earlier(one: Mate, others: Round) -> bool:
    """Tell whether `one`, made no later than each of `others`, was at work before them."""
    ended = one.end.ended if one.end is not None else None
    return any(other.index == one.index or (ended is not None and ended < other.created) for other in others)


def _member(job: str, pod: Manifest, ends: dict[str, PodEnd]) -> Mate:
    meta = pod["metadata"]
    return Mate(
        name=meta["name"],
        index=meta["name"].removeprefix(f"{job}-").partition("-")[0],
        created=when(meta.get("creationTimestamp")) or _NEVER,
        phase=(pod.get("status") or {}).get("phase") or "Pending",
        leaving="deletionTimestamp" in meta,
        end=ends.get(meta["name"]),
    )
