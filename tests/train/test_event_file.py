"""Does TensorBoard find every step of a run once, whatever became of the run?"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from slipway.contract.result import Preempted
from slipway.contract.training_report import folder
from slipway_pod.stop import StopFlag
from slipway_train_torch.report.event_file import EventFile
from slipway_train_torch.report.journal import EVENTS
from tests.train.runs import Bench
from tests.train.test_recipe import stopping_after


def events(path: Path) -> list[Event]:
    """Read a file of records: length, checksum of the length, bytes, checksum of the bytes."""
    found, data = [], path.read_bytes()
    while data:
        size = int.from_bytes(data[:8], "little")
        body = data[12 : 12 + size]
        assert int.from_bytes(data[8:12], "little") == masked_crc32c(data[:8])
        assert int.from_bytes(data[12 + size : 16 + size], "little") == masked_crc32c(body)
        event = Event()
        event.ParseFromString(body)
        found.append(event)
        data = data[16 + size :]
    return found


def points(path: Path, tag: str) -> list[tuple[int, float]]:
    return [
        (event.step, value.simple_value) for event in events(path) for value in event.summary.value if value.tag == tag
    ]


def test_a_history_becomes_scalars_with_their_times(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "x" / "events.out.tfevents.1")
    history = [{"step": 1, "at": 1000.5, "loss": 2.5, "learningRate": 1e-4, "seconds": 3.0}]
    file.extend(history)
    history.append({"step": 1, "at": 1001.0, "validationLoss": math.nan})
    history.append({"step": 2, "at": 1002.0, "loss": 2.25})
    file.extend(history)
    file.extend(history)
    first, *rest = events(file.path)
    assert first.file_version == "brain.Event:2"
    assert [event.wall_time for event in rest] == [1000.5, 1002.0]
    assert points(file.path, "loss/train") == [(1, 2.5), (2, 2.25)]
    assert points(file.path, "train/learning_rate") == [(1, pytest.approx(1e-4))]
    assert points(file.path, "loss/validation") == []


def test_a_resumed_run_has_one_file_with_every_step_once(bench: Bench) -> None:
    job = bench.job(max_steps=6, evaluate_every_steps=3).model_copy(update={"tensor_board": True})
    path = bench.folder / "store" / "slipway" / folder(job) / EVENTS
    stop = StopFlag()
    first = bench.recipe(job, stop)
    first.step = stopping_after(4, stop).__get__(first)  # type: ignore[method-assign]
    assert first.run() == Preempted(step=4)
    assert [step for step, _ in points(path, "loss/train")] == [1, 2, 3, 4]
    bench.run(job)
    assert [step for step, _ in points(path, "loss/train")] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in points(path, "loss/validation")] == [3, 6]
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_nobody_gets_a_file_who_asked_for_none(bench: Bench) -> None:
    job = bench.job()
    bench.run(job)
    assert not (bench.folder / "store" / "slipway" / folder(job) / "tensorboard").exists()
