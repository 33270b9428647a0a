"""How does a pod of the user's own measure, and what did it find?

One Job for each measurement, named by the question's id, made while the question is due and deleted when it is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Final, Self

from pydantic import StrictBool, StrictFloat, StrictInt, ValidationError, model_validator

from slipway.api.base import StatusModel
from slipway.api.faults import first_fault
from slipway.api.measures import EnvVar, JobMetric
from slipway.api.rollout import RevisionRef, RolloutStatus
from slipway.contract.artifact import digest_of
from slipway.contract.job import TERMINATION_LOG
from slipway.jobs import PodEnd, Run, runs
from slipway.names import METRIC_LABEL, REVISION_LABEL, UID_LABEL, child_name
from slipway.plan import Answer, Manifest, View
from slipway.rollout.pod import SERVING_PORT
from slipway.rollout.rollout import Rollout
from slipway.rollout.routes import service_name
from slipway.workload import CONTAINER_SECURITY, POD_SECURITY, Root, from_secret, metadata, placement, resources

ASK_ANNOTATION: Final = "slipway.dev/ask"
LAG: Final = timedelta(seconds=60)
"""How much later than its Job a pod's last words may be seen: two watches, two clocks."""
GRACE_SECONDS: Final = 10
DNS: Final = 53


@dataclass(frozen=True)
class Due:
    """A measurement that a pod is to make."""

    id: str
    name: str
    metric: JobMetric


def children(rollout: Rollout, status: RolloutStatus, due: Iterable[Due]) -> list[Manifest]:
    """Return the Jobs of the measurements that are due, after the policy that their pods need from the start."""
    jobs = [_job(rollout, status, one) for one in due]
    return [_network_policy(rollout.root), *jobs] if jobs else []


def seen(view: View, uid: str) -> tuple[tuple[str, Run], ...]:
    """Return the measuring Jobs of a Rollout, each with the id of the question that it answers."""
    asks = {
        job["metadata"]["name"]: str(ask)
        for job in view.owned(uid, "Job")
        if (ask := (job["metadata"].get("annotations") or {}).get(ASK_ANNOTATION))
    }
    return tuple((asks[run.name], run) for run in runs(view, uid) if run.name in asks) if asks else ()


def answers(measuring: Iterable[tuple[str, Run]], now: datetime) -> dict[str, Answer]:
    """Return what the Jobs that ended have found, by the id of their question."""
    return {ask: found for ask, run in measuring if (found := answer(run, now)) is not None}


def answer(run: Run, now: datetime) -> Answer | None:
    """Return what `run` has found; None while it may still say something."""
    if run.phase == "Active":
        return None
    ended = run.ended or now
    if run.phase == "Failed":
        if run.reason == "DeadlineExceeded":
            return Answer(ended, error=f"Job {run.name} took longer than its timeoutSeconds, start of the pod included")
        why = _complaint(run.last) if run.last is not None else f"{run.reason}: {run.message}"
        return Answer(ended, error=f"Job {run.name} failed: {why}")
    good = next((end for end in reversed(run.ends) if end.exit_code == 0), None)
    if good is not None:
        return read(good.said, good.ended or ended, f"pod {good.pod}")
    if now < ended + LAG:
        return None
    return Answer(ended + LAG, error=f"Job {run.name} is complete, but what its pod said was never seen")


class Report(StatusModel):
    """What a pod may say: a value (null is no data) or a verdict, and a word about it."""

    value: StrictInt | StrictFloat | None = None
    passed: StrictBool | None = None
    message: str = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set & {"value", "passed"}) != 1:
            raise ValueError("say value or passed, one of them")
        if "passed" in self.model_fields_set and self.passed is None:
            raise ValueError("passed is true or false")
        return self


def read(said: str, at: datetime, who: str) -> Answer:
    """Return the measurement in a termination message: {"value": number} or {"passed": bool}, with a "message"."""
    try:
        report = Report.model_validate_json(said)
    except ValidationError as error:
        cure = 'write {"value": 0.93} or {"passed": true} to /dev/termination-log'
        return Answer(at, error=f"{who} said {said.strip()[:200]!r}: {first_fault(error)}; {cure}")
    known = [report.value] if report.value is not None and isfinite(report.value) else []
    series: tuple[tuple[Mapping[str, str], float], ...] = tuple(({}, float(value)) for value in known)
    return Answer(at, series=series, passed=report.passed, message=report.message[:500])


def _complaint(end: PodEnd) -> str:
    words = f": {end.said.strip()[-300:]}" if end.said.strip() else ""
    return f"pod {end.pod} ended with code {end.exit_code} ({end.reason or 'Error'}){words}"


def _job(rollout: Rollout, status: RolloutStatus, due: Due) -> Manifest:
    root, metric = rollout.root, due.metric
    name = child_name(root.name, f"{due.name}-{digest_of({'ask': due.id})[7:15]}")
    labels = {METRIC_LABEL: due.name}
    main: dict[str, Any] = {
        "name": "main",
        "image": metric.image,
        "env": _environment(rollout, status, metric),
        "resources": resources(metric.resources),
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
    }
    main |= {key: list(value) for key, value in (("command", metric.command), ("args", metric.args)) if value}
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": POD_SECURITY,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "containers": [main],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        **placement(metric.resources),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(root, name, labels) | {"annotations": {ASK_ANNOTATION: due.id}},
        "spec": {
            "activeDeadlineSeconds": metric.timeout_seconds,
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            # A pod that its node takes away has measured nothing, and is nobody's failure.
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}],
            },
            "template": {"metadata": {"labels": root.labels() | labels}, "spec": pod},
        },
    }


def _environment(rollout: Rollout, status: RolloutStatus, metric: JobMetric) -> list[dict[str, Any]]:
    root = rollout.root

    def side(word: str, ref: RevisionRef | None) -> dict[str, str]:
        if ref is None:
            return {}
        return {
            f"SLIPWAY_{word}_URL": f"http://{service_name(root, ref.revision)}.{root.namespace}.svc",
            f"SLIPWAY_{word}_VERSION": ref.version,
            f"SLIPWAY_{word}_REVISION": ref.revision,
        }

    ours = {"SLIPWAY_MODEL": rollout.spec.model, "SLIPWAY_ROLLOUT": root.name, "HOME": "/tmp"}
    ours |= side("CANDIDATE", status.candidate) | side("STABLE", status.stable)
    given = {variable.name for variable in metric.env}
    return [
        *({"name": name, "value": value} for name, value in ours.items() if name not in given),
        *(_variable(variable) for variable in metric.env),
    ]


def _variable(variable: EnvVar) -> dict[str, Any]:
    if variable.secret is None:
        return {"name": variable.name, "value": variable.value or ""}
    return from_secret(variable.name, variable.secret.name, variable.secret.key)


def _network_policy(root: Root) -> Manifest:
    """Return what measuring pods may reach: names and the Rollout's own versions. Users may allow more by the label."""

    def tcp(number: int, protocol: str = "TCP") -> dict[str, Any]:
        return {"port": number, "protocol": protocol}

    mine = {"matchLabels": {UID_LABEL: root.uid}, "matchExpressions": [{"key": METRIC_LABEL, "operator": "Exists"}]}
    serving = {
        "matchLabels": {UID_LABEL: root.uid},
        "matchExpressions": [{"key": REVISION_LABEL, "operator": "Exists"}],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(root, child_name(root.name, "measure")),
        "spec": {
            "podSelector": mine,
            "policyTypes": ["Ingress", "Egress"],
            "egress": [
                {"ports": [tcp(DNS, "UDP"), tcp(DNS)]},
                {"to": [{"podSelector": serving}], "ports": [tcp(SERVING_PORT)]},
            ],
        },
    }
