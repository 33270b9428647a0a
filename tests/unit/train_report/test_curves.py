"""Do curves keep what a history says, however long it is, and lie where a reader expects them?"""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest

from slipway.contract.training_report import Lowest, Restart
from slipway_train_torch.report import build, draw
from slipway_train_torch.report.curves import POINTS, curves, thinned
from tests.unit.train_report.jobs import facts, job, line


def test_each_figure_of_the_history_is_a_curve() -> None:
    found = {curve.name: curve for curve in curves([line(1), line(2), {"step": 2, "validationLoss": 2.75}])}
    assert set(found) == {
        "Loss", "ValidationLoss", "LearningRate", "GradientNorm", "TokensPerSecond", "TrainedTokensPerSecond",
        "MemoryBytes",
    }  # fmt: skip
    assert [(point.step, point.value) for point in found["Loss"].points] == [(1, 2.99), (2, 2.98)]
    assert [(point.step, point.value) for point in found["ValidationLoss"].points] == [(2, 2.75)]


def test_what_is_no_finite_number_is_no_point() -> None:
    found = curves([{"step": 1, "validationLoss": math.nan}, {"step": 2, "validationLoss": math.inf}, line(3)])
    assert "ValidationLoss" not in {curve.name for curve in found}


def test_a_long_history_is_averaged_and_a_spike_stays_visible() -> None:
    values = [(step, 1.0) for step in range(1, 10_001)]
    values[4999] = (5000, 50.0)
    found = thinned(values)
    assert len(found) == POINTS
    assert found[-1].step == 10_000
    assert max(point.high for point in found) == 50
    assert sum(point.high > point.low for point in found) == 1
    # Means of equally many are the mean of all.
    assert sum(point.value for point in found) / POINTS == pytest.approx((9_999 + 50) / 10_000)


@pytest.mark.parametrize("number", [0, 1, POINTS, POINTS + 1, 3 * POINTS - 1])
def test_no_step_is_lost_at_the_end(number: int) -> None:
    found = thinned([(step, float(step)) for step in range(1, number + 1)])
    assert len(found) <= POINTS
    assert [point.step for point in found[-1:]] == [number][: len(found)]


def test_higher_figures_lie_higher_and_later_steps_further_right(tmp_path: Path) -> None:
    made = build.told(job(tmp_path), facts(30), (), "Running", "2026-11-28T08:00:00Z")
    loss = draw.charts(made)[0]
    assert [found.label for found in loss.lines] == ["training", "validation"]
    dots = loss.lines[0].dots
    assert len(dots) == 30
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(dots)), "the loss falls"
    for across, up in dots:
        assert draw.LEFT <= across <= draw.WIDTH - draw.RIGHT
        assert draw.TOP <= up <= draw.HEIGHT - draw.BOTTOM


def test_marks_lie_at_their_steps(tmp_path: Path) -> None:
    again = Restart(step=10, reached=14, ended="Killed", at="2026-11-28T08:00:00Z")
    found = facts(30, best=Lowest(step=20, validation_loss=2.5))
    made = build.told(job(tmp_path), found, (again,), "Running", "2026-11-28T08:00:00Z")
    for chart in draw.charts(made):
        assert [(mark.style, mark.at) for mark in chart.marks] == [
            ("restart", round(draw.LEFT + (draw.WIDTH - draw.RIGHT - draw.LEFT) / 3, 1)),
            ("best", round(draw.LEFT + (draw.WIDTH - draw.RIGHT - draw.LEFT) * 2 / 3, 1)),
        ]


@pytest.mark.parametrize("value", [0.0, 1e-9, 5.0, 3e12])
def test_a_figure_that_never_changes_has_a_place(tmp_path: Path, value: float) -> None:
    flat = [{"step": step, "loss": value} for step in (1, 2)]
    made = build.told(job(tmp_path), facts(2, history=flat), (), "Running", "2026-11-28T08:00:00Z")
    (chart,) = draw.charts(made)
    assert chart.up
    assert all(draw.TOP <= up <= draw.HEIGHT - draw.BOTTOM for _, up in chart.lines[0].dots)


def test_memory_is_drawn_in_gibibytes(tmp_path: Path) -> None:
    made = build.told(job(tmp_path), facts(3), (), "Running", "2026-11-28T08:00:00Z")
    (memory,) = [chart for chart in draw.charts(made) if chart.title == "Memory, in GiB"]
    assert "3" in {tick.text for tick in memory.up}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12_500, "12.5k"), (2e-5, "2e-5"), (0.0002, "0.0002"), (2_000_000, "2M"), (0.25, "0.25"), (3e9, "3G")],
)
def test_figures_of_axes_are_short(value: float, text: str) -> None:
    assert draw.short(value) == text
