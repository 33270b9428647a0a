"""Does an evaluation whose pods are killed ask everything once, and end in the bits of one that is left alone?

The programs are the real ones, as processes; only torch and llama.cpp are not (engine.py).
"""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from slipway.api.common import ArtifactRef
from slipway.contract.execution import BLENDER, REQUESTS, VERDICTS, Request, Verdict, Verdicts
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import Evaluate
from slipway.contract.result import Evaluated, Preempted
from tests.unit.evaluate.pods import ASK, ITEMS, Pods
from tests.unit.pod.s3 import Objects, served

SO_FAR = "so-far.jsonl"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pods, Evaluated]:
    pods = Pods(tmp_path_factory.mktemp("undisturbed") / "pods")
    ended = pods.run(pods.job())
    assert ended.code == ExitCode.OK, ended.log
    assert isinstance(ended.result, Evaluated)
    assert [metric.samples for metric in ended.result.metrics] == [5, 5, 5]
    assert len(set(pods.answered)) == ITEMS
    assert not any(path.endswith(SO_FAR) for path in pods.kept), "it goes once the figures are complete"
    return pods, ended.result


def test_a_pod_that_is_killed_between_items_has_the_next_one_go_on(
    undisturbed: tuple[Pods, Evaluated], tmp_path: Path
) -> None:
    before, result = undisturbed
    pods = Pods(tmp_path / "pods")
    job, killed = pods.job(), 0
    objects = Objects(pods.place.root)
    with served(objects) as store:
        while (ended := pods.run(job, store=store, DIES=f"{signal.SIGKILL:d} 8")).code == -signal.SIGKILL:
            killed += 1
            assert pods.answered == before.answered[: 7 * killed]
            assert sum(path.endswith(SO_FAR) for path in pods.kept) <= 1, "one object, however often it was written"
    assert ended.code == ExitCode.OK, ended.log
    assert killed == 2
    assert pods.answered == before.answered, "nothing is asked twice, nothing otherwise"
    assert ended.result == result
    assert pods.kept == before.kept


def test_a_pod_that_is_to_end_keeps_what_it_has_and_says_so(
    undisturbed: tuple[Pods, Evaluated], tmp_path: Path
) -> None:
    before, result = undisturbed
    pods = Pods(tmp_path / "pods")
    job = pods.job()
    ended = pods.run(job, EVERY=3600, DIES=f"{signal.SIGTERM:d} 3")
    assert (ended.code, ended.result) == (ExitCode.PREEMPTED, Preempted(step=3)), ended.log
    ended = pods.run(job, EVERY=3600, DIES=f"{signal.SIGTERM:d} 2")
    assert (ended.code, ended.result) == (ExitCode.PREEMPTED, Preempted(step=5)), "also where it was the last item"
    ended = pods.run(job, EVERY=3600, DIES=f"{signal.SIGTERM:d} 8")
    assert (ended.code, ended.result) == (ExitCode.PREEMPTED, Preempted(step=3)), "of the answers of the version"
    assert pods.answered == before.answered[:13]
    ended = pods.run(job)
    assert (ended.code, ended.result) == (ExitCode.OK, result), ended.log
    assert pods.answered == before.answered
    assert pods.kept == before.kept


def test_what_cannot_be_measured_loses_nothing_of_what_was(undisturbed: tuple[Pods, Evaluated], tmp_path: Path) -> None:
    before, _ = undisturbed
    pods = Pods(tmp_path / "pods")
    job = pods.job()
    ended = pods.run(job, EVERY=3600, FAILS=8)
    assert ended.code == ExitCode.OUT_OF_MEMORY, ended.log
    assert pods.run(job).code == ExitCode.OK
    assert pods.answered == before.answered


def blender(pods: Pods) -> dict[str, bytes]:
    """Do as Blender's container does: judge everything in the exchange folder. Return what was to be run."""
    asked = {path.name: path.read_bytes() for path in (pods.exchange / REQUESTS).glob("*.json")}
    (pods.exchange / VERDICTS).mkdir(exist_ok=True)
    for name, content in asked.items():
        judged = tuple(
            (one.task.id, tuple(_verdict(text) for text in one.answers))
            for one in Request.model_validate_json(content).answered
        )
        made = Verdicts(blender=BLENDER, judged=judged)
        (pods.exchange / VERDICTS / name).write_text(made.model_dump_json(by_alias=True))
    return asked


def _verdict(answer: str) -> Verdict:
    return Verdict(layer="AsAsked" if len(answer) % 3 else "Runs", answer=answer)


def execution(tasks: ArtifactRef) -> dict[str, object]:
    measure = {"tasks": tasks.dump(), "samples": 3, "maxNewTokens": 40}
    return {"name": "solved", "measure": {"blenderExecution": measure}}


def executing(folder: Path) -> tuple[Pods, Evaluate]:
    pods = Pods(folder)
    return pods, pods.job(execution(pods.tasks()))


def test_answers_that_blender_is_to_run_outlive_the_pod(tmp_path: Path) -> None:
    plain, job = executing(tmp_path / "plain")
    assert plain.run(job, ASK).code == ExitCode.OK
    wanted = blender(plain)
    judged = plain.run(job)
    assert isinstance(judged.result, Evaluated), judged.log
    assert len(set(plain.answered)) == 24, "four tasks, three samples, two models"

    pods, job = executing(tmp_path / "pods")
    assert pods.run(job, ASK, DIES=f"{signal.SIGKILL:d} 9").code == -signal.SIGKILL
    assert pods.answered == plain.answered[:8]
    ended = pods.run(job, ASK, EVERY=3600, DIES=f"{signal.SIGTERM:d} 7")
    assert (ended.code, ended.result) == (ExitCode.PREEMPTED, Preempted(step=3)), ended.log
    shutil.rmtree(pods.exchange)
    assert pods.run(job, ASK).code == ExitCode.OK
    assert blender(pods) == wanted
    shutil.rmtree(pods.exchange)  # it was evicted while Blender ran
    assert pods.run(job, ASK).code == ExitCode.OK
    assert blender(pods) == wanted, "to be run again"
    assert pods.answered == plain.answered, "but not to be asked again"
    ended = pods.run(job)
    assert (ended.code, ended.result) == (ExitCode.OK, judged.result), ended.log
    assert pods.kept == plain.kept
    assert not any(path.endswith(SO_FAR) for path in pods.kept)
