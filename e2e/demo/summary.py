"""What does the terminal say at the end?"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from e2e.demo.cast import NAMESPACE, ROLLOUT, SYSTEM
from e2e.demo.figures import VersionRow, rollback_seconds, version_rows
from e2e.demo.tape import Tape
from e2e.demo.verdicts import Check
from e2e.setup.progress import duration

COMMANDS = (
    "make shell",
    f"kubectl -n {NAMESPACE} get slipway",
    f"kubectl -n {NAMESPACE} describe rollout {ROLLOUT}",
    f"kubectl -n {NAMESPACE} get modelversions -o wide",
    f"kubectl -n {NAMESPACE} get httproute {ROLLOUT} -o yaml",
    f"kubectl -n {NAMESPACE} get events --sort-by=.lastTimestamp",
    f"kubectl -n {SYSTEM} logs deployment/slipway --tail=50",
)
NOTHING = "-"


def summary(tape: Tape, checks: Sequence[Check]) -> RenderableType:
    """Return the closing table, the checks and what to do next."""
    seconds = rollback_seconds(tape)
    told = f"{seconds:.1f} s" if seconds is not None else "never seen"
    return Group(
        Text(),
        versions(version_rows(tape)),
        Text(f"\nfrom v4's first failed request to weight 0: {told}\n"),
        _checks(checks),
        Text("\nLook around:", "bold"),
        *(Text(f"  {command}") for command in COMMANDS),
        Text(),
    )


def versions(rows: Sequence[VersionRow]) -> Table:
    """Return the table of versions."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("version")
    for name in ("held-out loss", "compared with", "valid", "steps", "trained for", "served", "failed", "p50", "p95"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for row in rows:
        table.add_row(
            row.name,
            _number(row.held_out_loss, "{:.2f}"),
            _number(row.reference_loss, "{:.2f}"),
            _number(row.valid_percent, "{:.0f} %"),
            _number(row.steps, "{}"),
            duration(row.training_seconds) if row.training_seconds is not None else NOTHING,
            str(row.served),
            str(row.failed),
            _number(row.p50, "{:.2f} s"),
            _number(row.p95, "{:.2f} s"),
            Text(row.verdict, "green" if row.good else "red"),
        )
    return table


def _checks(checks: Sequence[Check]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), show_header=False)
    for check in checks:
        mark, style = ("✓", "green") if check.held else ("✗", "red bold")
        table.add_row(
            Text(mark, style), check.chapter, check.claim, Text(check.evidence, "dim" if check.held else style)
        )
    return table


def _number(value: float | None, form: str) -> str:
    return NOTHING if value is None else form.format(value)
