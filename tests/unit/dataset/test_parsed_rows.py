"""Is the pod told what of its rows to keep, without making any data anew?"""

from __future__ import annotations

from slipway.api.dataset_parsed_rows import ParsedRows
from slipway.contract.job import parse_job
from tests.unit.dataset.test_refresh import World, ready, told
from tests.unit.dataset.world import UID

NEVER = {"keep": "Never"}


def jobs(world: World) -> set[str]:
    return {job["metadata"]["name"] for job in world.store.owned(UID, "Job")}


def test_a_pod_is_told_what_to_keep() -> None:
    world = World()
    world.edit(parsedRows={"keep": "Always", "maxMebibytes": 7})
    world.settle()
    assert told(world).parsed_rows == ParsedRows(keep="Always", max_mebibytes=7)


def test_of_the_default_nobody_is_told_and_names_stay() -> None:
    plain, said = World(), World()
    plain.edit()
    said.edit(parsedRows={"keep": "Auto", "maxMebibytes": 1024})
    plain.settle()
    said.settle()
    assert jobs(plain) == jobs(said)
    assert all("parsedRows" not in text for text in (*plain.files.values(), *said.files.values()))


def test_a_job_that_is_told_otherwise_has_another_name() -> None:
    plain, never = World(), World()
    plain.edit()
    never.edit(parsedRows=NEVER)
    plain.settle()
    never.settle()
    assert jobs(plain) != jobs(never)
    [one], [other] = plain.files.values(), never.files.values()
    assert parse_job(one).fingerprint() == parse_job(other).fingerprint(), "the data is the same"


def test_published_data_is_not_prepared_anew_for_what_is_kept() -> None:
    world = ready(None)
    before = world.status()["recipe"]
    world.edit(parsedRows=NEVER)
    world.settle()
    assert world.status()["state"] == "Ready"
    assert world.status()["recipe"] == before
    assert len(jobs(world)) <= 1
