"""Which evidence stands behind the present state of a Rollout?"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime

from slipway.api.conditions import moment
from slipway.kubectl.advice import ROLLED_BACK, advice
from slipway.kubectl.measures import Measure, measures
from slipway.kubectl.picture import said, state
from slipway.kubectl.progress import hold, place
from slipway.kubectl.release import Release, Told
from slipway.kubectl.text import Screen, clock, plain, span

EVENTS = 6


def why(release: Release, events: Sequence[Told], now: datetime, screen: Screen) -> list[str]:
    """Return the story behind the present state: what holds, on which evidence, what was done, what to do."""
    sections = (
        ("What holds", _holds(release, now)),
        ("Evidence", _evidence(release, now)),
        ("What was done", _done(release, events, now)),
        ("What to do", _next(release)),
    )
    lines = [f"{screen.paint(f'{release.namespace}/{release.name}', 'bold')} is {state(release, screen)}"]
    for title, entries in sections:
        written = [line for entry in entries for line in _wrapped(entry, screen.width)]
        if written:
            lines += ["", screen.paint(title, "bold"), *written]
    return lines


def _holds(release: Release, now: datetime) -> Iterable[str]:
    status, ready = release.status, release.ready
    if ready is None:
        yield "The operator has not looked at it yet: is it running?"
        return
    held = span((now - moment(ready.last_transition_time)).total_seconds())
    yield f"Ready is {ready.status} ({ready.reason}) since {clock(ready.last_transition_time)}, for {held}."
    if status.message:
        yield plain(status.message)
    yield from release.warnings
    if release.behind:
        yield "The operator has not acted upon the newest spec yet; what follows is about the one before."
    time = hold(release)
    if time is not None:
        yield f"Place: {place(release)}, at {status.percent} %; {time.words(now)}."


def _evidence(release: Release, now: datetime) -> Iterable[str]:
    status, last = release.status, release.status.last_rollback
    if last is not None and _rolled_back(release):
        yield f"{last.version} was sent back at {clock(last.at)} ({last.reason}): {plain(last.message)}"
    if status.state == "Healthy":
        yield f"{release.wanted} is what the spec names; it is stable, and nothing speaks against it."
    for measure in measures(release):
        yield f"{measure.name}: {measure.standing}. {measure.sides()}{_when(measure, now)}."
        if measure.found is not None and measure.found.message:
            yield f"  {plain(measure.found.message)}"


def _done(release: Release, events: Sequence[Told], now: datetime) -> Iterable[str]:
    status, last = release.status, release.status.last_rollback
    if last is not None and _rolled_back(release) and status.stable is not None:
        yield (
            f"All traffic went back to {status.stable.version}. {last.version} with digest {last.digest[:19]}… is "
            "remembered: the same bytes, served the same way, are not tried again before a retry."
        )
    elif status.candidate is not None and status.stable is not None:
        yield (
            f"{status.candidate.version} has {status.percent} % of the requests, {status.stable.version} "
            f"{100 - status.percent} %; {_room(release)}."
        )
    for event in events[-EVENTS:]:
        ago = span((now - event.at).total_seconds())
        yield f"{ago} ago: {event.reason}: {said(event)}"


def _room(release: Release) -> str:
    """Say what is left of stable's pods."""
    canary = release.spec.strategy.canary
    if canary is not None and canary.capacity.mode == "NoSurge":
        most = release.spec.serving.replicas
        return f"their pods together are no more than serving.replicas, {most} (capacity.mode: NoSurge)"
    return "stable keeps all its replicas"


def _next(release: Release) -> Iterable[str]:
    for item in advice(release):
        yield item.words
        if item.command:
            yield f"$ {item.command}"


def _rolled_back(release: Release) -> bool:
    """Tell whether the last rollback is what the present state is about."""
    reason = release.ready.reason if release.ready is not None else ""
    return release.status.state == "RollingBack" or reason == ROLLED_BACK


def _when(measure: Measure, now: datetime) -> str:
    if measure.found is None:
        return ""
    return f"; measured {span((now - moment(measure.found.at)).total_seconds())} ago"


def _wrapped(entry: str, width: int) -> list[str]:
    """Return an entry indented and wrapped; a command stays in one piece, to be copied."""
    deeper = entry.startswith("  ")
    indent = "    " if deeper else "  "
    if entry.startswith("$ "):
        return [f"      {entry[2:]}"]
    return textwrap.wrap(
        entry.strip(), width or 120, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
