"""What becomes of answers that are Python for Blender? A pod runs them, shut in as in an evaluation.

It has the image and the restrictions of the container that runs answers there (slipway.sandbox), no token and no
credentials. A pod there may reach the object store; this one, which prints what it has to say, reaches nothing. Nothing
that a model wrote runs on this machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from e2e.cluster.base import Cluster, CommandFailed
from slipway.contract.execution import EXCHANGE, REQUESTS, VERDICTS, Answered, Request, Task, Verdict, Verdicts
from slipway.contract.job import JOB_FILE, SCRATCH, TERMINATION_LOG, Evaluate
from slipway.workload import CONTAINER_SECURITY, POD_SECURITY

NAME: Final = "example-answers"
SECONDS: Final = 20
"""That each answer may compute."""
POD_SECONDS: Final = 300
ENDED: Final = ("Succeeded", "Failed")
MEMORY: Final = "2Gi"
STORAGE: Final = "1Gi"
LABELS: Final = {"app.kubernetes.io/name": NAME}
NO_DIGEST: Final = "sha256:" + "0" * 64
"""What runs answers reads no artefact: the job that it is given has a place for one."""


class NotRun(Exception):
    """The pod that runs answers did not come to its end. The message has what it said last."""


def verdicts(cluster: Cluster, namespace: str, image: str, answered: Sequence[tuple[Task, str]]) -> list[Verdict]:
    """Return what became of each answer, in order; raise NotRun where nobody could tell."""
    every = tuple(f"{kind}/{NAME}" for kind in ("pod", "configmap", "networkpolicy"))
    remove = ("-n", namespace, "delete", *every, "--ignore-not-found", "--timeout=60s")
    cluster.kubectl(*remove)
    written = [config(namespace, answered), policy(namespace), pod(namespace, image)]
    cluster.kubectl("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, written)))
    try:
        found = read(_said(cluster, namespace))
    except BaseException:
        with suppress(CommandFailed):  # what went wrong before is what matters
            cluster.kubectl(*remove)
        raise
    cluster.kubectl(*remove)
    return found


def config(namespace: str, answered: Sequence[tuple[Task, str]]) -> dict[str, Any]:
    """Return the ConfigMap with the job and the answers."""
    request = Request(
        timeout_seconds=SECONDS, answered=tuple(Answered(task=task, answers=(said,)) for task, said in answered)
    )
    files = {"job.json": json.dumps(_job(namespace).dump()), "answers.json": request.model_dump_json(by_alias=True)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": namespace},
        "data": files,
    }


def policy(namespace: str) -> dict[str, Any]:
    """Return the NetworkPolicy that lets nothing into the pod and nothing out, not even to ask for a name."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": NAME, "namespace": namespace, "labels": LABELS},
        "spec": {
            "podSelector": {"matchLabels": LABELS},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [],
            "egress": [],
        },
    }


def pod(namespace: str, image: str) -> dict[str, Any]:
    """Return the pod: it takes the answers from the ConfigMap, runs them, and prints the verdicts at the end."""
    folder = JOB_FILE.rpartition("/")[0]
    command = (
        f"mkdir {EXCHANGE}/{REQUESTS} && cp {folder}/answers.json {EXCHANGE}/{REQUESTS}/ && "
        f"python -m slipway_eval_blender && cat {EXCHANGE}/{VERDICTS}/answers.json"
    )
    container = {
        "name": "blender",
        "image": image,
        "command": ["sh", "-c", command],
        "env": [{"name": "HOME", "value": SCRATCH}, {"name": "TMPDIR", "value": SCRATCH}],
        "resources": {
            "requests": {"cpu": "200m", "memory": MEMORY},
            "limits": {"memory": MEMORY, "ephemeral-storage": STORAGE},
        },
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePath": TERMINATION_LOG,
        "volumeMounts": [
            {"name": "job", "mountPath": folder, "readOnly": True},
            {"name": "scratch", "mountPath": SCRATCH},
            {"name": "exchange", "mountPath": EXCHANGE},
        ],
    }
    volumes = [
        {"name": "job", "configMap": {"name": NAME}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "exchange", "emptyDir": {}},
    ]
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": POD_SECONDS,
        "securityContext": POD_SECURITY,
        "containers": [container],
        "volumes": volumes,
    }
    meta = {"name": NAME, "namespace": namespace, "labels": LABELS}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def read(log: str) -> list[Verdict]:
    """Return the verdicts that stand, as one line, among what the pod said; raise NotRun where none do."""
    for line in reversed(log.splitlines()):
        if line.startswith("{"):
            return [one for _, (one,) in Verdicts.model_validate_json(line).judged]
    raise NotRun(f"the pod that runs answers left no verdicts; it said: {log[-1000:]}")


def _job(namespace: str) -> Evaluate:
    nothing = {"uri": "s3://slipway/nothing/", "digest": NO_DIGEST}
    return Evaluate.model_validate(
        {
            "namespace": namespace,
            "name": NAME,
            "store": {"bucket": "slipway"},
            "subject": {"name": NAME, "artifact": nothing, "kind": "Model", "formats": ["GGUF"]},
            "data": nothing,
            "evaluation": {
                "metrics": [{"name": "answers", "measure": {"blenderExecution": {"tasks": nothing}}}],
                "execution": {"cpu": "1", "memory": MEMORY, "storage": STORAGE},
            },
        }
    )


def _said(cluster: Cluster, namespace: str) -> str:
    """Return the log of the pod, once it has succeeded; raise NotRun with what it, or the cluster, said where not."""
    phase = _ended(cluster, namespace)
    if phase not in ENDED:  # without a container there is no log
        told = cluster.kubectl("-n", namespace, "describe", "pod", NAME)
        raise NotRun(f"pod {namespace}/{NAME} is {phase or 'not started'}; its description ends with: {told[-1000:]}")
    log = cluster.kubectl("-n", namespace, "logs", NAME)
    if phase != "Succeeded":
        raise NotRun(f"pod {namespace}/{NAME} is {phase}; its log ends with: {log[-1000:]}")
    return log


def _ended(cluster: Cluster, namespace: str) -> str:
    deadline = time.monotonic() + POD_SECONDS + 30
    phase = ""
    while time.monotonic() < deadline:
        phase = cluster.kubectl("-n", namespace, "get", "pod", NAME, "-o", "jsonpath={.status.phase}")
        if phase in ENDED:
            break
        time.sleep(1)
    return phase
