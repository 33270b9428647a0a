"""How is argo-rollouts driven and watched by a bench?"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.api import Api, Object, all_of, react
from bench.ground import Ground, define, documents, namespace
from bench.measurements import SERIES
from bench.process import running
from bench.sides import (
    CANDIDATE,
    SHARE,
    STABLE,
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
from e2e.setup import gotools
from tests.apiserver.server import free_port

ARGO = "/apis/argoproj.io/v1alpha1"
TRAEFIK = "/apis/traefik.io/v1alpha1"
NAMESPACE = "argo-rollouts"
TEMPLATE = "bad"
LEASE_SECONDS = 15.0
TRAEFIK_KINDS = {
    "IngressRoute": "ingressroutes",
    "IngressRouteTCP": "ingressroutetcps",
    "IngressRouteUDP": "ingressrouteudps",
    "Middleware": "middlewares",
    "MiddlewareTCP": "middlewaretcps",
    "ServersTransport": "serverstransports",
    "ServersTransportTCP": "serverstransporttcps",
    "TLSOption": "tlsoptions",
    "TLSStore": "tlsstores",
    "TraefikService": "traefikservices",
}


class Argo:
    """The peer: argo-rollouts with Traefik as its router, which it has in its tree, and background analysis."""

    roots = f"{ARGO}/rollouts"
    routes = f"{TRAEFIK}/traefikservices"
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/argo-rollouts-controller-lock"

    def __init__(self, qps: int | None = None) -> None:
        self._qps = qps
        self.name = f"argo-rollouts, {qps} QPS" if qps else "argo-rollouts"
        self.limits = f"--qps={qps} --burst={qps}" if qps else "--qps=40 --burst=80 (its defaults)"
        self._source, self._image = Source("", prometheus=False), ""

    async def prepare(self, api: Api, count: int, source: Source, backends: Backends, versions: int = 2) -> None:
        """Create definitions, namespaces, the analysis template, Services, their endpoints and Traefik's objects."""
        self._source, self._image = source, backends.image
        crds = documents(*sorted((gotools.argo_rollouts() / "crds").glob("*-crd.yaml")))
        await define(api, [*crds, *(_traefik_definition(kind, plural) for kind, plural in TRAEFIK_KINDS.items())])
        for space in (NAMESPACE, *spaces(count)):
            await namespace(api, space)
        await all_of(
            api.call("POST", f"{ARGO}/namespaces/{space}/analysistemplates", _template(source))
            for space in spaces(count)
        )
        await all_of(_services(api, number, backends) for number in range(count))

    def root(self, number: int) -> tuple[str, Object]:
        """Return a Rollout of the first version."""
        name = name_of(number)
        canary = {
            "canaryService": f"{name}-{CANDIDATE}",
            "stableService": f"{name}-{STABLE}",
            "scaleDownDelaySeconds": 1,
            "abortScaleDownDelaySeconds": 1,
            "trafficRouting": {"traefik": {"weightedTraefikServiceName": name}},
            "analysis": {
                "templates": [{"templateName": TEMPLATE}],
                "args": [{"name": "rollout", "value": name}],
            },
            "steps": [{"setWeight": SHARE}, {"pause": {}}],
        }
        spec = {
            "replicas": 1,
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": self._pod(number, 1),
            "strategy": {"canary": canary},
        }
        manifest = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": name, "namespace": space_of(number)},
            "spec": spec,
        }
        return f"{ARGO}/namespaces/{space_of(number)}/rollouts", manifest

    def release(self, number: int, version: int) -> tuple[str, Object]:
        """Change the pod template."""
        path = f"{ARGO}/namespaces/{space_of(number)}/rollouts/{name_of(number)}"
        return path, {"spec": {"template": self._pod(number, version)}}

    def parts(self, api: Api, backends: Backends, gateway: bool) -> Sequence[Coroutine[Any, Any, None]]:
        """Return what makes ReplicaSets ready. Its router for Traefik waits for nobody's confirmation."""
        return [] if backends.image else [react(api, "/apis/apps/v1/replicasets", _Pods(api).act)]

    @contextmanager
    def operator(self, kubeconfig: Path, folder: Path, name: str) -> Iterator[Operator]:
        """Run the controller as its manifests do, but for ports and, if asked, the client's limits."""
        metrics, health = free_port(), free_port()
        limits = [f"--qps={self._qps}", f"--burst={self._qps}"] if self._qps else []
        command = [
            str(gotools.argo_rollouts() / "rollouts-controller"),
            f"--kubeconfig={kubeconfig}",
            f"--metricsPort={metrics}",
            f"--healthzPort={health}",
            *limits,
        ]
        with running(name, command, folder / f"{name}.log") as child:
            yield Operator(child, metrics)

    async def rarely(self, ground: Ground) -> float:
        """Nothing that is known of."""
        return 0.0

    def answers_as(self, number: int, version: int) -> str:
        """Pods answer with what their template says."""
        return f"{name_of(number)}-v{version}"

    def _pod(self, number: int, version: int) -> Object:
        return _pod(name_of(number), self.answers_as(number, version), self._image or "x@x")

    def leads(self, lease: Object) -> bool:
        """Tell whether somebody holds the Lease."""
        return bool((lease.get("spec") or {}).get("holderIdentity"))

    def healthy(self, root: Object) -> bool:
        """Tell whether its phase is Healthy for this generation."""
        status = root.get("status") or {}
        seen = str(status.get("observedGeneration")) == str(root["metadata"]["generation"])
        return seen and status.get("phase") == "Healthy"

    def settled(self, root: Object) -> bool:
        """Tell whether an aborted release has come to rest."""
        status = root.get("status") or {}
        return status.get("phase") in ("Degraded", "Healthy")

    def share(self, route: Object) -> int:
        """Return the weight of the canary's Service."""
        services = route["spec"]["weighted"]["services"]
        return sum(int(one.get("weight", 0)) for one in services if one["name"].endswith(f"-{CANDIDATE}"))

    def route_of(self, route: Object) -> str:
        """Return the Rollout's name, which is the TraefikService's."""
        return str(route["metadata"]["name"])

    def verdicts(self) -> str:
        """Verdicts stand in AnalysisRuns."""
        return f"{ARGO}/analysisruns"

    def failed(self, one: Object) -> tuple[str, str] | None:
        """Return the failed AnalysisRun."""
        if (one.get("status") or {}).get("phase") != "Failed":
            return None
        [owner] = one["metadata"]["ownerReferences"]
        return owner["name"], one["metadata"]["name"]

    def decided(self, text: str, count: int) -> bool:
        """Tell whether as many Rollouts were reconciled, by their own series, and the queue is empty."""
        waiting = sum(value for has, value in samples(text, "workqueue_depth") if has["name"] == "Rollouts")
        return waiting == 0 and sum(1 for _ in samples(text, "rollout_reconcile_count")) >= count

    def queue(self, text: str) -> dict[float, float]:
        """Return the waiting times of Rollouts."""
        return histogram(text, "workqueue_queue_duration_seconds", name="Rollouts")


def _pod(name: str, version: str, image: str) -> Object:
    engine = {
        "name": "engine",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "SLIPWAY_VERSION", "value": version}],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 9901}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
    }
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [engine]}}


def _template(source: Source) -> Object:
    """Return the template that measures one figure: by its web provider, or by its Prometheus provider."""
    provider: Object = {"web": {"url": f"{source.url}/web/{{{{args.rollout}}}}", "jsonPath": "{$.value}"}}
    condition = "result < 1"
    if source.prometheus:
        query = f'{SERIES}{{rollout="{{{{args.rollout}}}}"}}'
        provider, condition = {"prometheus": {"address": source.url, "query": query}}, "result[0] < 1"
    metric = {
        "name": TEMPLATE,
        "interval": f"{source.interval_seconds}s",
        "failureLimit": 0,
        "successCondition": condition,
        "provider": provider,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": TEMPLATE},
        "spec": {"args": [{"name": "rollout"}], "metrics": [metric]},
    }


def _traefik_definition(kind: str, plural: str) -> Object:
    """Return a CRD of Traefik's without its schema: what is judged here is who writes it, not what may be written."""
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.traefik.io"},
        "spec": {
            "group": "traefik.io",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


async def _services(api: Api, number: int, backends: Backends) -> None:
    name, space = name_of(number), space_of(number)
    weights = {STABLE: (100, backends.stable), CANDIDATE: (0, backends.candidate)}
    for role, (_, port) in weights.items():
        service = f"{name}-{role}"
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]
        manifest = {"metadata": {"name": service}, "spec": {"selector": {"app": name}, "ports": ports}}
        await api.call("POST", f"/api/v1/namespaces/{space}/services", manifest)
        if not backends.image:
            path = f"/apis/discovery.k8s.io/v1/namespaces/{space}/endpointslices"
            await api.call("POST", path, slice_of(service, space, {}, backends.address, port, 1))
    weighted = [{"name": f"{name}-{role}", "port": 80, "weight": weight} for role, (weight, _) in weights.items()]
    split = {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "TraefikService",
        "metadata": {"name": name},
        "spec": {"weighted": {"services": weighted}},
    }
    await api.call("POST", f"{TRAEFIK}/namespaces/{space}/traefikservices", split)
    rule = {
        "match": f"Host(`{host_of(number)}`)",
        "kind": "Rule",
        "services": [{"name": name, "kind": "TraefikService"}],
    }
    route = {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "IngressRoute",
        "metadata": {"name": name},
        "spec": {"entryPoints": ["http"], "routes": [rule]},
    }
    await api.call("POST", f"{TRAEFIK}/namespaces/{space}/ingressroutes", route)


class _Pods:
    """ReplicaSet controller and kubelet in one: every replica is ready at once."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def act(self, kind: str, replicas: Object) -> Awaitable[None] | None:
        """Return the status that a ReplicaSet lacks."""
        wanted, status = replicas["spec"].get("replicas", 1), replicas.get("status") or {}
        found = (status.get("availableReplicas", 0), status.get("replicas", 0), status.get("observedGeneration", 0))
        if kind == "DELETED" or found == (wanted, wanted, replicas["metadata"]["generation"]):
            return None
        return self._ready(replicas, wanted)

    async def _ready(self, replicas: Object, wanted: int) -> None:
        meta = replicas["metadata"]
        counts = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas")
        status = dict.fromkeys(counts, wanted) | {"observedGeneration": meta["generation"]}
        path = f"/apis/apps/v1/namespaces/{meta['namespace']}/replicasets/{meta['name']}/status"
        await self._api.merge(path, {"status": status}, ok=(404,))
