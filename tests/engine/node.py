"""What do Kubernetes' own controllers, a kubelet and a gateway do with what the operator applies?"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

from slipway.contract.job import Evaluate, PrepareDataset, Train, parse_job
from slipway.contract.result import Evaluated, Prepared, Trained, encode
from slipway.jobs import JOB_NAME_LABEL
from tests.engine.cluster import Cluster

RUNS_SECONDS = 6.0
STARTS_SECONDS = 3.0
TICK = 0.5
Loss = Callable[[str], float]


def digest_of(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


class Node:
    """Runs Jobs to their results, brings Deployments up, fills EndpointSlices, accepts HTTPRoutes."""

    def __init__(self, cluster: Cluster, loss: Loss) -> None:
        self._cluster, self._loss = cluster, loss
        self._born: dict[str, float] = {}
        self.trained: dict[str, str] = {}
        """Digest of an artefact → TrainingJob that made it."""
        self.evaluated: list[str] = []

    async def run(self) -> None:
        while True:
            for job in self._cluster.of("Job"):
                self._job(job)
            for deployment in self._cluster.of("Deployment"):
                self._deployment(deployment)
            for service in self._cluster.of("Service"):
                self._slice(service)
            for route in self._cluster.of("HTTPRoute"):
                self._route(route)
            await asyncio.sleep(TICK)

    # Jobs

    def _job(self, job: dict[str, Any]) -> None:
        status = job.get("status") or {}
        if job["spec"].get("suspend") or status.get("conditions"):
            return
        name = f"{job['metadata']['name']}-pod"
        pod = self._cluster.objects.get(("Pod", job["metadata"]["namespace"], name))
        if pod is None:
            self._pod(job, name, job["spec"]["template"], {JOB_NAME_LABEL: job["metadata"]["name"]})
        elif self._age(pod) > RUNS_SECONDS:
            said = encode(self._result(job))
            ended = {"exitCode": 0, "reason": "Completed", "message": said, "finishedAt": "2026-01-01T01:00:00Z"}
            main = {"name": "main", "state": {"terminated": ended}}
            self._edit(pod, status={"phase": "Succeeded", "containerStatuses": [main]})
            done = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-01-01T01:00:00Z"}
            self._edit(job, status={"conditions": [done], "succeeded": 1, "completionTime": "2026-01-01T01:00:00Z"})

    def _result(self, job: dict[str, Any]) -> Prepared | Trained | Evaluated:
        volumes = job["spec"]["template"]["spec"]["volumes"]
        config = next(v["configMap"]["name"] for v in volumes if "configMap" in v)
        document = self._cluster.objects["ConfigMap", job["metadata"]["namespace"], config]["data"]["job.json"]
        task = parse_job(document)
        digest = digest_of(task.fingerprint())
        place = f"s3://slipway/slipway/{{}}/{digest.removeprefix('sha256:')}/"
        match task:
            case PrepareDataset():
                artifact = {"uri": place.format("datasets"), "digest": digest, "bytes": 7}
                rows = {"train": 160, "validation": 20, "test": 20, "rejected": 0, "duplicates": 3}
                return Prepared.model_validate({"artifact": artifact, "rows": rows, "report": "s3://slipway/report"})
            case Train():
                self.trained[digest] = task.name
                artifact = {"uri": place.format("models"), "digest": digest, "bytes": 7}
                return Trained.model_validate({"artifact": artifact, "formats": task.export, "steps": 30, "seconds": 9})
            case Evaluate():
                return self._evaluated(task)
        raise AssertionError(task)

    def _evaluated(self, task: Evaluate) -> Evaluated:
        self.evaluated.append(task.subject.name)
        metrics, bounds = [], {}
        for named in task.evaluation.metrics if task.evaluation else []:
            loss = named.measure.held_out_loss is not None
            mine, theirs = (
                self._loss(task.subject.artifact.digest),
                self._loss(task.reference.artifact.digest if task.reference else ""),
            )
            better = theirs - mine
            value, reference = (mine, theirs) if loss else (1 / (1 + mine), 1 / (1 + theirs))
            metrics.append(
                {"name": named.name, "value": f"{value:.4f}", "samples": 40, "reference": f"{reference:.4f}"}
                | {"improvement": f"{better:.4f}"}
            )
            bounds[named.name] = {str(percent): f"{better - 0.01:.4f}" for percent in (80, 90, 95, 99)}
        found = {"digest": task.subject.artifact.digest, "metrics": metrics, "lower_bounds": bounds}
        return Evaluated.model_validate(found)

    # Serving

    def _deployment(self, deployment: dict[str, Any]) -> None:
        meta, wanted = deployment["metadata"], deployment["spec"]["replicas"]
        names = [f"{meta['name']}-{i}" for i in range(wanted)]
        mine = {
            pod["metadata"]["name"]: pod
            for pod in self._cluster.of("Pod")
            if any(o["uid"] == meta["uid"] for o in pod["metadata"].get("ownerReferences") or ())
        }
        for name in mine:
            if name not in names:
                self._cluster.remove("Pod", meta["namespace"], name)
        for name in names:
            if name not in mine:
                self._pod(deployment, name, deployment["spec"]["template"], {})
            elif self._age(mine[name]) > STARTS_SECONDS:
                ready = [{"type": "Ready", "status": "True"}]
                self._edit(mine[name], status={"phase": "Running", "conditions": ready})
        ready = sum(self._is_ready(pod) for name, pod in mine.items() if name in names)
        status = {"observedGeneration": meta["generation"], "replicas": wanted, "updatedReplicas": wanted}
        self._edit(deployment, status={**status, "readyReplicas": ready, "availableReplicas": ready})

    def _slice(self, service: dict[str, Any]) -> None:
        meta, selector = service["metadata"], service["spec"]["selector"]
        endpoints = [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": True}, "targetRef": {"name": pod["metadata"]["name"]}}
            for pod in self._cluster.of("Pod")
            if selector.items() <= (pod["metadata"].get("labels") or {}).items() and self._is_ready(pod)
        ]
        id = ("EndpointSlice", meta["namespace"], f"{meta['name']}-x")
        if id not in self._cluster.objects:
            made = {"name": id[2], "namespace": id[1], "labels": meta["labels"]}
            made["ownerReferences"] = [{"uid": meta["uid"], "controller": True}]
            obj = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": made, "endpoints": []}
            self._create(obj)
        self._edit(self._cluster.objects[id], endpoints=endpoints)

    def _route(self, route: dict[str, Any]) -> None:
        generation = route["metadata"]["generation"]
        conditions = [
            {"type": kind, "status": "True", "observedGeneration": generation, "reason": kind}
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parents = [{"parentRef": ref, "conditions": conditions} for ref in route["spec"]["parentRefs"]]
        self._edit(route, status={"parents": parents})

    # Tools

    @staticmethod
    def _is_ready(pod: dict[str, Any]) -> bool:
        return any(c["type"] == "Ready" for c in (pod.get("status") or {}).get("conditions") or ())

    def _pod(self, owner: dict[str, Any], name: str, template: dict[str, Any], labels: dict[str, str]) -> None:
        meta = {"name": name, "namespace": owner["metadata"]["namespace"]}
        meta["labels"] = {**template["metadata"]["labels"], **labels}
        meta["ownerReferences"] = [{"uid": owner["metadata"]["uid"], "controller": True}]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": {"phase": "Running"}}
        self._create({**pod, "spec": template["spec"]})

    def _create(self, manifest: dict[str, Any]) -> None:
        new = self._cluster._new(manifest)
        made = self._cluster._store({**manifest, "metadata": {**manifest["metadata"], **new["metadata"]}})
        self._born[made["metadata"]["uid"]] = asyncio.get_running_loop().time()

    def _edit(self, obj: dict[str, Any], **top: Any) -> None:
        meta = obj["metadata"]
        self._cluster.edit(obj["kind"], meta["namespace"], meta["name"], **top)

    def _age(self, pod: dict[str, Any]) -> float:
        return asyncio.get_running_loop().time() - self._born[pod["metadata"]["uid"]]
