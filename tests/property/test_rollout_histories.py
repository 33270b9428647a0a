"""Do the safety rules hold in whatever happens to a Rollout?

Hypothesis writes histories: people change their minds, pods come and go, the gateway lags, Prometheus is silent, the
operator dies between two writes. After every write the rules of docs/explanation/rollout-safety.md are checked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from slipway.api.conditions import READY, find
from slipway.plan import Facts, Plan
from slipway.rollout import pods
from tests.unit.rollout.world import Behaviour, World, model_version, waiting

VERSIONS = st.sampled_from(["v1", "v2", "v3"])
RESTING = {"Healthy", "Degraded", "Stalled", "Pending"}
STATUSES = [waiting("CrashLoopBackOff"), waiting("ImagePullBackOff", "no such image"), None]
SIZES = st.sampled_from([1, 2, 4])
COMMANDS = st.sampled_from(["retry", "abort", "pause", "resume", "promote"])
LEADS = [0, 15, 50, 85, 100, 150, 165]
"""Seconds that v2 has had beside v1 when the history begins: from nothing at all to the end of the bake."""
TROUBLES = ["None", "Outage", "NoTraffic", "LittleTraffic", "Failures", "Crashes", "SleepingGateway"]
STEPS = st.sampled_from([[10, 50], [5, 20, 60], [100], [30]])


class Histories(RuleBasedStateMachine):
    """One Rollout's life."""

    @initialize(
        steps=STEPS,
        policy=st.sampled_from(["Hold", "Rollback"]),
        relative=st.booleans(),
        lead=st.sampled_from(LEADS),
        trouble=st.sampled_from(TROUBLES),
    )
    def begin(self, steps: list[int], policy: str, relative: bool, lead: int, trouble: str) -> None:
        self.world = World()
        spec = self.world.root["spec"]
        if relative:
            metric = {"name": "errors", "errorRate": {"maxIncreasePercent": "2", "minSamples": 20}}
            spec["analysis"] |= {"metrics": [metric]}
        spec["analysis"] |= {"noData": {"afterSeconds": 60, "action": policy}}
        spec["strategy"] = strategy(steps)
        self.replicas = 2
        if lead:
            self.all_works_for_a_while(5)
            self.world.want("v2")
            self.all_works_for_a_while(lead)
            self.meet(trouble)

    def meet(self, trouble: str) -> None:
        """Let v2 meet trouble for a while."""
        match trouble:
            case "Outage":
                self.world.prometheus = False
            case "NoTraffic":
                self.world.behaves["v2"] = Behaviour(requests_per_second=0)
            case "LittleTraffic":
                self.world.behaves["v2"] = Behaviour(requests_per_second=0.2)
            case "Failures":
                self.world.behaves["v2"] = Behaviour(failing_percent=40)
            case "Crashes":
                self.world.broken["v2"] = waiting("CrashLoopBackOff")
            case "SleepingGateway":
                self.world.behaves["v2"] = Behaviour(failing_percent=40)
                for _ in range(12):
                    self.world.kubelet()
                    self.world.scrape()
                    self.step(None)
                    self.world.now += timedelta(seconds=5)
        self.all_works_for_a_while(90)

    # What people do

    @rule(version=st.sampled_from(["v1", "v2", "v3", "missing"]))
    def change_version(self, version: str) -> None:
        self.world.want(version)

    @rule(tokens=st.sampled_from([2048, 4096]))
    def change_template(self, tokens: int) -> None:
        runtime = {"llamaCpp": {"contextTokens": tokens}}
        self.world.edit(self.world.root["spec"] | {"serving": {"runtime": runtime, "replicas": self.replicas}})

    @rule(replicas=SIZES)
    def change_replicas(self, replicas: int) -> None:
        self.replicas = replicas
        serving = self.world.root["spec"]["serving"] | {"replicas": replicas}
        self.world.edit(self.world.root["spec"] | {"serving": serving})

    @rule(steps=STEPS)
    def change_steps(self, steps: list[int]) -> None:
        self.world.edit(self.world.root["spec"] | {"strategy": strategy(steps)})

    @rule(
        name=st.sampled_from(["retry", "abort", "pause", "resume", "promote"]), version=VERSIONS, time=st.integers(0, 2)
    )
    def command(self, name: str, version: str, time: int) -> None:
        self.world.annotate(f"slipway.dev/{name}", f"{version}@{time}")

    @rule(version=VERSIONS, state=st.sampled_from(["Ready", "Pending", "Evaluating", "Rejected", "Failed"]))
    def version_turns(self, version: str, state: str) -> None:
        self.world.versions[version] = model_version(version, state)

    @rule(share=st.integers(0, 100))
    def somebody_edits_the_route(self, share: int) -> None:
        route = self.world.objects.get(("HTTPRoute", "assistant"))
        if route is not None:
            for backend in route["spec"]["rules"][0]["backendRefs"]:
                backend["weight"] = share
            route["metadata"]["generation"] += 1

    # What the cluster does

    @rule(version=VERSIONS, status=st.sampled_from(STATUSES))
    def pods_turn(self, version: str, status: dict[str, Any] | None) -> None:
        self.world.broken.pop(version, None)
        if status is not None:
            self.world.broken[version] = status
        self.world.kubelet()

    @rule(version=VERSIONS, failing=st.sampled_from([0.0, 1.0, 40.0, 100.0]), rps=st.sampled_from([0.0, 0.2, 50.0]))
    def version_behaves(self, version: str, failing: float, rps: float) -> None:
        self.world.behaves[version] = Behaviour(failing_percent=failing, requests_per_second=rps)

    @rule(answers=st.booleans())
    def prometheus_turns(self, answers: bool) -> None:
        self.world.prometheus = answers

    @rule()
    def pods_run(self) -> None:
        self.world.kubelet()

    @rule()
    def gateway_follows(self) -> None:
        self.world.gateway()

    @rule(seconds=st.sampled_from([1, 5, 10, 31, 61, 125]))
    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    # What the operator does

    @rule()
    def reconcile(self) -> None:
        self.step(None)

    @rule()
    def answer_and_reconcile(self) -> None:
        self.world.scrape()
        self.step(None)

    @rule(seconds=st.sampled_from([5, 20, 60, 150]))
    def all_works_for_a_while(self, seconds: int) -> None:
        for _ in range(0, seconds + 5, 5):
            self.world.kubelet()
            self.world.gateway()
            self.world.scrape()
            self.step(None)
            self.world.now += timedelta(seconds=5)

    @rule(writes=st.integers(0, 6))
    def operator_dies_after_some_writes(self, writes: int) -> None:
        self.world.scrape()
        self.step(writes)
        self.world.facts, self.world.asked = Facts(), ()

    def step(self, writes: int | None) -> None:
        """Reconcile, checking the plan; with `writes`, the operator dies after so many of them."""
        world = self.world
        before = world.status
        plan = world.room.plan(world.root, world, world.facts, world.now)
        self.check_plan(plan)
        self.check_twice(plan)
        self.check_turn(before, plan)
        world.facts = Facts()
        if writes is None:
            world.apply(plan)
        elif writes > 0:
            kept = frozenset(world.objects)
            world.apply(Plan(status=plan.status, children=list(plan.children)[: writes - 1], keep=kept))
        self.what_the_gateway_uses_has_its_pods()

    def check_plan(self, plan: Plan) -> None:
        """Weights, endpoints and capacity of what is about to be written."""
        status, world = plan.status, self.world
        stable = (status.get("stable") or {}).get("revision")
        seen = pods.read(world.owned("", "Pod"), world.owned("", "EndpointSlice"))
        routes = [child for child in plan.children if child["kind"] == "HTTPRoute"]
        if stable is not None:
            assert len(routes) == 1, "stable is always routed"
        for route in routes:
            assert plan.children[0] is route, "the route is written before all else"
            weights = {b["name"]: b["weight"] for b in route["spec"]["rules"][0]["backendRefs"]}
            assert sum(weights.values()) == 100
            for name, weight in weights.items():
                revision = name.rpartition("-")[2]
                if weight and revision != stable:
                    assert seen[revision].ready > 0, f"{name} has {weight} % and no endpoint"
        failed = {entry["revision"] for entry in status["failed"]}
        candidate = (status.get("candidate") or {}).get("revision")
        assert candidate not in failed
        assert status["percent"] == 0 or candidate is not None
        assert not (candidate and status["retiring"]), "what goes is gone before the next starts"
        sizes = {
            c["metadata"]["name"].rpartition("-")[2]: c["spec"]["replicas"]
            for c in plan.children
            if c["kind"] == "Deployment"
        }
        if stable is not None:
            assert sizes[stable] == self.replicas, "stable can take everything back at any moment"
        if candidate is not None and stable is not None:
            assert sizes[candidate] * 100 >= self.replicas * status["percent"], "capacity before traffic"
        assert status["message"]
        ready = find(self.world.status.model_validate(status).conditions, READY)
        assert ready is not None
        assert (ready.status == "True") == (status["state"] == "Healthy")

    def check_twice(self, plan: Plan) -> None:
        """Deciding again on what was decided changes nothing and tells nothing."""
        world = self.world
        again = world.room.plan(world.root | {"status": plan.status}, world, Facts(), world.now)
        assert again.status == plan.status
        assert list(again.children) == list(plan.children)
        assert list(again.events) == []

    def check_turn(self, before: Any, plan: Plan) -> None:
        """Only Pass promotes, and a verdict is final."""
        after = self.world.status.model_validate(plan.status)
        if before.stable is not None and after.stable != before.stable:
            assert after.stable is not None
            assert before.candidate is not None
            assert after.stable.revision == before.candidate.revision
            assert before.bake_started_at is not None
            outcomes = {entry.outcome for entry in after.analysis}
            assert outcomes == {"Pass"}
            assert all(entry.at >= before.bake_started_at for entry in after.analysis)
        if before.stable is not None:
            assert after.stable is not None, "stable is never forgotten"
        gone = {e.revision for e in before.failed} - {e.revision for e in after.failed}
        if gone:
            assert any(event.reason == "Retry" for event in plan.events)

    @invariant()
    def what_the_gateway_uses_has_its_pods(self) -> None:
        """Whatever the gateway really sends requests to keeps its Deployment."""
        world = getattr(self, "world", None)
        if world is None:
            return
        for name, weight in world.live.items():
            assert not weight or ("Deployment", name) in world.objects, f"{name} lost its pods with {weight} %"

    def teardown(self) -> None:
        """With everything mended, every history comes to rest, and rests."""
        world = getattr(self, "world", None)
        if world is None:
            return
        world.prometheus = True
        world.broken.clear()
        world.behaves.clear()
        world.annotate("slipway.dev/resume", f"{world.root['spec']['version']['name']}@the-end")
        for _ in range(400):
            before = world.writes
            world.kubelet()
            world.gateway()
            world.scrape()
            self.step(None)
            wait = world.plan_made.requeue_after
            if world.writes == before:
                if wait is None:
                    break
                world.now += wait
        assert world.state in RESTING, world.status.message
        if world.status.candidate is not None:
            # It stays at its share, measured on and on, while the spec names a version that cannot serve.
            assert world.state in ("Pending", "Stalled")
            return
        before = world.writes
        world.run(100, step=50)
        assert world.writes == before, "what rests is silent"


def strategy(percents: list[int]) -> dict[str, Any]:
    return {"canary": {"steps": [{"percent": percent, "holdSeconds": 30} for percent in percents]}}


@pytest.mark.parametrize("policy", ["Hold", "Rollback"])
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("lead", LEADS)
def test_every_trouble_at_every_moment(lead: int, trouble: str, policy: str) -> None:
    for relative in (False, True):
        history = Histories()
        history.begin(steps=[10, 50], policy=policy, relative=relative, lead=lead, trouble=trouble)
        history.what_the_gateway_uses_has_its_pods()
        history.operator_dies_after_some_writes(1)
        history.teardown()


Histories.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.generate],
)
TestHistories = Histories.TestCase
