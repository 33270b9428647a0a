"""A whole story on tape, made by hand, that tests then bend."""

from __future__ import annotations

from typing import Any

from e2e.demo.cast import DATASET, ROLLOUT, SHORT_NAMES, TRAINED, training, version
from e2e.demo.tape import Mark, Request, Sighting, Tape

STEPS = (10, 30, 60)
TIMES = {"v1": 100.0, "v2": 200.0, "v3": 300.0, "v4": 400.0}


def revision(name: str) -> str:
    return f"rev{name}"


def digest(name: str) -> str:
    return "sha256:" + name[-1] * 64


def ref(name: str) -> dict[str, str]:
    return {"revision": revision(name), "version": version(name), "digest": digest(name)}


def condition(kind: str, status: str, reason: str = "Because", message: str = "") -> dict[str, str]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


def rollout(at: float, asks: str, **status: Any) -> Sighting:
    spec = {
        "version": {"name": version(asks)},
        "strategy": {"canary": {"steps": [{"percent": percent, "holdSeconds": 5} for percent in STEPS]}},
    }
    return Sighting(at, "Rollout", ROLLOUT, {"metadata": {"uid": "r", "generation": 1}, "spec": spec, "status": status})


def healthy(at: float, name: str, asks: str | None = None, **more: Any) -> Sighting:
    conditions = [condition("Ready", "True")]
    return rollout(at, asks or name, state="Healthy", stable=ref(name), conditions=conditions, **more)


def trying(at: float, stable: str, name: str, percent: int, step: int = 0, **more: Any) -> Sighting:
    candidate = ref(name) | {"since": "2026-01-01T00:00:00Z"}
    return rollout(
        at,
        name,
        state="Progressing",
        stable=ref(stable),
        candidate=candidate,
        percent=percent,
        step=step,
        steps=len(STEPS),
        conditions=[condition("Ready", "True"), condition("Reconciling", "True")],
        **more,
    )


def route(at: float, **shares: int) -> Sighting:
    backends = [{"name": f"{ROLLOUT}-{revision(name)}", "weight": share} for name, share in shares.items()]
    spec = {"rules": [{"backendRefs": backends}]}
    return Sighting(at, "HTTPRoute", ROLLOUT, {"metadata": {"uid": "h"}, "spec": spec})


def pod(at: float, name: str, number: int, uid: str | None = None) -> Sighting:
    pod_name = f"{ROLLOUT}-{revision(name)}-{number}"
    metadata = {"uid": uid or f"{pod_name}-uid", "labels": {"slipway.dev/revision": revision(name)}}
    return Sighting(
        at, "Pod", pod_name, {"metadata": metadata, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    )


def model_version(at: float, name: str, **status: Any) -> Sighting:
    return Sighting(at, "ModelVersion", version(name), {"metadata": {"uid": name}, "spec": {}, "status": status})


def passed(at: float, name: str, loss: str, reference: str, against: str | None, stage: str) -> Sighting:
    metrics = [
        {
            "name": "held-out-loss",
            "value": loss,
            "reference": reference,
            "improvement": str(float(reference) - float(loss)),
            "lowerBound": "0.2",
            "samples": 16,
        },
        {"name": "blueprint-validity", "value": "0.75", "samples": 8},
    ]
    gates = [{"name": "learned", "outcome": "Pass", "value": "0.2", "bound": "0.05", "message": "0.2 > 0.05"}]
    compared = {"digest": digest("v9")} | ({"name": version(against)} if against else {})
    return model_version(at, name, state="Ready", stage=stage, metrics=metrics, gates=gates, reference=compared)


def trained(at: float, name: str, step: int = 8, steps: int = 8, state: str = "Succeeded") -> Sighting:
    status: dict[str, Any] = {
        "state": state,
        "startedAt": "2026-01-01T00:00:00Z",
        "progress": {
            "step": step,
            "steps": steps,
            "percent": 100 * step // steps,
            "loss": "1.25",
            "tokensPerSecond": 160,
        },
        "modelVersion": version(name),
    }
    if state == "Succeeded":
        status["finishedAt"] = "2026-01-01T00:02:00Z"
    return Sighting(at, "TrainingJob", training(name), {"metadata": {"uid": name}, "spec": {}, "status": status})


def request(at: float, name: str, status: int = 200, seconds: float = 0.5) -> Request:
    return Request(at, version(name), revision(name), status, seconds)


def requests(begin: float, end: float, name: str, every: float = 1.0) -> list[Request]:
    count = int((end - begin) / every)
    return [request(begin + i * every, name, seconds=0.4 + (i % 5) / 10) for i in range(count)]


def records() -> list[Sighting | Request | Mark]:
    """Return the story as it should be, oldest first."""
    found: list[Sighting | Request | Mark] = [Mark(TIMES[name] - 60, name) for name in SHORT_NAMES]
    rows = {"train": 90, "validation": 10, "test": 20, "rejected": 3, "duplicates": 14}
    dataset = {"metadata": {"uid": "d"}, "spec": {}, "status": {"state": "Ready", "rows": rows}}
    found.append(Sighting(30.0, "Dataset", DATASET, dataset))
    found += [trained(TIMES[name] - 20, name) for name in TRAINED]
    # v1: the first release
    found += [
        passed(95, "v1", "1.5", "2.8", None, "Candidate"),
        pod(104, "v1", 1),
        pod(104, "v1", 2),
        route(105, v1=100),
        healthy(106, "v1"),
        passed(107, "v1", "1.5", "2.8", None, "Production"),
        *requests(107, 200, "v1"),
    ]
    # v2: canary and promotion
    found += [passed(195, "v2", "0.6", "1.5", "v1", "Candidate"), pod(201, "v2", 1), trying(200, "v1", "v2", 0)]
    for index, percent in enumerate(STEPS):
        at = 210 + 10 * index
        found += [trying(at, "v1", "v2", percent, index), route(at + 0.1, v1=100 - percent, v2=percent)]
        found += [*requests(at + 1, at + 8, "v1"), *requests(at + 1, at + 8, "v2", every=2.5)]
    found += [
        pod(238, "v2", 2),
        trying(240, "v1", "v2", 100, 3),
        route(240.1, v1=0, v2=100),
        healthy(250, "v2"),
        passed(251, "v2", "0.6", "1.5", "v1", "Production"),
        passed(251, "v1", "1.5", "2.8", None, "Archived"),
        *requests(241, 401, "v2"),
    ]
    # v3: rejected
    gates = [{"name": "learned", "outcome": "Fail", "value": "-7.1", "bound": "0.05", "message": "-7.1 is below 0.05"}]
    loss = [{"name": "held-out-loss", "value": "7.7", "reference": "0.6", "samples": 16}]
    found += [model_version(295, "v3", state="Rejected", stage="Rejected", gates=gates, metrics=loss)]
    stalled = [condition("Ready", "True"), condition("Stalled", "True", "VersionRejected", "v3 did not pass its gate")]
    found.append(rollout(300, "v3", state="Stalled", stable=ref("v2"), conditions=stalled))
    # v4: passes, misbehaves, comes back
    bad = ref("v4") | {"reason": "AnalysisFailed", "message": "errors: 60 % above 5 %", "at": "2026-01-01T00:00:00Z"}
    found += [
        passed(395, "v4", "0.61", "0.6", "v2", "Candidate"),
        trying(400, "v2", "v4", 10),
        route(400.5, v2=90, v4=10),
        pod(399, "v4", 1),
        request(402.0, "v4"),
        request(403.0, "v4", 400, 0.02),
        request(405.0, "v4", 400, 0.02),
        *requests(401, 420, "v2"),
        healthy(410, "v2", asks="v4", lastRollback=bad, failed=[bad]),
        route(410.2, v2=100, v4=0),
    ]
    return sorted(found, key=lambda record: record.at)


def tape(found: list[Sighting | Request | Mark] | None = None) -> Tape:
    made = Tape()
    for record in records() if found is None else found:
        made.add(record)
    return made
