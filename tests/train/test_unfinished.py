"""Does an attempt that was killed for its memory make the next one take less, and any other one change nothing?"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slipway.api.trainingjob import Checkpoint
from slipway.api.trainingjob_status import BatchLayout
from slipway.contract.job import Train
from slipway.contract.result import Preempted, Rung, Trained
from slipway_pod.errors import BadConfig
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.layout import Layout
from slipway_train_torch.causal_lm.memory.linux import anonymous
from slipway_train_torch.causal_lm.memory.watch import Watch
from slipway_train_torch.causal_lm.unfinished import Begin, Unfinished, begin
from tests.train.runs import Bench, same
from tests.train.test_process import environment
from tests.train.test_recipe import stopping_after

REFUSED = Rung(step=2, micro_batch=4, recompute=False)


def told(layout: Layout) -> BatchLayout:
    return BatchLayout(micro_batch_size=layout.micro_batch, recompute=layout.recompute)


def mark(began: Layout, near: Layout | None = None, *rungs: Rung) -> Unfinished:
    return Unfinished(run="r", began=told(began), rungs=rungs, near=told(near) if near is not None else None)


def killed(step: int, layout: Layout) -> Rung:
    return Rung(step=step, micro_batch=layout.micro_batch, recompute=layout.recompute, reason="Killed")


@pytest.mark.parametrize(
    ("found", "planned", "layout", "rungs"),
    [
        # No attempt before, or one that ended.
        (None, Layout(8), Layout(8), []),
        # A lost node: nothing changes.
        (mark(Layout(8)), Layout(8), Layout(8), []),
        # Killed with nearly all memory in use.
        (mark(Layout(8), Layout(8)), Layout(8), Layout(4), [killed(7, Layout(4))]),
        (mark(Layout(1), Layout(1)), Layout(1), Layout(1, True), [killed(7, Layout(1, True))]),
        # Twice, before any checkpoint had the first rung.
        (
            mark(Layout(4), Layout(4), killed(1, Layout(4))), Layout(8), Layout(2),
            [killed(1, Layout(4)), killed(7, Layout(2))],
        ),
        # Then a lost node: what was taken for memory stays.
        (mark(Layout(4), None, killed(1, Layout(4))), Layout(8), Layout(4), [killed(1, Layout(4))]),
        # It was near with more than its newest checkpoint has.
        (mark(Layout(8), Layout(8)), Layout(2), Layout(2), []),
        # There is no rung below.
        (mark(Layout(1, True), Layout(1, True)), Layout(1, True), Layout(1, True), []),
    ],
)  # fmt: skip
def test_where_an_attempt_begins(found: Unfinished | None, planned: Layout, layout: Layout, rungs: list[Rung]) -> None:
    began = begin(found, Begin(planned, ()), 7)
    assert (began.layout, list(began.rungs)) == (layout, rungs)


def test_rungs_of_the_checkpoint_stay() -> None:
    began = begin(mark(Layout(4), Layout(4), REFUSED), Begin(Layout(4), (REFUSED,)), 7)
    assert list(began.rungs) == [REFUSED, killed(7, Layout(2))]


def test_what_the_kernel_can_take_back_is_not_counted(tmp_path: Path) -> None:
    file = tmp_path / "status"
    file.write_text("VmHWM:\t9000 kB\nVmRSS:\t8000 kB\nRssAnon:\t    3000 kB\nRssFile:\t5000 kB\n")
    assert anonymous(file) == 3000 * 1024
    file.write_text("Name:\tpython\n")
    assert anonymous(file) is None


# Runs

SHARED = "import os, signal\nfrom slipway_train_torch.causal_lm.memory.watch import Watch\n"
KILLED_IN_STEP_3 = """
from slipway_train_torch.causal_lm.recipe import Recipe
from slipway_train_torch.causal_lm.__main__ import start
Watch.share = lambda self: float(os.environ["SHARE"])
whole = Recipe.gradients
def gradients(self, batch):
    if self.state.step == 2:
        self.lookout.look()
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(self, batch)
Recipe.gradients = gradients
start()
"""


def kill(bench: Bench, job: Train, share: int) -> None:
    """Let a pod of `job` be killed in its third step, when it holds `share` percent of its room."""
    told = {**environment(bench, job), "SHARE": str(share)}
    command = [sys.executable, "-c", SHARED + KILLED_IN_STEP_3]
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let memory be something that runs out, and be far from it."""
    monkeypatch.setattr(Watch, "share", lambda _: 10.0)


def marks(bench: Bench, job: Train) -> list[Any]:
    folder = Path(bench.store.endpoint.removeprefix("file://")) / job.checkpoint_uri.removeprefix("s3://")
    return list((folder / "unfinished").glob("*.json")) if folder.is_dir() else []


@pytest.mark.usefixtures("limited")
def test_a_pod_killed_with_nearly_all_memory_in_use_makes_the_next_one_take_less(bench: Bench) -> None:
    job = bench.job("full", checkpoint=Checkpoint(every_steps=1, keep=2), dropout_percent=0)
    kill(bench, job, 95)
    assert marks(bench, job)
    recipe = bench.recipe(job)
    result = recipe.run()
    assert isinstance(result, Trained)
    assert recipe.ladder.layout == Layout(2)
    assert result.rungs == (killed(3, Layout(2)),)
    assert result.parameters["microBatchSize"] == "2"
    assert marks(bench, job) == []
    page = next(Path(bench.store.endpoint.removeprefix("file://")).rglob("report.html")).read_text(encoding="utf-8")
    assert "the pod before was killed" in page


@pytest.mark.usefixtures("limited")
def test_a_pod_killed_far_from_the_limit_changes_no_bit(bench: Bench) -> None:
    straight = bench.run(bench.job("straight", dropout_percent=5))
    job = bench.job("lost", checkpoint=Checkpoint(every_steps=1, keep=2), dropout_percent=5)
    kill(bench, job, 89)
    assert marks(bench, job)
    result = bench.run(job)
    assert isinstance(result, Trained)
    assert result.rungs == ()
    assert same(bench.adapter(result), bench.adapter(straight))


def test_what_ends_or_is_stopped_leaves_no_mark(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "share", lambda _: 99.0)
    job, stop = bench.job("stopped"), StopFlag()
    first = bench.recipe(job, stop)
    seen: list[int] = []

    def step() -> None:
        seen.append(len(marks(bench, job)))
        stopping_after(2, stop).__get__(first)()

    first.step = step  # type: ignore[method-assign]
    assert first.run() == Preempted(step=2)
    assert seen == [1, 1]
    assert marks(bench, job) == []
    second = bench.recipe(job)

    def fail(_: object) -> float:
        raise BadConfig("LossNotFinite", "so: lower it")

    second.gradients = fail  # type: ignore[method-assign]
    with pytest.raises(BadConfig):
        second.run()
    assert marks(bench, job) == []
    assert second.ladder.layout == Layout(4)


def test_where_nothing_limits_memory_nothing_is_marked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "share", lambda _: None)
    job = bench.job("free")
    recipe = bench.recipe(job)
    recipe.setup()
    with recipe.lookout:
        assert marks(bench, job) == []
