"""What Kueue and the Job controller do to a Job, as far as it can be seen on the Job."""

from __future__ import annotations

from typing import Any

from slipway.plan import Answer, Facts
from tests.unit.worlds import World

QUEUE = {"localQueue": "gpu", "priorityClass": "low"}


def admit(made: World) -> None:
    """Kueue lets the Job go, its controller begins a new period."""
    _change(made, suspend=False, started=made.stamp(), suspended="False")


def take_back(made: World) -> None:
    """Kueue suspends the Job and forgets its start, its controller says so and deletes its pods."""
    _change(made, suspend=True, started=None, suspended="True")


def _change(made: World, *, suspend: bool, started: str | None, suspended: str) -> None:
    job = made.newest_job()
    status: dict[str, Any] = {key: value for key, value in (job.get("status") or {}).items() if key != "startTime"}
    if started is not None:
        status["startTime"] = started
    status["conditions"] = [{"type": "Suspended", "status": suspended, "lastTransitionTime": made.stamp()}]
    made.put({**job, "spec": {**job["spec"], "suspend": suspend}, "status": status})


def answer(made: World, *series: tuple[dict[str, str], float], error: str = "") -> None:
    """Let everything that the world's root asks now be answered."""
    asks = made.plan().asks
    assert asks, "nothing is asked"
    made.facts = Facts({ask.id: Answer(made.now, series=series, error=error) for ask in asks})


def pending(message: str, place: int = 0, reason: str = "Pending") -> tuple[dict[str, str], float]:
    labels = {"workload": "job-x-12345", "condition": "QuotaReserved", "reason": reason, "message": message}
    return labels, float(place)
