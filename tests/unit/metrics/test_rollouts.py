"""Does a scrape show the measurements as the statuses have them, and nothing of what is gone?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from slipway.metrics.rollouts import text

NOW = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)


def rollout(name: str = "assistant", **status: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "games", "name": name}, "spec": {"model": "helper"}, "status": status}


ENTRY: dict[str, Any] = {
    "metric": "errors",
    "outcome": "Fail",
    "candidate": "5.1",
    "stable": "2e-1",
    "bound": "3",
    "samples": 640,
    "at": "2026-11-20T03:00:00Z",
}


def scrape(*rollouts: dict[str, Any]) -> dict[str, float]:
    """Return what Prometheus would read: the official parser is the judge of the text."""
    return {
        sample.name + str(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(asyncio.run(text(rollouts, NOW)))
        for sample in family.samples
    }


def series(name: str, **labels: str) -> str:
    return f"slipway_rollout_{name}" + str(sorted({"namespace": "games", "rollout": "assistant", **labels}.items()))


def test_every_figure_of_a_measurement_is_a_gauge() -> None:
    found = scrape(
        rollout(
            state="Progressing",
            percent=25,
            stable={"version": "v1"},
            candidate={"version": "v2"},
            analysis=[ENTRY],
        )
    )
    assert found == {
        series("info", model="helper", state="Progressing", stable="v1", candidate="v2"): 1,
        series("percent"): 25,
        series("measurement", metric="errors", side="candidate"): 5.1,
        series("measurement", metric="errors", side="stable"): 0.2,
        series("bound", metric="errors"): 3,
        series("samples", metric="errors"): 640,
        series("outcome", metric="errors", outcome="Fail"): 1,
    }


@pytest.mark.parametrize("missing", ["candidate", "stable", "bound"])
def test_no_data_is_no_zero(missing: str) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != missing}
    gone = (
        series("bound", metric="errors") if missing == "bound" else series("measurement", metric="errors", side=missing)
    )
    assert gone in scrape(rollout(analysis=[ENTRY]))
    assert gone not in scrape(rollout(analysis=[entry]))


def test_what_is_gone_is_not_told() -> None:
    assert scrape() == {}
    assert set(scrape(rollout())) == {
        series("info", model="helper", state="", stable="", candidate=""),
        series("percent"),
    }


def test_a_status_edited_by_hand_breaks_no_scrape() -> None:
    odd = {"metric": 'a"b\\\n', "outcome": "Great", "candidate": "much", "samples": None, "at": ENTRY["at"]}
    found = scrape(rollout(analysis=[odd], percent=None), {"metadata": {"name": "x"}})
    assert found[series("outcome", metric='a"b\\\n', outcome="Great")] == 1


def test_others_have_their_turn_while_a_large_fleet_is_told() -> None:
    async def run() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await text([rollout(f"r{number}") for number in range(1000)], NOW)
        task.cancel()
        return turns

    assert asyncio.run(run()) >= 10
