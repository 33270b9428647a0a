"""A store with a Dataset in it, and Jobs that prepare as told."""

from __future__ import annotations

from typing import Any

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, Prepared, encode
from slipway.dataset.room import Room
from tests.unit import worlds
from tests.unit.worlds import SETTINGS, root

NAME = "blueprints"
UID = f"uid-dataset-{NAME}"
SPEC: dict[str, Any] = {
    "source": {"objectStore": {"uri": "s3://slipway/raw/"}},
    "schema": "Chat",
    "steps": [{"parse": {"as": "JSONL"}}],
}


def prepared(mark: str = "a", **more: Any) -> Prepared:
    digest = (mark * 64)[:64]
    uri = f"s3://slipway/slipway/datasets/{digest}/"
    return Prepared(
        artifact={"uri": uri, "digest": f"sha256:{digest}", "bytes": 1000},
        rows={"train": 80, "validation": 10, "test": 10, "rejected": 3, "duplicates": 2},
        report="s3://slipway/slipway/datasets/reports/job/report.html",
        **more,
    )


def refused(reason: str = "TooFewRows", **more: Any) -> Failed:
    return Failed(reason=reason, message="quality.minRows is 10: 3 rows kept", example="a.jsonl:1: bad", **more)


class World(worlds.World):
    """A world of one Dataset."""

    def __init__(self) -> None:
        super().__init__(Room(SETTINGS), NAME)
        self.put(root("Dataset", NAME, SPEC))

    def edit(self, **spec: Any) -> None:
        """Let a user apply the first spec with `spec` changed."""
        before = self.root()
        meta = before["metadata"] | {"generation": before["metadata"]["generation"] + 1}
        self.put({**before, "metadata": meta, "spec": SPEC | spec})

    def succeed(self, mark: str = "a") -> None:
        self.end(ExitCode.OK, encode(prepared(mark)), "Completed")
        self.finish("Complete")

    def fail(
        self, result: Failed | None = None, code: int = ExitCode.BAD_DATA, reason: str = "PodFailurePolicy"
    ) -> None:
        self.end(code, encode(result or refused()))
        self.finish("Failed", reason)
