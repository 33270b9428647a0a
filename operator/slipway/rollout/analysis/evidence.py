"""Which measurements are due, and what is known by now?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from slipway.api.analysis import Analysis, AnalysisMetric, MetricStatus
from slipway.api.conditions import moment, timestamp
from slipway.api.rollout import RolloutStatus
from slipway.contract.artifact import digest_of
from slipway.plan import Answer, Ask
from slipway.rollout.analysis.judge import judge
from slipway.rollout.analysis.judgement import Judgement
from slipway.rollout.analysis.queries import Scope, Side
from slipway.rollout.analysis.questions import question
from slipway.rollout.measure_job import Due
from slipway.rollout.phase import judged
from slipway.rollout.rollout import Rollout


def asks(rollout: Rollout, status: RolloutStatus, now: datetime) -> tuple[Ask, ...]:
    """Return the questions due at `now`: none unless a candidate has traffic beside a stable version."""
    return tuple(
        Ask(_ask_id(metric, status), question(metric, scope))
        for metric, scope in _measured(rollout, status, now)
        if metric.job is None
    )


def jobs(rollout: Rollout, status: RolloutStatus, now: datetime) -> tuple[Due, ...]:
    """Return the measurements due at `now` that pods make."""
    return tuple(
        Due(_ask_id(metric, status), metric.name, metric.job)
        for metric, _ in _measured(rollout, status, now)
        if metric.job is not None
    )


def _measured(rollout: Rollout, status: RolloutStatus, now: datetime) -> Iterable[tuple[AnalysisMetric, Scope]]:
    for metric in rollout.spec.analysis.metrics:
        scope = _scope(metric, rollout, status)
        if scope is not None and is_due(_due(metric, rollout.spec.analysis, status), rollout, now):
            yield metric, scope


def next_due(rollout: Rollout, status: RolloutStatus) -> datetime | None:
    """Return when the next measurement is due, if the candidate has traffic."""
    if not judged(status):
        return None
    return min(_due(metric, rollout.spec.analysis, status) for metric in rollout.spec.analysis.metrics)


def is_due(due: datetime, rollout: Rollout, now: datetime) -> bool:
    """Tell whether a measurement due at `due` may be made: its time has come, or the clock was set back."""
    return now >= due or now < due - timedelta(seconds=rollout.spec.analysis.interval_seconds)


def fold(rollout: Rollout, answers: Mapping[str, Answer]) -> RolloutStatus:
    """Return the status with every new answer judged; answers to older questions or attempts are ignored."""
    status = rollout.status
    if status.candidate is None:
        return status
    if status.observed_generation != rollout.generation:
        status = status.model_copy(update={"analysis": [_unproved(entry) for entry in status.analysis]})
    found = {entry.metric: entry for entry in status.analysis}
    kept: list[MetricStatus] = []
    for metric in rollout.spec.analysis.metrics:
        before, scope = found.get(metric.name), _scope(metric, rollout, status)
        answer = answers.get(_ask_id(metric, status)) if scope is not None else None
        if answer is not None and scope is not None:
            kept.append(_entry(metric, before, judge(metric, answer, scope), answer.at))
        elif before is not None:
            kept.append(before)
    return status.model_copy(update={"analysis": kept})


def failing(analysis: Analysis, entries: Iterable[MetricStatus]) -> MetricStatus | None:
    """Return the first metric that failed more often in a row than is forgiven."""
    limits = {metric.name: metric.failure_limit for metric in analysis.metrics}
    return next((e for e in entries if e.outcome == "Fail" and e.failures > limits.get(e.metric, 0)), None)


def all_pass(analysis: Analysis, entries: Iterable[MetricStatus], since: str) -> bool:
    """Tell whether every metric's newest outcome is Pass, measured at or after `since`."""
    found = {entry.metric: entry for entry in entries}
    newest = [found.get(metric.name) for metric in analysis.metrics]
    return all(entry is not None and entry.outcome == "Pass" and entry.at >= since for entry in newest)


def silent(analysis: Analysis, status: RolloutStatus, now: datetime) -> tuple[str, timedelta] | None:
    """Return the metric that has been without an answer for afterSeconds, and for how long."""
    deadlines = silences(analysis, status)
    late = [(since, name) for name, since in deadlines.items() if now - since >= _patience(analysis)]
    if not late:
        return None
    since, name = min(late)
    return name, now - since


def silence_deadline(analysis: Analysis, status: RolloutStatus) -> datetime | None:
    """Return when the metric silent for longest reaches afterSeconds."""
    found = silences(analysis, status)
    return min(found.values()) + _patience(analysis) if found else None


def silences(analysis: Analysis, status: RolloutStatus) -> dict[str, datetime]:
    """Return since when each metric has been without numbers, at the earliest since its step began."""
    if status.step_started_at is None or status.candidate is None or status.percent == 0 or not judged(status):
        return {}
    start = moment(max(status.step_started_at, status.candidate.resumed_at or ""))
    answered = {entry.metric: entry.answered_at for entry in status.analysis}
    return {
        metric.name: max(start, moment(last)) if (last := answered.get(metric.name)) else start
        for metric in analysis.metrics
    }


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


def _patience(analysis: Analysis) -> timedelta:
    return timedelta(seconds=analysis.no_data.after_seconds)


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
        rollout, Side(candidate.revision, mine), _baseline(stable.revision, status, analysis.window_seconds, mine)
    )


def _baseline(revision: str, status: RolloutStatus, window: int, mine: int) -> Side:
    """Return what the candidate is compared with: stable over the same time, or its last window of traffic.

    At 100 percent stable has none of its own; it stays what it was when its traffic ended.
    """
    if status.percent < 100:
        return Side(revision, mine)
    ended = status.step_started_at
    return Side(revision, window, until=moment(ended)) if ended else Side(revision, window)


def _due(metric: AnalysisMetric, analysis: Analysis, status: RolloutStatus) -> datetime:
    assert status.candidate is not None
    last = next((e.at for e in status.analysis if e.metric == metric.name), status.candidate.traffic_since)
    assert last is not None
    return moment(last) + timedelta(seconds=analysis.interval_seconds)


def _ask_id(metric: AnalysisMetric, status: RolloutStatus) -> str:
    """Return an id that no other attempt, measurement or wording shares, and that a restart computes again."""
    candidate = status.candidate
    assert candidate is not None
    last = next((e.at for e in status.analysis if e.metric == metric.name), "")
    words = digest_of(metric.model_dump(mode="json", by_alias=True)).partition(":")[2][:10]
    return f"{metric.name}@{words}@{candidate.revision}@{candidate.since}@{last}"


def _entry(metric: AnalysisMetric, before: MetricStatus | None, found: Judgement, at: datetime) -> MetricStatus:
    failures = before.failures if before is not None else 0
    failures = failures + 1 if found.outcome == "Fail" else 0 if found.outcome == "Pass" else failures
    spoke = found.outcome in ("Pass", "Fail", "TooFewSamples")
    return MetricStatus(
        metric=metric.name,
        outcome=found.outcome,
        candidate=decimal(found.candidate),
        stable=decimal(found.stable),
        bound=decimal(found.bound),
        samples=found.samples,
        failures=failures,
        at=timestamp(at),
        answered_at=timestamp(at) if spoke else before.answered_at if before is not None else None,
        message=found.message[:2048],
    )


def decimal(value: float | None) -> str | None:
    """Return a number as the API writes it."""
    return None if value is None else f"{value:.6g}".replace("e+", "e")
