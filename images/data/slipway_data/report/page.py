"""How does a report look as one page? No script, no request to anywhere, and nothing of the data is taken for markup.

The page is well-formed XML too, so that a test can read it with a strict parser.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from slipway.contract.dataset_report import DatasetReport

PARTS = Path(__file__).parent
TITLES = {"TrainedText": "Trained text", "WholeRow": "Whole row"}


def page(report: DatasetReport) -> str:
    """Return the page's HTML."""
    environment = Environment(
        loader=FileSystemLoader(PARTS), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": _number, "share": _share}
    style = (PARTS / "page.css").read_text(encoding="utf-8")
    # The policy allows this very style and nothing else: markup that slipped in could load or run nothing.
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = environment.get_template("page.html.j2")
    kept = report.rows.train + report.rows.validation + report.rows.test
    return template.render(report=report, kept=kept, titles=TITLES, style=style, allowed=allowed)


def _number(value: int) -> str:
    return f"{value:,}"


def _share(value: int, whole: int) -> str:
    """Return `value` in hundredths of `whole`, for the width of a bar."""
    return f"{value * 100 / whole:.2f}" if whole else "0"
