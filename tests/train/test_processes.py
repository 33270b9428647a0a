"""Do two processes learn what one learns, stop and go on together, and end as one?"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from slipway.api.common import ArtifactRef
from slipway.api.stages import DPO, Stage
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import Train
from slipway.contract.result import Failed, Preempted, Trained, parse_result
from slipway_train_torch.causal_lm.processes.launch import RANK, SHARED, SIZE, environment
from slipway_train_torch.causal_lm.processes.ranks import Ranks
from tests.train.runs import Bench, same
from tests.train.test_dpo import pair, preferences, with_pairs
from tests.train.test_process import COMMAND
from tests.train.test_process import environment as pod_environment


def both(job: Train) -> Train:
    """Return `job` for two processes."""
    return job.model_copy(update={"processes": 2})


def pod(bench: Bench, job: Train) -> Trained:
    """Return what a pod that does `job` leaves."""
    told = pod_environment(bench, job)
    done = subprocess.run(COMMAND, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.OK, done.stderr
    result = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(result, Trained)
    return result


def alike(bench: Bench, one: Trained, other: Trained) -> None:
    """Require that two runs went the same way, but for rounding."""
    figures = ("loss", "validationLoss", "gradientNorm", "rewardMargin")
    curves = [
        [line[name] for line in bench.history(result) for name in figures if name in line] for result in (one, other)
    ]
    assert len(curves[0]) == len(curves[1]) > 6
    assert curves[0] == pytest.approx(curves[1], rel=2e-3, abs=1e-5)
    assert (one.steps, one.tokens) == (other.steps, other.tokens)


@pytest.mark.parametrize("processes", [1, 2])
def test_how_the_interpreter_ends_is_no_end_of_a_run(bench: Bench, processes: int) -> None:
    aborts = "import atexit, os; atexit.register(os.abort); from slipway_train_torch.causal_lm.__main__ import start"
    command = [sys.executable, "-c", f"{aborts}; start()"]
    job = bench.job(max_steps=2).model_copy(update={"processes": processes})
    launcher = [sys.executable, "-c", LAUNCH] if processes > 1 else []
    done = subprocess.run([*launcher, *command], env=pod_environment(bench, job), capture_output=True, check=False)
    assert done.returncode == ExitCode.OK, done.stderr.decode()
    assert isinstance(parse_result((bench.folder / "termination-log").read_text()), Trained)


def test_two_processes_go_the_way_of_one(bench: Bench) -> None:
    # Batches of three: one process has two rows, the other one; the last of an epoch may leave it without any.
    told: dict[str, Any] = {"max_steps": 8, "batch_size": 3, "evaluate_every_steps": 4}
    alone = bench.run(bench.job("alone", **told))
    assert isinstance(alone, Trained)
    together = pod(bench, both(bench.job("together", **told)))
    alike(bench, alone, together)
    one, other = bench.adapter(alone), bench.adapter(together)
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, rtol=2e-2, atol=2e-4)


def test_pairs_in_two_processes_go_the_way_of_one(bench: Bench) -> None:
    pairs = with_pairs(bench, [pair(at) for at in range(7)], [pair(at) for at in range(7, 10)])
    told: dict[str, Any] = {"dpo": DPO(beta="0.5"), "evaluate_every_steps": 3}
    alone = preferences(pairs, pairs.job("alone", **told)).run()
    assert isinstance(alone, Trained)
    alike(pairs, alone, pod(pairs, both(pairs.job("together", **told))))


def test_sigterm_reaches_all_and_the_next_pod_goes_on_to_the_same_bits(bench: Bench) -> None:
    told: dict[str, Any] = {"max_steps": 60, "epochs": 1000, "dropout_percent": 5}
    straight = pod(bench, both(bench.job("straight", **told)))
    job = both(bench.job("stopped", **told))
    around = pod_environment(bench, job)
    with subprocess.Popen(COMMAND, env=around, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "step 3 of" in line:
                running.send_signal(signal.SIGTERM)
                break
        rest = running.stderr.read()
    assert running.returncode == ExitCode.PREEMPTED, rest
    stopped = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(stopped, Preempted)
    assert 3 <= stopped.step < 60
    assert same(bench.adapter(straight), bench.adapter(pod(bench, job)))


def test_stages_in_two_processes_are_gone_through(bench: Bench) -> None:
    stages = [Stage(name="one", max_steps=2), Stage(name="two", max_steps=3)]
    job = both(bench.job("staged", stages=stages))
    result = pod(bench, job.model_copy(update={"stage_data": (bench.dataset, bench.dataset)}))
    assert result.steps == 5


def test_a_typed_error_of_one_ends_all(bench: Bench) -> None:
    wrong = ArtifactRef(uri=bench.base.uri, digest="sha256:" + "0" * 64)
    job = both(bench.job()).model_copy(update={"base_model": wrong})
    done = subprocess.run(COMMAND, env=pod_environment(bench, job), capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.DIGEST_MISMATCH, done.stderr
    result = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(result, Failed)
    assert result.reason == "DigestMismatch"


LAUNCH = (
    "import sys; from slipway_train_torch.causal_lm.processes.launch import launch; sys.exit(launch(2, sys.argv[1:]))"
)


@pytest.mark.parametrize(
    ("child", "code"),
    [
        ("import os, sys; sys.exit(0 if os.environ['RANK'] == '1' else 30)", 30),
        ("import os, sys, time; time.sleep(0 if os.environ['RANK'] == '1' else 600); sys.exit(11)", 11),
        ("import os, time; os.environ['RANK'] == '0' and os.kill(os.getpid(), 9); time.sleep(600)", 137),
    ],
)
def test_processes_end_as_one(bench: Bench, child: str, code: int) -> None:
    command = [sys.executable, "-c", LAUNCH, sys.executable, "-c", child]
    done = subprocess.run(
        command, env=pod_environment(bench, bench.job()), capture_output=True, check=False, timeout=60
    )
    assert done.returncode == code, done.stderr


def test_the_cause_is_told_not_what_others_made_of_it(bench: Bench) -> None:
    child = (
        "import os, pathlib, sys, time; rank = os.environ['RANK']; time.sleep(float(rank) / 2)\n"
        "pathlib.Path(os.environ['SLIPWAY_TERMINATION_LOG']).write_text('of ' + rank)\n"
        f"sys.exit({int(ExitCode.BAD_DATA)} if rank == '1' else {int(ExitCode.UNEXPECTED)})"
    )
    told = pod_environment(bench, bench.job())
    done = subprocess.run([sys.executable, "-c", LAUNCH, sys.executable, "-c", child], env=told, check=False)
    assert done.returncode == ExitCode.BAD_DATA
    assert (bench.folder / "termination-log").read_text() == "of 1"


def test_each_process_gets_its_share_of_the_cpus() -> None:
    found = environment({"OMP_NUM_THREADS": "5", "HOME": "/"}, 1, 2, Path("/shared"))
    assert (found["OMP_NUM_THREADS"], found[RANK], found[SIZE], found[SHARED], found["HOME"]) == (
        "2",
        "1",
        "2",
        "/shared",
        "/",
    )
    assert environment({"OMP_NUM_THREADS": "1"}, 0, 4, Path("/shared"))["OMP_NUM_THREADS"] == "1"


def test_random_states_are_kept_apart() -> None:
    one, two = torch.tensor([1]), torch.tensor([2])
    states = {"cpu": one, "cpu@1": two}
    assert Ranks(0, 2).own(states) == {"cpu": one}
    assert Ranks(1, 2).own(states) == {"cpu": two}
    assert Ranks(2, 3).own(states) == {}, "it resumes with more processes than there were"
