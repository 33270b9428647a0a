"""How does the report of a run look as one page?"""

from __future__ import annotations

from pathlib import Path

from slipway.api.trainingjob_status import RunMemory
from slipway.contract.training_report import TrainingReport
from slipway_pod.page import rendered
from slipway_train_torch.report import draw

ENDED = {
    "Stopped": "asked to stop; everything was saved",
    "Killed": "ended without a word: killed, or its node lost",
    "ResultLost": "was done, but nobody heard its result",
}
"""How attempts end, for people; failures say their own reason."""


def page(report: TrainingReport) -> str:
    """Return the page's HTML."""
    return rendered(
        Path(__file__).parent,
        "page.html.j2",
        report=report,
        charts=draw.charts(report),
        width=draw.WIDTH,
        height=draw.HEIGHT,
        left=draw.LEFT,
        right=draw.WIDTH - draw.RIGHT,
        top=draw.TOP,
        bottom=draw.HEIGHT - draw.BOTTOM,
        ended=ENDED,
        took=duration(report.seconds),
        memory=memory(report.memory),
    )


def memory(found: RunMemory | None) -> list[tuple[str, int]]:
    """Return the rows of the table of memory, in bytes; what is not known is left out."""
    if found is None:
        return []
    rows = (
        ("weights", found.weights_bytes),
        ("gradients", found.gradients_bytes),
        ("optimiser", found.optimiser_bytes),
        ("activations of the largest piece", found.activations_bytes),
        ("loss", found.loss_bytes),
        ("safety", found.safety_bytes),
        ("estimated, all together", found.total_bytes),
        ("there for the run", found.available_bytes),
        ("measured at most", found.peak_bytes),
    )
    return [(what, size) for what, size in rows if size is not None]


def duration(seconds: int) -> str:
    """Return a time for people: 1 h 02 min, 3 min 04 s, 5 s."""
    minutes, rest = divmod(seconds, 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
