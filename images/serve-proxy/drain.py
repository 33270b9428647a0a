#!/usr/bin/env python3
"""How does the proxy leave without losing a request? Its preStop hook: slipway-drain SECONDS.

From the first moment on every answer asks its client to close the connection. New requests are still served: gateways
learn only after a while that the pod goes. After SECONDS the hook ends as soon as no request is open, and the kubelet
stops Envoy; the pod's grace period bounds the wait.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request

ADMIN = "http://127.0.0.1:9902"
ACTIVE = "http.serving.downstream_rq_active"
LOOK_SECONDS = 0.2


def main(seconds: float) -> None:
    """Drain for at least `seconds`, and until no request is open."""
    end = time.monotonic() + seconds
    _admin("/healthcheck/fail", method="POST")
    while time.monotonic() < end or active() > 0:
        time.sleep(LOOK_SECONDS)


def active() -> int:
    """Return the requests that are open now."""
    found = json.loads(_admin(f"/stats?format=json&filter=^{ACTIVE}$"))
    return sum(int(entry.get("value", 0)) for entry in found["stats"])


def _admin(path: str, method: str = "GET") -> bytes:
    with urllib.request.urlopen(urllib.request.Request(ADMIN + path, method=method), timeout=5) as answer:
        body: bytes = answer.read()
    return body


if __name__ == "__main__":
    main(float(sys.argv[1]))
