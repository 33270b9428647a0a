"""Do the benches read from both systems what they believe to read?"""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from bench.argo_side import Argo
from bench.driver import Observed
from bench.sides import Side, Source, histogram, samples
from bench.slipway_side import Slipway
from slipway.api.analysis import Analysis
from slipway.api.rollout import RolloutSpec
from slipway.rollout.routes import ROUTE_ROLLBACK

TEXT = """\
# HELP workqueue_depth Keys waiting.
workqueue_depth{name="Rollouts"} 0
workqueue_depth{name="Services"} 3
rollout_reconcile_count{name="a",namespace="x"} 4
rollout_reconcile_count{name="b",namespace="x"} 1
workqueue_queue_duration_seconds_bucket{name="Rollouts",le="0.1"} 5
workqueue_queue_duration_seconds_bucket{name="Rollouts",le="+Inf"} 7
workqueue_queue_duration_seconds_bucket{name="Services",le="+Inf"} 9
"""


def route(*weights: int) -> dict[str, Any]:
    refs = [{"name": f"s{number}", "weight": weight} for number, weight in enumerate(weights)]
    return {"metadata": {"name": "r00000"}, "spec": {"rules": [{"backendRefs": refs}]}}


def split(canary: int) -> dict[str, Any]:
    services = [{"name": "r00000-stable", "weight": 100 - canary}, {"name": "r00000-canary", "weight": 0}]
    services[1] = {"name": "r00000-candidate", "weight": canary}
    return {"metadata": {"name": "r00000"}, "spec": {"weighted": {"services": services}}}


def test_metrics_are_read_by_whole_name_and_label() -> None:
    assert [value for _, value in samples(TEXT, "rollout_reconcile")] == []
    assert histogram(TEXT, "workqueue_queue_duration_seconds", name="Rollouts") == {0.1: 5.0, inf: 7.0}
    assert Argo().decided(TEXT, 2)
    assert not Argo().decided(TEXT, 3)
    assert not Argo().decided("", 1)


def test_slipway_has_decided_when_it_leads_and_its_queue_is_empty() -> None:
    text = (
        'controller_runtime_reconcile_total{controller="Rollout",result="success"} 2\n'
        'controller_runtime_reconcile_total{controller="Rollout",result="rehearsed"} 7\n'
        'workqueue_depth 0\nleader_election_master_status{name="slipway-operator"} 1\n'
    )
    assert Slipway().decided(text, 9)
    assert not Slipway().decided(text.replace("} 1", "} 0"), 9)
    assert not Slipway().decided(text, 10)
    assert not Slipway().decided(text.replace("depth 0", "depth 1"), 9)


@pytest.mark.parametrize(("weights", "share"), [((100,), 0), ((50, 50), 50), ((100, 0), 0), ((), 0)])
def test_share_of_slipways_candidate(weights: tuple[int, ...], share: int) -> None:
    assert Slipway().share(route(*weights)) == share


def test_share_of_argos_canary() -> None:
    assert Argo().share(split(50)) == 50
    assert Argo().share(split(0)) == 0


@pytest.mark.parametrize(
    ("side", "up", "down"), [(Slipway(), route(50, 50), route(100, 0)), (Argo(), split(50), split(0))]
)
def test_only_a_share_that_was_there_can_be_taken(side: Side, up: dict[str, Any], down: dict[str, Any]) -> None:
    seen = Observed(side)
    seen.hear_route(1.0, "ADDED", down)
    assert seen.zero_at == {}
    seen.hear_route(2.0, "MODIFIED", up)
    seen.hear_route(3.0, "MODIFIED", down)
    seen.hear_route(4.0, "MODIFIED", down)
    assert seen.zero_at == {"r00000": 3.0}


def test_a_verdict_counts_when_it_is_first_seen() -> None:
    seen = Observed(Slipway())
    notes = {ROUTE_ROLLBACK: '{"version": "r00000-v2"}'}
    one = {"metadata": {"name": "r00000", "annotations": notes}}
    for moment in (1.0, 2.0):
        seen.hear_verdict(moment, "MODIFIED", one)
    assert seen.verdict_at == {"r00000": 1.0}
    notes[ROUTE_ROLLBACK] = '{"version": "r00000-v3"}'
    seen.hear_verdict(3.0, "MODIFIED", one)
    assert seen.verdict_at == {"r00000": 3.0}


def test_the_rollouts_are_ones_that_the_api_takes() -> None:
    side = Slipway()
    side._source = Source("http://127.0.0.1:1", prometheus=False)
    _, manifest = side.root(7)
    spec = RolloutSpec.model_validate(manifest["spec"])
    assert isinstance(spec.analysis, Analysis)
    assert spec.version.name == "r00007-v1"
    assert side.release(7, 3)[1] == {"spec": {"version": {"name": "r00007-v3"}}}
