"""How is Slipway driven and watched by a bench?"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.api import Api, Object, all_of, react
from bench.ground import REPOSITORY, Ground, define, documents, gateway_definitions, namespace
from bench.measurements import SERIES
from bench.process import running
from bench.sides import (
    SHARE,
    Backends,
    Operator,
    Source,
    histogram,
    host_of,
    name_of,
    samples,
    slice_of,
    space_of,
    spaces,
)
from slipway.names import REVISION_LABEL, UID_LABEL, VERSION_LABEL
from slipway.rollout.routes import ROUTE_ROLLBACK
from slipway.settings import Settings
from tests.apiserver.server import free_port

OURS = "/apis/slipway.dev/v1alpha1"
NAMESPACE = "bench-slipway"
GATEWAY = {"name": "slipway", "namespace": "slipway-gateway"}
GATEWAY_API = "/apis/gateway.networking.k8s.io/v1"
IMPORTS = f"{REPOSITORY / 'operator'}:{REPOSITORY}"
DRAIN_SECONDS = 1
READ = (
    "controller_runtime_reconcile_total",
    "controller_runtime_active_workers",
    "leader_election_master_status",
    "workqueue_depth",
    "workqueue_queue_duration_seconds_bucket",
)


def version_name(number: int, version: int) -> str:
    """Return the name of a ModelVersion."""
    return f"{name_of(number)}-v{version}"


class Slipway:
    """Our side. `lease_of` names the Lease of the settings below."""

    name = "Slipway"
    limits = "at most 32 requests at a time, no rate limit (as installed)"
    roots = f"{OURS}/rollouts"
    routes = f"{GATEWAY_API}/httproutes"
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/slipway-operator"

    def __init__(self, notes: Path | None = None) -> None:
        """With `notes` its operator runs with a stopwatch and writes them there when it ends."""
        self._notes = notes
        self._source, self._image = Source("", prometheus=True), ""

    async def prepare(self, api: Api, count: int, source: Source, backends: Backends, versions: int = 2) -> None:
        """Create definitions, namespaces and `versions` ModelVersions for each Rollout, verified already."""
        self._source, self._image = source, backends.image
        await define(api, [*documents(*sorted((REPOSITORY / "crds").glob("*.yaml"))), *gateway_definitions()])
        for space in (NAMESPACE, GATEWAY["namespace"], *spaces(count)):
            await namespace(api, space)
        keys = {"stringData": {"accessKeyId": "x", "secretAccessKey": "x"}}
        for space in spaces(count):
            secret = {"metadata": {"name": "slipway-object-store"}} | keys
            await api.call("POST", f"/api/v1/namespaces/{space}/secrets", secret)
        await all_of(_version(api, number, v) for number in range(count) for v in range(1, versions + 1))

    def root(self, number: int) -> tuple[str, Object]:
        """Return a Rollout of the first version."""
        name = name_of(number)
        spec = {
            "model": name,
            "version": {"name": version_name(number, 1)},
            "serving": {"runtime": {"llamaCpp": {}}, "replicas": 1, "resources": {"cpu": "50m", "memory": "64Mi"}},
            "traffic": {"gateway": GATEWAY, "hostnames": [host_of(number)]},
            "strategy": {"canary": {"steps": [{"percent": SHARE, "holdSeconds": 86_400}]}},
            "analysis": {
                "intervalSeconds": self._source.interval_seconds,
                "windowSeconds": max(5, self._source.interval_seconds),
                "metrics": [{"name": "bad"} | _measured(self._source)],
            },
            "bakeSeconds": 0,
        }
        manifest = {
            "apiVersion": "slipway.dev/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": name, "namespace": space_of(number)},
            "spec": spec,
        }
        return f"{OURS}/namespaces/{space_of(number)}/rollouts", manifest

    def release(self, number: int, version: int) -> tuple[str, Object]:
        """Name another ModelVersion."""
        path = f"{OURS}/namespaces/{space_of(number)}/rollouts/{name_of(number)}"
        return path, {"spec": {"version": {"name": version_name(number, version)}}}

    def parts(self, api: Api, backends: Backends, gateway: bool) -> Sequence[Coroutine[Any, Any, None]]:
        """Return what makes Deployments ready and, without a gateway, accepts routes."""
        found = [] if backends.image else [react(api, "/apis/apps/v1/deployments", _Pods(api, backends).act)]
        if not gateway:
            found.append(react(api, self.routes, _Gateway(api).act))
        return found

    @contextmanager
    def operator(self, kubeconfig: Path, folder: Path, name: str) -> Iterator[Operator]:
        """Run `python -m slipway.main` with the chart's settings, but for ports and a shorter drain."""
        port = free_port()
        image = self._image or "x@x"
        settings = {
            "namespace": NAMESPACE,
            "images": dict.fromkeys(("data", "train_torch", "eval_blender", "serve_llamacpp", "proxy"), image),
            "store": {"bucket": "slipway"},
            "http_port": port,
            "progress_port": free_port(),
            "drain_seconds": DRAIN_SECONDS,
            "prometheus_url": self._source.url if self._source.prometheus else "",
            "analysis_hosts": ["127.0.0.1"],
        }
        file = folder / f"{name}.json"
        file.write_text(json.dumps(settings))
        program = ["bench.stopwatch", str(self._notes)] if self._notes else ["slipway.main"]
        command = [sys.executable, "-m", *program, "--settings", str(file), "--kubeconfig", str(kubeconfig)]
        # As in the image, whose code is compiled: the first process here compiles it.
        environment = {"PYTHONPATH": IMPORTS, "PYTHONDONTWRITEBYTECODE": ""}
        with running(name, command, folder / f"{name}.log", environment) as child:
            yield Operator(child, port, READ)

    async def rarely(self, ground: Ground) -> float:
        """Compare everything once, as the operator does each `resync_seconds`."""
        command = [sys.executable, "-m", "bench.comparison", str(ground.kubeconfig)]
        environment = os.environ | {"PYTHONPATH": IMPORTS}
        compared = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
        printed, _ = await compared.communicate()
        return float(printed) * 60 / float(Settings.model_fields["resync_seconds"].default)

    def answers_as(self, number: int, version: int) -> str:
        """Pods answer with the name of their ModelVersion."""
        return version_name(number, version)

    def leads(self, lease: Object) -> bool:
        """Tell whether somebody holds the Lease."""
        return bool((lease.get("spec") or {}).get("holderIdentity"))

    def healthy(self, root: Object) -> bool:
        """Tell whether the version wanted is stable and ready."""
        status = root.get("status") or {}
        seen = status.get("observedGeneration") == root["metadata"]["generation"]
        return seen and status.get("state") == "Healthy"

    def settled(self, root: Object) -> bool:
        """Tell whether nothing but stable is left."""
        status = root.get("status") or {}
        return not status.get("candidate") and not status.get("retiring") and bool(status.get("stable"))

    def share(self, route: Object) -> int:
        """Return what is not stable's; before the first version serves there is no other."""
        refs = [ref for rule in route["spec"].get("rules") or () for ref in rule.get("backendRefs") or ()]
        return 100 - max((int(ref.get("weight", 1)) for ref in refs), default=100)

    def route_of(self, route: Object) -> str:
        """Return the Rollout's name, which is the route's."""
        return str(route["metadata"]["name"])

    def verdicts(self) -> str:
        """A metric's verdict stands on the route first."""
        return self.routes

    def failed(self, one: Object) -> tuple[str, str] | None:
        """Return the newest rollback."""
        text = (one["metadata"].get("annotations") or {}).get(ROUTE_ROLLBACK)
        return (self.route_of(one), json.loads(text)["version"]) if text else None

    def decided(self, text: str, count: int) -> bool:
        """Tell whether it leads, as many Rollouts were looked at, before or since, and the queue is empty."""
        done = sum(
            value
            for has, value in samples(text, "controller_runtime_reconcile_total")
            if has["controller"] == "Rollout"
        )
        waiting = sum(value for _, value in samples(text, "workqueue_depth"))
        working = sum(value for _, value in samples(text, "controller_runtime_active_workers"))
        leads = sum(value for _, value in samples(text, "leader_election_master_status"))
        return leads == 1 and done >= count and waiting == 0 and working == 0

    def queue(self, text: str) -> dict[float, float]:
        """Return the waiting times of all keys."""
        return histogram(text, "workqueue_queue_duration_seconds")


def _measured(source: Source) -> Object:
    """Return how one figure is measured: with a web server's answer, or with a Prometheus' query."""
    if source.prometheus:
        return {"prometheus": {"query": f'{SERIES}{{rollout="{{{{rollout}}}}"}}', "max": "0.5"}}
    return {"web": {"url": f"{source.url}/web/{{{{rollout}}}}", "valuePath": "/value", "max": "0.5"}}


async def _version(api: Api, number: int, version: int) -> None:
    """Create a ModelVersion whose digest is checked and whose gates passed."""
    name, space = version_name(number, version), space_of(number)
    path = f"{OURS}/namespaces/{space}/modelversions"
    digest = "sha256:" + f"{number * 1000 + version:064x}"
    manifest = {
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {"name": name, "namespace": space},
        "spec": {
            "model": name_of(number),
            "version": f"{version}.0.0",
            "artifact": {"uri": f"s3://models/{name}/", "digest": digest, "formats": ["GGUF"], "kind": "Model"},
        },
    }
    await api.call("POST", path, manifest)
    status = {"state": "Ready", "stage": "Candidate", "observedGeneration": 1, "verified": {"digest": digest}}
    await api.merge(f"{path}/{name}/status", {"status": status})


class _Pods:
    """Deployment controller, kubelet and endpoint controller in one: what is deployed is ready at once."""

    def __init__(self, api: Api, backends: Backends) -> None:
        self._api, self._backends = api, backends

    def act(self, kind: str, deployment: Object) -> Awaitable[None] | None:
        """Return what a Deployment needs; nothing if its pods cannot have changed."""
        if kind == "MODIFIED" and deployment["metadata"]["generation"] == 1:
            return None
        return self._gone(deployment) if kind == "DELETED" else self._ready(deployment)

    async def _gone(self, deployment: Object) -> None:
        await self._api.call("DELETE", _slice_path(deployment), ok=(404,))

    async def _ready(self, deployment: Object) -> None:
        meta, spec = deployment["metadata"], deployment["spec"]
        labels = {label: meta["labels"][label] for label in (UID_LABEL, REVISION_LABEL)}
        first = spec["template"]["metadata"]["labels"][VERSION_LABEL].endswith("-v1")
        port = self._backends.stable if first else self._backends.candidate
        made = slice_of(meta["name"], meta["namespace"], labels, self._backends.address, port, spec["replicas"])
        await self._api.apply(_slice_path(deployment), made)


def _slice_path(deployment: Object) -> str:
    meta = deployment["metadata"]
    return f"/apis/discovery.k8s.io/v1/namespaces/{meta['namespace']}/endpointslices/{meta['name']}"


class _Gateway:
    """A gateway controller that accepts every route."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def act(self, kind: str, route: Object) -> Awaitable[None] | None:
        """Return the acceptance of a route's present generation, unless it has it."""
        parents = (route.get("status") or {}).get("parents") or ()
        seen = {c.get("observedGeneration") for parent in parents for c in parent.get("conditions") or ()}
        return None if kind == "DELETED" or seen == {route["metadata"]["generation"]} else self._accept(route)

    async def _accept(self, route: Object) -> None:
        meta = route["metadata"]
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": kind,
                "message": "",
                "observedGeneration": meta["generation"],
                "lastTransitionTime": meta["creationTimestamp"],
            }
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parent = {"controllerName": "bench/x", "parentRef": route["spec"]["parentRefs"][0], "conditions": conditions}
        path = f"{GATEWAY_API}/namespaces/{meta['namespace']}/httproutes/{meta['name']}/status"
        await self._api.merge(path, {"status": {"parents": [parent]}}, ok=(404,))
