"""How is an MLflow tracking server spoken to? The few calls of its REST API 2.0 that one run needs.

https://mlflow.org/docs/latest/rest-api.html
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final, Literal

TIMEOUT_SECONDS: Final = 10.0
METRICS_PER_CALL: Final = 1000
PARAMETERS_PER_CALL: Final = 100
PARAMETER_LIMIT: Final = 500
"""Characters that the oldest servers keep of a parameter's value."""
ANSWER_LIMIT: Final = 4 * 2**20
SHOWN: Final = 300

Status = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED"]


class MLflowError(Exception):
    """The server did not answer, or refused; `code` is its own word, for example RESOURCE_DOES_NOT_EXIST."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Metric:
    """A figure of a step; `at` in milliseconds since 1970."""

    key: str
    value: float
    at: int
    step: int


@dataclass(frozen=True)
class Found:
    """A run that is there already."""

    id: str
    steps: Mapping[str, int]
    """The newest step that it has of each figure."""
    has_parameters: bool


class MLflow:
    """A tracking server at `uri`, spoken to with a token, or user and password, where they are given."""

    def __init__(self, uri: str, *, token: str = "", user: str = "", password: str = "") -> None:
        self._base = uri.rstrip("/") + "/api/2.0/mlflow/"
        self._authorization = ""
        if token:
            self._authorization = f"Bearer {token}"
        elif user:
            both = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._authorization = f"Basic {both}"

    def experiment(self, name: str) -> str:
        """Return the id of the experiment called `name`, made if it is missing."""
        try:
            return self._experiment(name)
        except MLflowError as error:
            if error.code != "RESOURCE_DOES_NOT_EXIST":
                raise
        try:
            return str(self._post("experiments/create", {"name": name})["experiment_id"])
        except MLflowError as error:
            if error.code != "RESOURCE_ALREADY_EXISTS":
                raise
        return self._experiment(name)  # another run was faster

    def find(self, experiment: str, tag: str, value: str) -> Found | None:
        """Return the oldest run of `experiment` that has `tag` with `value`, if there is one."""
        wanted = {
            "experiment_ids": [experiment],
            "filter": f"tags.`{tag}` = '{value}'",
            "max_results": 1,
            "order_by": ["attributes.start_time ASC"],
        }
        runs = self._post("runs/search", wanted).get("runs") or ()
        for run in runs:
            data = run.get("data") or {}
            steps = {metric["key"]: int(metric.get("step", 0)) for metric in data.get("metrics") or ()}
            return Found(run["info"]["run_id"], steps, bool(data.get("params")))
        return None

    def create(self, experiment: str, name: str, at: int, tags: Mapping[str, str]) -> str:
        """Make a run and return its id."""
        wanted = {"experiment_id": experiment, "run_name": name, "start_time": at, "tags": _pairs(tags)}
        return str(self._post("runs/create", wanted)["run"]["info"]["run_id"])

    def log(self, run: str, metrics: Sequence[Metric] = (), parameters: Mapping[str, str] = {}) -> None:
        """Add at most METRICS_PER_CALL figures, or PARAMETERS_PER_CALL parameters."""
        wanted = {
            "run_id": run,
            "metrics": [{"key": m.key, "value": m.value, "timestamp": m.at, "step": m.step} for m in metrics],
            "params": [{"key": key, "value": value[:PARAMETER_LIMIT]} for key, value in parameters.items()],
        }
        self._post("runs/log-batch", wanted)

    def tag(self, run: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        self._post("runs/log-batch", {"run_id": run, "tags": _pairs(tags)})

    def update(self, run: str, status: Status, ended: int | None = None) -> None:
        """Say how far a run is, and when it ended."""
        self._post("runs/update", {"run_id": run, "status": status} | ({"end_time": ended} if ended else {}))

    def _experiment(self, name: str) -> str:
        found = self._call("experiments/get-by-name?" + urllib.parse.urlencode({"experiment_name": name}), None)
        return str(found["experiment"]["experiment_id"])

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._call(path, json.dumps(body, allow_nan=False).encode())

    def _call(self, path: str, body: bytes | None) -> dict[str, Any]:
        """Return the answer; raise MLflowError for everything else. Neither says a word of the credentials."""
        request = urllib.request.Request(self._base + path, data=body, headers={"Content-Type": "application/json"})
        if self._authorization:
            # Not for a server that this one redirects to.
            request.add_unredirected_header("Authorization", self._authorization)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                found: dict[str, Any] = json.loads(answer.read(ANSWER_LIMIT) or b"{}")
                return found
        except urllib.error.HTTPError as error:
            raise _refused(error) from error
        except (OSError, ValueError, HTTPException) as error:
            # URLError is an OSError; what is no JSON is a ValueError.
            raise MLflowError(f"no answer: {error}") from error


def _refused(error: urllib.error.HTTPError) -> MLflowError:
    said = error.read(ANSWER_LIMIT)
    try:
        found = json.loads(said)
        code, message = str(found.get("error_code", "")), str(found.get("message", ""))
    except (ValueError, AttributeError):
        code, message = "", said.decode(errors="replace")
    return MLflowError(f"refused with {error.code} {code}: {message[:SHOWN]}", code)


def _pairs(found: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in found.items()]
