"""How many endpoints of each revision are ready, and what keeps the others?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.causes import with_cure
from slipway.contract.exitcodes import FINAL
from slipway.contract.result import Failed, parse_result
from slipway.jobs import why_waiting
from slipway.names import REVISION_LABEL
from slipway.plan import Manifest

LAST_WORDS = 400
FETCH = "fetch"


@dataclass(frozen=True)
class Pods:
    """The pods of one revision, as far as traffic is concerned."""

    ready: int = 0
    """Ready endpoints: what a gateway can send requests to. A ready pod counts once its EndpointSlice says so."""
    alive: int = 0
    """Pods that hold a place on a node, or wait for one: ready or not, but not on their way out."""
    restarts: int = 0
    """Restarts of the worst pod's serving containers."""
    problem: str = ""
    """Why a pod is not ready, in the words of scheduler, kubelet or the pod itself; empty while it is merely slow."""
    hopeless: bool = False
    """The artefact cannot be brought to the pod, and trying again cannot help."""


NONE = Pods()


def read(
    pods: Iterable[Manifest], slices: Iterable[Manifest], deployments: Iterable[Manifest] = ()
) -> Mapping[str, Pods]:
    """Return the pods of every revision that has some, or is refused some."""
    by_revision: dict[str, list[Manifest]] = {}
    for pod in pods:
        if not pod["metadata"].get("deletionTimestamp"):
            by_revision.setdefault(_revision(pod), []).append(pod)
    ready: dict[str, set[str]] = {}
    for one in slices:
        ready.setdefault(_revision(one), set()).update(_ready_endpoints(one))
    refused = {_revision(one): said for one in deployments if (said := _refusal(one))}
    return {
        name: _sum_up(by_revision.get(name, []), len(ready.get(name, ())), refused.get(name, ""))
        for name in {*by_revision, *ready, *refused}
        if name
    }


def _sum_up(pods: list[Manifest], ready: int, refused: str) -> Pods:
    troubles = [(hopeless, words) for pod in pods for hopeless, words in [_trouble(pod)] if words]
    # The hopeless one explains more than a neighbour that merely cannot be scheduled.
    troubles.sort(key=lambda trouble: (not trouble[0], trouble[1]))
    problem = troubles[0][1] if troubles else refused
    return Pods(
        ready=ready,
        alive=sum(_holds_a_place(pod) for pod in pods),
        restarts=max((_restarts(pod) for pod in pods), default=0),
        problem=with_cure(problem)[1] if problem else "",
        hopeless=bool(troubles) and troubles[0][0],
    )


def _holds_a_place(pod: Manifest) -> bool:
    """Tell whether a pod uses what it asks for; one that was evicted is kept to be read, and uses nothing."""
    return (pod.get("status") or {}).get("phase") not in ("Failed", "Succeeded")


def _refusal(deployment: Manifest) -> str:
    """Return why the apiserver refuses pods of `deployment` (quota, missing objects); empty: it refuses none."""
    conditions = (deployment.get("status") or {}).get("conditions") or ()
    failing: Manifest = next((c for c in conditions if c.get("type") == "ReplicaFailure" and c["status"] == "True"), {})
    # Every try makes another name; a message that changes with it would be news for ever.
    said = re.sub(r'pods "[^"]*" is forbidden', "a pod is forbidden", str(failing.get("message") or ""))
    return said[:LAST_WORDS]


def _ready_endpoints(one: Manifest) -> set[str]:
    """Return the names of the ready pods; in a dual-stack cluster a pod stands in two slices."""
    found = set()
    for endpoint in one.get("endpoints") or ():
        conditions = endpoint.get("conditions") or {}
        if conditions.get("ready") is not False and not conditions.get("terminating"):
            found.add((endpoint.get("targetRef") or {}).get("name") or str(endpoint.get("addresses")))
    return found


def _revision(manifest: Manifest) -> str:
    return str((manifest["metadata"].get("labels") or {}).get(REVISION_LABEL) or "")


def _restarts(pod: Manifest) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return max((int(status.get("restartCount") or 0) for status in statuses), default=0)


def _trouble(pod: Manifest) -> tuple[bool, str]:
    """Return whether trying again cannot help, and what is wrong with `pod` (empty: nothing known)."""
    name = pod["metadata"]["name"]
    status = pod.get("status") or {}
    for init in status.get("initContainerStatuses") or ():
        hopeless, words = _container_trouble(init)
        if words:
            return hopeless and init.get("name") == FETCH, f"pod {name}, container {init.get('name')}: {words}"
    for main in status.get("containerStatuses") or ():
        _, words = _container_trouble(main)
        if words:
            return False, f"pod {name}, container {main.get('name')}: {words}"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return False, f"pod {name} cannot be scheduled: {str(condition.get('message') or '')[:LAST_WORDS]}"
    return False, ""


def _container_trouble(status: Mapping[str, Any]) -> tuple[bool, str]:
    if status.get("ready"):
        return False, ""
    state, last = status.get("state") or {}, status.get("lastState") or {}
    ended = state.get("terminated") or last.get("terminated") or {}
    if ended and int(ended.get("exitCode") or 0) != 0:
        return int(ended["exitCode"]) in FINAL, _ended(ended)
    waiting = why_waiting(state)
    if waiting:
        return False, waiting
    return False, ""


def _ended(ended: Mapping[str, Any]) -> str:
    said = str(ended.get("message") or "")
    result = parse_result(said)
    if isinstance(result, Failed):
        return f"{result.reason}: {result.message}"[:LAST_WORDS]
    words = said.strip()[-LAST_WORDS:]
    return f"exit code {ended['exitCode']} ({ended.get('reason') or 'Error'})" + (f": {words}" if words else "")
