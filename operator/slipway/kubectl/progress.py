"""How far is a candidate, and how long does its present step take?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from slipway.api.conditions import moment
from slipway.api.rollout import held_since
from slipway.kubectl.release import Release
from slipway.kubectl.text import span


@dataclass(frozen=True)
class Hold:
    """A time that must pass: at a share, in a pause, or in the bake."""

    started: str | None
    """None while the gateway has not confirmed the share."""
    seconds: int

    def spent(self, now: datetime) -> float:
        """Return the seconds that passed, at most all of them; clocks of two machines may differ."""
        if self.started is None:
            return 0.0
        return min(float(self.seconds), max(0.0, (now - moment(self.started)).total_seconds()))

    def over(self, now: datetime) -> bool:
        """Tell whether the time is over."""
        return self.started is not None and self.spent(now) >= self.seconds

    def words(self, now: datetime) -> str:
        """Return what is left, in words."""
        if self.started is None:
            return f"{span(self.seconds)} from when the share has taken effect"
        if self.over(now):
            return f"{span(self.seconds)} are over: goes on when every metric passes"
        spent = int(self.spent(now))  # the two numbers must add up to the third
        return f"{span(spent)} of {span(self.seconds)}, {span(self.seconds - spent)} left"


def hold(release: Release) -> Hold | None:
    """Return the time that runs where the candidate is; None where none does, as in a pause without an end."""
    status = release.status
    if status.candidate is None or status.stable is None:
        return None
    if status.bake_started_at is not None:
        return Hold(status.bake_started_at, release.spec.bake_seconds)
    station = release.station
    if station is None or station.seconds is None:
        return None
    return Hold(held_since(status), station.seconds)


def place(release: Release) -> str:
    """Return where the candidate is: a step, the bake, or between."""
    status = release.status
    if status.candidate is None:
        return ""
    if status.stable is None:
        return "first version"
    if status.bake_started_at is not None:
        return "bake"
    if not release.stepping:
        return "all steps passed"
    number = f"step {status.step + 1} of {status.steps}"
    station = release.station
    if station is None or (not station.pause and station.name.endswith("%")):
        return number
    return f"{number}, {station.name}"


def goes_on(release: Release) -> str:
    """Return the command that ends the present pause; empty while nothing is paused."""
    if release.status.candidate is None:
        return ""
    if release.status.paused is not None:
        return release.command("resume")
    return release.command("promote") if release.at_pause else ""


def way(release: Release) -> list[tuple[str, str]]:
    """Return every station of the candidate's way with how the candidate stands to it: done, now or later."""
    status = release.status
    if not release.steps:
        return []
    stations = [station.name for station in release.steps]
    stations += ["100 %", f"bake {span(release.spec.bake_seconds)}"]
    present = len(stations) - 1 if status.bake_started_at is not None else min(status.step, len(stations) - 2)
    marks = ["done" if i < present else "now" if i == present else "later" for i in range(len(stations))]
    return list(zip(stations, marks, strict=True))
