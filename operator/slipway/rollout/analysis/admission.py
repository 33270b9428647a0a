"""Will a candidate's queries be answered at all? Asked while it warms up, before it has any traffic.

A query that Prometheus refuses would be an Error at every look: the candidate would hold at its first share until
somebody reads why. So it gets none. A Prometheus that is away refuses nothing; then the first measurement tells.
A dry run holds nobody, whatever is wrong with its query: its Error is shown.
"""

from __future__ import annotations

from collections.abc import Iterator

from slipway.api.analysis import AnalysisMetric
from slipway.api.conditions import READY, find
from slipway.api.rollout import RolloutStatus
from slipway.contract.artifact import digest_of
from slipway.plan import Ask
from slipway.rollout import reasons
from slipway.rollout.analysis.queries import Scope, Side
from slipway.rollout.analysis.questions import question
from slipway.rollout.observe import Seen
from slipway.rollout.phase import answering
from slipway.rollout.rollout import Rollout


def checks(rollout: Rollout, status: RolloutStatus) -> tuple[Ask, ...]:
    """Return the questions that are put to the test; none once the candidate gets requests."""
    return tuple(ask for _, ask in _checks(rollout, status))


def refused(rollout: Rollout, status: RolloutStatus, seen: Seen) -> str:
    """Return which metric's query Prometheus refuses, in its words; empty where none is known to be refused."""
    for metric, ask in _checks(rollout, status):
        answer = seen.answers.get(ask.id)
        if answer is not None and answer.refused:
            return f"metric {metric.name}: {answer.error}"
        if answer is None and _was_refused(rollout):
            return f"metric {metric.name}: its query was refused and is asked again"
    return ""


def _was_refused(rollout: Rollout) -> bool:
    """Tell whether this very spec was refused before: answers do not outlive the operator, what they said must."""
    ready = find(rollout.status.conditions, READY)
    same = rollout.status.observed_generation == rollout.generation
    return same and ready is not None and ready.reason == reasons.QUERY_REFUSED


def _checks(rollout: Rollout, status: RolloutStatus) -> Iterator[tuple[AnalysisMetric, Ask]]:
    candidate, stable, analysis = status.candidate, status.stable, rollout.spec.analysis
    if candidate is None or stable is None or candidate.unjudged:
        return
    if answering(status) or candidate.traffic_since is not None:
        return
    window = analysis.window_seconds
    scope = Scope(rollout, Side(candidate.revision, window), Side(stable.revision, window))
    for metric in analysis.metrics:
        if metric.prometheus is not None and not metric.dry_run:
            asked = question(metric, scope)
            yield metric, Ask(f"check@{metric.name}@{digest_of(repr(asked))[7:17]}", asked)
