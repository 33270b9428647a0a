"""Does an object store that answers 503 for minutes cost an evaluation anything but time?

The pods are real programs that ask a real server by HTTP. Where they are to lose patience, it is shortened.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import Store, parse_job
from slipway.contract.result import Evaluated, Failed, encode
from slipway_pod.store import PATIENCE as USUAL
from slipway_train_torch.evaluate import results
from tests.unit.data.test_store_away import AWAY, files_of
from tests.unit.evaluate.pods import ASK, METRICS, Pods
from tests.unit.evaluate.test_killed import SO_FAR, blender, executing
from tests.unit.model.world import World, version
from tests.unit.pod.s3 import Objects, served

BRIEFLY = 0.3


@dataclass
class Fading:
    """A store that is away from the `last`-th request on that ends as told, until somebody brings it back."""

    end: str
    last: int
    seen: int = 0
    gone: bool = False

    def __call__(self, request: str) -> bool:
        self.seen += request.startswith("PUT") and request.endswith(self.end)
        self.gone = self.gone or self.seen == self.last
        return self.gone

    def back(self) -> None:
        self.gone, self.last = False, 0


@dataclass
class Stuttering:
    """A store that is away the first time that something is asked, whatever it is."""

    seen: set[str] = field(default_factory=set)

    def __call__(self, request: str) -> bool:
        new = request not in self.seen
        self.seen.add(request)
        return new


@dataclass
class Pausing:
    """A store that is away when a pod writes for the third time, and for the next four requests."""

    seen: int = 0

    def __call__(self, request: str) -> bool:
        self.seen += request.startswith("PUT")
        return 3 <= self.seen < 8


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pods, Evaluated]:
    pods = Pods(tmp_path_factory.mktemp("undisturbed") / "pods")
    ended = pods.run(pods.job())
    assert isinstance(ended.result, Evaluated), ended.log
    return pods, ended.result


@pytest.fixture
def pods(tmp_path: Path) -> Pods:
    return Pods(tmp_path / "pods")


def test_figures_are_waited_for_longer_than_the_store_is_away() -> None:
    waited = results.PATIENCE
    assert waited > AWAY + timedelta(minutes=1), "the pod stays, and with it what it could not keep yet"


@pytest.mark.parametrize("away", [Stuttering(), Pausing()], ids=lambda away: type(away).__name__)
def test_a_pod_outlasts_a_store_that_comes_back(
    undisturbed: tuple[Pods, Evaluated], pods: Pods, away: Stuttering | Pausing
) -> None:
    before, result = undisturbed
    # The pause is longer than other requests are tried here.
    told = {"PATIENCE": 60} if isinstance(away, Pausing) else {}
    job = pods.job()
    with served(Objects(pods.place.root, away)) as store:
        ended = pods.run(job, store=store, **told)
    assert (ended.code, ended.result) == (ExitCode.OK, result), ended.log
    assert pods.answered == before.answered
    assert pods.kept == before.kept


def test_a_store_that_stays_away_is_waited_for_by_the_operator(
    undisturbed: tuple[Pods, Evaluated], pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, result = undisturbed
    subject, base = pods.subjects()
    world, away = World(), Fading(SO_FAR, last=3)
    told = files_of(world, monkeypatch)
    world.put(
        version(
            artifact={**subject.artifact.dump(), "kind": "Model", "formats": ["GGUF"]},
            baseModel=base.artifact.dump(),
            evaluation={"metrics": METRICS},
            evaluationData=pods.data().dump(),
        )
    )
    world.settle()
    attempts, back = 0, world.now + timedelta(minutes=25)
    with served(Objects(pods.place.root, away)) as store:
        while world.now < back:
            ended = pods.run(parse_job(told[-1]), store=store, PATIENCE=BRIEFLY)
            assert ended.code == ExitCode.STORE_UNREACHABLE, ended.log
            assert isinstance(ended.result, Failed)
            assert "503" in ended.result.message
            # The first was at work when the store went, and waited to keep it.
            world.wait((USUAL if attempts else results.PATIENCE).total_seconds())
            world.end(ended.code, encode(ended.result), pod=f"pod-{attempts + 1}")
            world.finish("Failed", "BackoffLimitExceeded")
            plan = world.settle()
            assert world.condition("Reconciling")["reason"] == "Retrying"
            assert plan.requeue_after is not None, "it looks again by itself"
            world.wait(plan.requeue_after.total_seconds())
            world.settle()
            attempts += 1
        assert attempts == 5
        assert pods.answered == before.answered[:3], "then the store went"
        away.back()
        ended = pods.run(parse_job(told[-1]), store=store)
    assert isinstance(ended.result, Evaluated), ended.log
    world.report(ended.result)
    world.settle()
    assert world.status()["state"] == "Ready"
    assert [one["value"] for one in world.status()["metrics"]] == [one.value for one in result.metrics]
    assert pods.answered == before.answered[:3] + before.answered[2:], "only what could not be kept is asked again"
    # The names differ: this version names its base model.
    assert figures(pods) == figures(before)
    assert not any(path.endswith(SO_FAR) for path in pods.kept)


def figures(of: Pods) -> list[bytes]:
    return sorted(kept for path, kept in of.kept.items() if path.endswith(results.ITEMS))


@pytest.fixture
def plain(tmp_path: Path) -> tuple[Pods, Evaluated]:
    pods, job = executing(tmp_path / "plain")
    assert pods.run(job, ASK).code == ExitCode.OK
    blender(pods)
    ended = pods.run(job)
    assert isinstance(ended.result, Evaluated), ended.log
    return pods, ended.result


def test_answers_for_blender_wait_in_the_store_until_it_takes_their_figures(
    plain: tuple[Pods, Evaluated], tmp_path: Path
) -> None:
    before, result = plain
    pods, job = executing(tmp_path / "pods")

    def pod(store: Store) -> int:
        """Let the containers of a pod run, one after the other, as far as they come."""
        shutil.rmtree(pods.exchange, ignore_errors=True)
        if (asking := pods.run(job, ASK, store, PATIENCE=BRIEFLY)).code != ExitCode.OK:
            return asking.code
        blender(pods)
        ended = pods.run(job, store=store, PATIENCE=BRIEFLY)
        assert ended.code != ExitCode.OK or ended.result == result
        return ended.code

    objects = Objects(pods.place.root, Fading(SO_FAR, last=5))
    with served(objects) as store:
        assert pod(store) == ExitCode.STORE_UNREACHABLE
        assert pods.answered == before.answered[:5]
        objects.away = Fading(results.ITEMS, last=2)
        assert pod(store) == ExitCode.STORE_UNREACHABLE, "with the figures of one model kept"
        objects.away = lambda _: False
        assert pod(store) == ExitCode.OK
    assert pods.answered == before.answered[:5] + before.answered[4:], "no model is asked what is in the store"
    assert pods.kept == before.kept
