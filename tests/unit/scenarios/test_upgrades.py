"""What a collection says of each thing is read off its log, and who leads after an upgrade off pods and Lease."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from e2e.scenarios import operators
from e2e.scenarios.upgrades import fates
from slipway_pod.garbage import Judged, Thing, table
from tests.unit.scenarios.doubles import Kubectl

WHEN = datetime(2026, 11, 28, tzinfo=UTC)
NEW, OLD = "new" * 8, "old" * 8


@pytest.mark.parametrize(("deleting", "fate"), [(False, "would be deleted"), (True, "deleted")])
def test_the_fate_of_each_thing_is_known_by_its_name(*, deleting: bool, fate: str) -> None:
    used, waits, goes = (Thing(name, 5, WHEN) for name in ("models/a", "models/b", "checkpoints/team/try-1"))
    found = [Judged(used, "InUse"), Judged(waits, "Waiting", WHEN), Judged(goes, "Garbage", WHEN)]
    log = "\n".join(["deleted checkpoints/team/try-1: 4 objects", *table(found, deleting=deleting)])
    assert fates(log) == {"models/b": "unmentioned", "checkpoints/team/try-1": fate}


class Upgrading(Kubectl):
    """An operator whose Lease changes hands: each of `leaders` holds it at one look."""

    def __init__(self, *leaders: str) -> None:
        super().__init__("")
        self.leaders = list(leaders)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        if "lease" in arguments:
            return f"{self.leaders.pop(0) if len(self.leaders) > 1 else self.leaders[0]}_1"
        if "pod" in arguments:
            return OLD if arguments[arguments.index("pod") + 1].startswith("old") else NEW
        return NEW


def test_an_old_leader_is_not_taken_for_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep: Callable[[float], None] = slept.append
    monkeypatch.setattr(operators.time, "sleep", sleep)
    assert operators.await_settings(Upgrading("old-1", "old-2", "new-1")) == "new-1"
    assert len(slept) == 2
    with pytest.raises(TimeoutError, match="no operator with the settings newnewnewnew took the Lease"):
        operators.await_settings(Upgrading("old-1"), seconds=0)
