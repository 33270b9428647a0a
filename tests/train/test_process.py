"""Does a training pod's process keep the contract: job file in, result and exit code out, SIGTERM saves?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from slipway.api.common import ArtifactRef
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import Train
from slipway.contract.result import Failed, Preempted, Trained, parse_result
from tests.train.runs import Bench, same

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("operator", "images/common", "images/data", "images/train-torch")


def environment(bench: Bench, job: Train) -> Mapping[str, str]:
    """Return the environment of a pod that does `job`."""
    (bench.folder / "job.json").write_text(job.model_dump_json(by_alias=True, exclude_none=True))
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / package) for package in PACKAGES),
        "SLIPWAY_JOB": str(bench.folder / "job.json"),
        "SLIPWAY_TERMINATION_LOG": str(bench.folder / "termination-log"),
        "TMPDIR": str(bench.folder),
        "OMP_NUM_THREADS": "1",
    }


COMMAND = [sys.executable, "-m", "slipway_train_torch.causal_lm"]


def test_sigterm_saves_the_step_and_the_next_pod_goes_on_from_there(bench: Bench) -> None:
    job = bench.job("pod", max_steps=150, epochs=1000, dropout_percent=5)
    straight = bench.run(bench.job("straight", max_steps=150, epochs=1000, dropout_percent=5))
    told = environment(bench, job)
    with subprocess.Popen(COMMAND, env=told, stderr=subprocess.PIPE, text=True) as pod:
        assert pod.stderr is not None
        for line in pod.stderr:
            if "step 3 of" in line:
                pod.send_signal(signal.SIGTERM)
                break
        rest = pod.stderr.read()
    assert pod.returncode == ExitCode.PREEMPTED, rest
    result = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(result, Preempted)
    assert 3 <= result.step < 150
    done = subprocess.run(COMMAND, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.OK, done.stderr
    assert f"resumed after step {result.step}" in done.stderr
    trained = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(trained, Trained)
    assert (trained.steps, trained.formats) == (150, ("SafeTensors",))
    assert same(bench.adapter(straight), bench.adapter(trained))


def test_wrong_bytes_end_with_the_code_of_a_digest_mismatch(bench: Bench) -> None:
    wrong = ArtifactRef(uri=bench.base.uri, digest="sha256:" + "0" * 64)
    job = bench.job().model_copy(update={"base_model": wrong})
    done = subprocess.run(COMMAND, env=environment(bench, job), capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.DIGEST_MISMATCH, done.stderr
    result = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(result, Failed)
    assert result.reason == "DigestMismatch"
