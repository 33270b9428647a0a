"""Which objects make a queue of Kueue with room for so much, and two priorities?"""

from __future__ import annotations

from typing import Any

API = "/apis/kueue.x-k8s.io/v1beta2"
PLURALS = {
    "ResourceFlavor": "resourceflavors",
    "ClusterQueue": "clusterqueues",
    "LocalQueue": "localqueues",
    "WorkloadPriorityClass": "workloadpriorityclasses",
}
LOCAL = "gpu"
"""The LocalQueue of each namespace that has one."""
PRIORITIES = {"low": 10, "high": 1000}


def queue(namespace: str, cpu: str) -> list[dict[str, Any]]:
    """Return a queue that has `cpu` for everybody in `namespace`, and the priorities by which runs take it back."""
    quotas = {"cpu": cpu, "memory": "100Gi", "ephemeral-storage": "1Ti"}
    resources = [{"name": name, "nominalQuota": quota} for name, quota in quotas.items()]
    shared = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "queueingStrategy": "BestEffortFIFO",
        "preemption": {"withinClusterQueue": "LowerPriority"},
        "resourceGroups": [
            {"coveredResources": list(quotas), "flavors": [{"name": namespace, "resources": resources}]}
        ],
    }
    local = _kueue("LocalQueue", LOCAL, spec={"clusterQueue": namespace})
    local["metadata"]["namespace"] = namespace
    return [
        _kueue("ResourceFlavor", namespace, spec={}),
        _kueue("ClusterQueue", namespace, spec=shared),
        local,
        *(_kueue("WorkloadPriorityClass", priority(namespace, name), value=PRIORITIES[name]) for name in PRIORITIES),
    ]


def place(namespace: str, level: str) -> dict[str, str]:
    """Return spec.queue of what waits in the queue of `namespace`, `low` or `high`."""
    return {"localQueue": LOCAL, "priorityClass": priority(namespace, level)}


def priority(namespace: str, level: str) -> str:
    """Return the name of a WorkloadPriorityClass; they belong to no namespace, so it carries that of its own."""
    return f"{namespace}-{level}"


def collection(manifest: dict[str, Any]) -> str:
    """Return the path to which `manifest` is posted."""
    namespace = manifest["metadata"].get("namespace")
    return f"{API}{f'/namespaces/{namespace}' if namespace else ''}/{PLURALS[manifest['kind']]}"


def _kueue(kind: str, name: str, **content: Any) -> dict[str, Any]:
    return {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": kind, "metadata": {"name": name}, **content}
