"""How does a serving pod look?

    init  fetch   brings base model and artefact to /slipway/model, every digest checked
    main  engine  listens on 127.0.0.1:8081 only
          proxy   Envoy: 8080 for requests, 8082 for users' votes, 9901 for probes and scrapes (images/serve-proxy)

A pod that goes: the proxy tells clients to close their connections and stays until no request is open; the engine gets
its SIGTERM when gateways have had time to notice, and finishes what it has begun.
"""

from __future__ import annotations

from typing import Any, Final

from slipway import podoptions
from slipway.api.rollout import LlamaCpp, RevisionRef
from slipway.contract.artifact import digest_of
from slipway.contract.job import MODEL_DIR, SCRATCH, Fetch, FetchItem
from slipway.names import MODEL_LABEL, REVISION_LABEL, ROLLOUT_LABEL, VERSION_LABEL
from slipway.plan import Manifest
from slipway.rollout.quantity import whole_cpus
from slipway.rollout.revision import Template
from slipway.settings import Settings
from slipway.signing import trust, trust_mounts
from slipway.workload import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    Root,
    container,
    job_config,
    placement,
    resources,
    volumes,
)

SERVING_PORT: Final = 8080
STATUS_PORT: Final = 9901
BASE_DIR: Final = f"{MODEL_DIR}/base"
ARTIFACT_DIR: Final = f"{MODEL_DIR}/artifact"
LONGEST_ANSWER_SECONDS: Final = 300
"""How long a pod that goes may finish what it has begun."""
SLOWEST_START_SECONDS: Final = 3600
MODEL_MOUNT: Final = {"name": "model", "mountPath": MODEL_DIR}


def fetch_config(root: Root, name: str, ref: RevisionRef, made: Template, settings: Settings) -> dict[str, Any]:
    """Return the ConfigMap that tells the fetch container what to bring; its name changes with its content."""
    items = [FetchItem(artifact=made.artifact, target=ARTIFACT_DIR)]
    if made.base_model is not None:
        items.insert(0, FetchItem(artifact=made.base_model, target=BASE_DIR))
    job = Fetch(
        namespace=root.namespace,
        name=root.name,
        store=settings.store,
        items=tuple(items),
        # The demand of today, not of the day when the revision was made: what serves must be trusted now.
        trust=trust(settings),
    )
    config = dict(job_config(root, f"{name}-{digest_of(job.dump())[7:13]}", job))
    config["metadata"] = config["metadata"] | {"labels": config["metadata"]["labels"] | {REVISION_LABEL: ref.revision}}
    return config


def pod_template(root: Root, ref: RevisionRef, made: Template, config: str, settings: Settings) -> Manifest:
    """Return the pod template of a revision."""
    labels = {
        MODEL_LABEL: made.model,
        VERSION_LABEL: made.version,
        ROLLOUT_LABEL: root.name,
        REVISION_LABEL: ref.revision,
    }
    scrape = {"scrape": "true", "port": str(STATUS_PORT), "path": "/stats/prometheus"}
    spread = {"matchLabels": {REVISION_LABEL: ref.revision, ROLLOUT_LABEL: root.name}}
    template = {
        "metadata": {
            "labels": root.labels() | labels,
            "annotations": {f"prometheus.io/{name}": value for name, value in scrape.items()},
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": POD_SECURITY,
            "terminationGracePeriodSeconds": settings.drain_seconds + LONGEST_ANSWER_SECONDS,
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": spread,
                }
            ],
            "initContainers": [_fetch(made, settings)],
            "containers": [_engine(made, settings), _proxy(ref, made, settings)],
            "volumes": [
                *volumes(config, progress=False),
                {"name": "model", "emptyDir": {}},
                *(mount.volume() for mount in trust_mounts(settings)),
            ],
            **placement(made.resources),
        },
    }
    return podoptions.applied(template, made.pod, {"fetch", "engine"})


def _fetch(made: Template, settings: Settings) -> dict[str, Any]:
    wanted = made.resources.model_copy(update={"gpu": None})
    command = ("python", "-m", "slipway_pod.fetch")
    mounts = [MODEL_MOUNT, *(mount.mounted() for mount in trust_mounts(settings))]
    return container("fetch", made.image, command, wanted, settings, mounts=mounts)


def _engine(made: Template, settings: Settings) -> dict[str, Any]:
    """Return the engine: no credentials, no job file. It listens inside the pod only, so its probes pass the proxy."""
    runtime = made.runtime.chosen
    assert isinstance(runtime, LlamaCpp)
    return {
        "name": "engine",
        "image": made.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["python", "-m", "slipway_serve_llamacpp", *_llama_arguments(runtime, made)],
        "env": [
            {"name": "HOME", "value": SCRATCH},
            {"name": "TMPDIR", "value": SCRATCH},
            {"name": "PYTHONUNBUFFERED", "value": "1"},
        ],
        "resources": resources(made.resources),
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [MODEL_MOUNT | {"readOnly": True}, {"name": "scratch", "mountPath": SCRATCH}],
        "startupProbe": _probe("/engine/health", period=1, failures=SLOWEST_START_SECONDS),
        "readinessProbe": _probe("/engine/health", period=2, failures=3),
        "livenessProbe": _probe("/engine/health", period=10, failures=6),
        "lifecycle": {"preStop": {"sleep": {"seconds": max(1, settings.drain_seconds)}}},
    }


def _llama_arguments(runtime: LlamaCpp, made: Template) -> list[str]:
    models = [f"--model={ARTIFACT_DIR}"]
    if made.kind == "Adapter":
        models = [f"--model={BASE_DIR}", f"--adapter={ARTIFACT_DIR}"]
    return [
        *models,
        f"--name={made.model}",
        f"--context-tokens={runtime.context_tokens}",
        f"--parallel={runtime.parallel}",
        f"--threads={runtime.threads or whole_cpus(made.resources.cpu)}",
        f"--gpus={made.resources.gpu.count if made.resources.gpu is not None else 0}",
    ]


def _proxy(ref: RevisionRef, made: Template, settings: Settings) -> dict[str, Any]:
    return {
        "name": "proxy",
        "image": made.proxy,
        "imagePullPolicy": settings.image_pull_policy,
        "env": [
            {"name": "SLIPWAY_VERSION", "value": made.version},
            {"name": "SLIPWAY_REVISION", "value": ref.revision},
        ],
        "ports": [
            {"name": "http", "containerPort": SERVING_PORT, "protocol": "TCP"},
            {"name": "status", "containerPort": STATUS_PORT, "protocol": "TCP"},
        ],
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": CONTAINER_SECURITY,
        "readinessProbe": _probe("/proxy/ready", period=2, failures=3),
        "lifecycle": {"preStop": {"exec": {"command": ["slipway-drain", str(settings.drain_seconds)]}}},
    }


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": STATUS_PORT, "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }
