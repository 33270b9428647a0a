"""How does the report of a Dataset look as one page?"""

from __future__ import annotations

from pathlib import Path

from slipway.contract.dataset_report import DatasetReport
from slipway_pod.page import rendered

TITLES = {"TrainedText": "Trained text", "WholeRow": "Whole row"}


def page(report: DatasetReport) -> str:
    """Return the page's HTML."""
    kept = report.rows.train + report.rows.validation + report.rows.test
    return rendered(Path(__file__).parent, "page.html.j2", report=report, kept=kept, titles=TITLES)
