"""Which pods of an Indexed Job were at work together?

They begin together, end together, and are made anew together: one round after the other. Kubernetes numbers pods, but
not rounds, and a pod that was drained leaves no trace. So rounds are told apart from the newest one back, of which no
pod is missing, and what ended before another pod was made was not at work with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from slipway.jobs import Member

_NEVER: Final = datetime.min.replace(tzinfo=UTC)

Round = Sequence[Member]


def rounds(job: str, pods: Iterable[Member]) -> tuple[Round, ...]:
    """Return the `pods` of `job` in their rounds, the newest first."""
    found: list[list[Member]] = []
    for one in sorted(pods, key=lambda pod: (made(pod), pod.name), reverse=True):
        if not found or _earlier(job, one, found[-1]):
            found.append([])
        found[-1].append(one)
    return tuple(found)


def made(pod: Member) -> datetime:
    """Return when `pod` was made."""
    return pod.created or _NEVER


def _earlier(job: str, one: Member, others: Round) -> bool:
    """Tell whether `one`, made no later than each of `others`, was at work before them."""
    ended = one.end.ended if one.end is not None else None
    return any(
        _index(job, other) == _index(job, one) or (ended is not None and ended < made(other)) for other in others
    )


def _index(job: str, pod: Member) -> str:
    return pod.name.removeprefix(f"{job}-").partition("-")[0]
