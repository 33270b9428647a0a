"""How does a pod's program end?"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.api.dataset import Rows
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import Fetch, PrepareDataset
from slipway.contract.result import LIMIT, Evaluated, Failed, Preempted, encode, parse_result
from slipway_pod import run
from slipway_pod.errors import BadConfig, BadData, DigestMismatch, OutOfMemory, PodError, StoreUnreachable
from slipway_pod.stop import StopFlag, Stopped

FETCH = {"type": "Fetch", "namespace": "n", "name": "x", "store": {"bucket": "b"}, "items": []}


@pytest.fixture
def job(tmp_path: Path) -> Path:
    path = tmp_path / "job.json"
    path.write_text(json.dumps(FETCH))
    return path


def raising(error: BaseException) -> object:
    def handler(job: Fetch) -> None:
        raise error

    return handler


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (BadData("TooFewRows", "three rows"), 10, "TooFewRows"),
        (BadConfig("NoSuchBucket", "gone"), 11, "NoSuchBucket"),
        (DigestMismatch("DigestMismatch", "other bytes"), 12, "DigestMismatch"),
        (OutOfMemory("OutOfMemory", "too big"), 20, "OutOfMemory"),
        (StoreUnreachable("StoreUnreachable", "silent"), 31, "StoreUnreachable"),
        (MemoryError(), 20, "OutOfMemory"),
        (ZeroDivisionError("division by zero"), 1, "Unexpected"),
    ],
)
def test_every_fault_has_its_code_and_reason(job: Path, error: BaseException, code: int, reason: str) -> None:
    found, result = run.attempt(raising(error), Fetch, job)
    assert found == code
    assert isinstance(result, Failed)
    assert result.reason == reason
    assert result.message


def to_a_full_device(job: Fetch) -> None:
    with Path("/dev/full").open("wb") as file:
        file.write(b"row")


def to_a_full_table(job: Fetch) -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("PRAGMA max_page_count=2")
        database.execute("CREATE TABLE rows (id TEXT)")
        database.executemany("INSERT INTO rows VALUES (?)", [("x" * 4096,)] * 8)


def by_a_library_in_rust(job: Fetch) -> None:
    try:
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    except RuntimeError as error:
        raise ValueError("the checkpoint cannot be written") from error


@pytest.mark.parametrize("write", [to_a_full_device, to_a_full_table, by_a_library_in_rust])
def test_a_full_disk_is_told_with_its_cure_and_tried_again(job: Path, write: Callable[[Fetch], None]) -> None:
    code, result = run.attempt(write, Fetch, job)
    assert code == ExitCode.UNEXPECTED, "counted, and tried again"
    assert isinstance(result, Failed)
    assert result.reason == "DiskFull"
    assert "raise resources.storage" in result.message


def test_results_set_the_code(job: Path) -> None:
    assert run.attempt(lambda _: None, Fetch, job) == (ExitCode.OK, None)
    assert run.attempt(lambda _: Preempted(step=7), Fetch, job)[0] == ExitCode.PREEMPTED
    assert run.attempt(lambda _: Evaluated(digest="sha256:x"), Fetch, job)[0] == ExitCode.OK


def test_work_that_was_stopped_and_is_kept_is_told_as_preempted(job: Path) -> None:
    def stopped(_: Fetch) -> None:
        with StopFlag.meanwhile() as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.wait(10)
        raise Stopped(3)

    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert run.attempt(stopped, Fetch, job) == (ExitCode.PREEMPTED, Preempted(step=3))
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_result_too_long_for_the_kubelet_is_a_fault_not_a_cut_message(job: Path) -> None:
    bounds = {"m": {str(i): "0" * 20 for i in range(300)}}
    code, result = run.attempt(lambda _: Evaluated(digest="x", lower_bounds=bounds), Fetch, job)
    assert code == ExitCode.UNEXPECTED
    assert "the kubelet keeps 4096" in result.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "job.json"),
        ("not json", "job.json"),
        (json.dumps(FETCH | {"colour": "red"}), "colour"),
        (json.dumps(FETCH | {"contract": 2}), "contract"),
    ],
)
def test_a_wrong_job_file_is_bad_config_and_names_the_field(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "job.json"
    path.write_text(text)
    code, result = run.attempt(lambda _: None, Fetch, path)
    assert code == ExitCode.BAD_CONFIG
    assert words in result.message


def test_a_missing_or_foreign_job_file_is_bad_config(tmp_path: Path, job: Path) -> None:
    assert run.attempt(lambda _: None, Fetch, tmp_path / "none")[0] == ExitCode.BAD_CONFIG
    code, result = run.attempt(lambda _: None, PrepareDataset, job)
    assert code == ExitCode.BAD_CONFIG
    assert "Fetch" in result.message
    assert "PrepareDataset" in result.message


@pytest.mark.parametrize("letter", ["a", "ü", "🦙", '"', "\x00", "\\"])
@pytest.mark.parametrize("length", [10, 1799, 1801, 50_000])
def test_messages_always_fit_and_stay_readable(letter: str, length: int) -> None:
    error = BadData("Bad", letter * length, example=letter * length, report="s3://b/" + "r" * 2000, rows=Rows(train=1))
    text = encode(error.result())
    assert len(text.encode()) <= LIMIT
    result = parse_result(text)
    assert isinstance(result, Failed)
    assert result.message.startswith(letter)
    assert result.message == letter * length if length == 10 else result.message.endswith(("…", letter))
    assert (length <= 1800) or result.message.endswith("…")
    assert result.rows == Rows(train=1)


def test_errors_read_as_a_sentence_with_an_example() -> None:
    assert str(PodError("Bad", "it is bad", example="row 7")) == "Bad: it is bad (for example row 7)"


PROGRAM = """
import os, sys, time
from slipway.contract.job import Fetch
from slipway_pod import run

def handler(job):
    print("ready", flush=True)
    time.sleep(60)

run.main(handler, Fetch)
"""


def test_sigterm_ends_a_program_that_does_not_ask_for_it(job: Path, tmp_path: Path) -> None:
    environment = os.environ | {
        "SLIPWAY_JOB": str(job),
        "SLIPWAY_TERMINATION_LOG": str(tmp_path / "end"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    with subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 143


def test_the_termination_message_is_written_where_the_kubelet_reads_it(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_JOB", str(job))
    monkeypatch.setenv("SLIPWAY_TERMINATION_LOG", str(tmp_path / "end"))
    with pytest.raises(SystemExit) as ended:
        run.main(raising(BadData("Bad", "it is bad")), Fetch)
    assert ended.value.code == 10
    assert parse_result((tmp_path / "end").read_text()) == Failed(reason="Bad", message="it is bad")
