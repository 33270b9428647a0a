"""Do false alarms stay as rare when requests are known only from counters that are scraped, reset and lost?

The whole way of a measurement: the operator's questions, in PromQL, over what scrapes left; its evidence, in status.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from slipway.api.conditions import timestamp
from slipway.api.rollout import RolloutStatus
from slipway.plan import Answer, PrometheusQuery
from slipway.rollout.analysis import evidence
from slipway.rollout.analysis.comparison import proven
from slipway.rollout.rollout import Rollout
from tests.unit.rollout.counters import Pods, scrape
from tests.unit.rollout.world import START, World, rollout_spec
from tests.world import promql

RULE: dict[str, Any] = {"name": "errors", "errorRate": {"maxIncreasePercent": "1", "minSamples": 20}}
SHARES = (5, 10, 25, 50)
SECONDS = 900
REQUESTS = 20
"""To both versions, in each second."""
MOST = 10
"""Alarms in 24 rollouts at 20 percent: 4.8 are allowed in expectation, more than 10 are had once in 250 such tests."""


def releasing() -> Rollout:
    analysis = {"intervalSeconds": 5, "windowSeconds": 30, "metrics": [RULE], "falseAlarmPercent": "20"}
    steps = [{"percent": percent, "holdSeconds": 60} for percent in SHARES]
    spec = rollout_spec("v2", analysis=analysis, strategy={"canary": {"steps": steps}})
    return Rollout.parse(World().root | {"spec": spec})


def share(step: int, second: int) -> dict[str, Any]:
    """Return what status says of a share that the gateway confirmed at `second`."""
    return {"percent": SHARES[step], "step": step, "step_started_at": timestamp(START + timedelta(seconds=second))}


def began() -> RolloutStatus:
    ref, at = {"revision": "c", "version": "v2", "digest": "sha256:" + "0" * 64}, timestamp(START)
    refs = {"candidate": ref | {"since": at, "traffic_since": at}, "stable": ref | {"revision": "s"}}
    return RolloutStatus.model_validate(refs | share(0, 0) | {"observed_generation": 1})


def lived(dice: Random, candidate: float, stable: float, disturbed: float) -> Iterator[tuple[RolloutStatus, int]]:
    """Yield the status after every second of a rollout up the ramp, and how many requests the candidate has had."""
    rollout, samples, served = releasing(), promql.Samples(), 0
    mine, theirs = Pods(dice, "c"), Pods(dice, "s")
    mine.start(2, 0)
    theirs.start(4, 0)
    status = began()
    for second in range(1, SECONDS):
        step = second * len(SHARES) // SECONDS
        if step != status.step:
            status = status.model_copy(update=share(step, second))
        requests = REQUESTS * SHARES[step] // 100
        served += requests
        mine.serve(requests, candidate)
        theirs.serve(REQUESTS - requests, stable)
        for pods in (mine, theirs):
            pods.disturb(disturbed, second)
        status = looked(replace(rollout, status=status), samples, second)
        scrape((mine, theirs), samples, second)  # what is scraped in the second of a look is known after it
        yield status, served


def looked(rollout: Rollout, samples: promql.Samples, second: int) -> RolloutStatus:
    """Return the status after a measurement, if one is due."""
    now = START + timedelta(seconds=second)
    asked = evidence.asks(rollout, rollout.status, evidence.Known(rollout.status), now)
    answers = {
        ask.id: Answer(now, tuple(promql.evaluate(ask.question.query, samples, second)))
        for ask in asked
        if ask.at is None and isinstance(ask.question, PrometheusQuery)
    }
    return evidence.fold(rollout, answers).status if answers else rollout.status


def alarmed(dice: Random, candidate: float, stable: float, disturbed: float) -> bool:
    """Tell whether the evidence of a rollout ever suffices for a Fail."""
    statuses = (status for status, _ in lived(dice, candidate, stable, disturbed))
    return any(proven(entry.evidence) for status in statuses for entry in status.analysis)


def test_innocent_candidates_whose_pods_restart_all_the_time() -> None:
    """Exactly as bad as allowed, at 20 percent of false alarms. Each pod restarts or is replaced twice a minute."""
    dice = Random(20_261_130)
    assert sum(alarmed(dice, 0.03, 0.02, 1 / 30) for _ in range(24)) <= MOST


def test_a_bad_candidate_is_found_all_the_same() -> None:
    dice = Random(7)
    assert sum(alarmed(dice, 0.1, 0.02, 1 / 30) for _ in range(10)) >= 9


@pytest.mark.parametrize(("disturbed", "most_missed"), [(0.0, 0.03), (1 / 30, 0.15)])
def test_no_request_is_invented_and_only_those_around_a_restart_are_missed(
    disturbed: float, most_missed: float
) -> None:
    *_, (status, served) = lived(Random(7), 0.02, 0.02, disturbed)
    (entry,) = status.analysis
    assert entry.evidence is not None
    counted = sum(step.candidate for step in entry.evidence.steps)
    assert (1 - most_missed) * served <= counted <= served
