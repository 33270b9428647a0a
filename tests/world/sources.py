"""What do a user's own web server and pods say of a version, and how do they fail?

Both give the share of good answers that the version would give now. The pods of Jobs run here: what the cluster's Job
controller and kubelets make of a measurement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import orjson

from slipway.api.conditions import timestamp
from slipway.jobs import JOB_NAME_LABEL
from slipway.metrics.errors import BadQuery, SourceError
from slipway.metrics.web import number
from slipway.names import METRIC_LABEL
from slipway.plan import Answer, WebRequest

if TYPE_CHECKING:
    from tests.world.world import World

Mood = Literal["Good", "Low", "Away", "Failing", "Empty", "Odd"]
"""Low: they think little of every version, which other sources do not."""
ENOUGH = 0.97
"""The least score with which a pod that gives a verdict says passed."""


class Sources:
    """A web server and pods that measure."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.mood: Mood = "Good"

    def score(self, revision: str) -> float:
        """Return the share of good answers of a revision's version."""
        bad = 0.1 if self.mood == "Low" else 0.0
        return 1 - bad - self._world.prometheus.failing_percent(revision) / 100

    # A web server

    def get(self, request: WebRequest) -> Answer:
        """Return what the web server answers, read as the operator reads it."""
        at = self._world.calendar()
        if self.mood == "Away":
            return Answer(at, error=f"{request.lane} cannot be reached")
        score: Any = {"Empty": None, "Odd": "good"}.get(self.mood, self.score(request.url.rpartition("/")[2]))
        status = 503 if self.mood == "Failing" else 200
        try:
            found = number(status, orjson.dumps({"score": score}), request.pointer, request.lane)
        except SourceError as error:
            return Answer(at, error=str(error), refused=isinstance(error, BadQuery))
        return Answer(at, (({}, found),) if found is not None else ())

    # Pods that measure

    def heard(self, type: str, obj: dict[str, Any]) -> None:
        """Take notice of Jobs."""
        name, world = obj["metadata"]["name"], self._world
        if obj["kind"] == "Job" and type == "ADDED":
            world.after(world.chance.between(0.1, 2.0, "job", name), self._start, obj)
        elif obj["kind"] == "Job" and type == "DELETED" and world.find("Pod", pod_of(name)) is not None:
            world.cluster.remove("Pod", world.namespace, pod_of(name))

    def _start(self, job: dict[str, Any]) -> None:
        """Start the pod of a Job, unless the controllers are behind."""
        world, name = self._world, job["metadata"]["name"]
        if not self._there(job):
            return
        if world.nodes.frozen:
            world.after(2.0, self._start, job)
            return
        labels = job["spec"]["template"]["metadata"]["labels"] | {JOB_NAME_LABEL: name}
        meta = {"name": pod_of(name), "namespace": world.namespace, "labels": labels}
        world.cluster.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": {"phase": "Pending"}})
        away = self.mood == "Away"
        lasts = job["spec"]["activeDeadlineSeconds"] if away else world.chance.between(0.2, 4.0, "measures", name)
        world.after(lasts, self._end, job, "DeadlineExceeded" if away else "")

    def _end(self, job: dict[str, Any], failed: str) -> None:
        """Let the pod end with what it found, or not in time."""
        world = self._world
        pod = world.find("Pod", pod_of(job["metadata"]["name"]))
        if pod is None or not self._there(job):
            return
        now = timestamp(world.calendar())
        if not failed:
            code = 1 if self.mood == "Failing" else 0
            failed = "BackoffLimitExceeded" if code else ""
            ended = {"exitCode": code, "message": self._said(job), "finishedAt": now}
            main = {"name": "main", "ready": False, "restartCount": 0, "state": {"terminated": ended}}
            phase = "Failed" if code else "Succeeded"
            world.cluster.put({**pod, "status": {"phase": phase, "containerStatuses": [main]}})
        told = {"type": "Failed" if failed else "Complete", "status": "True", "reason": failed, "message": ""}
        status = {"conditions": [told | {"lastTransitionTime": now}], "completionTime": now}
        world.cluster.put({**(world.find("Job", job["metadata"]["name"]) or job), "status": status})

    def _said(self, job: dict[str, Any]) -> str:
        """Return the termination message of a pod: a verdict where its metric is judged without bounds."""
        name = job["metadata"]["labels"][METRIC_LABEL]
        metrics = self._world.spec["analysis"]["metrics"]
        bounded = any("min" in m.get("job", ()) for m in metrics if m["name"] == name)
        environment = {entry["name"]: entry.get("value", "") for entry in _main(job)["env"]}
        score = self.score(environment["SLIPWAY_CANDIDATE_REVISION"])
        if self.mood in ("Empty", "Odd"):
            return '{"value": null}' if self.mood == "Empty" else "good"
        self._world.rules.answered(name, self._world.calendar())
        return orjson.dumps({"value": score} if bounded else {"passed": score >= ENOUGH}).decode()

    def _there(self, job: dict[str, Any]) -> bool:
        found = self._world.find("Job", job["metadata"]["name"])
        return found is not None and found["metadata"]["uid"] == job["metadata"]["uid"]


def pod_of(job: str) -> str:
    """Return the name of the pod of a Job."""
    return f"{job}-pod"


def _main(job: dict[str, Any]) -> dict[str, Any]:
    [main] = job["spec"]["template"]["spec"]["containers"]
    return dict(main)
