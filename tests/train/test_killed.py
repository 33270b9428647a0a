"""Does a trainer whose process is killed, again and again and at any moment, end in the bits of one that never was?"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slipway.api.trainingjob import Checkpoint
from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Trained, parse_result
from tests.train.runs import Bench, same
from tests.train.test_process import COMMAND, environment
from tests.train.test_recipe import without_measures

STEPS = 60
RECIPE: dict[str, Any] = {
    "max_steps": STEPS,
    "epochs": 1000,
    "dropout_percent": 5,
    "evaluate_every_steps": 7,
    "publish": "Best",
}
CHECKPOINT = Checkpoint(every_steps=3, keep=2)
AMID = """
import os, signal, sys
from slipway_pod.store import Bucket
from slipway_train_torch.causal_lm.__main__ import start

doing, part, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
plain = getattr(Bucket, doing)

def deadly(self, key, *content):
    global left
    if "checkpoints/" in key and key.endswith(part):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
    return plain(self, key, *content)

setattr(Bucket, doing, deadly)
start()
"""
"""A training pod that dies of the n-th time that it would put or delete a part of a checkpoint."""


def amid(doing: str, part: str, times: int) -> list[str]:
    """Return the command of a pod that dies there."""
    return [sys.executable, "-c", AMID, doing, part, str(times)]


def killed(bench: Bench, told: Any, command: Sequence[str], line: str = "", after: float = 0.0) -> None:
    """Run a pod until its log says `line`, and `after` seconds later kill it; one without `line` kills itself."""
    with subprocess.Popen(command, env=told, stderr=subprocess.PIPE, text=True) as pod:
        assert pod.stderr is not None
        said = []
        for here in pod.stderr:
            said.append(here)
            if line and line in here:
                time.sleep(after)
                pod.kill()
                break
        said.append(pod.stderr.read())
    assert pod.returncode == -signal.SIGKILL, "".join(said)
    assert not (bench.folder / "termination-log").exists(), "a killed process tells nothing"


def test_a_run_that_is_killed_again_and_again_ends_in_the_bits_of_one_that_is_not(bench: Bench) -> None:
    straight = bench.run(bench.job("straight", checkpoint=CHECKPOINT, **RECIPE))
    told = environment(bench, bench.job("killed", checkpoint=CHECKPOINT, **RECIPE))
    draw = random.Random(16)
    killed(bench, told, COMMAND, "step 2 of")  # nothing is saved yet
    killed(bench, told, COMMAND, "saved step 3 ")
    # Between the first file of a checkpoint and its manifest, and with an old checkpoint half deleted.
    killed(bench, told, amid("put", "state.safetensors", 2))
    killed(bench, told, amid("put", "manifest.json", 2))
    killed(bench, told, amid("delete", "state.json", 1))
    for _ in range(2):
        killed(bench, told, COMMAND, ": loss ", draw.uniform(0, 0.3))
    done = subprocess.run(COMMAND, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "resumed after step" in done.stderr
    result = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(result, Trained)
    assert same(bench.adapter(straight), bench.adapter(result))
    one, other = ([without_measures(line) for line in bench.history(r)] for r in (straight, result))
    assert [line["step"] for line in other if "loss" in line] == list(range(1, STEPS + 1)), "each step stands once"
    assert one == other
    assert isinstance(straight, Trained)
    assert (result.published_step, result.tokens) == (straight.published_step, straight.tokens)
    assert result.report is not None
    folder = Path(bench.folder, "store", result.report.removeprefix("s3://")).parent
    report = json.loads((folder / "report.json").read_text())
    assert [restart["ended"] for restart in report["restarts"]] == ["Killed"] * 7
    told_of = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert [without_measures(line) for line in told_of] == one
