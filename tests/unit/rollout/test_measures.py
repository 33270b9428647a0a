"""Do measurements from the web, from a Prometheus of one's own and from pods reach the verdict?"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.api.analysis import AnalysisMetric
from slipway.api.conditions import timestamp
from slipway.api.measures import JobMetric
from slipway.plan import Access, Answer, Facts, PrometheusQuery, SecretKey, Server, WebRequest
from slipway.rollout import reasons
from slipway.rollout.analysis import comparison
from slipway.rollout.analysis.bounds import bounded, reported
from slipway.rollout.analysis.queries import CODE, FRESH, PART
from slipway.rollout.measure_job import ASK_ANNOTATION, answers, read, seen
from tests.unit.rollout.gateway import backends
from tests.unit.rollout.world import NAMESPACE, START, UID, World, serving

ENVOY = Path(__file__).parents[3] / "images" / "serve-proxy"
WEB = {
    "name": "quality",
    "web": {
        "url": "https://judge.example.com/score?of={{candidate}}&by={{rollout}}",
        "method": "POST",
        "body": '{"stable": "{{stable}}"}',
        "headers": [
            {"name": "X-Team", "value": "games"},
            {"name": "X-Key", "secret": {"name": "judge", "key": "key"}},
        ],
        "caSecret": {"name": "judge", "key": "ca.crt"},
        "valuePath": "/score",
        "min": "0.8",
    },
}
JOB = {
    "name": "smoke",
    "job": {
        "image": "judge@sha256:1",
        "command": ["judge"],
        "args": ["--strict"],
        "env": [{"name": "LEVEL", "value": "3"}, {"name": "TOKEN", "secret": {"name": "judge", "key": "token"}}],
        "timeoutSeconds": 45,
        "min": "0.9",
    },
}


def releasing(*metrics: dict[str, Any], **analysis: Any) -> World:
    """Return a world in which v2 has its first traffic."""
    world = serving("v1")
    spec = {"intervalSeconds": 10, "windowSeconds": 60, "metrics": list(metrics), "noData": {"afterSeconds": 60}}
    world.want("v2", analysis=spec | analysis)
    for _ in range(30):
        world.kubelet()
        world.gateway()
        world.reconcile()
        if world.status.percent > 0 and (world.asked or any(kind == "Job" for kind, _ in world.objects)):
            return world
        world.now += timedelta(seconds=1)
    raise AssertionError(world.status.message)


def tell(world: World, answer: Answer) -> None:
    world.facts = Facts({ask.id: answer for ask in world.asked})
    world.reconcile()


def test_a_web_metric_asks_what_the_spec_says() -> None:
    world = releasing(WEB)
    candidate, stable = world.status.candidate, world.status.stable
    assert candidate is not None
    assert stable is not None
    assert [ask.question for ask in world.asked] == [
        WebRequest(
            url=f"https://judge.example.com/score?of={candidate.revision}&by=assistant",
            pointer="/score",
            access=Access(NAMESPACE, ca=SecretKey("judge", "ca.crt"), headers=(("X-Key", SecretKey("judge", "key")),)),
            method="POST",
            body=json.dumps({"stable": stable.revision}),
            headers=(("X-Team", "games"),),
            timeout=5.0,
        )
    ]
    tell(world, Answer(world.now, ((({}), 0.5),)))
    assert world.status.last_rollback is not None
    assert "quality failed: 0.5 is below min 0.8" in world.status.last_rollback.message


def test_a_prometheus_of_ones_own_answers_every_query_of_the_rollout() -> None:
    metrics = [
        {"name": "errors", "errorRate": {"maxPercent": "1"}},
        {"name": "mine", "prometheus": {"query": "up", "min": "1"}},
    ]
    named = {
        "url": "https://prom.example.com",
        "timeoutSeconds": 7,
        "caSecret": {"name": "prom", "key": "ca.crt"},
        "basicAuthSecret": {"name": "login"},
    }
    world = releasing(*metrics, prometheus=named)
    server = Server("https://prom.example.com", Access(NAMESPACE, ca=SecretKey("prom", "ca.crt"), basic="login"))
    questions = [ask.question for ask in world.asked if isinstance(ask.question, PrometheusQuery)]
    assert [(q.server, q.timeout) for q in questions] == [(server, 7.0)] * 3, "each metric, and the check of the query"
    slow = releasing(*metrics, prometheus={"timeoutSeconds": 20})
    questions = [ask.question for ask in slow.asked if isinstance(ask.question, PrometheusQuery)]
    assert [(q.server, q.timeout) for q in questions] == [(None, 20.0)] * 3


def test_an_error_of_a_source_reaches_status_in_its_own_words() -> None:
    world = releasing(WEB)
    tell(world, Answer(world.now, error="Prometheus refuses the query: parse error at char 3. Correct it"))
    entry = world.status.analysis[0]
    assert (entry.outcome, entry.message) == (
        "Error",
        "Prometheus refuses the query: parse error at char 3. Correct it",
    )
    assert world.status.percent == 10, "an error neither promotes nor rolls back by itself"
    told = [event for event in world.events if event.reason == reasons.MEASURED_BADLY["Error"]]
    assert [event.message for event in told] == [f"quality: {entry.message}"]


# Pods that measure


def the_job(world: World) -> dict[str, Any]:
    jobs = [obj for (kind, _), obj in world.objects.items() if kind == "Job"]
    assert len(jobs) == 1, f"{len(jobs)} Jobs"
    return jobs[0]


def ends(world: World, said: str, code: int = 0, phase: str = "Complete", reason: str = "") -> None:
    """Let the pod of the Job end, and its Job with it."""
    job, at = the_job(world), timestamp(world.now)
    condition = {"type": phase, "status": "True", "lastTransitionTime": at, "reason": reason}
    job["status"] = {"conditions": [condition], **({"completionTime": at} if phase == "Complete" else {})}
    terminated = {"exitCode": code, "finishedAt": at, "message": said, "reason": "Error" if code else "Completed"}
    name = job["metadata"]["name"]
    labels = job["spec"]["template"]["metadata"]["labels"] | {"batch.kubernetes.io/job-name": name}
    world.pods[name] = [
        {
            "kind": "Pod",
            "metadata": {"name": f"{name}-x", "namespace": NAMESPACE, "labels": labels},
            "status": {
                "phase": "Failed" if code else "Succeeded",
                "containerStatuses": [{"name": "main", "state": {"terminated": terminated}}],
            },
        }
    ]


def test_one_restricted_pod_measures_and_is_gone_when_it_is_judged() -> None:
    world = releasing(JOB)
    assert world.asked == (), "nobody else is asked"
    first = the_job(world)
    pod = first["spec"]["template"]["spec"]
    main = pod["containers"][0]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert main["securityContext"]["readOnlyRootFilesystem"] is True
    assert (main["command"], main["args"]) == (["judge"], ["--strict"])
    environment = {variable["name"]: variable for variable in main["env"]}
    assert environment["TOKEN"]["valueFrom"] == {"secretKeyRef": {"name": "judge", "key": "token"}}
    assert not any(name.startswith("AWS_") for name in environment), "the object store is none of its business"
    candidate = world.status.candidate
    assert candidate is not None
    assert environment["SLIPWAY_CANDIDATE_URL"]["value"] == f"http://assistant-{candidate.revision}.{NAMESPACE}.svc"
    assert first["spec"]["activeDeadlineSeconds"] == 45
    policy = world.objects["NetworkPolicy", "assistant-measure"]
    labels = first["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert {one["key"] for one in policy["spec"]["podSelector"]["matchExpressions"]} <= set(labels)

    writes = world.writes
    for _ in range(20):
        world.now += timedelta(seconds=1)
        world.reconcile()
    assert the_job(world) is first
    assert world.writes == writes, "a measurement under way is left alone"

    ends(world, '{"value": 0.95, "message": "19 of 20 prompts"}')
    world.reconcile()
    entry = world.status.analysis[0]
    assert (entry.outcome, entry.candidate, entry.bound) == ("Pass", "0.95", "0.9")
    assert "19 of 20 prompts" in entry.message
    assert not [kind for kind, _ in world.objects if kind == "Job"], "a measurement that is judged is cleaned away"
    world.now += timedelta(seconds=10)
    world.reconcile()
    assert the_job(world)["metadata"]["name"] != first["metadata"]["name"]


def test_a_pod_that_measures_badly_sends_the_candidate_back() -> None:
    world = releasing(JOB)
    ends(world, '{"value": 0.2}')
    world.reconcile()
    assert world.status.last_rollback is not None
    assert "smoke failed: 0.2 is below min 0.9" in world.status.last_rollback.message
    world.reconcile()
    assert not [kind for kind, _ in world.objects if kind == "Job"]


@pytest.mark.parametrize(("said", "switches"), [('{"value": 0.95}', True), ('{"value": 0.2}', False)])
def test_a_pod_judges_the_preview_before_blue_becomes_green(said: str, switches: bool) -> None:
    chosen = {"previewHostnames": ["next.assistant.example"], "holdSeconds": 5, "scaleDownDelaySeconds": 120}
    world = serving(strategy={"blueGreen": chosen})
    world.want("v2", analysis={"intervalSeconds": 10, "windowSeconds": 60, "metrics": [JOB]})
    for _ in range(40):
        world.tick()
        world.now += timedelta(seconds=1)
    assert (world.routed()["v1"], world.status.percent) == (100, 0), "no user meets what nobody has measured"
    ends(world, said)
    world.reconcile()
    world.tick()
    assert (world.routed().get("v2") == 100) is switches
    assert (world.status.last_rollback is None) is switches


def test_measuring_pods_are_no_serving_pods() -> None:
    world = releasing(JOB)
    ends(world, "boom", code=3, phase="Failed", reason="BackoffLimitExceeded")
    world.reconcile()
    assert world.status.percent == 10, "its end is no restart of a serving pod"
    entry = world.status.analysis[0]
    assert entry.outcome == "Error"
    assert "ended with code 3 (Error): boom" in entry.message


@pytest.mark.parametrize(
    ("phase", "reason", "later", "says"),
    [
        ("Failed", "DeadlineExceeded", 0, "took longer than its timeoutSeconds"),
        ("Failed", "BackoffLimitExceeded", 0, "BackoffLimitExceeded"),
        ("Complete", "", 59, None),
        ("Complete", "", 60, "was never seen"),
    ],
)
def test_a_job_whose_pod_is_gone_is_told_apart(phase: str, reason: str, later: int, says: str | None) -> None:
    world = releasing(JOB)
    ends(world, "", phase=phase, reason=reason)
    del world.pods[the_job(world)["metadata"]["name"]]
    found = answers(seen(world, UID), world.now + timedelta(seconds=later))
    assert [says is None or says in one.error for one in found.values()] == ([True] if says else [])
    assert set(found) <= {the_job(world)["metadata"]["annotations"][ASK_ANNOTATION]}


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ('{"value": 1}', Answer(START, ((({}), 1.0),))),
        ('{"value": 0.5, "message": "m", "more": []}\n', Answer(START, ((({}), 0.5),), message="m")),
        ('{"value": null}', Answer(START)),
        ('{"value": NaN}', Answer(START)),
        ('{"value": -Infinity}', Answer(START)),
        ('{"passed": true}', Answer(START, passed=True)),
        ('{"passed": false, "message": "m"}', Answer(START, passed=False, message="m")),
    ],
)
def test_what_a_pod_may_say(said: str, answer: Answer) -> None:
    assert read(said, START, "pod x") == answer


@pytest.mark.parametrize(
    "said",
    ["", "0.93", "[1]", "{}", '{"value": "1"}', '{"value": true}', '{"passed": 1}', '{"passed": null}',
     '{"value": 1, "passed": true}', '{"value": 1'],
)  # fmt: skip
def test_anything_else_is_an_error_with_an_example(said: str) -> None:
    found = read(said, START, "pod x")
    assert (found.series, found.passed) == ((), None)
    assert 'write {"value": 0.93} or {"passed": true} to /dev/termination-log' in found.error


@pytest.mark.parametrize(
    ("spec", "answer", "outcome", "says"),
    [
        ({}, Answer(START, passed=True), "Pass", "the pod says that it passed"),
        ({}, Answer(START, passed=False, message="9 of 20"), "Fail", "did not pass: 9 of 20"),
        ({}, Answer(START, ((({}), 1.0),)), "Error", "set min or max of job"),
        ({"max": "1"}, Answer(START, passed=True), "Error", "let it report value, or remove the bounds"),
        ({"max": "1"}, Answer(START, ((({}), 1.5),)), "Fail", "1.5 is above max 1"),
        ({"min": "0", "max": "1"}, Answer(START, ((({}), 0.5),)), "Pass", "within bounds"),
        ({"max": "1"}, Answer(START, message="no rows"), "NoData", "no value (no rows)"),
    ],
)
def test_what_a_report_is_worth(spec: dict[str, str], answer: Answer, outcome: str, says: str) -> None:
    found = reported(JobMetric.model_validate({"image": "x"} | spec), answer)
    assert found.outcome == outcome
    assert says in found.message


def test_bounds_are_inclusive() -> None:
    rule = AnalysisMetric.model_validate(WEB).web
    assert rule is not None
    assert bounded(rule, [0.8]).outcome == "Pass"
    assert bounded(rule, [0.79999]).outcome == "Fail"


# Votes of users

FEEDBACK = {"name": "thumbs", "feedback": {"maxNegativePercent": "20", "maxIncreasePercent": "5", "minSamples": 30}}


def test_votes_go_to_the_version_that_answered_whatever_the_weights() -> None:
    world = releasing(FEEDBACK)
    candidate, stable = world.status.candidate, world.status.stable
    assert candidate is not None
    assert stable is not None
    route = world.objects["HTTPRoute", "assistant-feedback"]
    assert route["spec"]["hostnames"] == ["assistant.example"]
    for revision in (candidate.revision, stable.revision):
        led = backends(route, {"x-slipway-revision": revision}, "/feedback/up")
        assert led == {f"assistant-{revision}": 1}
    assert backends(route, {"x-slipway-revision": "0123456789"}, "/feedback/up") == {}
    assert backends(route, {"x-slipway-revision": stable.revision}) == {}, "only votes"
    assert {ref["port"] for rule in route["spec"]["rules"] for ref in rule["backendRefs"]} == {81}
    service = world.objects["Service", f"assistant-{candidate.revision}"]["spec"]
    policy = world.objects["NetworkPolicy", "assistant"]["spec"]
    target = {port["port"]: port["targetPort"] for port in service["ports"]}[81]
    assert target in {port["port"] for port in policy["ingress"][0]["ports"]}
    assert f"port_value: {target}" in (ENVOY / "envoy.yaml").read_text()


def test_without_such_a_metric_there_is_no_route_for_votes() -> None:
    world = releasing({"name": "errors", "errorRate": {"maxPercent": "1"}})
    assert [name for kind, name in world.objects if kind == "HTTPRoute"] == ["assistant"]


def votes(revision: str, good: float, bad: float) -> list[tuple[dict[str, str], float]]:
    """Return a window of votes, all of them new."""
    counted = (("2", good), ("5", bad))
    window = [({"revision": revision, CODE: code}, n) for code, n in counted]
    return [*window, *(({**labels, PART: FRESH}, n) for labels, n in window)]


@pytest.mark.parametrize(
    ("mine", "theirs", "outcome", "says"),
    [
        ((95, 5), (950, 50), "Pass", "5.00 % (5 of 100 votes in"),
        ((70, 30), (700, 300), "Fail", "30.00 % (30 of 100 votes in"),
        ((164, 36), (1980, 20), "Fail", "candidate 18.00 % of 400 are negative, stable 1.00 % of 4000 (allowed +5)"),
        ((10, 1), (990, 10), "TooFewSamples", "30 are needed"),
        ((40, 0), (9, 0), "TooFewSamples", "stable has 9 votes to compare with"),
        ((0, 0), (990, 10), "NoData", "no votes in"),
    ],
)
def test_votes_are_judged_like_requests(
    mine: tuple[int, int], theirs: tuple[int, int], outcome: str, says: str
) -> None:
    world = releasing(FEEDBACK)
    candidate, stable = world.status.candidate, world.status.stable
    assert candidate is not None
    assert stable is not None
    for _ in range(2):  # the first votes are what the test for the next ones is drawn from
        tell(world, Answer(world.now, (*votes(candidate.revision, *mine), *votes(stable.revision, *theirs))))
        world.now += timedelta(seconds=11)
        world.reconcile()
    entry = world.status.analysis[0]
    assert entry.outcome == outcome
    assert says in entry.message


def test_votes_are_asked_for_by_the_routes_that_take_them() -> None:
    world = releasing(FEEDBACK)
    asked = world.asked[0].question
    assert isinstance(asked, PrometheusQuery)
    relabelled = re.findall(r', "envoy_response_code_class", "(\d)", "envoy_route", "([^"]+)"\)', asked.query)
    assert relabelled == [("2", "up|rating_3|rating_4|rating_5"), ("5", "down|rating_1|rating_2")]
    assert 'envoy_virtual_host="feedback"' in asked.query
    assert "serving" not in asked.query, "votes are no requests"


def test_another_idea_of_negative_begins_the_evidence_anew() -> None:
    def hashed(highest: int) -> str:
        feedback = {"maxIncreasePercent": "5", "negativeRatings": highest}
        return comparison._hash(AnalysisMetric.model_validate({"name": "thumbs", "feedback": feedback}))

    assert hashed(1) == hashed(1) != hashed(2)
