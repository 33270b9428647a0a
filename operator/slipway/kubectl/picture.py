"""What does `kubectl slipway rollout get` show?"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime

from slipway.api.conditions import moment
from slipway.api.rollout import RevisionRef
from slipway.kubectl.measures import OUTCOME_STYLE, measures
from slipway.kubectl.progress import goes_on, hold, place, way
from slipway.kubectl.release import Release, Told
from slipway.kubectl.text import Screen, ago, bar, plain, span, table

BAR = 24
EVENTS = 8
STATE_STYLE = {
    "Healthy": "green",
    "Progressing": "cyan",
    "Baking": "cyan",
    "Initializing": "cyan",
    "Paused": "yellow",
    "Pending": "yellow",
    "RollingBack": "red",
    "Degraded": "red",
    "Stalled": "red",
}
MARKS = {"done": ("✓", "green"), "now": ("▶", "cyan"), "later": ("·", "dim")}


def picture(release: Release, events: Sequence[Told], now: datetime, screen: Screen) -> list[str]:
    """Return the whole view, one entry a line."""
    blocks = [
        _head(release, now, screen),
        _shares(release, screen),
        _progress(release, now, screen),
        _metrics(release, now, screen),
        _events(events, now, screen),
    ]
    return [line for block in blocks if block for line in (*block, "")][:-1]


def state(release: Release, screen: Screen) -> str:
    """Return the state word in its colour."""
    word = release.status.state
    return screen.paint(word, STATE_STYLE.get(word, "yellow"))


def since(release: Release, now: datetime) -> str:
    """Return for how long Ready has been what it is."""
    return f" for {span(_age(release.ready.last_transition_time, now))}" if release.ready is not None else ""


def _head(release: Release, now: datetime, screen: Screen) -> Iterable[str]:
    ready = release.ready
    word = "ready" if ready is not None and ready.status == "True" else "not ready"
    reason = f" ({ready.reason})" if ready is not None and ready.reason != release.status.state else ""
    title = screen.paint(f"{release.namespace}/{release.name}", "bold")
    lines = [f"{title}  {state(release, screen)}{reason}, {word}{since(release, now)}"]
    if release.status.message:
        lines += _wrapped(plain(release.status.message), screen)
    lines += [screen.paint(line, "yellow") for words in release.warnings for line in _wrapped(words, screen)]
    if release.behind:
        lines.append(screen.paint("The operator has not acted upon the newest spec yet.", "yellow"))
    return lines


def _wrapped(words: str, screen: Screen) -> list[str]:
    return textwrap.wrap(words, screen.width or 10_000, break_on_hyphens=False)


def _shares(release: Release, screen: Screen) -> Iterable[str]:
    status = release.status
    rows: list[tuple[str, RevisionRef, int]] = []
    if status.stable is not None:
        rows.append(("stable", status.stable, 100 - status.percent if status.candidate is not None else 100))
    if status.candidate is not None:
        rows.append(("candidate", status.candidate, status.percent))
    if status.previous is not None:
        rows.append(("warm", status.previous, 0))
    rows += [("retiring", ref, 0) for ref in status.retiring]
    if not rows:
        return []
    cells = table([("", "VERSION", "REVISION", "SHARE", ""), *(
        (role, ref.version, ref.revision, f"{share} %", bar(share, 100, BAR)) for role, ref, share in rows
    )], right=frozenset({3}))  # fmt: skip
    styles = {"stable": "green", "candidate": "cyan", "warm": "dim", "retiring": "dim"}
    head, *body = cells
    painted = [[*row[:-1], screen.paint(row[-1], styles[role])] for row, (role, _, _) in zip(body, rows, strict=True)]
    return [screen.paint("  ".join(head).rstrip(), "dim"), *("  ".join(row) for row in painted)]


def _progress(release: Release, now: datetime, screen: Screen) -> Iterable[str]:
    where = place(release)
    if not where or release.status.stable is None:
        return []
    lines = []
    time = hold(release)
    if time is not None:
        drawn = screen.paint(bar(time.spent(now), time.seconds, BAR), "cyan")
        lines.append(f"{where[0].upper()}{where[1:]}  {drawn}  {time.words(now)}")
    else:
        lines.append(f"{where[0].upper()}{where[1:]}")
    if goes_on(release):
        lines.append(screen.paint(f"Paused; it goes on with: {goes_on(release)}", "yellow"))
    stations = [screen.paint(f"{MARKS[mark][0]} {name}", MARKS[mark][1]) for name, mark in way(release)]
    return [*lines, *(["  ".join(stations)] if stations else [])]


def _metrics(release: Release, now: datetime, screen: Screen) -> Iterable[str]:
    on_its_way = release.status.candidate is not None and release.status.stable is not None
    if not on_its_way and not release.status.analysis:  # the first version is not judged
        return []
    shown = measures(release)
    cells = table([
        ("METRIC", "OUTCOME", "CANDIDATE", "BOUND", "STABLE", "REQUESTS", "MEASURED"),
        *(
            (
                m.name, m.standing, m.figure(m.found.candidate) if m.found else "-", m.bound,
                m.figure(m.found.stable) if m.found else "-", str(m.found.samples) if m.found else "-",
                ago(m.found.at, now) if m.found else "-",
            )
            for m in shown
        ),
    ], right=frozenset({2, 3, 4, 5}))  # fmt: skip
    head, *body = cells
    lines = [screen.paint("  ".join(head).rstrip(), "dim")]
    for row, measure in zip(body, shown, strict=True):
        style = OUTCOME_STYLE.get(measure.outcome, "dim") if measure.in_force else "dim"
        row[1] = screen.paint(row[1], style)
        lines.append("  ".join(row).rstrip())
        if measure.found is not None and measure.outcome != "Pass" and measure.found.message:
            lines.append(screen.paint(f"  {plain(measure.found.message)}", "dim"))
    return lines


def _events(events: Sequence[Told], now: datetime, screen: Screen) -> Iterable[str]:
    if not events:
        return []
    shown = events[-EVENTS:]
    cells = table([(f"{span(_age(event.at, now))} ago", event.reason, said(event)) for event in shown])
    lines = []
    for row, event in zip(cells, shown, strict=True):
        row[1] = screen.paint(row[1], "yellow" if event.type == "Warning" else "")
        lines.append("  ".join(row))
    return [screen.paint("EVENTS", "dim"), *lines]


def said(event: Told) -> str:
    """Return an event's message in one line, with how often it was said."""
    return event.message + (f" ({event.count} times)" if event.count > 1 else "")


def _age(at: str | datetime, now: datetime) -> float:
    return (now - (moment(at) if isinstance(at, str) else at)).total_seconds()
