"""Which objects run a TrainingJob on several nodes?

One JobSet for each attempt, of one Job with a pod for each node. Nothing in it is tried again by itself: processes that
compute together are of no use without one of them, so all start anew, as the next attempt, which is the operator's to
make. Only pods that were asked to stop and have saved themselves are made anew in place: all of them have.
"""

from __future__ import annotations

import re
from typing import Any, Final

from slipway.contract.artifact import digest_of
from slipway.contract.job import COORDINATOR
from slipway.jobsets import API_VERSION, KIND
from slipway.names import ATTEMPT_LABEL
from slipway.plan import Manifest
from slipway.workload import Root, failure_rules, metadata

ROLE: Final = "node"
"""The JobSet's name for its one group of pods."""
JOBSET_LABEL: Final = "jobset.sigs.k8s.io/jobset-name"
PORT: Final = 29500
"""Of the pods, where the first of them is found."""
NAME_LIMIT: Final = 47
"""63, less what is added for the longest name of a pod: -node-0-63-abcde."""


def attempt_name(root: Root, digest: str) -> str:
    """Return the name of an attempt's JobSet: it becomes a DNS label of its pods, and a part of their names.

    `digest` tells it from those of other objects whose names begin alike.
    """
    ending = f"-train-{digest}"
    said = re.sub(r"[^a-z0-9-]", "-", root.name)
    said = said if said[0].isalpha() else f"t-{said}"
    return f"{said[: NAME_LIMIT - len(ending)].rstrip('-')}{ending}"


def environment(name: str, nodes: int) -> tuple[dict[str, str], ...]:
    """Return the variables by which the pods of the attempt `name` find each other."""
    if nodes == 1:
        return ()
    return ({"name": COORDINATOR, "value": f"{name}-{ROLE}-0-0.{name}:{PORT}"},)


def countersign(root: Root, attempt: int) -> str:
    """Return what the pods of an attempt know each other by: whoever may not read its objects cannot tell."""
    return digest_of([root.uid, attempt]).removeprefix("sha256:")[:32]


def jobset(job: Manifest, nodes: int) -> Manifest:
    """Return the JobSet that runs the pod of `job` on `nodes` nodes at once.

    Everything that JobSet's webhooks would fill in is stated.
    """
    meta, spec = job["metadata"], job["spec"]
    unlike: dict[str, Any] = {
        "completions": nodes,
        "parallelism": nodes,
        "completionMode": "Indexed",
        "backoffLimit": 0,
        # One that was asked to stop has told the others: all have saved, and all are made anew. Whatever is not named
        # fails the attempt.
        "podFailurePolicy": {"rules": failure_rules("FailJob")},
    }
    shape = {name: value for name, value in spec.items() if name != "suspend"} | unlike
    # By them the Job is found again. Not the queue: Kueue starts and stops the JobSet as a whole.
    labels = spec["template"]["metadata"]["labels"]
    labels = {name: meta["labels"][name] for name in (*meta["labels"],) if name in labels or name == ATTEMPT_LABEL}
    group = {"name": ROLE, "replicas": 1, "template": {"metadata": {"labels": labels}, "spec": shape}}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": meta,
        "spec": {
            "suspend": spec["suspend"],
            "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
            "successPolicy": {"operator": "All"},
            "failurePolicy": {"maxRestarts": 0},
            "replicatedJobs": [group],
        },
    }


def selector(name: str) -> dict[str, Any]:
    """Return what selects the pods of the attempt `name`."""
    return {"matchLabels": {JOBSET_LABEL: name}}


def among_themselves(root: Root, name: str, *, closed: bool) -> Manifest:
    """Return what lets nobody but each other in to the pods of the attempt `name`.

    What processes tell each other is believed, and comes to run as code where it is unpickled. Any port: each process
    opens some of its own. Where the namespace is `closed`, this lets them out to each other too; where no other policy
    selects them, one that did would shut them in.
    """
    mates = [{"podSelector": selector(name)}]
    out: dict[str, Any] = {"egress": [{"to": mates}]} if closed else {}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(root, f"{name}-nodes"),
        "spec": {
            "podSelector": selector(name),
            "policyTypes": ["Ingress", "Egress"] if closed else ["Ingress"],
            "ingress": [{"from": mates}],
            **out,
        },
    }
