"""What does an autoscaler measure? The resource metrics API, of which only the measuring is made up.

The apiserver passes the requests on, as to the real metrics server, and pods are found by the selector of the request.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.apiserver.jobs.cluster import Cluster
from tests.apiserver.managers import certificates
from tests.apiserver.objects import Manifest
from tests.apiserver.operating import eventually
from tests.apiserver.server import ApiServer

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
API = f"/apis/{GROUP}/{VERSION}"
SERVICES = "/api/v1/namespaces/kube-system/services"
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
NAME = "metrics-server"
RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": f"{GROUP}/{VERSION}",
    "resources": [
        {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}
    ],
}


@dataclass(frozen=True)
class Work:
    """What the requests of users take, whatever the number of pods: they share it."""

    server: ApiServer
    millicores: dict[str, int] = field(default_factory=dict)
    """By namespace."""

    def in_pods(self, cluster: Cluster, pods: float, percent: int, name: str) -> None:
        """Let requests take as much as so many pods of the root `name` give at so many percent of what they ask for."""
        self.millicores[cluster.namespace] = round(pods * percent / 100 * _asked(cluster.pods(name)[0]))

    def measured(self, namespace: str, query: str) -> Manifest:
        """Return what the pods that a query selects take, as the metrics server tells it."""
        pods = self.server.request("GET", f"/api/v1/namespaces/{namespace}/pods?{query}").body["items"]
        serving = [pod for pod in pods if _serves(pod)]
        each = self.millicores.get(namespace, 0) // max(1, len(serving))
        items = [_metrics(pod, each) for pod in serving]
        return {"kind": "PodMetricsList", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": items}


@contextmanager
def measuring(server: ApiServer) -> Iterator[Work]:
    """Serve the API behind the apiserver."""
    work = Work(server)
    keys = certificates(server.folder, NAME)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "tls.crt", keys / "tls.key")
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(work)) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        try:
            _register(server, int(http.server_address[1]))
            eventually(lambda: server.request("GET", API).code == 200, server.folder / "kube-apiserver.log")
            yield work
        finally:
            # What is registered and does not answer would be in the way of whoever discovers APIs.
            server.request("DELETE", f"{API_SERVICES}/{VERSION}.{GROUP}")
            server.request("DELETE", f"{SERVICES}/{NAME}")
            http.shutdown()


def _register(server: ApiServer, port: int) -> None:
    service = {"metadata": {"name": NAME}, "spec": {"type": "ExternalName", "externalName": "localhost"}}
    spec = {
        "group": GROUP,
        "version": VERSION,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": NAME, "namespace": "kube-system", "port": port},
    }
    registered = {"metadata": {"name": f"{VERSION}.{GROUP}"}, "spec": spec}
    for path, manifest in ((SERVICES, service), (API_SERVICES, registered)):
        answer = server.request("POST", path, manifest)
        assert answer.code == 201, answer.message


def _handler(work: Work) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            match url.path.removeprefix(API).strip("/").split("/"):
                case [""]:
                    self.say(200, RESOURCES)
                case ["namespaces", namespace, "pods"]:
                    self.say(200, work.measured(namespace, url.query))
                case _:
                    self.say(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404})

        def say(self, code: int, body: object) -> None:
            raw = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


def _serves(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions") or ()
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _metrics(pod: Manifest, millicores: int) -> Manifest:
    first, *others = (container["name"] for container in pod["spec"]["containers"])
    usage = {first: millicores} | dict.fromkeys(others, 0)
    return {
        "metadata": {name: pod["metadata"][name] for name in ("name", "namespace", "labels")},
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "window": "1s",
        "containers": [{"name": name, "usage": {"cpu": f"{taken}m"}} for name, taken in usage.items()],
    }


def _asked(pod: Manifest) -> int:
    """Return the millicores that a pod asks for."""
    asked = (container["resources"]["requests"]["cpu"] for container in pod["spec"]["containers"])
    return sum(int(cpu[:-1]) if cpu.endswith("m") else 1000 * int(cpu) for cpu in asked)
