"""How long do Jobs stay after their end? As long as is asked for, and what they made stays in any case."""

from __future__ import annotations

from slipway.contract.result import Evaluated
from tests.unit.dataset.world import World as DatasetWorld
from tests.unit.model import world as models
from tests.unit.model.world import by_hand, digest
from tests.unit.worlds import World

SECONDS = 600


def prepared() -> DatasetWorld:
    made = DatasetWorld()
    made.edit(ttlSecondsAfterFinished=SECONDS)
    made.settle()
    return made


def verified() -> models.World:
    made = models.World()
    version = by_hand()
    made.put({**version, "spec": {**version["spec"], "ttlSecondsAfterFinished": SECONDS}})
    made.settle()
    return made


def stays_for_its_time(made: World) -> None:
    plan = made.settle()
    assert made.status()["state"] == "Ready"
    assert plan.requeue_after is not None
    assert plan.requeue_after.total_seconds() == SECONDS
    made.wait(SECONDS - 1)
    made.settle()
    assert len(made.jobs()) == len(made.owned("ConfigMap")) == 1
    made.wait(1)
    made.settle()
    assert made.jobs() == made.owned("ConfigMap") == []
    assert made.status()["state"] == "Ready"
    assert made.condition("Ready")["status"] == "True"
    made.wait(SECONDS)
    made.settle()
    assert made.jobs() == [], "nothing is made again because its Job went"


def test_the_job_of_a_dataset_goes_after_its_time() -> None:
    made = prepared()
    made.succeed()
    stays_for_its_time(made)


def test_the_job_of_a_version_that_is_only_verified_goes_after_its_time() -> None:
    made = verified()
    made.report(Evaluated(digest=digest("a")))
    stays_for_its_time(made)


def test_the_job_of_what_failed_stays_for_its_log() -> None:
    data, version = prepared(), verified()
    data.fail()
    version.fail(10)
    for made in (data, version):
        made.settle()
        made.wait(100 * SECONDS)
        made.settle()
        assert made.status()["state"] == "Failed"
        assert len(made.jobs()) == 1
