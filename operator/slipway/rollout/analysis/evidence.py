"""Which measurements are due, and what is known by now?

What is known is the status and the answers since it was written, folded in one after another: a measurement that
changes nothing but numbers is not written down at once (`unwritten`). Losing those answers costs nothing: the next
measurement weighs every request since the last one that was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zlib import crc32

from slipway.api.analysis import Analysis, AnalysisMetric, EvidenceStatus, MetricStatus
from slipway.api.base import significant
from slipway.api.conditions import moment, timestamp
from slipway.api.rollout import RolloutStatus
from slipway.contract.artifact import digest_of
from slipway.plan import Answer, Ask
from slipway.rollout.analysis.comparison import compares, fresh, known, weigh
from slipway.rollout.analysis.judge import judge
from slipway.rollout.analysis.judgement import Judgement
from slipway.rollout.analysis.queries import Scope, Side, query
from slipway.rollout.analysis.questions import question
from slipway.rollout.analysis.verdict import in_force
from slipway.rollout.measure_job import Due
from slipway.rollout.phase import judged, stable_ended
from slipway.rollout.rollout import Rollout

PATIENCE = timedelta(seconds=5)
"""When to look again for an answer that is due and not there yet."""
WRITTEN_SECONDS = 10
"""How old the numbers in status may become while they change nothing. A write costs an API server more than all that is
done for a measurement: 100 candidates that are judged each second would keep one busy with nothing else."""
AGAIN = "@again"
"""Ends the id of a question whose own belongs to an answer that was counted: a clock was set back to the same second.
Whoever looks next, with that answer forgotten, asks it by its own."""


@dataclass(frozen=True)
class Known:
    """The status with every answer judged."""

    status: RolloutStatus
    answered: tuple[Ask, ...] = ()
    """The questions whose answers it holds beyond what was written, to be kept until they are."""
    by_pods: bool = False
    """Jobs found some of it: their answers are gone once they are no longer due."""
    folded: frozenset[str] = frozenset()
    """Ids of the answers it holds. Each counts once, also where a clock that was set back gives the next one its id."""


def asks(rollout: Rollout, status: RolloutStatus, known: Known, now: datetime) -> tuple[Ask, ...]:
    """Return the next question of each metric, to be asked when it is due: none unless a candidate has traffic beside
    a stable version.
    """
    return tuple(
        Ask(id, question(metric, scope), None if is_due(due, rollout, now) else due)
        for id, metric, scope, due in _next(rollout, status, known)
        if metric.job is None
    )


def jobs(rollout: Rollout, status: RolloutStatus, known: Known, now: datetime) -> tuple[Due, ...]:
    """Return the measurements due at `now` that pods make."""
    return tuple(
        Due(id, metric.name, metric.job)
        for id, metric, _, due in _next(rollout, status, known)
        if metric.job is not None and is_due(due, rollout, now)
    )


def _next(
    rollout: Rollout, status: RolloutStatus, known: Known
) -> Iterable[tuple[str, AnalysisMetric, Scope, datetime]]:
    for metric in in_force(rollout, status):
        scope = _scope(metric, rollout, status)
        if scope is not None:
            id = _ask_id(metric, status, scope)
            due = _due(metric, rollout.spec.analysis, status)
            yield id + AGAIN if id in known.folded else id, metric, scope, due


def next_look(rollout: Rollout, status: RolloutStatus, now: datetime) -> datetime | None:
    """Return when to look again for the sake of measurements, if the candidate has traffic.

    A Job is made when it is due. The answer to a question comes by itself: looking is for one that does not.
    """
    if not judged(status):
        return None
    looks = []
    for metric in in_force(rollout, status):
        due = _due(metric, rollout.spec.analysis, status)
        if is_due(due, rollout, now):
            looks.append(now + PATIENCE)
        else:
            looks.append(due if metric.job is not None else due + PATIENCE)
    return min(looks, default=None)


def is_due(due: datetime, rollout: Rollout, now: datetime) -> bool:
    """Tell whether a measurement due at `due` may be made: its time has come, or the clock was set back."""
    return now >= due or now < due - timedelta(seconds=rollout.spec.analysis.interval_seconds)


def fold(rollout: Rollout, answers: Mapping[str, Answer]) -> Known:
    """Return what is known with every new answer judged; answers to older questions or attempts are ignored."""
    known = Known(rollout.status)
    if known.status.candidate is None:
        return known
    while (after := _folded(rollout, known, answers)) != known:
        known = after
    if rollout.status.observed_generation != rollout.generation:
        unproved = [_unproved(entry) for entry in known.status.analysis]
        known = replace(known, status=known.status.model_copy(update={"analysis": unproved}))
    return known


def unwritten(rollout: Rollout, known: Known, now: datetime) -> bool:
    """Tell whether measurements differ from those that were written by nothing but numbers, and not for long."""
    if not known.answered or known.by_pods:
        return False
    status = rollout.status
    written = {entry.metric: entry for entry in status.analysis}
    stage = status.bake_started_at or status.step_started_at or ""
    news = [entry for entry in known.status.analysis if entry != written.get(entry.metric)]

    def young(entry: MetricStatus) -> bool:
        before = written.get(entry.metric)
        if before is None or (before.outcome, before.failures) != (entry.outcome, entry.failures):
            return False
        if before.at < stage <= entry.at:  # the first at this share is what everybody waits for
            return False
        return _period(rollout, now) == _period(rollout, moment(before.at))

    return all(young(entry) for entry in news)


def _period(rollout: Rollout, at: datetime) -> int:
    """Return the number of the WRITTEN_SECONDS in which `at` lies.

    Each Rollout has its own: numbers of many that set out together are not all written at the same moment, before which
    a verdict would have to wait.
    """
    return (int(at.timestamp()) + crc32(rollout.root.uid.encode())) // WRITTEN_SECONDS


def _folded(rollout: Rollout, known: Known, answers: Mapping[str, Answer]) -> Known:
    """Return what is known after one more answer for each metric that has one."""
    status = known.status
    found = {entry.metric: entry for entry in status.analysis}
    now_in_force = in_force(rollout, status)
    kept: list[MetricStatus] = []
    answered, by_pods, folded = known.answered, known.by_pods, known.folded
    for metric in rollout.spec.analysis.metrics:
        before, scope = found.get(metric.name), _scope(metric, rollout, status)
        if scope is not None and metric in now_in_force:
            id = _ask_id(metric, status, scope)
            answer = answers.get(id) if id not in folded else None
            if answer is not None:
                kept.append(_measured(metric, before, answer, scope, status))
                folded |= {id}
                if metric.job is None:
                    answered += (Ask(id, question(metric, scope)),)
                else:
                    by_pods = True
                continue
        if before is not None:
            kept.append(before)
    return Known(status.model_copy(update={"analysis": kept}), answered, by_pods, folded)


def cancelled(entries: Iterable[MetricStatus], why: str) -> list[MetricStatus]:
    """Return the judgements of a candidate that was withdrawn before they could end: cancelled is not passed."""
    return [
        entry.model_copy(update={"outcome": "Cancelled", "message": f"cancelled: {why}"[:2048]}) for entry in entries
    ]


def _unproved(entry: MetricStatus) -> MetricStatus:
    """Return what a judgement is worth under an edited spec: a Pass has to be earned again, a Fail stays."""
    if entry.outcome != "Pass":
        return entry
    return entry.model_copy(
        update={"outcome": "Cancelled", "message": "the spec was edited after it passed; measured again"}
    )


def _scope(metric: AnalysisMetric, rollout: Rollout, status: RolloutStatus) -> Scope | None:
    """Return which requests the next measurement of `metric` speaks of.

    The window is that of the moment it is due, so that a question keeps its words until it is answered.
    """
    candidate, stable = status.candidate, status.stable
    if not judged(status) or candidate is None or stable is None or candidate.traffic_since is None:
        return None
    analysis = rollout.spec.analysis
    running = int((_due(metric, analysis, status) - moment(candidate.traffic_since)).total_seconds())
    # Nothing is due before traffic began, unless the clock was set back: then its age is not known.
    mine = min(analysis.window_seconds, running) if running > 0 else analysis.window_seconds
    return Scope(
        rollout,
        Side(candidate.revision, mine),
        _baseline(stable.revision, status, analysis.window_seconds, mine),
        fresh(metric, analysis, status, _due(metric, analysis, status)),
    )


def _baseline(revision: str, status: RolloutStatus, window: int, mine: int) -> Side:
    """Return what the candidate is compared with: stable over the same time, or its last window of traffic.

    At 100 percent stable has none of its own; it stays what it was when its traffic ended.
    """
    if status.percent < 100:
        return Side(revision, mine)
    ended = stable_ended(status)
    return Side(revision, window, until=moment(ended)) if ended else Side(revision, window)


def _due(metric: AnalysisMetric, analysis: Analysis, status: RolloutStatus) -> datetime:
    assert status.candidate is not None
    last = next((e.at for e in status.analysis if e.metric == metric.name), status.candidate.traffic_since)
    assert last is not None
    return moment(last) + timedelta(seconds=analysis.interval_seconds)


def _ask_id(metric: AnalysisMetric, status: RolloutStatus, scope: Scope) -> str:
    """Return an id that no other attempt, measurement or wording shares, and that a restart computes again.

    Where requests are weighed the wording counts: an answer about others would be weighed wrongly.
    """
    candidate = status.candidate
    assert candidate is not None
    last = next((e.at for e in status.analysis if e.metric == metric.name), "")
    wording = query(metric, scope) if compares(metric) is not None else ""
    words = digest_of([metric.model_dump(mode="json", by_alias=True), wording]).partition(":")[2][:10]
    return f"{metric.name}@{words}@{candidate.revision}@{candidate.since}@{last}"


def _measured(
    metric: AnalysisMetric, before: MetricStatus | None, answer: Answer, scope: Scope, status: RolloutStatus
) -> MetricStatus:
    """Return the entry of a metric after `answer`; where there were no numbers, nothing was weighed."""
    evidence = known(metric, status)
    if not answer.error:
        evidence = weigh(metric, answer.series, scope, status, _due(metric, scope.rollout.spec.analysis, status))
    return _entry(before, judge(metric, answer, scope, evidence), metric.name, evidence, answer.at)


def _entry(
    before: MetricStatus | None, found: Judgement, name: str, evidence: EvidenceStatus | None, at: datetime
) -> MetricStatus:
    failures, errors = (before.failures, before.errors) if before is not None else (0, 0)
    failures = failures + 1 if found.outcome == "Fail" else 0 if found.outcome == "Pass" else failures
    began = before.errors_since if before is not None else None
    spoke = found.outcome in ("Pass", "Fail", "TooFewSamples")
    return MetricStatus(
        metric=name,
        outcome=found.outcome,
        candidate=_decimal(found.candidate),
        stable=_decimal(found.stable),
        bound=_decimal(found.bound),
        samples=found.samples,
        stable_samples=found.stable_samples,
        evidence=evidence,
        failures=failures,
        errors=errors + 1 if found.outcome == "Error" else 0,
        errors_since=(began or timestamp(at)) if found.outcome == "Error" else None,
        at=timestamp(at),
        since=(before.since or before.at) if before is not None else timestamp(at),
        answered_at=timestamp(at) if spoke else before.answered_at if before is not None else None,
        message=found.message[:2048],
    )


def _decimal(value: float | None) -> str | None:
    return None if value is None else significant(value)
