"""How does the report of a Dataset look as one page?"""

from __future__ import annotations

from pathlib import Path

from slipway.contract.dataset_report import DatasetReport
from slipway_data.licence import NOASSERTION, NONE
from slipway_pod.page import rendered

TITLES = {
    "TrainedText": "Trained text",
    "WholeRow": "Whole row",
    "Tokens": "Tokens of a whole row",
    "TrainedTokens": "Tokens of it that are trained",
}
CUTS = {
    "MissingNode": "the file has no such node that can be used",
    "MissingPin": "the node has no such pin",
    "OneSided": "the other pin does not link back",
}
UNKNOWN = {
    NONE: "neither the row nor its file states a licence, and no folder above has a licence file that the source's "
    "include patterns let through.",
    NOASSERTION: "something is stated that is no expression of SPDX, or a licence file has the words of none that is "
    "known.",
}


def page(report: DatasetReport) -> str:
    """Return the page's HTML."""
    kept = report.rows.train + report.rows.validation + report.rows.test
    words = {"titles": TITLES, "unknown": UNKNOWN, "cuts": CUTS}
    return rendered(Path(__file__).parent, "page.html.j2", report=report, kept=kept, **words)
