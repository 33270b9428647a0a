"""Will a candidate's queries be answered at all? Asked while it warms up, before it has any traffic.

A query that Prometheus refuses would be an Error at every look: the candidate would hold at its first share until
somebody reads why. So it gets none. A Prometheus that is away refuses nothing; then the first measurement tells.
A dry run holds nobody, whatever is wrong with its query: its Error is shown.

Edited queries are asked once more, whether or not a candidate has traffic: it goes no further by queries that are
refused, and their silence is not held against it, for the spec is wrong and not the version. Without a candidate,
whoever edits them reads at once what the next release would be stopped by. That they were asked is remembered by their
hash in status.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from slipway.api.analysis import AnalysisMetric
from slipway.api.conditions import READY, find, timestamp
from slipway.api.rollout import RolloutStatus
from slipway.contract.artifact import digest_of
from slipway.plan import Answer, Ask
from slipway.rollout import reasons
from slipway.rollout.analysis.queries import Scope, Side
from slipway.rollout.analysis.questions import question
from slipway.rollout.observe import Seen
from slipway.rollout.phase import answering, judged
from slipway.rollout.rollout import Rollout

STOPS = "in spec.analysis; until then no traffic moves"
"""What follows the words on refused queries, by which they are found again in a status."""
SOON, AGAIN = timedelta(seconds=10), timedelta(seconds=60)
"""After how long a query is asked again that could not be asked, or that was refused."""


def checks(rollout: Rollout, status: RolloutStatus, seen: Seen) -> tuple[Ask, ...]:
    """Return the questions that are put to the test; none once the candidate gets requests, unless they are edited.

    What was refused, or could not be asked, is asked again: the answer may depend on what Prometheus has just then.
    Without a candidate nobody waits: what could not be asked is asked again when the Rollout is looked at anyway.
    """
    found = tuple(ask for _, ask in _checks(rollout, status))
    if status.candidate is None:
        return tuple(ask for ask in found if not _in_vain(seen.answers.get(ask.id)))
    return tuple(each for ask in found for each in _looks(ask, seen))


def _looks(ask: Ask, seen: Seen) -> tuple[Ask, ...]:
    """Return the newest look, whose answer is kept, and the next where that was no good."""
    name, answer = _newest(ask, seen)
    if answer is None:
        return (ask,)
    kept = replace(ask, id=name)
    if not answer.error:
        return (kept,)
    after = SOON if _in_vain(answer) else AGAIN
    return (kept, replace(ask, id=f"{ask.id}@{int(answer.at.timestamp())}", at=answer.at + after))


def _newest(ask: Ask, seen: Seen) -> tuple[str, Answer | None]:
    """Return the id and the answer of the newest look that was answered."""
    looks = {name: found for name, found in seen.answers.items() if name == ask.id or name.startswith(f"{ask.id}@")}
    newest = max(looks, key=lambda name: looks[name].at, default=ask.id)
    return newest, looks.get(newest)


def refused(rollout: Rollout, status: RolloutStatus, seen: Seen) -> str:
    """Return which metrics' queries Prometheus refuses, in its words; empty where none is, or there is no candidate."""
    return _words(rollout, _refused(rollout, status, seen)) if status.candidate is not None else ""


def excused(rollout: Rollout, status: RolloutStatus, seen: Seen) -> frozenset[str]:
    """Return the metrics whose silence is the spec's: their edited query is refused, or not spoken of yet."""
    if status.candidate is None:
        return frozenset()
    asked = frozenset(metric.name for metric, ask in _checks(rollout, status) if _newest(ask, seen)[1] is None)
    return frozenset(_refused(rollout, status, seen)) | asked


def fold(rollout: Rollout, status: RolloutStatus, seen: Seen) -> RolloutStatus:
    """Return the status with the hash of the spec's queries, once Prometheus has spoken of them all."""
    now = _hash(rollout)
    if now is None or status.queries_hash == now:
        return status if status.queries_hash == now else status.model_copy(update={"queries_hash": now})
    asked = [ask for _, ask in _checks(rollout, status)]
    spoken = [_newest(ask, seen)[1] for ask in asked]
    answered = all(answer is not None and not _in_vain(answer) for answer in spoken)
    # What a candidate is stopped by is asked once more when it is gone: then it is told without one.
    if not asked or not answered or refused(rollout, status, seen):
        return status
    return status.model_copy(update={"queries_hash": now})


def warning(rollout: Rollout, status: RolloutStatus, seen: Seen) -> str:
    """Return what the next release will be stopped by; empty while nothing is known to be wrong."""
    if status.queries_hash is None or status.queries_hash != _hash(rollout) or judged(status):
        return ""  # not asked yet, or answered for this very candidate
    if rollout.status.queries_hash != status.queries_hash:
        why = _words(rollout, _refused(rollout, rollout.status, seen))
        return f"{why} in spec.analysis; until then the next version gets no traffic" if why else ""
    told = find(rollout.status.conditions, reasons.QUERY_REFUSED)
    return told.message if told is not None else ""


def _refused(rollout: Rollout, status: RolloutStatus, seen: Seen) -> dict[str, str]:
    """Return by metric what Prometheus has against its query, or all that it had where it is asked again."""
    told, measured = _refused_before(rollout), {entry.metric: entry.answered_at or "" for entry in status.analysis}
    found: dict[str, str] = {}
    for metric, ask in _checks(rollout, status):
        answer = _newest(ask, seen)[1]
        if answer is not None and answer.refused and measured.get(metric.name, "") <= timestamp(answer.at):
            found[metric.name] = f"{_named(metric)} {answer.error}"
        if (answer is None or _in_vain(answer)) and _named(metric) in told:
            found[metric.name] = told
    return found


def _words(rollout: Rollout, refused: dict[str, str]) -> str:
    """Say what is refused; as before until each that was refused is answered again."""
    told = _refused_before(rollout)
    return told if told in refused.values() else "; ".join(refused.values())


def _in_vain(answer: Answer | None) -> bool:
    """Tell whether Prometheus could not be asked."""
    return answer is not None and bool(answer.error) and not answer.refused


def _named(metric: AnalysisMetric) -> str:
    return f"metric {metric.name}:"


def _refused_before(rollout: Rollout) -> str:
    """Return what was told of this very spec's queries: answers do not outlive the operator, what they said must."""
    ready = find(rollout.status.conditions, READY)
    same = rollout.status.observed_generation == rollout.generation
    if ready is None or ready.reason != reasons.QUERY_REFUSED or not same:
        return ""
    return ready.message.partition(f" {STOPS}")[0]


def _checks(rollout: Rollout, status: RolloutStatus) -> Iterator[tuple[AnalysisMetric, Ask]]:
    candidate, stable, analysis = status.candidate, status.stable, rollout.spec.analysis
    if stable is None or (candidate is None and status.queries_hash == _hash(rollout)):
        return
    if candidate is not None and (candidate.unjudged or (_under_way(status) and not _edited(rollout, status))):
        return
    window = analysis.window_seconds
    asking = candidate if candidate is not None else stable
    scope = Scope(rollout, Side(asking.revision, window), Side(stable.revision, window))
    for metric in analysis.metrics:
        if _tested(metric):
            asked = question(metric, scope)
            yield metric, Ask(f"check@{metric.name}@{digest_of(repr(asked))[7:17]}", asked)


def _under_way(status: RolloutStatus) -> bool:
    """Tell whether the candidate was let in: what it asks was asked before, unless it was edited since."""
    candidate = status.candidate
    return answering(status) or (candidate is not None and candidate.traffic_since is not None)


def _edited(rollout: Rollout, status: RolloutStatus) -> bool:
    return _hash(rollout) not in (None, status.queries_hash)


def _tested(metric: AnalysisMetric) -> bool:
    return metric.prometheus is not None and not metric.dry_run


def _hash(rollout: Rollout) -> str | None:
    """Return the hash of the spec's own queries and of whom they are asked; None where it has none."""
    analysis = rollout.spec.analysis
    queries = [metric.prometheus.query for metric in analysis.metrics if metric.prometheus and _tested(metric)]
    if not queries:
        return None
    server = analysis.prometheus.dump() if analysis.prometheus is not None else {}
    return digest_of([queries, server])[7:17]
