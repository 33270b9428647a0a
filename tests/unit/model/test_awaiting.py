"""A version whose answers people rate: it waits, says for what, and gets its verdict once."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.api.modelversion import MetricResult, ModelVersionStatus
from slipway.api.ratings import Agreement, Preference, RatedBy, RefusedRatings
from slipway.contract.exitcodes import ExitCode
from slipway.contract.ratings import Sheet
from slipway.contract.result import Counted, Evaluated, Failed, encode
from slipway.model.awaiting import ASK_SECONDS
from slipway.plan import Answer, Facts, Plan, RatingFiles
from tests.unit.model.world import EVALUATION, World, digest, figures, rollout, version

SHEET = Sheet(
    metric="preferred",
    uri="s3://slipway/slipway/evaluations/e/sheet.html",
    key="s3://slipway/slipway/evaluations/e/sheet-key.json",
    digest=digest("5"),
    pairs=40,
)
PREFERRED = {"name": "preferred", "measure": {"humanPreference": {"maxExamples": 40, "minRated": 20, "raters": 2}}}
RATED: dict[str, Any] = {
    "metrics": [EVALUATION["metrics"][0], PREFERRED],
    "gates": [
        {"name": "people-agree", "metric": "preferred", "minImprovement": "0", "confidencePercent": 90},
        *EVALUATION["gates"],
    ],
}


def measured(**more: Any) -> Evaluated:
    found = figures(**more)
    return found.model_copy(update={"metrics": found.metrics[:1], "sheet": SHEET})


def counted(bound: str = "0.2", raters: int = 2, rated: int = 30, **more: Any) -> Counted:
    said = Preference(better=18, worse=6, undecided=6, p_value="0.0113", agreement=Agreement(percent=80, alpha="0.6"))
    metric = MetricResult(name="preferred", value="0.75", samples=30, reference="0.25", improvement="0.5")
    whole = {
        "preference": said,
        "metric": metric,
        "lower_bounds": {"90": bound, "95": "0.1"},
        "report": "s3://slipway/r",
    }
    accepted = tuple(RatedBy(rater=f"r{at}", file=f"m{at}/x.json", rated=rated) for at in range(raters))
    return Counted(raters=raters, rated=rated, accepted=accepted, **(whole | more))


def too_few(**more: Any) -> Counted:
    none = {"preference": None, "metric": None, "lower_bounds": {}, "report": ""}
    return counted(**({"raters": 1, "rated": 12} | none | more))


class Raters(World):
    """A world in which ConfigMaps with ratings can be listed."""

    def __init__(self, **spec: Any) -> None:
        super().__init__()
        self.maps: dict[str, str] | None = {}
        self.error = ""
        self.put(version(**{"evaluation": RATED, **spec}))
        self.settle()

    def plan(self, name: str = "") -> Plan:
        """Answer what is asked, as the engine does between two reconciles."""
        plan = super().plan(name)
        asks = [ask for ask in plan.asks if isinstance(ask.question, RatingFiles)]
        if self.maps is None or not asks:
            return plan
        series = tuple(({"name": name, "version": at}, 1.0) for name, at in self.maps.items())
        self.facts = Facts({ask.id: Answer(self.now, series, error=self.error) for ask in asks})
        return super().plan(name)

    def hand_in(self, **maps: str) -> Plan:
        """Let ConfigMaps be there, each with its resource version, and time pass until they are seen."""
        self.maps = maps
        self.wait(ASK_SECONDS)
        return self.settle()

    def counting(self) -> list[str]:
        return [name for name in self.jobs() if "-count-" in name]

    def say(self, result: Counted) -> None:
        (job,) = self.counting()
        self.ends(job, ExitCode.OK, encode(result))
        self.done(job, "Complete")
        self.settle()

    def ends(self, job: str, code: int, message: str) -> None:
        """Let the pod of `job` end."""
        labels = {"slipway.dev/uid": self.uid(), "batch.kubernetes.io/job-name": job}
        meta = {"name": f"{job}-x", "namespace": "demo", "labels": labels}
        ended = {"exitCode": int(code), "message": message, "finishedAt": self.stamp()}
        phase = "Failed" if code else "Succeeded"
        status = {"phase": phase, "containerStatuses": [{"name": "main", "state": {"terminated": ended}}]}
        self.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})

    def done(self, job: str, condition: str, reason: str = "") -> None:
        entry = {"type": condition, "status": "True", "reason": reason, "lastTransitionTime": self.stamp()}
        self.put({**self.get("Job", job), "status": {"conditions": [entry]}})


def waiting(**spec: Any) -> Raters:
    world = Raters(**spec)
    world.report(measured())
    world.settle()
    return world


def test_a_version_waits_and_says_where_the_sheet_is_and_what_to_do() -> None:
    world = waiting()
    status = world.status()
    assert status["state"] == "AwaitingRatings"
    assert status["message"] == (
        "people are to rate s3://slipway/slipway/evaluations/e/sheet.html: open it in a browser, and put each file "
        "that it saves into a ConfigMap with label slipway.dev/ratings=v1. 0 of 2 raters, 0 of 20 pairs"
    )
    assert world.condition("Ready")["status"] == "False"
    assert (world.condition("Reconciling")["reason"], world.condition("Stalled")) == ("AwaitingRatings", {})
    assert [gate["name"] for gate in status["gates"]] == ["loss-not-worse"]
    assert status["ratings"]["pairs"] == 40
    assert [event.reason for event in world.events] == ["EvaluationStarted", "AwaitingRatings"]
    assert world.counting() == []


def test_it_asks_for_files_now_and_then_for_as_long_as_it_takes() -> None:
    world = waiting()
    asked = set()
    for _ in range(5):
        plan = world.settle()
        assert plan.requeue_after is not None
        assert 0 < plan.requeue_after.total_seconds() <= ASK_SECONDS
        asked |= {ask.id for ask in plan.asks}
        assert {ask.question for ask in plan.asks} == {RatingFiles("demo", "v1")}
        world.wait(plan.requeue_after.total_seconds())
    assert len(asked) == 5


def test_files_are_counted_by_a_small_job_that_mounts_them() -> None:
    world = waiting(evaluation=RATED | {"resources": {"cpu": "4", "memory": "16Gi", "gpu": {"count": 1}}})
    world.hand_in(mia="7", noa="9")
    assert world.status()["state"] == "AwaitingRatings"
    assert world.condition("Reconciling")["reason"] == "CountingRatings"
    (name,) = world.counting()
    pod = world.get("Job", name)["spec"]["template"]["spec"]
    (main,) = pod["containers"]
    assert (main["image"], main["command"][-1]) == ("data@1", "slipway_pod.ratings")
    assert "nvidia.com/gpu" not in main["resources"]["limits"]
    mounted = {one["mountPath"] for one in main["volumeMounts"] if one["name"].startswith("ratings-")}
    assert mounted == {"/slipway/ratings/mia", "/slipway/ratings/noa"}
    maps = [one["configMap"] for one in pod["volumes"] if one["name"].startswith("ratings-")]
    assert maps == [{"name": "mia", "optional": True}, {"name": "noa", "optional": True}]
    assert pod["automountServiceAccountToken"] is False


def test_too_few_ratings_keep_it_waiting_with_what_is_there_and_what_is_wrong() -> None:
    world = waiting()
    world.hand_in(mia="7", noa="9")
    refused = (RefusedRatings(file="noa/x.json", message="it is of another sheet"),)
    world.say(too_few(refused=refused, refusals=1))
    status = world.status()
    assert status["state"] == "AwaitingRatings"
    assert status["message"].endswith("1 of 2 raters, 12 of 20 pairs. Not counted: noa/x.json: it is of another sheet")
    assert [one["rater"] for one in status["ratings"]["accepted"]] == ["r0"]
    before = world.counting()
    world.hand_in(mia="7", noa="9")
    assert world.counting() == before, "the same files are not counted twice"


def test_a_changed_file_is_counted_anew_and_the_job_before_goes() -> None:
    world = waiting()
    world.hand_in(mia="7")
    world.say(too_few())
    before = world.counting()
    world.hand_in(mia="8")
    (after,) = world.counting()
    assert [after] != before
    assert len(world.jobs()) == 2, "the evaluation's Job stays"
    world.hand_in()
    assert world.status()["message"].endswith("0 of 2 raters, 0 of 20 pairs")
    assert "accepted" not in world.status()["ratings"] or world.status()["ratings"]["accepted"] == []


def test_enough_ratings_give_the_verdict_with_every_figure_in_the_order_of_the_spec() -> None:
    world = waiting()
    world.hand_in(mia="7", noa="9")
    world.say(counted())
    status = world.status()
    assert status["state"] == "Ready"
    assert [metric["name"] for metric in status["metrics"]] == ["loss", "preferred"]
    assert [metric["lowerBound"] for metric in status["metrics"]] == ["0.01", "0.2"]
    assert [(gate["name"], gate["outcome"]) for gate in status["gates"]] == [
        ("people-agree", "Pass"), ("loss-not-worse", "Pass"),
    ]  # fmt: skip
    assert status["gates"][0]["message"] == (
        "gate people-agree passed: preferred 0.75, the base model 0.25: improvement 0.5, lower bound 0.2 at 90 %, "
        "needed more than 0"
    )
    assert status["score"] == "loss 0.5 · preferred 75%"
    assert status["ratings"]["preference"]["agreement"] == {"percent": 80, "alpha": "0.6"}
    assert status["verified"] == {"digest": digest("a")}
    assert world.events[-1].reason == "GatesPassed"
    verdict = world.status()
    world.hand_in(mia="7", noa="9", zoe="1")
    assert world.status() == verdict, "a verdict is given once"
    assert not world.settle().asks


def test_people_who_do_not_prefer_it_reject_it() -> None:
    world = waiting()
    world.hand_in(mia="7", noa="9")
    world.say(counted(bound="-0.1"))
    assert world.status()["state"] == world.status()["stage"] == "Rejected"
    assert "lower bound -0.1 at 90 %, needed more than 0" in world.condition("Stalled")["message"]


def test_no_preference_is_no_data_and_says_so() -> None:
    world = waiting()
    world.hand_in(mia="7", noa="9")
    said = Preference(better=0, worse=0, undecided=30, p_value="1")
    world.say(counted(metric=None, lower_bounds={}, preference=said))
    assert world.status()["state"] == "Rejected"
    assert world.status()["message"] == (
        "gate people-agree has no data: preferred: of 30 rated pairs there is none in which more than half of its "
        "raters preferred an answer"
    )


def test_nobody_is_asked_about_a_version_that_fails_anyway() -> None:
    world = Raters()
    world.report(measured(loss="9.31", bound="-9.4"))
    world.settle()
    assert world.status()["state"] == "Rejected"
    assert [(gate["name"], gate["outcome"]) for gate in world.status()["gates"]] == [
        ("loss-not-worse", "Fail"), ("people-agree", "NoData"),
    ]  # fmt: skip
    assert "nobody was asked" in world.status()["gates"][1]["message"]
    assert "ratings" not in world.status()


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (measured().model_copy(update={"sheet": None, "no_sheet": "3 of 40 pairs of answers differ"}), "3 of 40 pairs"),
        (measured(reference=None).model_copy(update={"sheet": None}), "no base model to compare answers with"),
    ],
)
def test_without_a_sheet_the_gate_has_no_data_and_says_why(result: Evaluated, says: str) -> None:
    world = Raters()
    world.report(result)
    world.settle()
    assert world.status()["state"] == "Rejected"
    gate = world.status()["gates"][0]
    assert (gate["name"], gate["outcome"]) == ("people-agree", "NoData")
    assert gate["message"].startswith("gate people-agree has no data: preferred: ")
    assert says in gate["message"]
    assert gate["message"] in world.status()["message"]


def test_a_sheet_without_its_key_stops_the_count_until_somebody_restores_it() -> None:
    world = waiting()
    world.hand_in(mia="7", noa="9")
    (job,) = world.counting()
    failed = Failed(reason="SheetKeyMissing", message="sheet-key.json is not there: restore it")
    world.ends(job, ExitCode.BAD_CONFIG, encode(failed))
    world.done(job, "Failed", "PodFailurePolicy")
    world.settle()
    stalled = world.condition("Stalled")
    assert stalled["reason"] == "SheetKeyMissing"
    assert stalled["message"].endswith(f"restore it. Delete Job {job} to try again")
    assert world.status()["state"] == "AwaitingRatings"
    world.remove("Pod", f"{job}-x")
    world.maps, world.facts = None, Facts()
    world.settle()
    assert world.condition("Stalled") == stalled, "the reason outlives its pod, and the operator that saw it"
    world.maps = {"mia": "7", "noa": "9"}
    world.remove("Job", job)
    world.settle()
    world.say(counted())
    assert world.status()["state"] == "Ready"


def test_ratings_that_cannot_be_listed_are_told_and_waited_for() -> None:
    world = waiting()
    world.error = "the operator may not list ConfigMaps: upgrade the chart"
    world.wait(ASK_SECONDS)
    world.settle()
    assert world.status()["message"].endswith("the operator may not list ConfigMaps: upgrade the chart")
    assert not world.condition("Stalled")
    world.error = ""
    world.hand_in(mia="1", noa="1")
    world.say(counted())
    assert world.status()["state"] == "Ready"


def test_the_pods_of_the_evaluation_may_go_while_people_take_their_time() -> None:
    world = waiting()
    for kind in ("Pod", "Job", "ConfigMap"):
        for name in world.owned(kind):
            world.remove(kind, name)
    world.settle()
    assert world.jobs() == []
    assert world.status()["state"] == "AwaitingRatings"
    world.hand_in(mia="1", noa="1")
    world.say(counted())
    assert [gate["outcome"] for gate in world.status()["gates"]] == ["Pass", "Pass"]


def test_more_config_maps_than_are_mounted_are_told() -> None:
    world = waiting()
    maps = {f"m{at:02}": "1" for at in range(45)}
    world.hand_in(**maps)
    (job,) = world.counting()
    volumes = world.get("Job", job)["spec"]["template"]["spec"]["volumes"]
    assert sum(one["name"].startswith("ratings-") for one in volumes) == 40
    world.say(too_few())
    assert "Of 45 ConfigMaps the first 40 by name count" in world.status()["message"]


def test_the_reference_stays_what_the_sheet_was_made_with() -> None:
    world = Raters()
    world.put(version("v0", "c"))
    world.report(measured())
    world.settle()
    world.put(rollout(stable="v0", v0="c"))
    world.hand_in(mia="7", noa="9")
    world.say(counted())
    assert "the base model 0.25" in world.status()["gates"][0]["message"]


def test_jobs_stay_for_their_time_after_the_verdict_however_long_people_took() -> None:
    world = waiting(ttlSecondsAfterFinished=600)
    world.done(next(iter(world.jobs())), "Complete")
    world.wait(86_400)
    world.hand_in(mia="7", noa="9")
    world.say(counted())
    assert world.status()["state"] == "Ready"
    assert len(world.jobs()) == 2
    world.wait(600)
    world.settle()
    assert world.jobs() == []


def test_what_is_written_is_what_is_read() -> None:
    world = waiting()
    world.hand_in(mia="7", noa="9")
    world.say(counted())
    assert ModelVersionStatus.model_validate(world.status()).dump() == world.status()
