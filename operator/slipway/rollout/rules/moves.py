"""Which moves and readings do several rules share?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from slipway.api.analysis import MetricStatus
from slipway.api.conditions import timestamp, timestamp_after
from slipway.api.rollout import CandidateStatus, FailedRevision, PreviousRevision, RevisionRef
from slipway.plan import Event
from slipway.rollout import history, reasons
from slipway.rollout.analysis import evidence, verdict
from slipway.rollout.situation import Situation

REMEMBERED = 16
AT_THE_BEGINNING: dict[str, Any] = {
    "step": 0,
    "percent": 0,
    "mirror_percent": 0,
    "step_started_at": None,
    "bake_started_at": None,
    "paused": None,
}
"""What status says of a candidate's way, before it has gone any of it."""


def roll_back(s: Situation, reason: str, message: str) -> Situation | None:
    """Return all traffic to stable at once and remember the revision; without a stable version there is no return."""
    candidate, stable = s.status.candidate, s.status.stable
    if candidate is None or stable is None:
        return None
    where = s.step.where or f"at {s.status.percent} %"
    share = "in the bake" if s.status.bake_started_at else where
    failed = FailedRevision(
        **plain(candidate).model_dump(),
        traffic_since=candidate.traffic_since,
        reason=reason,
        message=f"{share}: {message}"[:2048],
        at=timestamp(s.now),
    )
    return condemned(s, failed, f"{candidate.version} rolled back {share}, {stable.version} serves 100 %: {message}")


def condemned(s: Situation, failed: FailedRevision, words: str) -> Situation:
    """Withdraw the candidate for good, by a verdict."""
    others = [entry for entry in s.status.failed if entry.revision != failed.revision]
    remembered = s.moved(last_rollback=failed, failed=[failed, *others][:REMEMBERED])
    return _retired(remembered, Event(reasons.ROLLED_BACK, words, "Warning"), "RolledBack")


def retire(s: Situation, event: Event, why: str) -> Situation:
    """Withdraw the candidate. Judgements that it did not live to see are cancelled."""
    cancelled = s.moved(analysis=evidence.cancelled(s.status.analysis, why))
    return _retired(cancelled, event, "Withdrawn")


def _retired(s: Situation, event: Event, outcome: Literal["RolledBack", "Withdrawn"]) -> Situation:
    """Take the candidate's traffic and let it drain."""
    assert s.status.candidate is not None
    return s.moved(
        event,
        candidate=None,
        retiring=[*s.status.retiring, plain(s.status.candidate)],
        retiring_since=None,
        history=history.ended(s, s.status.candidate, outcome),
        **AT_THE_BEGINNING,
    )


def remembered(s: Situation, ref: RevisionRef) -> FailedRevision | None:
    """Return the failure of the same bytes served the same way, under whatever name."""

    def same(entry: FailedRevision) -> bool:
        # An older operator did not write the base: then any is the same, which is the safe side.
        on_same = entry.base in (None, ref.base)
        return on_same and (entry.digest, entry.template) == (ref.digest, ref.template)

    return next(filter(same, s.status.failed), None)


def blocking(s: Situation) -> FailedRevision | None:
    """Return the remembered failure that keeps the version wanted from starting."""
    return remembered(s, s.wants) if s.wants is not None and not s.wants_this(s.status.stable) else None


def proven(s: Situation, since: str | None) -> bool:
    """Tell whether every metric passes, measured since."""
    return since is not None and verdict.all_pass(s.rollout, s.status, since)


def failing_now(s: Situation) -> MetricStatus | None:
    """Return a critical metric in force whose newest measurement failed, be it forgiven."""
    critical = {metric.name for metric in verdict.acting(s.rollout, s.status) if metric.critical}
    return next((entry for entry in s.status.analysis if entry.outcome == "Fail" and entry.metric in critical), None)


def plain(ref: CandidateStatus | PreviousRevision) -> RevisionRef:
    """Return a revision's identity alone."""
    return RevisionRef(**{name: getattr(ref, name) for name in RevisionRef.model_fields})


def figures(s: Situation) -> str:
    """Return every metric's newest figures in one line."""
    return "; ".join(f"{entry.metric}: {entry.message}" for entry in s.status.analysis)


def seconds(span: timedelta) -> str:
    """Return a span in whole seconds."""
    return f"{int(span.total_seconds())} s"


def onward(s: Situation) -> dict[str, Any]:
    """Return the changes of status that take the candidate to its next step, whose time begins when it is confirmed."""
    return {"step": s.status.step + 1} | unconfirmed(s)


def unconfirmed(s: Situation) -> dict[str, Any]:
    """Return the changes of status after which the gateway has a step or share to confirm."""
    assert s.status.candidate is not None
    given = s.status.candidate.model_copy(update={"share_since": timestamp(s.now)})
    return {"candidate": given, "step_started_at": None}


def resumed(s: Situation) -> dict[str, Any]:
    """Return the changes of status after which silence and errors are counted anew."""
    assert s.status.candidate is not None
    going_on = s.status.candidate.model_copy(update={"resumed_at": timestamp(s.now)})
    return {
        "candidate": going_on,
        "analysis": [entry.model_copy(update={"errors": 0}) for entry in s.status.analysis],
    }


def become_stable(s: Situation, event: Event) -> Situation:
    """Make the candidate stable; the revision that was drains, or stays warm for a while."""
    assert s.status.candidate is not None
    ref = plain(s.status.candidate)
    return s.moved(
        event,
        stable=ref,
        candidate=None,
        history=history.promoted(s, ref),
        **(replaced(s, s.status.stable) if s.status.stable is not None else {}),
        **AT_THE_BEGINNING,
    )


def first_serves(s: Situation) -> Situation:
    """Make the candidate stable where nothing served before."""
    assert s.status.candidate is not None
    words = f"{s.status.candidate.version} is ready and serves 100 % as the first version, unjudged"
    return become_stable(s.moved(analysis=[]), Event(reasons.PROMOTED, words))


def replaced(s: Situation, stable: RevisionRef) -> dict[str, Any]:
    """Return what becomes of `stable` when the candidate replaces it: it drains, or stays warm for a while."""
    if not s.warmth:
        return {"retiring": [*s.status.retiring, stable], "retiring_since": None}
    return {"previous": PreviousRevision(**stable.model_dump(), since=timestamp_after(s.now))}
