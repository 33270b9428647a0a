"""Under which path of the Kubernetes API does each kind live?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from slipway.api.base import GROUP, VERSION


@dataclass(frozen=True)
class Resource:
    """One kind as the API server knows it."""

    kind: str
    group: str
    version: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The value of a manifest's apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """Return the URL path of a collection (all namespaces when `namespace` is None), an object or a subresource."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


ROOTS: Final = (
    Resource("Dataset", GROUP, VERSION, "datasets"),
    Resource("TrainingJob", GROUP, VERSION, "trainingjobs"),
    Resource("ModelVersion", GROUP, VERSION, "modelversions"),
    Resource("Rollout", GROUP, VERSION, "rollouts"),
)

CHILDREN: Final = (
    Resource("ConfigMap", "", "v1", "configmaps"),
    Resource("ControllerRevision", "apps", "v1", "controllerrevisions"),
    Resource("Deployment", "apps", "v1", "deployments"),
    Resource("EndpointSlice", "discovery.k8s.io", "v1", "endpointslices"),
    Resource("HTTPRoute", "gateway.networking.k8s.io", "v1", "httproutes"),
    Resource("Job", "batch", "v1", "jobs"),
    # Only where a run has several nodes; most clusters do not have the kind.
    Resource("JobSet", "jobset.x-k8s.io", "v1alpha2", "jobsets"),
    Resource("NetworkPolicy", "networking.k8s.io", "v1", "networkpolicies"),
    Resource("Pod", "", "v1", "pods"),
    Resource("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets"),
    Resource("Service", "", "v1", "services"),
)

_OTHERS: Final = (
    Resource("Event", "events.k8s.io", "v1", "events"),
    Resource("Gateway", "gateway.networking.k8s.io", "v1", "gateways"),
    Resource("GatewayClass", "gateway.networking.k8s.io", "v1", "gatewayclasses", namespaced=False),
    Resource("Lease", "coordination.k8s.io", "v1", "leases"),
    Resource("Secret", "", "v1", "secrets"),
    Resource("TokenReview", "authentication.k8s.io", "v1", "tokenreviews", namespaced=False),
    # Kueue, read only while a Job of ours waits in a queue. Version v1beta2 came with Kueue 0.15.
    Resource("Workload", "kueue.x-k8s.io", "v1beta2", "workloads"),
    Resource("WorkloadBeta1", "kueue.x-k8s.io", "v1beta1", "workloads"),
    Resource("VisibleQueue", "visibility.kueue.x-k8s.io", "v1beta1", "localqueues"),
)

RESOURCES: Final = {resource.kind: resource for resource in (*ROOTS, *CHILDREN, *_OTHERS)}
ROOT_KINDS: Final = tuple(resource.kind for resource in ROOTS)
CHILD_KINDS: Final = tuple(resource.kind for resource in CHILDREN)
