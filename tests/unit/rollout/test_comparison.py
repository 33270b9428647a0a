"""Is every request weighed once, at one share, with the evidence kept in status?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import exp, inf, log
from typing import Any

import pytest

from slipway.api.analysis import Analysis, AnalysisMetric, EvidenceStatus, Latency, MetricStatus, StepEvidence
from slipway.api.conditions import moment, timestamp
from slipway.api.rollout import RolloutStatus
from slipway.plan import PrometheusQuery
from slipway.rollout.analysis import comparison
from slipway.rollout.analysis.comparison import bound_between, fresh, known, needed, proven, too_slow, weigh
from slipway.rollout.analysis.counted import Histogram
from slipway.rollout.analysis.queries import BEFORE, CODE, FRESH, PART, Fresh, Scope, Side, Span
from slipway.rollout.rollout import Rollout
from tests.unit.rollout.promql import Part, parts
from tests.unit.rollout.world import START, Behaviour, World, baking, canary, rollout_spec

ERRORS: dict[str, Any] = {"name": "errors", "errorRate": {"maxIncreasePercent": "1", "minSamples": 20}}
TIMES: dict[str, Any] = {"name": "times", "latency": {"maxIncreasePercent": 20, "minSamples": 20}}


def analysis(*metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = list(metrics) or [ERRORS]
    return {"intervalSeconds": 10, "windowSeconds": 60, "metrics": found, "noData": {"afterSeconds": 60}} | more


def asked_parts(world: World) -> list[Part]:
    questions = [ask.question for ask in world.asked]
    return [p for q in questions if isinstance(q, PrometheusQuery) for p in parts(q.query, world.now) if p.named]


def test_no_second_is_weighed_twice_and_none_is_left_out_within_a_step() -> None:
    steps = [{"percent": 10, "holdSeconds": 90}]
    world = canary(10, strategy={"canary": {"steps": steps}}, analysis=analysis())
    began = moment(world.status.step_started_at or "")
    spans: list[tuple[datetime, datetime]] = []
    for _ in range(60):
        world.tick()
        mine = {(p.begins, p.ends) for p in asked_parts(world) if world.version_of(f"assistant-{p.revision}") == "v2"}
        spans += sorted(mine - set(spans))
        world.now += timedelta(seconds=1)
        if world.status.percent != 10:
            break
    assert len(spans) >= 5
    assert spans[0][0] == began, "what came before the share was confirmed is left out"
    assert all(before[1] == after[0] for before, after in pairwise(spans))


def test_a_good_candidate_is_promoted_with_its_requests_on_record() -> None:
    world = canary(10, analysis=analysis(ERRORS, TIMES))
    world.until("Healthy")
    assert world.status.stable is not None
    assert world.status.stable.version == "v2"
    for entry in world.status.analysis:
        assert entry.evidence is not None
        assert [step.step for step in entry.evidence.steps] == [0, 1, 2]
        assert all(step.candidate > 0 for step in entry.evidence.steps)
        assert entry.evidence.steps[-1].stable == 0, "stable's last window is not counted again at every look"
        assert float(entry.evidence.times) < float(entry.evidence.needed)


@pytest.mark.parametrize("metric", [ERRORS, TIMES], ids=["errors", "times"])
def test_a_worse_candidate_goes_back_with_the_odds_in_words(metric: dict[str, Any]) -> None:
    world = canary(10, analysis=analysis(metric))
    world.behaves["v2"] = Behaviour(failing_percent=12, milliseconds=150)
    world.run(60)
    last = world.status.last_rollback
    assert last is not None
    assert world.routed() == {"v1": 100}
    assert "chance of such a difference by luck below 1 in" in last.message


def test_a_version_that_turns_bad_in_the_bake_is_held_against_what_stable_was() -> None:
    world = baking(analysis=analysis(), bakeSeconds=300)
    world.run(60)
    world.behaves["v2"] = Behaviour(failing_percent=12)
    world.run(60)
    assert world.status.last_rollback is not None
    assert "in the bake" in world.status.last_rollback.message
    assert world.routed() == {"v1": 100}


def test_both_versions_turning_bad_is_nobodys_fault() -> None:
    world = canary(50, analysis=analysis())
    world.behaves["v1"] = world.behaves["v2"] = Behaviour(failing_percent=20)
    world.run(20)
    assert world.status.last_rollback is None


def test_a_restarted_operator_goes_on_from_status() -> None:
    """The same history with every object read anew from JSON, and a crash between answer and write, ends the same."""
    plain, restarted = (canary(10, analysis=analysis()) for _ in range(2))
    for world in (plain, restarted):
        world.behaves["v2"] = Behaviour(failing_percent=2)
    for second in range(40):
        plain.tick()
        if second % 7 == 0:
            restarted.kubelet()
            restarted.gateway()
            restarted.scrape()
            restarted.room.plan(restarted.root, restarted, restarted.facts, restarted.now)  # dies before it writes
            restarted.root = json.loads(json.dumps(restarted.root))
        restarted.tick()
        for world in (plain, restarted):
            world.now += timedelta(seconds=1)
    assert plain.status.analysis == restarted.status.analysis
    assert plain.status.analysis[0].evidence is not None


def test_an_error_weighs_nothing_and_the_next_answer_makes_up_for_it() -> None:
    world = canary(10, analysis=analysis())
    world.run(12)
    before = world.status.analysis[0].evidence
    world.prometheus = False
    world.run(10)
    assert world.status.analysis[0].outcome == "Error"
    assert world.status.analysis[0].evidence == before
    world.prometheus = True
    world.run(15)
    after = world.status.analysis[0].evidence
    assert before is not None
    assert after is not None
    seconds = (moment(after.until) - moment(before.until)).total_seconds()
    assert seconds >= 20
    assert after.steps[0].candidate - before.steps[0].candidate == pytest.approx(5 * seconds, abs=1)


# Pieces

SHARE = {"percent": 10, "step": 0, "step_started_at": "2026-11-20T03:00:05Z"}


def status(evidence: EvidenceStatus | None = None, **changes: Any) -> RolloutStatus:
    ref = {"revision": "c", "version": "v2", "digest": "sha256:" + "0" * 64}
    entries = (
        [MetricStatus(metric="errors", outcome="Pass", at=timestamp(START), evidence=evidence)] if evidence else []
    )
    found = {"candidate": ref | {"since": timestamp(START), "traffic_since": timestamp(START)}, "analysis": entries}
    return RolloutStatus.model_validate(found | {"stable": ref | {"revision": "s"}} | SHARE | changes)


def evidence(metric: dict[str, Any] = ERRORS, **changes: Any) -> EvidenceStatus:
    made = AnalysisMetric.model_validate(metric)
    found = {"rule": comparison._hash(made), "until": timestamp(START + timedelta(seconds=20)), "percent": 10}
    return EvidenceStatus.model_validate(found | {"needed": "111"} | changes)


def span(due: int, found: RolloutStatus) -> tuple[float, float] | None:
    judged = Analysis.model_validate(analysis())
    weighed = fresh(judged.metrics[0], judged, found, START + timedelta(seconds=due))
    if weighed is None:
        return None
    return tuple((at - START).total_seconds() for at in (weighed.candidate.begins, weighed.candidate.ends))  # type: ignore[return-value]


SPANS = [
    # status, seconds when the measurement is due, what is weighed
    (status(), 10, (5, 9)),
    (status(step_started_at=None), 10, None),
    (status(evidence()), 30, (20, 29)),
    (status(evidence(), step_started_at="2026-11-20T03:00:25Z", percent=50), 30, (25, 29)),
    (status(evidence(), step_started_at=None), 30, (20, 29)),
    (status(evidence(), step_started_at=None, percent=50), 30, None),
    (status(evidence()), 20, None),
    (status(evidence(until="2026-11-20T04:00:00Z")), 30, None),
    (status(evidence(rule="another")), 30, (5, 29)),
    (status(evidence(), percent=100, step_started_at=None), 30, None),
]


@pytest.mark.parametrize(("found", "due", "expected"), SPANS)
def test_what_is_weighed(found: RolloutStatus, due: int, expected: tuple[int, int] | None) -> None:
    assert span(due, found) == expected


def test_what_prometheus_learns_late_is_weighed_late() -> None:
    judged = Analysis.model_validate(analysis(delaySeconds=20))
    found = fresh(judged.metrics[0], judged, status(evidence()), START + timedelta(seconds=50))
    assert found is not None
    assert found.candidate == Span(START + timedelta(seconds=20), START + timedelta(seconds=30))


def test_in_the_bake_stable_is_what_it_was_before_its_traffic_ended() -> None:
    judged = Analysis.model_validate(analysis())
    found = status(evidence(), percent=100, step_started_at="2026-11-20T03:00:25Z")
    weighed = fresh(judged.metrics[0], judged, found, START + timedelta(seconds=40))
    ended = START + timedelta(seconds=25)
    assert weighed is not None
    assert (weighed.stable, weighed.frozen) == (Span(ended - timedelta(seconds=60), ended), True)


def test_the_probability_is_shared_out_among_what_compares() -> None:
    dry = ERRORS | {"name": "dry", "dryRun": True}
    free = {"name": "free", "prometheus": {"query": "up", "min": "1"}}
    one = Analysis.model_validate(analysis(ERRORS, free, dry, falseAlarmPercent="2"))
    two = Analysis.model_validate(analysis(ERRORS, TIMES, falseAlarmPercent="2"))
    assert needed(one) == pytest.approx(1 / (0.02 * 0.9))
    assert needed(two) == pytest.approx(2 * needed(one))


def test_an_edited_comparison_begins_anew_and_an_edited_limit_does_not() -> None:
    metric = AnalysisMetric.model_validate(ERRORS)
    found = status(evidence())
    assert known(metric, found) is not None
    assert known(metric.model_copy(update={"failure_limit": 3}), found) is not None
    edited = AnalysisMetric.model_validate(ERRORS | {"errorRate": {"maxIncreasePercent": "2", "minSamples": 20}})
    assert known(edited, found) is None


def scope(metric: dict[str, Any], *, frozen: bool = False, **more: Any) -> Scope:
    root = World().root | {"spec": rollout_spec("v2", analysis=analysis(metric, **more))}
    while_ = Span(START, START + timedelta(seconds=9))
    return Scope(Rollout.parse(root), Side("c", 30), Side("s", 30), Fresh(while_, while_, frozen))


def counted(revision: str, requests: int, bad: int) -> list[tuple[dict[str, str], float]]:
    labels = {"revision": revision, PART: FRESH}
    return [(labels | {CODE: "2"}, float(requests - bad)), (labels | {CODE: "5"}, float(bad))]


def test_evidence_is_written_down_rounded_to_the_candidates_side() -> None:
    before = evidence(steps=[StepEvidence(step=0, candidate=50, candidate_bad=10, stable=450, stable_bad=9)])
    metric = AnalysisMetric.model_validate(ERRORS)
    series = [*counted("c", 50, 9), *counted("s", 450, 9)]
    due = START + timedelta(seconds=30)
    after = weigh(metric, series, scope(ERRORS), status(before), due)
    assert after is not None
    assert (after.until, after.percent) == (timestamp(due - timedelta(seconds=1)), 10)
    assert after.steps == [StepEvidence(step=0, candidate=100, candidate_bad=19, stable=900, stable_bad=18)]
    assert (after.recent, after.recent_bad) == (50, 9)
    assert float(after.steady) > log(50)
    assert float(after.times) == pytest.approx((exp(float(after.steady)) + exp(float(after.sudden))) / 2, rel=1e-3)
    crowd = weigh(metric, series, scope(ERRORS, requestsPerUser=10), status(before), due)
    assert crowd is not None
    assert float(crowd.steady) == pytest.approx(float(after.steady) / 10, abs=1e-3)
    assert not proven(crowd)


def test_counters_that_went_away_add_no_requests_and_take_none() -> None:
    before = evidence(steps=[StepEvidence(step=0, candidate=50, candidate_bad=1, stable=450, stable_bad=9)])
    series = [*counted("c", -12, 0), *counted("s", 76, 0)]
    after = weigh(AnalysisMetric.model_validate(ERRORS), series, scope(ERRORS), status(before), START)
    assert after is not None
    assert after.steps == [StepEvidence(step=0, candidate=50, candidate_bad=1, stable=526, stable_bad=9)]


def test_in_the_bake_the_candidate_is_held_against_the_highest_rate_that_stable_may_have_had() -> None:
    metric, due = AnalysisMetric.model_validate(ERRORS), START + timedelta(seconds=60)
    before = evidence(steps=[StepEvidence(step=0, candidate=500, candidate_bad=20, stable=450, stable_bad=9)])
    found = status(before, percent=100, step=2, step_started_at="2026-11-20T03:00:30Z")
    slightly = weigh(metric, [*counted("c", 500, 20), *counted("s", 450, 9)], scope(ERRORS, frozen=True), found, due)
    clearly = weigh(metric, [*counted("c", 500, 100), *counted("s", 450, 9)], scope(ERRORS, frozen=True), found, due)
    nothing = weigh(metric, [*counted("c", 500, 100), *counted("s", 0, 0)], scope(ERRORS, frozen=True), found, due)
    assert slightly is not None
    assert clearly is not None
    assert nothing is not None
    assert float(slightly.times) <= 1, "4 % after 2 %: 1 point is allowed, and 450 requests leave 1 point more open"
    assert float(clearly.times) > 0
    assert float(nothing.times) <= 1, "without stable there is nothing to compare with"


def test_slow_is_what_the_allowance_over_earlier_quantiles_says() -> None:
    earlier = Histogram({100.0: 0.0, 125.0: 0.0, 150.0: 90.0, 200.0: 100.0, inf: 100.0})
    rule = AnalysisMetric.model_validate(TIMES).latency
    assert rule is not None
    assert earlier.quantile(95) == 175
    assert bound_between(earlier, rule) == 200, "175 ms and 20 % are 210 ms"
    assert bound_between(Histogram(), rule) is None
    times = Histogram({100.0: 50.0, 200.0: 90.0, inf: 100.0})
    assert times.slower(100) == 50
    assert times.slower(150) == 30, "half of the bucket and all above it"
    assert times.slower(500) == 10
    assert Histogram().slower(5) == 0


def test_times_within_a_bucket_look_alike_to_the_share_and_to_the_quantile_that_is_shown() -> None:
    """Of another shape than stable, with a 95th percentile of 870 ms instead of 910: what is told is one story."""
    stable = Histogram({430.0: 557.0, 680.0: 856.0, 850.0: 934.0, 1100.0: 978.0, 1300.0: 991.0, inf: 1000.0})
    gathered = Histogram({430.0: 880.0, 680.0: 880.0, 850.0: 880.0, 1100.0: 1000.0, 1300.0: 1000.0, inf: 1000.0})
    rule = Latency(quantile_percent=95, max_increase_percent=2)
    assert bound_between(stable, rule) == 850
    mine, theirs = too_slow(stable, gathered, stable, rule)
    assert (mine.bad, round(theirs.bad)) == (120, 74)
    assert gathered.quantile(95) > stable.quantile(95) * 1.02
    hidden = Histogram({430.0: 880.0, 680.0: 880.0, 850.0: 1000.0, 1100.0: 1000.0, 1300.0: 1000.0, inf: 1000.0})
    assert too_slow(stable, hidden, stable, rule)[0].bad == 0


def test_latencies_before_the_batch_set_the_limit_and_none_sets_none() -> None:
    metric = AnalysisMetric.model_validate(TIMES)
    entry = MetricStatus(metric="times", outcome="Pass", at=timestamp(START), evidence=evidence(TIMES))
    found = status().model_copy(update={"analysis": [entry]})

    def series(part: str, revision: str, fast: float, total: float) -> list[tuple[dict[str, str], float]]:
        labels = {"revision": revision, PART: part}
        return [(labels | {"le": le}, n) for le, n in (("100", fast), ("125", fast), ("+Inf", total))]

    new = [*series(FRESH, "c", 40, 100), *series(FRESH, "s", 95, 100)]
    due = datetime(2026, 11, 20, 3, 0, 30, tzinfo=UTC)
    blind = weigh(metric, new, scope(TIMES), found, due)
    seen = weigh(metric, [*new, *series(BEFORE, "s", 95, 100)], scope(TIMES), found, due)
    assert blind is not None
    assert seen is not None
    assert sum(step.candidate for step in blind.steps) == 0
    assert [(step.candidate, step.candidate_bad) for step in seen.steps] == [(100, 60)]
