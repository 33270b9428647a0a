"""In which phase of a release is a Rollout?"""

from __future__ import annotations

from slipway.api.rollout import CandidateStatus, RevisionRef, RolloutStatus


def judged(status: RolloutStatus) -> bool:
    """Tell whether a candidate answers requests beside a stable version, so that measurements mean something."""
    candidate = status.candidate
    return (
        candidate is not None
        and status.stable is not None
        and answering(status)
        and candidate.traffic_since is not None
        and not candidate.unjudged
    )


def stable_ended(status: RolloutStatus) -> str | None:
    """Return since when all traffic is the candidate's: what stable showed before is what it is compared with.

    Where its only pod had to give way (capacity.mode: NoSurge), that was before the candidate's traffic began.
    """
    candidate = status.candidate
    return candidate.since if candidate is not None and candidate.interrupts else status.step_started_at


def answering(status: RolloutStatus) -> bool:
    """Tell whether the candidate gets requests: a share, copies, or those that ask for it by header or host name."""
    candidate = status.candidate
    return candidate is not None and (
        status.percent > 0 or status.mirror_percent > 0 or candidate.preview_since is not None
    )


def stepless(candidate: CandidateStatus) -> bool:
    """Tell whether the candidate takes no steps: it is known already, or stable has no pod left to share with."""
    return candidate.unjudged or candidate.interrupts


def revisions(status: RolloutStatus) -> list[RevisionRef]:
    """Return every revision that has, or should have, pods."""
    known = (status.stable, status.candidate, status.previous, *status.retiring)
    return [ref for ref in known if ref is not None]
