"""How does the engine look after Rollouts?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from slipway.api.conditions import Progressing, kstatus
from slipway.api.faults import first_fault
from slipway.api.rollout import RolloutStatus
from slipway.plan import Facts, Key, Manifest, Plan, View
from slipway.relations import version
from slipway.rollout import reasons
from slipway.rollout.decide import decide
from slipway.rollout.objects import OWNS
from slipway.rollout.observe import observe
from slipway.rollout.rollout import Rollout
from slipway.settings import Settings


class Room:
    """The room of the kind Rollout."""

    kind = "Rollout"
    owns = OWNS

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def plan(self, root: Manifest, view: View, facts: Facts, now: datetime) -> Plan:
        """Return what `root` should have at `now`. Pure, total and idempotent."""
        try:
            rollout = Rollout.parse(root)
        except ValidationError as error:
            return _unreadable(root, error, view, now)
        return decide(rollout, observe(rollout, root, view, facts, self.settings), self.settings, now)

    def wakes(self, changed: Manifest, view: View, before: Manifest | None = None) -> Iterable[Key]:
        """Return the Rollouts that name the ModelVersion `changed`, if more of it changed than its stage."""
        if changed["kind"] != "ModelVersion" or (before is not None and _read(before) == _read(changed)):
            return
        namespace, name = changed["metadata"]["namespace"], changed["metadata"]["name"]
        for root in view.related(self.kind, namespace, version(name)):
            yield Key(self.kind, namespace, root["metadata"]["name"])


def _read(version: Manifest) -> tuple[Any, Any]:
    """Return what decisions may rest on. Rollouts give a version its stage, and learn nothing from it."""
    return version.get("spec"), {**(version.get("status") or {}), "stage": None}


def _unreadable(root: Manifest, error: ValidationError, view: View, now: datetime) -> Plan:
    """Return the plan that touches nothing: traffic, pods and stable stay exactly as they are."""
    meta = root["metadata"]
    try:
        status = RolloutStatus.model_validate(root.get("status") or {})
    except ValidationError:
        # Nothing can be decided without the memory, and overwriting it would lose stable for good.
        return Plan(status=root["status"], keep=_everything(meta["uid"], view))
    message = f"{error.title}, field {first_fault(error)}. Correct the spec; traffic and pods stay as they are"
    told = Progressing(ready="False", stalled=True, reason=reasons.SPEC_INVALID, message=message)
    generation = int(meta.get("generation") or 0)
    found = status.model_copy(
        update={
            "queries_hash": None,  # with the conditions goes what was said of them
            "conditions": list(kstatus(status.conditions, told, generation, now)),
            "observed_generation": generation,
            "state": "Stalled",
            "message": message[:2048],
        }
    )
    return Plan(status=found.dump(), keep=_everything(meta["uid"], view))


def _everything(uid: str, view: View) -> frozenset[tuple[str, str]]:
    return frozenset((child["kind"], child["metadata"]["name"]) for child in view.owned(uid) if child["kind"] in OWNS)
