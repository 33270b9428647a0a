"""The operator with a stopwatch at its seams: `python -m bench.stopwatch FILE` and then the operator's own arguments.

What it noted is written when it ends, one JSON list a line: what, of which object, begin and end (monotonic clock).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slipway import main as operator
from slipway.kube.client import KubeClient
from slipway.metrics.sources import Sources
from slipway.plan import Answer, Facts, Manifest, Plan, Question, View
from slipway.rollout.room import Room

NOTED: list[tuple[str, str, float, float]] = []
ASK, DECIDE, APPLY = "ask", "decide", "apply"


@contextmanager
def noted(what: str, of: str) -> Iterator[None]:
    """Note how long the block took."""
    begun = time.monotonic()
    try:
        yield
    finally:
        NOTED.append((what, of, begun, time.monotonic()))


class TimedClient(KubeClient):
    """Notes every apply."""

    async def apply(
        self, manifest: Manifest, *, manager: str, subresource: str = "", force: bool = True
    ) -> dict[str, Any]:
        """See `KubeClient.apply`."""
        with noted(APPLY, "/".join(part for part in (manifest["kind"], subresource) if part)):
            return await super().apply(manifest, manager=manager, subresource=subresource, force=force)


class TimedSources(Sources):
    """Notes every question."""

    async def ask(self, question: Question) -> Answer:
        """See `Sources.ask`."""
        with noted(ASK, question.lane):
            return await super().ask(question)


class TimedRoom(Room):
    """Notes every decision."""

    def plan(self, root: Manifest, view: View, facts: Facts, now: Any) -> Plan:
        """See `Room.plan`."""
        with noted(DECIDE, root["metadata"]["name"]):
            return super().plan(root, view, facts, now)


def main() -> int:
    """Run the operator with timed parts and write what was noted."""
    # By the names under which the wiring knows them.
    vars(operator).update(KubeClient=TimedClient, Sources=TimedSources, RolloutRoom=TimedRoom)
    file = Path(sys.argv[1])
    try:
        return operator.main(sys.argv[2:])
    finally:
        file.write_text("".join(json.dumps(one) + "\n" for one in NOTED))


if __name__ == "__main__":
    sys.exit(main())
