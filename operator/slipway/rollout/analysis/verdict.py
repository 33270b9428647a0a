"""What do all measurements together say: may the candidate move on, must it go back, or is there silence?

A metric acts while it is in force and is not a dry run. Critical metrics act alone: each has to pass, one failure is
enough. The others act together: the candidate goes back when those that fail have more than maxFailedWeightPercent of
their weight, or when nothing else speaks for it. They too must have spoken before it moves on, for silence is never
success.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from slipway.api.analysis import AnalysisMetric, MetricStatus
from slipway.api.conditions import moment
from slipway.api.rollout import RolloutStatus
from slipway.rollout.phase import judged
from slipway.rollout.rollout import Rollout
from slipway.rollout.steps import step_at


class Silence(NamedTuple):
    """A metric without an answer, since when, and what the user wants to follow."""

    metric: str
    lasting: timedelta
    action: Literal["Hold", "Pause", "Rollback"]


def in_force(rollout: Rollout, status: RolloutStatus) -> tuple[AnalysisMetric, ...]:
    """Return the metrics that are measured at the candidate's present step: all, where those it names judge nothing."""
    names = step_at(rollout.steps, status.step).metrics
    metrics = tuple(rollout.spec.analysis.metrics)
    named = tuple(metric for metric in metrics if names is None or metric.name in names)
    return named if any(not metric.dry_run for metric in named) else metrics


def acting(rollout: Rollout, status: RolloutStatus) -> tuple[AnalysisMetric, ...]:
    """Return the metrics in force that are no dry run."""
    return tuple(metric for metric in in_force(rollout, status) if not metric.dry_run)


def failing(rollout: Rollout, status: RolloutStatus) -> str:
    """Return in words which metrics end the candidate; empty where none does."""
    found = {entry.metric: entry for entry in status.analysis}
    metrics = acting(rollout, status)
    failed = [metric for metric in metrics if (e := found.get(metric.name)) and _failed(metric, e)]
    alone = next((metric for metric in failed if metric.critical), None)
    if alone is not None:
        return _words(found[alone.name])
    if not failed or _borne(rollout, metrics, failed):
        return ""
    told = "; ".join(_words(found[metric.name]) for metric in failed)
    share, most = _failed_weight(metrics, failed), rollout.spec.analysis.max_failed_weight_percent
    limit = f"{most} % may" if share > most else "and nothing else is judged"
    return f"{share:.0f} % of the weight of metrics that are not critical failed, {limit}: {told}"


def all_pass(rollout: Rollout, status: RolloutStatus, since: str) -> bool:
    """Tell whether nothing measured at or after `since` holds the candidate where it is."""
    return not holding(rollout, status, since)


def holding(rollout: Rollout, status: RolloutStatus, since: str) -> list[AnalysisMetric]:
    """Return the metrics that hold the candidate: not measured since, or without the outcome that they need."""
    found = {entry.metric: entry for entry in status.analysis if entry.at >= since}
    metrics = acting(rollout, status)
    outcomes = {metric.name: found[metric.name].outcome if metric.name in found else None for metric in metrics}
    failed = [metric for metric in metrics if outcomes[metric.name] == "Fail"]
    borne = _borne(rollout, metrics, failed)

    def holds(metric: AnalysisMetric) -> bool:
        outcome = outcomes[metric.name]
        return outcome != "Pass" and not (outcome == "Fail" and borne and not metric.critical)

    return [metric for metric in metrics if holds(metric)]


def silent(rollout: Rollout, status: RolloutStatus, now: datetime, excused: Collection[str] = ()) -> Silence | None:
    """Return the metric that is overdue for longest.

    Nothing follows from the silence of those that are `excused`.
    """
    late = [(since, name) for since, name in overdue(rollout, status, now) if name not in excused]
    if not late:
        return None
    since, name = late[0]
    return Silence(name, now - since, rollout.spec.analysis.no_data.action)


def overdue(rollout: Rollout, status: RolloutStatus, now: datetime) -> list[tuple[datetime, str]]:
    """Return the metrics that have been without an answer for afterSeconds, or ended in Error too often.

    Each with since when; the longest comes first.
    """
    started = silences(rollout, status)
    found = {entry.metric: entry for entry in status.analysis}
    limits = {metric.name: metric.error_limit for metric in acting(rollout, status)}

    def late(name: str) -> bool:
        limit, entry = limits[name], found.get(name)
        too_many = limit is not None and entry is not None and entry.outcome == "Error" and entry.errors > limit
        return too_many or now - started[name] >= _patience(rollout)

    return sorted((since, name) for name, since in started.items() if late(name))


def silence_deadline(rollout: Rollout, status: RolloutStatus) -> datetime | None:
    """Return when the metric silent for longest reaches afterSeconds."""
    found = silences(rollout, status)
    return min(found.values()) + _patience(rollout) if found else None


def silences(rollout: Rollout, status: RolloutStatus) -> dict[str, datetime]:
    """Return since when each metric has been without numbers, at the earliest since its step began.

    A gateway that has not confirmed the step's share may send it all the same: then it counts from when it was given.
    A metric that was not in force before was not silent before: one that was added is first looked at.
    Nobody owes a preview, or a group of users who name themselves, requests: at 0 percent only a server that cannot
    be asked is silent.
    """
    candidate, sent = status.candidate, status.percent + status.mirror_percent > 0
    if candidate is None or not judged(status):
        return {}
    began = status.step_started_at or (candidate.share_since if status.percent > 0 else None)
    if began is None:
        return {}
    start = moment(max(began, candidate.resumed_at or ""))
    found = {entry.metric: entry for entry in status.analysis}
    names = [metric.name for metric in acting(rollout, status)]
    if sent:
        looked_at = [name for name in names if name in found or not found]
        heard = {name: found[name].answered_at or found[name].since for name in looked_at if found}
        return {name: max(start, moment(last)) if (last := heard.get(name)) else start for name in looked_at}
    refused = {name: found[name].errors_since for name in names if name in found}
    return {name: max(start, moment(since)) for name, since in refused.items() if since}


def _failed(metric: AnalysisMetric, entry: MetricStatus) -> bool:
    return entry.outcome == "Fail" and entry.failures > metric.failure_limit


def _borne(rollout: Rollout, metrics: Sequence[AnalysisMetric], failed: Sequence[AnalysisMetric]) -> bool:
    """Tell whether the rest may outvote those that failed: it is heavy enough, and there is a rest."""
    light = _failed_weight(metrics, failed) <= rollout.spec.analysis.max_failed_weight_percent
    return light and len(failed) < len(metrics)


def _failed_weight(metrics: Sequence[AnalysisMetric], failed: Sequence[AnalysisMetric]) -> float:
    """Return the percent that those which failed have of the weight of all metrics that are not critical."""
    whole = sum(metric.weight for metric in metrics if not metric.critical)
    return 100 * sum(metric.weight for metric in failed if not metric.critical) / whole if whole else 0.0


def _words(entry: MetricStatus) -> str:
    in_a_row = f" {entry.failures} times in a row" if entry.failures > 1 else ""
    return f"{entry.metric} failed{in_a_row}: {entry.message}"


def _patience(rollout: Rollout) -> timedelta:
    return timedelta(seconds=rollout.spec.analysis.no_data.after_seconds)
