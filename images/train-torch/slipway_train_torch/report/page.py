"""How does the report of a run look as one page?"""

from __future__ import annotations

from pathlib import Path

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
    )


def duration(seconds: int) -> str:
    """Return a time for people: 1 h 02 min, 3 min 04 s, 5 s."""
    minutes, rest = divmod(seconds, 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
