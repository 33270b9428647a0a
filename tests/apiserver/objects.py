"""How is an object of ours offered to the apiserver, and which objects are known to be right?"""

from __future__ import annotations

import copy
from typing import Any

from tests.apiserver.server import Answer, ApiServer

DIGEST = "sha256:" + "0123456789abcdef" * 4
REF = {"uri": "s3://models/base/", "digest": DIGEST}
Manifest = dict[str, Any]


def collection(kind: str, namespace: str = "default") -> str:
    """Return the path of the objects of a kind."""
    return f"/apis/slipway.dev/v1alpha1/namespaces/{namespace}/{kind.lower()}s"


def offer(server: ApiServer, manifest: Manifest) -> Answer:
    """Offer an object without storing it; unknown fields are refused, as by kubectl."""
    return server.request("POST", collection(manifest["kind"]) + "?dryRun=All&fieldValidation=Strict", manifest)


def create(server: ApiServer, manifest: Manifest) -> Manifest:
    """Store an object and return it as stored."""
    answer = server.request("POST", collection(manifest["kind"]) + "?fieldValidation=Strict", manifest)
    assert answer.code == 201, answer.message
    return dict(answer.body)


def replace(server: ApiServer, manifest: Manifest, subresource: str = "") -> Answer:
    """Replace a stored object, or its status."""
    path = f"{collection(manifest['kind'])}/{manifest['metadata']['name']}{subresource}"
    return server.request("PUT", path, manifest)


def changed(manifest: Manifest, path: str, value: object) -> Manifest:
    """Return a copy with the field at a dotted `path` set, or removed where `value` is None."""
    made = copy.deepcopy(manifest)
    node = made
    *parents, last = path.split(".")
    for parent in parents:
        node = node.setdefault(parent, {})
    if value is None:
        node.pop(last, None)
    else:
        node[last] = value
    return made


def _object(kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def dataset(name: str = "blueprints") -> Manifest:
    """Return a right Dataset that states only what it must."""
    spec = {
        "source": {"objectStore": {"uri": "s3://raw/blueprints/"}},
        "schema": "Chat",
        "steps": [{"parse": {"as": "JSONL"}}],
    }
    return _object("Dataset", name, spec)


def training_job(name: str = "assistant-v1") -> Manifest:
    """Return a right TrainingJob that states only what it must."""
    spec = {"model": "assistant", "dataset": {"name": "blueprints"}, "baseModel": REF, "recipe": {"causalLM": {}}}
    return _object("TrainingJob", name, spec)


def model_version(name: str = "assistant-1.0.0") -> Manifest:
    """Return a right ModelVersion that states only what it must."""
    artifact = REF | {"formats": ["GGUF"], "kind": "Model"}
    return _object("ModelVersion", name, {"model": "assistant", "version": "1.0.0", "artifact": artifact})


def rollout(name: str = "assistant") -> Manifest:
    """Return a right Rollout that states only what it must."""
    spec = {
        "model": "assistant",
        "version": {"name": "assistant-1.0.0"},
        "serving": {"runtime": {"llamaCpp": {}}},
        "traffic": {"gateway": {"name": "slipway"}, "hostnames": ["assistant.example.com"]},
        "strategy": {"canary": {"steps": [{"percent": 10}]}},
        "analysis": {"metrics": [{"name": "errors", "errorRate": {"maxPercent": "1"}}]},
    }
    return _object("Rollout", name, spec)


RIGHT = (dataset, training_job, model_version, rollout)
