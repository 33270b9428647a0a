"""Does an object store that answers 503 for five minutes cost anything but time?

The operator is the real one, in virtual time. So is the pod's program, and it asks a real server by HTTP: only its
patience with each request is shortened, and counted in virtual time as long as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import PrepareDataset, Store, Train, parse_job
from slipway.contract.result import Trained, encode
from slipway_data.prepare import prepare
from slipway_pod import store as module
from slipway_pod.run import attempt
from slipway_pod.store import PATIENCE, open_uri
from tests.unit import worlds
from tests.unit.data.preparing import Place
from tests.unit.data.webserver import Answer, serving
from tests.unit.dataset import world as dataset
from tests.unit.training import world as training

AWAY = timedelta(minutes=5)
STEPS = 8


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "store")
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    place.put("raw/a.jsonl", "".join(json.dumps({"messages": turns, "n": n}) + "\n" for n in range(20)))
    return place


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store that answers 503 to everything, of which pods lose patience at once."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
    for opens in (module.open_store, module.open_uri):
        monkeypatch.setitem(opens.__kwdefaults__, "patience", timedelta(milliseconds=300))
    with serving(lambda _: Answer(503)) as address:
        yield Store(endpoint=address, bucket="slipway")


def files_of(world: worlds.World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return where the job files will be that the operator writes, the newest last."""
    written: list[str] = []
    apply = world._apply

    def applied(child: Mapping[str, Any]) -> None:
        if child["kind"] == "ConfigMap":
            written.append(child["data"]["job.json"])
        apply(child)

    monkeypatch.setattr(world, "_apply", applied)
    return written


def outlast(world: worlds.World, run: Any) -> int:
    """Let pods try, and the operator wait, until the store has been away for long enough; return the attempts."""
    back, attempts = world.now + AWAY, 0
    while world.now < back:
        code, result = run()
        assert code == ExitCode.STORE_UNREACHABLE
        assert "503" in result.message
        world.wait(PATIENCE.total_seconds())
        world.end(code, encode(result), pod=f"pod-{attempts + 1}")
        world.finish("Failed", "BackoffLimitExceeded")
        plan = world.settle()
        assert world.status()["state"] != "Failed"
        assert not world.condition("Stalled")
        assert world.condition("Reconciling")["reason"] == "StoreUnreachable"
        assert plan.requeue_after is not None, "it looks again by itself"
        world.wait(plan.requeue_after.total_seconds())
        world.settle()
        attempts += 1
    return attempts


def test_a_dataset_is_prepared_when_the_store_is_back(
    place: Place, away: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = dataset.World()
    world.edit(split={"trainPercent": 100, "validationPercent": 0, "testPercent": 0})
    told = files_of(world, monkeypatch)
    world.settle()

    def pod(store: Store) -> Any:
        job = parse_job(told[-1]).model_copy(update={"store": store})
        (tmp_path / "job.json").write_text(json.dumps(job.dump()))
        return attempt(prepare, PrepareDataset, tmp_path / "job.json")

    _, undisturbed = pod(place.store)
    assert outlast(world, lambda: pod(away)) == 3, "after 60, 150 and 270 seconds"
    code, result = pod(place.store)
    world.end(code, encode(result), "Completed")
    world.finish("Complete")
    world.settle()
    assert world.status()["state"] == "Ready"
    assert world.status()["digest"] == undisturbed.artifact.digest
    assert world.status()["rows"]["train"] == undisturbed.rows.train


def test_a_training_run_goes_on_from_its_checkpoint_when_the_store_is_back(
    place: Place, away: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = training.world(data=training.dataset())
    told = files_of(world, monkeypatch)
    world.settle()
    world.pod({"phase": "Running"}, "pod-1")
    world.settle()
    done: list[int] = []

    def train(job: Train) -> Trained:
        """Do as a run does with its store: go on from the newest checkpoint there, and keep one after each step."""
        bucket, prefix = open_uri(job.store, job.checkpoint_uri)
        for step in range(1 + len(list(bucket.list(prefix))), 1 + STEPS):
            bucket.put(f"{prefix}step-{step:08d}", b"weights")
            done.append(step)
            if job.store == place.store and step == 3 and world.now == worlds.NOON:
                list(open_uri(away, job.checkpoint_uri)[0].list(prefix))
        return training.trained()

    def pod(store: Store) -> Any:
        job = parse_job(told[-1]).model_copy(update={"store": store})
        (tmp_path / "job.json").write_text(json.dumps(job.dump()))
        return attempt(train, Train, tmp_path / "job.json")

    answers = iter([place.store])
    attempts = outlast(world, lambda: pod(next(answers, away)))
    assert attempts == 3
    assert done == [1, 2, 3], "then the store went"
    code, result = pod(place.store)
    assert done == list(range(1, 1 + STEPS)), "no step twice, none left out"
    world.pod({"phase": "Running"}, "pod-last")
    world.end(code, encode(result), "Completed", "pod-last")
    world.finish("Complete")
    world.settle()
    assert world.status()["state"] == "Succeeded"
    assert world.status()["restarts"] == {"preempted": 0, "failed": attempts}
