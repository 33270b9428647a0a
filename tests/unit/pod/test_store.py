"""What does a pod do while the object store answers with trouble?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from slipway.contract.job import Store
from slipway_pod.errors import StoreUnreachable
from slipway_pod.store import open_store
from tests.unit.data.webserver import Answer, Asked, serving

BRIEFLY = timedelta(seconds=2)
THERE = Answer(200, b"rows", {"ETag": '"e"', "Last-Modified": "Sat, 21 Nov 2026 07:28:00 GMT"})


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret")


def test_a_store_that_answers_503_is_asked_until_it_answers() -> None:
    answers: Iterator[Answer] = iter([Answer(503), Answer(503), Answer(500), THERE])
    with serving(lambda asked: next(answers)) as address:
        assert open_store(Store(endpoint=address, bucket="b")).read("rows.jsonl") == b"rows"


def test_one_that_goes_on_with_it_is_left_to_the_next_attempt() -> None:
    asked: list[Asked] = []

    def site(one: Asked) -> Answer:
        asked.append(one)
        return Answer(503)

    with serving(site) as address, pytest.raises(StoreUnreachable) as ended:
        open_store(Store(endpoint=address, bucket="b"), patience=BRIEFLY).read("rows.jsonl")
    assert len(asked) > 1
    assert f"object store {address}, bucket b: no answer for 'rows.jsonl'" in ended.value.message
    assert "503" in ended.value.message
