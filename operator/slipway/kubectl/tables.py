"""What do `list` and `history` show?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from slipway.api.conditions import moment
from slipway.kubectl.picture import STATE_STYLE
from slipway.kubectl.progress import place
from slipway.kubectl.release import Release
from slipway.kubectl.text import Screen, clock, plain, span, table


def listing(releases: Sequence[Release], now: datetime, screen: Screen, namespaces: bool) -> list[str]:
    """Return a line for each Rollout, under a head."""
    rows: list[tuple[str, ...]] = [
        ("NAMESPACE", "NAME", "STATE", "STABLE", "CANDIDATE", "SHARE", "PLACE", "READY", "SINCE", "MESSAGE")
    ]
    rows += [tuple(_row(release, now)) for release in releases]
    first = 0 if namespaces else 1
    cells = table([row[first:] for row in rows], right=frozenset({5 - first, 7 - first}))
    for row, release in zip(cells[1:], releases, strict=True):
        row[2 - first] = screen.paint(row[2 - first], STATE_STYLE.get(release.status.state, "yellow"))
    return screen.narrowed(["  ".join(row).rstrip() for row in cells])


def _row(release: Release, now: datetime) -> Iterable[str]:
    status, ready = release.status, release.ready
    yield from (release.namespace, release.name, status.state)
    yield status.stable.version if status.stable is not None else "-"
    yield status.candidate.version if status.candidate is not None else "-"
    yield f"{status.percent} %" if status.candidate is not None else "-"
    yield place(release) or "-"
    yield str(status.replicas)
    yield span((now - moment(ready.last_transition_time)).total_seconds()) if ready is not None else "-"
    yield plain(status.message)


def history(release: Release, screen: Screen) -> list[str]:
    """Return a line for each revision that served or tried to, the newest first."""
    status = release.status
    if not status.history:
        return ["Nothing has served yet."]
    why = {(entry.revision, entry.at): f"{entry.reason}: {plain(entry.message)}" for entry in status.failed}
    rows = [("VERSION", "REVISION", "DIGEST", "STABLE SINCE", "ENDED", "OUTCOME", "WHY")]
    rows += [
        (
            entry.version,
            entry.revision,
            entry.digest.removeprefix("sha256:")[:12],
            clock(entry.promoted_at),
            clock(entry.replaced_at),
            entry.outcome,
            why.get((entry.revision, entry.replaced_at or ""), ""),
        )
        for entry in status.history
    ]
    cells = table(rows)
    for row, entry in zip(cells[1:], status.history, strict=True):
        row[5] = screen.paint(row[5], {"Stable": "green", "RolledBack": "red"}.get(entry.outcome, ""))
    return screen.narrowed(["  ".join(row).rstrip() for row in cells])
