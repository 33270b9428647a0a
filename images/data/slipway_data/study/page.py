"""How does a study look as one page? As strict as a Dataset's report: no script, no request to anywhere."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from slipway.contract.job import PlotStudy
from slipway_data import report
from slipway_data.study.plots import plots
from slipway_data.study.scales import HEIGHT, WIDTH

PARTS = Path(__file__).parent
COMMON_STYLE = Path(report.__file__).parent / "page.css"


def page(job: PlotStudy) -> str:
    """Return the page's HTML, well-formed XML too."""
    environment = Environment(
        loader=FileSystemLoader(PARTS), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["place"] = lambda value: f"{value:.1f}"
    style = COMMON_STYLE.read_text(encoding="utf-8") + (PARTS / "page.css").read_text(encoding="utf-8")
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    best = next((trial for trial in job.study.trials if trial.number == job.study.best), None)
    return environment.get_template("page.html.j2").render(
        job=job, study=job.study, best=best, plots=plots(job.study), width=WIDTH, height=HEIGHT,
        style=style, allowed=allowed,
    )  # fmt: skip
