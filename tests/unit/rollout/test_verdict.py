"""Do measurements together say what the user asked for: critical, weighed, dry, in force, silent?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from slipway.api.analysis import AnalysisMetric, MetricStatus
from slipway.api.conditions import timestamp
from slipway.api.rollout import RolloutStatus
from slipway.rollout.analysis.reach import Time, Who, sparse, unreachable
from slipway.rollout.analysis.verdict import acting, all_pass, failing, holding, in_force, silence_deadline, silent
from slipway.rollout.rollout import Rollout
from tests.unit.rollout.world import START, Behaviour, World, canary, rollout_spec

SINCE = timestamp(START)


def metric(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "errorRate": {"maxPercent": "2", "minSamples": 20}} | more


def rollout(metrics: list[dict[str, Any]], steps: list[dict[str, Any]] | None = None, **more: Any) -> Rollout:
    spec = rollout_spec("v2", analysis={"metrics": metrics, "noData": {"afterSeconds": 60}} | more)
    if steps is not None:
        spec |= {"strategy": {"canary": {"steps": steps}}}
    return Rollout.parse(World().root | {"spec": spec})


def status(outcomes: dict[str, str], **changes: Any) -> RolloutStatus:
    ref = {"revision": "c", "version": "v2", "digest": "sha256:" + "0" * 64}
    entries = [
        MetricStatus(metric=name, outcome=outcome, failures=int(outcome == "Fail"), at=SINCE, message=f"{name}'s")  # type: ignore[arg-type]
        for name, outcome in outcomes.items()
    ]
    found = {"candidate": ref | {"since": SINCE, "traffic_since": SINCE}, "stable": ref | {"revision": "s"}}
    return RolloutStatus.model_validate(
        found | {"analysis": entries, "percent": 10, "step_started_at": SINCE} | changes
    )


A, B, C = (metric(name, critical=False, weight=weight) for name, weight in (("a", 1), ("b", 2), ("c", 3)))
CRITICAL, DRY = metric("critical"), metric("dry", dryRun=True)
GOOD = {"a": "Pass", "b": "Pass", "c": "Pass", "critical": "Pass"}

TOGETHER = [
    # outcomes, largest share that may fail, does it go back, may it move on
    (GOOD, 50, False, True),
    (GOOD | {"critical": "Fail"}, 50, True, False),
    (GOOD | {"critical": "NoData"}, 50, False, False),
    (GOOD | {"c": "Fail"}, 50, False, True),
    (GOOD | {"c": "Fail"}, 49, True, False),
    (GOOD | {"c": "Fail", "a": "Fail"}, 50, True, False),
    (GOOD | {"a": "Fail", "b": "Fail"}, 50, False, True),
    (GOOD | {"a": "Fail", "b": "Fail", "c": "Fail"}, 100, False, True),
    (GOOD | {"a": "NoData"}, 100, False, False),
    (GOOD | {"a": "TooFewSamples"}, 100, False, False),
    (GOOD | {"dry": "Fail"}, 0, False, True),
    (GOOD | {"dry": "NoData"}, 0, False, True),
]


@pytest.mark.parametrize(("outcomes", "most", "back", "on"), TOGETHER)
def test_metrics_together(outcomes: dict[str, str], most: int, back: bool, on: bool) -> None:
    root = rollout([A, B, C, CRITICAL, DRY], maxFailedWeightPercent=most)
    assert (bool(failing(root, status(outcomes))), all_pass(root, status(outcomes), SINCE)) == (back, on)


def test_the_failing_weight_is_told_with_every_metric_in_it() -> None:
    root = rollout([A, B, C, CRITICAL])
    words = failing(root, status(GOOD | {"a": "Fail", "c": "Fail"}))
    assert words == (
        "67 % of the weight of metrics that are not critical failed, 50 % may: a failed: a's; c failed: c's"
    )


def test_a_failure_that_is_forgiven_holds_a_critical_metric_and_no_other() -> None:
    forgiving = [metric("critical", failureLimit=1), A | {"failureLimit": 1}, B]
    found = status({"critical": "Fail", "a": "Fail", "b": "Pass"})
    assert failing(rollout(forgiving), found) == ""
    assert [m.name for m in holding(rollout(forgiving), found, SINCE)] == ["critical"]


def test_failures_that_are_borne_promote_nothing_by_themselves() -> None:
    """Whatever share may fail: where nothing passes, nothing speaks for the candidate."""
    root = rollout([A, B], maxFailedWeightPercent=100)
    assert failing(root, status({"a": "Fail", "b": "Fail"})) == (
        "100 % of the weight of metrics that are not critical failed, and nothing else is judged: "
        "a failed: a's; b failed: b's"
    )
    assert not all_pass(root, status({"a": "Fail", "b": "Fail"}), SINCE)
    assert not all_pass(root, status({"a": "Fail", "b": "NoData"}), SINCE)
    assert failing(root, status({"a": "Fail", "b": "NoData"})) == ""
    assert all_pass(root, status({"a": "Fail", "b": "Pass"}), SINCE)


def test_what_was_measured_before_holds() -> None:
    later = timestamp(START + timedelta(seconds=1))
    assert not all_pass(rollout([CRITICAL]), status({"critical": "Pass"}), later)
    assert not all_pass(rollout([CRITICAL]), status({}), SINCE)


def test_a_step_names_the_metrics_in_force_and_the_bake_has_all() -> None:
    steps = [{"percent": 10, "metrics": ["a"]}, {"percent": 50}]
    root = rollout([A, B, CRITICAL], steps)
    found = status({"a": "Pass", "critical": "Fail"})
    assert [m.name for m in in_force(root, found)] == ["a"]
    assert all_pass(root, found, SINCE)
    assert failing(root, found) == ""
    second = found.model_copy(update={"step": 1})
    assert failing(root, second) == "critical failed: critical's"
    assert [m.name for m in acting(root, found.model_copy(update={"step": 2}))] == ["a", "b", "critical"]


def test_a_metric_that_is_not_in_force_is_not_asked() -> None:
    steps = [{"percent": 10, "holdSeconds": 30, "metrics": ["errors"]}, {"percent": 50, "holdSeconds": 30}]
    metrics = [metric("errors"), metric("later", prometheus=None)]
    world = canary(10, strategy={"canary": {"steps": steps}}, analysis={"intervalSeconds": 10, "metrics": metrics})
    world.run(25)
    assert [entry.metric for entry in world.status.analysis] == ["errors"]
    world.until("Baking")
    assert [entry.metric for entry in world.status.analysis] == ["errors", "later"]


def test_a_dry_run_is_measured_and_shown_and_does_nothing_else() -> None:
    metrics = [metric("errors"), {"name": "dry", "dryRun": True, "errorRate": {"maxPercent": "0", "minSamples": 5}}]
    world = canary(10, analysis={"intervalSeconds": 10, "metrics": metrics})
    world.behaves["v2"] = Behaviour(failing_percent=1.9)
    world.until("Healthy")
    assert world.status.stable is not None
    assert world.status.stable.version == "v2"
    assert [entry.outcome for entry in world.status.analysis] == ["Pass", "Fail"]


# Silence


def test_silence_says_what_the_user_wants_to_follow() -> None:
    root = rollout([CRITICAL, DRY], noData={"afterSeconds": 60, "action": "Pause"})
    found = status({"critical": "NoData"})
    assert silent(root, found, START + timedelta(seconds=59)) is None
    late = silent(root, found, START + timedelta(seconds=60))
    assert late == ("critical", timedelta(seconds=60), "Pause")
    assert silence_deadline(root, found) == START + timedelta(seconds=60)
    assert silent(rollout([DRY]), found, START + timedelta(days=1)) is None, "nobody waits for a dry run"


def test_errors_beyond_their_limit_are_silence_at_once() -> None:
    root = rollout([metric("critical", errorLimit=2)])
    now = START + timedelta(seconds=5)

    def after(errors: int, **changes: Any) -> RolloutStatus:
        entry = MetricStatus(metric="critical", outcome="Error", errors=errors, at=SINCE)
        return status({}, **changes).model_copy(update={"analysis": [entry]})

    assert silent(root, after(2), now) is None
    assert silent(root, after(3), now) == ("critical", timedelta(seconds=5), "Hold")
    assert silent(rollout([CRITICAL]), after(99), now) is None


def test_errors_in_a_row_are_counted() -> None:
    world = canary(10, analysis={"intervalSeconds": 10, "metrics": [metric("errors", errorLimit=3)]})
    world.prometheus = False
    world.run(25)
    assert world.status.analysis[0].errors == 2
    world.prometheus = True
    world.run(10)
    assert world.status.analysis[0].errors == 0


# Samples that never come

STEP, GATE = Time(60, "the step", "holdSeconds"), Time(0, "the step", "holdSeconds")
REACH: list[tuple[Who, float, Time, int, str]] = [
    ("candidate", 1.0, STEP, 60, ""),
    (
        "candidate",
        0.5,
        STEP,
        300,
        ", longer than the 60 s of the step, which is held until then: set holdSeconds to 120",
    ),
    (
        "candidate",
        0.5,
        Time(60, "the bake", "bakeSeconds"),
        300,
        "60 s of the bake, which is held until then: set bakeSec",
    ),
    ("candidate", 0.5, GATE, 300, ""),
    ("candidate", 0.5, GATE, 60, "windowSeconds looks back 60 s, so they are never seen"),
    (
        "candidate",
        0.5,
        Time(600, "", ""),
        60,
        "never seen: set analysis.windowSeconds to 120 or more, lower minSamples",
    ),
    ("candidate", 0.0, STEP, 60, "needs 50 requests to the candidate and it gets none: send it traffic"),
    ("stable", 1.0, STEP, 60, ""),
    ("stable", 0.5, GATE, 60, "needs 50 requests to stable, for comparison; at the 0.5 a second"),
    ("stable", 0.5, GATE, 60, "or give the candidate a smaller share"),
    ("stable", 0.0, STEP, 60, "it gets none: give the candidate a smaller share"),
]


@pytest.mark.parametrize(("who", "rate", "time", "window", "told"), REACH)
def test_samples_that_cannot_come(who: Who, rate: float, time: Time, window: int, told: str) -> None:
    judged = AnalysisMetric.model_validate({"name": "e", "errorRate": {"maxPercent": "1", "minSamples": 50}})
    found = unreachable(judged, who, rate, time, window)
    assert told in found
    assert bool(told) == bool(found)
    free = AnalysisMetric.model_validate({"name": "f", "prometheus": {"query": "up", "min": "1"}})
    assert unreachable(free, who, rate, time, window) == ""


def scarce(candidate: int, stable: int, steps: list[dict[str, Any]], **changes: Any) -> list[str]:
    """Return what is told of samples of a comparison that needs 100 a minute of each side, after a minute."""
    compares = {"name": "errors", "errorRate": {"maxIncreasePercent": "2", "minSamples": 100}}
    later = timestamp(START + timedelta(seconds=60))
    entry = {
        "metric": "errors",
        "outcome": "TooFewSamples",
        "at": later,
        "samples": candidate,
        "stable_samples": stable,
    }
    return sparse(rollout([compares], steps), status({}, analysis=[entry], **changes))


def test_people_who_wait_at_a_gate_are_not_told_to_wait_longer() -> None:
    gate = [{"percent": 10}, {"pause": {}}]
    assert scarce(150, 150, gate, step=1) == [], "beyond the bound, but chance may explain it"
    [told] = scarce(60, 150, gate, step=1)
    assert "windowSeconds looks back" in told


def test_stable_too_has_to_have_its_samples() -> None:
    wide = [{"percent": 95, "holdSeconds": 60}]
    [told] = scarce(950, 50, wide, percent=95)
    assert "errors needs 100 requests to stable, for comparison" in told
    assert "a smaller share" in told
    assert scarce(950, 50, wide, percent=100, bake_started_at=SINCE, step=1) == [], (
        "no more can come: the metric says it"
    )


def test_a_trickle_is_warned_of_once_it_was_watched_for_two_looks() -> None:
    world = canary(10, analysis={"intervalSeconds": 10, "windowSeconds": 60, "metrics": [metric("errors")]})
    world.behaves["v2"] = Behaviour(requests_per_second=1.0)
    world.run(12)
    assert sparse(Rollout.parse(world.root), world.status) == []
    world.run(20)
    [told] = sparse(Rollout.parse(world.root), world.status)
    assert "errors needs 20 requests to the candidate" in told
    world.behaves["v2"] = Behaviour()
    world.run(10)
    assert sparse(Rollout.parse(world.root), world.status) == []
