"""What does status tell of a search?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from slipway.api.conditions import moment, timestamp
from slipway.api.search import MOST_ROWS, Objective, Search, SearchStatus, TrialRow
from slipway.api.trainingjob_status import TrainingJobStatus
from slipway.training.search.trials import Seen, best


def told(search: Search, trials: Sequence[Seen], most: int) -> SearchStatus:
    """Return status.search for `trials`, of which there will be `most`: what changes with a state, not with a step."""
    leader = best(search.objective, trials)
    ended = sum(trial.outcome != "Running" for trial in trials)
    value = f", best {leader.value}" if leader is not None else ""
    outcomes = [trial.outcome for trial in trials]
    return SearchStatus(
        summary=f"{ended} of {most}{value}",
        running=outcomes.count("Running"),
        complete=outcomes.count("Complete"),
        pruned=outcomes.count("Pruned"),
        failed=outcomes.count("Failed"),
        best=_row(leader) if leader is not None else None,
        trials=[_row(trial) for trial in _shown(search.objective, trials)],
    )


def _shown(objective: Objective, trials: Sequence[Seen]) -> list[Seen]:
    """Return those that run, then the best, then the newest, as many as status takes; by number."""
    sign = 1 if objective.direction == "Minimize" else -1

    def order(trial: Seen) -> tuple[int, float, int]:
        rank = 0 if trial.outcome == "Running" else 1 if trial.value is not None else 2
        return rank, sign * float(trial.value or 0), -trial.number

    return sorted(sorted(trials, key=order)[:MOST_ROWS], key=lambda trial: trial.number)


def _row(trial: Seen) -> TrialRow:
    return TrialRow(
        number=trial.number,
        name=trial.name,
        state=trial.outcome,
        value=trial.value,
        reason=trial.reason,
        parameters={field: value[:64] for field, value in trial.parameters.items()},
    )


def clocked(status: TrainingJobStatus, trials: Sequence[Seen], now: datetime) -> TrainingJobStatus:
    """Return `status` with the time in which trials ran: it only grows, and stands still while none runs."""
    runs = any(trial.outcome == "Running" and trial.status.running_since is not None for trial in trials)
    update: dict[str, object] = {}
    if runs and status.running_since is None:
        update = {"running_since": timestamp(now), "started_at": status.started_at or timestamp(now)}
    if not runs and status.running_since is not None:
        passed = max(0, int((now - moment(status.running_since)).total_seconds()))
        update = {"running_since": None, "running_seconds": status.running_seconds + passed}
    return status.model_copy(update=update)
