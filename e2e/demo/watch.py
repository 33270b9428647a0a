"""What does the cluster show while the story runs? One watch per kind, each sighting on the tape."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config

from e2e.demo.cast import NAMESPACE
from e2e.demo.tape import Sighting, Tape
from slipway.api.base import GROUP, VERSION
from slipway.names import REVISION_LABEL

METADATA = ("uid", "labels", "generation", "deletionTimestamp")
WATCH_SECONDS = 600
List = Callable[..., Any]
"""A list call of the Kubernetes client, ready for its watch arguments."""


def project(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of an object that the story needs."""
    metadata = {key: value for key, value in body["metadata"].items() if key in METADATA}
    if kind == "Pod":
        conditions = [{"type": c["type"], "status": c["status"]} for c in body["status"].get("conditions", [])]
        return {"metadata": metadata, "status": {"phase": body["status"].get("phase"), "conditions": conditions}}
    return {"metadata": metadata, "spec": body.get("spec", {}), "status": body.get("status", {})}


class Watcher:
    """Watches a namespace until it is stopped; survives an apiserver that goes away for a while."""

    def __init__(self, kubeconfig: Path, tape: Tape, namespace: str = NAMESPACE) -> None:
        self.tape = tape
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=(kind, call), name=f"watch-{kind}", daemon=True)
            for kind, call in _calls(config.new_client_from_config(str(kubeconfig)), namespace).items()
        ]

    def start(self) -> None:
        """Begin to watch."""
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Watch no longer. Each thread ends with its next answer; nobody has to wait for it."""
        self.stopping.set()

    def _run(self, kind: str, call: List) -> None:
        while not self.stopping.is_set():
            try:
                self._follow(kind, call)
            except (client.ApiException, urllib3.exceptions.HTTPError, OSError):
                self.stopping.wait(1)  # the CRDs are not there yet, the version is too old, the apiserver restarts

    def _follow(self, kind: str, call: List) -> None:
        """List, which finds what was missed, then watch until the apiserver ends the watch."""
        listed = json.loads(call(_preload_content=False).data)
        names = {item["metadata"]["name"] for item in listed["items"]}
        for sighting in self.tape.present(kind):
            if sighting.name not in names:
                self.tape.add(Sighting(time.time(), kind, sighting.name, {}))
        for item in listed["items"]:
            self._see(kind, item)
        since = listed["metadata"]["resourceVersion"]
        answer = call(watch=True, resource_version=since, timeout_seconds=WATCH_SECONDS, _preload_content=False)
        for event in _events(answer):
            if self.stopping.is_set() or event["type"] == "ERROR":
                return
            self._see(kind, event["object"], gone=event["type"] == "DELETED")

    def _see(self, kind: str, body: Mapping[str, Any], gone: bool = False) -> None:
        self.tape.add(Sighting(time.time(), kind, body["metadata"]["name"], {} if gone else project(kind, body)))


def _events(answer: urllib3.BaseHTTPResponse) -> Iterator[dict[str, Any]]:
    """Yield the events of a watch, one JSON document a line."""
    rest = b""
    for piece in answer.stream():
        *lines, rest = (rest + piece).split(b"\n")
        yield from (json.loads(line) for line in lines if line)


def _calls(api: client.ApiClient, namespace: str) -> dict[str, List]:
    """Return how each kind is listed."""
    custom = client.CustomObjectsApi(api).list_namespaced_custom_object
    pods = client.CoreV1Api(api).list_namespaced_pod
    ours = {
        "Dataset": "datasets",
        "TrainingJob": "trainingjobs",
        "ModelVersion": "modelversions",
        "Rollout": "rollouts",
    }
    return {kind: partial(custom, GROUP, VERSION, namespace, plural) for kind, plural in ours.items()} | {
        "HTTPRoute": partial(custom, "gateway.networking.k8s.io", "v1", namespace, "httproutes"),
        "Pod": partial(pods, namespace, label_selector=REVISION_LABEL),
    }
