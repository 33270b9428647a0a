"""How does a study look as one page?"""

from __future__ import annotations

from pathlib import Path

from slipway.contract.job import PlotStudy
from slipway_data.study.plots import plots
from slipway_data.study.scales import HEIGHT, WIDTH
from slipway_pod.page import rendered


def page(job: PlotStudy) -> str:
    """Return the page's HTML, well-formed XML too."""
    study = job.study
    best = next((trial for trial in study.trials if trial.number == study.best), None)
    return rendered(
        Path(__file__).parent,
        "page.html.j2",
        job=job,
        study=study,
        best=best,
        plots=plots(study),
        width=WIDTH,
        height=HEIGHT,
    )
