"""What does the closing page say? The tape as one self-contained HTML file."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from e2e.demo import facts
from e2e.demo.cast import SHORT_NAMES
from e2e.demo.figures import VersionRow, rollback_seconds, version_rows
from e2e.demo.page import chart
from e2e.demo.tape import Tape
from e2e.demo.verdicts import Check, verdicts
from e2e.setup.progress import duration

PARTS = Path(__file__).parent
OUTCOMES = {
    "v1": "trained, better than the base model, serves",
    "v2": "walked the canary steps, promoted with its warm pods",
    "v3": "rejected by its gate, never got a request",
    "v4": "passed its gate, failed its users, rolled back",
    "users": "served by a good version, noticed nothing",
}
NOTHING = "-"


def page(tape: Tape, commands: Sequence[str]) -> str:
    """Return the page's HTML."""
    checks = verdicts(tape)
    found = chart.series(tape)
    held = all(check.held for check in checks)
    return Template((PARTS / "template.html").read_text()).substitute(
        style=(PARTS / "style.css").read_text(),
        script=(PARTS / "hover.js").read_text(),
        headline="All outcomes were observed" if held else "Not every outcome was observed",
        tone="good" if held else "bad",
        when=time.strftime("%d %B %Y, %H:%M", time.localtime(tape.begun)),
        took=duration(tape.ended - tape.begun),
        tiles="".join(_tile(name, [c for c in checks if c.chapter == name]) for name in OUTCOMES),
        figures=_figures(tape),
        legend="".join(f'<span class="key {name}">{name}</span>' for name in SHORT_NAMES if found.buckets[name]),
        plot=chart.svg(found),
        data=json.dumps(_hover_data(found), separators=(",", ":")).replace("</", "<\\/"),
        rows="".join(_row(row) for row in version_rows(tape)),
        checks="".join(_check(check) for check in checks),
        commands=escape("\n".join(commands)),
    )


def _tile(name: str, checks: Sequence[Check]) -> str:
    held = all(check.held for check in checks)
    tone, sign = ("good", "✓") if held else ("bad", "✗")
    return f'<li class="{tone}"><b><i>{sign}</i> {name}</b>{OUTCOMES[name]}</li>'


def _figures(tape: Tape) -> str:
    total, failed = len(tape.requests), sum(r.failed for r in tape.requests)
    seconds = rollback_seconds(tape)
    answers = [r.seconds for r in tape.requests if not r.failed]
    figures = (
        (f"{total}", "requests sent"),
        (f"{failed}", "failed, all versions together"),
        (f"{seconds:.1f} s" if seconds is not None else NOTHING, "from v4's first failed request to weight 0"),
        (_seconds(facts.percentile(answers, 95)), "95th percentile of latency"),
    )
    return "".join(f"<div><b>{value}</b>{label}</div>" for value, label in figures)


def _row(row: VersionRow) -> str:
    cells = (
        f'<span class="key {row.name}">{row.name}</span>',
        _number(row.held_out_loss, "{:.2f}"),
        _number(row.reference_loss, "{:.2f}"),
        _number(row.valid_percent, "{:.0f} %"),
        _number(row.steps, "{}"),
        duration(row.training_seconds) if row.training_seconds is not None else NOTHING,
        str(row.served),
        f'<span class="bad">{row.failed}</span>' if row.failed else "0",
        _seconds(row.p50),
        _seconds(row.p95),
        f'<span class="{"good" if row.good else "bad"}">{"✓" if row.good else "✗"} {escape(row.verdict)}</span>',
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _check(check: Check) -> str:
    tone, sign = ("good", "✓") if check.held else ("bad", "✗")
    return (
        f'<tr><td class="{tone}">{sign}</td><td>{check.chapter}</td>'
        f"<td>{escape(check.claim)}</td><td>{escape(check.evidence)}</td></tr>"
    )


def _hover_data(found: chart.Series) -> dict[str, object]:
    """Return what the tooltip shows, times in seconds since the start."""
    return {
        "span": round(found.ended - found.begun, 1),
        "weights": [
            [round(w.at - found.begun, 1), {n: round(w.percent(chart.version(n))) for n in SHORT_NAMES}]
            for w in found.weights
        ],
        "buckets": {
            name: [
                [round(b.at - found.begun, 1), b.count, round(b.error_percent), round(b.p50, 2), round(b.p95, 2)]
                for b in points
            ]
            for name, points in found.buckets.items()
            if points
        },
    }


def _number(value: float | None, form: str) -> str:
    return NOTHING if value is None else form.format(value)


def _seconds(value: float | None) -> str:
    return _number(value, "{:.2f} s")
