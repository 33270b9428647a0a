"""Which moves and readings do several rules share?"""

from __future__ import annotations

from datetime import timedelta

from slipway.api.conditions import timestamp
from slipway.api.rollout import CandidateStatus, FailedRevision, RevisionRef
from slipway.plan import Event
from slipway.rollout import reasons
from slipway.rollout.analysis import evidence
from slipway.rollout.situation import Situation

REMEMBERED = 16


def roll_back(s: Situation, reason: str, message: str) -> Situation | None:
    """Return all traffic to stable at once and remember the revision; without a stable version there is no return."""
    candidate, stable = s.status.candidate, s.status.stable
    if candidate is None or stable is None:
        return None
    share = "in the bake" if s.status.bake_started_at else f"at {s.status.percent} %"
    failed = FailedRevision(
        **plain(candidate).model_dump(), reason=reason, message=f"{share}: {message}"[:2048], at=timestamp(s.now)
    )
    event = Event(
        reasons.ROLLED_BACK,
        f"{candidate.version} rolled back {share}, {stable.version} serves 100 %: {message}",
        "Warning",
    )
    others = [entry for entry in s.status.failed if entry.revision != candidate.revision]
    return retire(s.moved(last_rollback=failed, failed=[failed, *others][:REMEMBERED]), event)


def retire(s: Situation, event: Event, cancelled: str = "") -> Situation:
    """Take the candidate's traffic and let it drain. Judgements that it did not live to see are cancelled."""
    assert s.status.candidate is not None
    judgements = evidence.cancelled(s.status.analysis, cancelled) if cancelled else s.status.analysis
    return s.moved(
        event,
        candidate=None,
        retiring=[plain(s.status.candidate)],
        retiring_since=None,
        step=0,
        percent=0,
        step_started_at=None,
        bake_started_at=None,
        analysis=judgements,
    )


def remembered(s: Situation, ref: RevisionRef) -> FailedRevision | None:
    """Return the failure of the same bytes served the same way, under whatever name."""
    same = (entry for entry in s.status.failed if (entry.digest, entry.template) == (ref.digest, ref.template))
    return next(same, None)


def blocking(s: Situation) -> FailedRevision | None:
    """Return the remembered failure that keeps the version wanted from starting."""
    return remembered(s, s.wants) if s.wants is not None and not s.wants_this(s.status.stable) else None


def proven(s: Situation, since: str | None) -> bool:
    """Tell whether every metric passes, measured since."""
    return since is not None and evidence.all_pass(s.spec.analysis, s.status.analysis, since)


def plain(candidate: CandidateStatus) -> RevisionRef:
    """Return a candidate's identity."""
    return RevisionRef(**{name: getattr(candidate, name) for name in RevisionRef.model_fields})


def figures(s: Situation) -> str:
    """Return every metric's newest figures in one line."""
    return "; ".join(f"{entry.metric}: {entry.message}" for entry in s.status.analysis)


def seconds(span: timedelta) -> str:
    """Return a span in whole seconds."""
    return f"{int(span.total_seconds())} s"
