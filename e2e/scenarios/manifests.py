"""What is applied to the cluster? Two versions of the base model, written by hand, and Rollouts that serve them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from e2e.cluster.addons import GATEWAY_NAMESPACE
from slipway.api.base import GROUP, VERSION

API: Final = f"{GROUP}/{VERSION}"
NAMESPACE: Final = "slipway-rollouts"
MODEL: Final = "smollm2"
NUMBERS: Final = ("1.0.0", "1.1.0")
"""Both have the same bytes: how a version serves is what differs here."""
ONE, TWO = (f"{MODEL}-{number}" for number in NUMBERS)
RESOURCES: Final = {"cpu": "50m", "memory": "512Mi", "storage": "1Gi"}
HOLD_SECONDS: Final = 8
LONG_HOLD_SECONDS: Final = 600
"""Longer than any scenario: whoever leaves such a step was made to."""


@dataclass(frozen=True)
class Release:
    """What a Rollout's spec says, as far as scenarios change it."""

    version: str
    context_tokens: int
    strategy: Mapping[str, Any]
    replicas: int = 1
    bake_seconds: int = HOLD_SECONDS
    no_data_seconds: int = 120
    sticky: bool = False
    """Whether users keep their version by the bucket that their client sends."""


def canary(*steps: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the strategy with these steps."""
    return {"canary": {"steps": list(steps)}}


def step(percent: int, seconds: int = HOLD_SECONDS) -> Mapping[str, Any]:
    """Return a share that is held for a time."""
    return {"percent": percent, "holdSeconds": seconds}


QUICK: Final = canary(step(20), step(50))
FIRST: Final = Release(ONE, 1024, QUICK)
NEXT: Final = Release(TWO, 1536, QUICK)
THIRD: Final = Release(TWO, 2048, QUICK)
BAD: Final = Release(TWO, 256, QUICK)
"""Too small a window for long questions, as in the demo: they are answered with an error."""


def host(name: str) -> str:
    """Return the host name at which Rollout `name` serves."""
    return f"{name}.rollouts.example.com"


def preview_host(name: str) -> str:
    """Return the host name at which the next version of Rollout `name` is previewed, where it is at all."""
    return f"next.{host(name)}"


NO_SURGE: Final = {"canary": {"steps": [step(50)], "capacity": {"mode": "NoSurge"}}}
SHADOW: Final = {"canary": {"steps": [{"mirrorPercent": 100, "holdSeconds": HOLD_SECONDS}, step(50)]}}
BUCKET_HEADER: Final = "x-slipway-bucket"
TESTER: Final = {"name": "x-tester", "value": "yes"}
PAUSING: Final = {
    "canary": {"steps": [step(20, 1), {"pause": {}}, step(50, 1), {"pause": {}}], "headers": [TESTER]},
}
"""Two shares, at each of which people wait, and testers who ask for the next version by name."""


def blue_green(name: str) -> Mapping[str, Any]:
    """Return the strategy that judges on a preview, switches at once, and keeps the old version warm for a while."""
    delay = 120
    return {
        "blueGreen": {
            "previewHostnames": [preview_host(name)],
            "holdSeconds": HOLD_SECONDS,
            "scaleDownDelaySeconds": delay,
        }
    }


def namespace() -> dict[str, Any]:
    """Return the scenarios' namespace, under the strictest Pod Security profile."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def versions(uri: str, digest: str) -> Sequence[Mapping[str, Any]]:
    """Return the model's versions, as docs/how-to/model-trained-elsewhere.md writes them."""
    artifact = {"uri": uri, "digest": digest, "kind": "Model", "formats": ["GGUF"]}
    return [
        ours("ModelVersion", f"{MODEL}-{number}", {"model": MODEL, "version": number, "artifact": artifact})
        for number in NUMBERS
    ]


def rollout(name: str, release: Release) -> Mapping[str, Any]:
    """Return Rollout `name` as it asks for `release`."""
    runtime = {"contextTokens": release.context_tokens, "parallel": 2, "threads": 1}
    errors = {"maxPercent": "5", "failures": ["ServerError", "ClientError"], "minSamples": 5}
    return ours(
        "Rollout",
        name,
        {
            "model": MODEL,
            "version": {"name": release.version},
            "serving": {"runtime": {"llamaCpp": runtime}, "replicas": release.replicas, "resources": RESOURCES},
            "traffic": {
                "gateway": {"name": "slipway", "namespace": GATEWAY_NAMESPACE},
                "hostnames": [host(name)],
                **({"sticky": {}} if release.sticky else {}),
            },
            "strategy": release.strategy,
            "analysis": {
                "intervalSeconds": 2,
                "windowSeconds": 60,
                "metrics": [{"name": "errors", "errorRate": errors}],
                "noData": {"afterSeconds": release.no_data_seconds, "action": "Hold"},
            },
            "bakeSeconds": release.bake_seconds,
        },
    )


def ours(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object of ours in the scenarios' namespace."""
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, "spec": dict(spec)}
