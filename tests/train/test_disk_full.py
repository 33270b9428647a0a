"""Is a disk that fills up under a training pod told as that, and does the run go on from its checkpoint when there is
room again?

The disk is a real one: a small tmpfs, mounted for the pod alone, that is filled to the last byte at a moment of the
run. What fails is the kernel's write, not one that a test made fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch

from slipway.api.trainingjob import Checkpoint
from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, Trained, parse_result
from slipway.contract.training_report import TrainingReport
from slipway_train_torch.causal_lm.checkpoint import Checkpoints
from tests.train.runs import Bench, same
from tests.train.test_process import COMMAND, environment

RECIPE: dict[str, Any] = {"max_steps": 8, "epochs": 1000, "dropout_percent": 5}
CHECKPOINT = Checkpoint(every_steps=3, keep=2)
FULL = """
import os, sys
from slipway_train_torch.causal_lm import checkpoint, export, recipe
from slipway_train_torch.causal_lm.__main__ import start

moment, left, disk = sys.argv[1], int(sys.argv[2]), os.environ["TMPDIR"]
where = {
    "fetch": (recipe, "fetch"),
    "save": (checkpoint, "save_file"),
    "restore": (checkpoint.Checkpoints, "restore"),
    "export": (export, "write"),
    "card": (export, "ModelCard"),
}[moment]
plain = getattr(*where)

def first(*arguments, **options):
    global left
    left -= 1
    if not left:
        room = os.statvfs(disk)
        with open(os.path.join(disk, "filler"), "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, room.f_bavail * room.f_bsize)
    return plain(*arguments, **options)

setattr(*where, first)
start()
"""
"""A training pod whose disk is filled by others when it does something for the n-th time."""
SMALL_DISK = 'mount -t tmpfs -o size=64m none "$TMPDIR" && exec "$@"'


def on_a_small_disk(*command: str) -> Sequence[str]:
    """Return `command` with a disk of its own, mounted where TMPDIR is."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *as_root, "--mount", "sh", "-c", SMALL_DISK, "sh", *command]


@pytest.fixture
def told(bench: Bench) -> Mapping[str, str]:
    """The environment of a pod whose disk may be filled."""
    (bench.folder / "disk").mkdir()
    made = {**environment(bench, bench.job("full", checkpoint=CHECKPOINT, **RECIPE)), "TMPDIR": f"{bench.folder}/disk"}
    if subprocess.run(on_a_small_disk("true"), env=made, capture_output=True, check=False).returncode:
        pytest.skip("nobody but root may mount here")
    return made


def ended(bench: Bench, told: Mapping[str, str], *command: str) -> tuple[int, Failed | Trained, str]:
    """Return exit code, result and log of a pod."""
    done = subprocess.run(on_a_small_disk(*command), env=told, capture_output=True, text=True, check=False)
    message = bench.folder / "termination-log"
    assert message.exists(), done.stderr
    result = parse_result(message.read_text())
    message.unlink()
    assert isinstance(result, Failed | Trained), done.stderr
    return done.returncode, result, done.stderr


def report(bench: Bench) -> TrainingReport:
    """Return what the run's report says."""
    (found,) = (bench.folder / "store").glob("**/reports/tests/full/report.json")
    return TrainingReport.model_validate_json(found.read_bytes())


def checkpoints(bench: Bench) -> list[int]:
    """Return the steps of the complete checkpoints in the store, newest first."""
    store = bench.store
    return Checkpoints("s3://slipway/checkpoints/full/", store, "", CHECKPOINT.keep, bench.folder).steps()


@pytest.fixture(scope="module")
def straight() -> dict[str, dict[str, torch.Tensor]]:
    """The adapter of a run that had room, once there is one."""
    return {}


@pytest.mark.parametrize(
    ("moment", "times", "saved"),
    [
        ("fetch", 1, []),
        ("fetch", 2, []),
        ("save", 1, []),
        ("save", 2, [3]),
        ("export", 1, [6, 3]),
        ("card", 1, [6, 3]),
    ],
    ids=["the dataset", "the base model", "a first checkpoint", "a later checkpoint", "the artefact", "its last file"],
)
def test_a_full_disk_is_told_and_costs_no_checkpoint(
    bench: Bench,
    told: Mapping[str, str],
    straight: dict[str, dict[str, torch.Tensor]],
    moment: str,
    times: int,
    saved: list[int],
) -> None:
    code, result, log = ended(bench, told, sys.executable, "-c", FULL, moment, str(times))
    assert code == ExitCode.UNEXPECTED, log
    assert isinstance(result, Failed), log
    assert result.reason == "DiskFull", log
    assert "raise resources.storage, or give the node a larger disk" in result.message
    assert checkpoints(bench) == saved
    failure = report(bench).failure
    assert failure is not None
    assert failure.reason == "DiskFull"
    assert result.report.endswith("/reports/tests/full/report.html")

    code, result, log = ended(bench, told, *COMMAND)
    assert code == ExitCode.OK, log
    assert isinstance(result, Trained), log
    assert (f"resumed after step {max(saved)}" in log) if saved else ("resumed" not in log)
    if not straight:
        straight["adapter"] = bench.adapter(bench.run(bench.job("straight", checkpoint=CHECKPOINT, **RECIPE)))
    assert same(bench.adapter(result), straight["adapter"])


def test_a_checkpoint_that_has_no_room_to_be_read_is_not_passed_over(bench: Bench, told: Mapping[str, str]) -> None:
    code, _, log = ended(bench, told, sys.executable, "-c", FULL, "save", "2")
    assert checkpoints(bench) == [3], log
    code, result, log = ended(bench, told, sys.executable, "-c", FULL, "restore", "1")
    assert code == ExitCode.UNEXPECTED, log
    assert isinstance(result, Failed)
    assert result.reason == "DiskFull"
    assert checkpoints(bench) == [3], "to begin anew would have lost it"
    code, _, log = ended(bench, told, *COMMAND)
    assert code == ExitCode.OK
    assert "resumed after step 3" in log
