"""A double of an MLflow tracking server: the calls that a run makes, with the real paths, error codes and limits.

After https://mlflow.org/docs/latest/rest-api.html.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Run:
    id: str
    experiment: str
    name: str
    start_time: int
    tags: dict[str, str]
    status: str = "RUNNING"
    end_time: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)

    def points(self, key: str) -> list[tuple[int, float]]:
        return [(metric["step"], metric["value"]) for metric in self.metrics if metric["key"] == key]

    def shown(self) -> dict[str, Any]:
        newest: dict[str, dict[str, Any]] = {}
        for metric in self.metrics:
            if metric["key"] not in newest or metric["step"] >= newest[metric["key"]]["step"]:
                newest[metric["key"]] = metric
        data: dict[str, Any] = {"tags": [{"key": key, "value": value} for key, value in self.tags.items()]}
        if newest:
            data["metrics"] = list(newest.values())
        if self.params:
            data["params"] = [{"key": key, "value": value} for key, value in self.params.items()]
        info = {"run_id": self.id, "experiment_id": self.experiment, "status": self.status, "run_name": self.name}
        return {"info": info, "data": data}


@dataclass
class Server:
    """What the server holds and has heard. `down` makes it answer 503; `authorization` is what it demands."""

    url: str = ""
    experiments: dict[str, str] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    authorization: str = ""
    down: bool = False
    answered: threading.Event = field(default_factory=threading.Event)
    """Set after each call."""

    def only(self) -> Run:
        (run,) = self.runs.values()
        return run

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        match path:
            case "experiments/get-by-name":
                name = body["experiment_name"]
                if name not in self.experiments:
                    raise Refusal(404, "RESOURCE_DOES_NOT_EXIST", f"Could not find experiment with name '{name}'")
                return {"experiment": {"experiment_id": self.experiments[name], "name": name}}
            case "experiments/create":
                if body["name"] in self.experiments:
                    raise Refusal(400, "RESOURCE_ALREADY_EXISTS")
                self.experiments[body["name"]] = str(len(self.experiments) + 1)
                return {"experiment_id": self.experiments[body["name"]]}
            case "runs/search":
                found = re.fullmatch(r"tags\.`([^`]+)` = '([^']*)'", body["filter"])
                assert found, body["filter"]
                runs = [
                    run
                    for run in self.runs.values()
                    if run.experiment in body["experiment_ids"] and run.tags.get(found[1]) == found[2]
                ]
                return {"runs": [run.shown() for run in runs[: body["max_results"]]]} if runs else {}
            case "runs/create":
                run = Run(
                    f"run{len(self.runs)}", body["experiment_id"], body["run_name"], body["start_time"],
                    {tag["key"]: tag["value"] for tag in body["tags"]},
                )  # fmt: skip
                self.runs[run.id] = run
                return {"run": run.shown()}
            case "runs/log-batch":
                run = self.runs[body["run_id"]]
                metrics, params = body.get("metrics", []), body.get("params", [])
                if len(metrics) > 1000 or len(params) > 100:
                    raise Refusal(400, "INVALID_PARAMETER_VALUE", "A batch logging request can contain at most …")
                for param in params:
                    if run.params.setdefault(param["key"], param["value"]) != param["value"]:
                        raise Refusal(400, "INVALID_PARAMETER_VALUE", "Changing param values is not allowed.")
                run.metrics += metrics
                run.tags |= {tag["key"]: tag["value"] for tag in body.get("tags", [])}
                return {}
            case "runs/update":
                run = self.runs[body["run_id"]]
                run.status, run.end_time = body["status"], body.get("end_time")
                return {"run_info": run.shown()["info"]}
        raise Refusal(404, "ENDPOINT_NOT_FOUND", path)


@contextmanager
def serving() -> Iterator[Server]:
    """Run a double on a port of its own."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self.handle_call(parts.path, {key: values[0] for key, values in parse_qs(parts.query).items()})

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self.handle_call(self.path, json.loads(self.rfile.read(length)))

        def handle_call(self, path: str, body: dict[str, Any]) -> None:
            name = path.removeprefix("/api/2.0/mlflow/")
            state.calls.append(name)
            try:
                if state.down:
                    raise Refusal(503, "TEMPORARILY_UNAVAILABLE", "down")
                if state.authorization and self.headers.get("Authorization") != state.authorization:
                    raise Refusal(401, "UNAUTHENTICATED")
                status, told = 200, state.answer(name, body)
            except Refusal as refusal:
                status, told = refusal.status, {"error_code": refusal.code, "message": str(refusal)}
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            state.answered.set()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
