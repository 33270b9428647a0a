"""Which lines does `get --watch` write where nobody can see it drawn?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from slipway.kubectl.measures import measures
from slipway.kubectl.picture import said
from slipway.kubectl.progress import place
from slipway.kubectl.release import Release, Sight, Told
from slipway.kubectl.text import plain


def log_lines(before: Sight | None, after: Sight, now: datetime) -> list[str]:
    """Return a line for each thing that changed: a new event, another place or outcome, trouble with the cluster."""
    known = before.events if before is not None else ()
    lines = [_event(event) for event in after.events if event not in known]
    if after.trouble and (before is None or before.trouble != after.trouble):
        lines.append(f"{_at(now)}  {after.trouble}")
    if after.release is not None:
        old = _standing(before.release) if before is not None and before.release is not None else None
        if _standing(after.release) != old:
            lines.append(_line(after.release, now))
    return lines


def _standing(release: Release) -> tuple[object, ...]:
    """Return what makes a line worth writing: words that change with every measurement do not."""
    status = release.status
    outcomes = tuple((measure.name, measure.outcome) for measure in measures(release))
    return (
        status.state,
        status.stable,
        status.candidate and status.candidate.revision,
        status.percent,
        place(release),
        outcomes,
    )


def _line(release: Release, now: datetime) -> str:
    return "  ".join([_at(now), release.status.state, *_figures(release), plain(release.status.message)])


def _figures(release: Release) -> Iterable[str]:
    candidate = release.status.candidate
    if candidate is None:
        return
    yield f"{candidate.version} {release.status.percent} %"
    yield place(release)
    yield " ".join(f"{measure.name}={measure.outcome.replace(' ', '-')}" for measure in measures(release))


def _event(event: Told) -> str:
    return f"{_at(event.at)}  {event.type} {event.reason}: {said(event)}"


def _at(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
