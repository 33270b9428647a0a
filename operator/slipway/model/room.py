"""How does the engine look after ModelVersions?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from slipway.api.conditions import Progressing, kstatus
from slipway.api.faults import first_fault
from slipway.holdups import Inquiry, inquire
from slipway.model.awaiting import question
from slipway.model.decide import JUDGED, decide
from slipway.model.observe import observe, parse, status_of
from slipway.model.stage import stage, uses
from slipway.plan import Facts, Key, Manifest, Plan, View
from slipway.relations import model
from slipway.rooms import INVALID_SPEC, children
from slipway.settings import Settings


class Room:
    """The room of the kind ModelVersion."""

    kind = "ModelVersion"
    owns = frozenset({"Job", "ConfigMap"})

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def plan(self, root: Manifest, view: View, facts: Facts, now: datetime) -> Plan:
        """Return what `root` should have at `now`. Pure, total and idempotent."""
        try:
            version = parse(root)
        except ValidationError as error:
            return _invalid(root, error, children(root["metadata"]["uid"], view, self.owns), now)
        seen = observe(version, view, self.owns)
        inquiry = inquire(seen.run, facts, now)
        if version.status.state != "AwaitingRatings":
            return inquiry.asking(decide(version, replace(seen, run=inquiry.run), now, self.settings))
        asks, files, look = question(version, facts, now)
        counting = inquire(seen.count, facts, now)
        plan = decide(version, replace(seen, count=counting.run, files=files), now, self.settings)
        return counting.asking(Inquiry(None, asks, look).asking(plan))

    def wakes(self, changed: Manifest, view: View, before: Manifest | None = None) -> Iterable[Key]:
        """Return the versions whose stage the Rollout `changed` moves."""
        line = (changed.get("spec") or {}).get("model")
        if changed["kind"] != "Rollout" or not line:
            return
        if before is not None and _used(before) == _used(changed):
            return
        namespace = changed["metadata"]["namespace"]
        rollouts = uses(view.related("Rollout", namespace, model(line)))
        for root in view.related(self.kind, namespace, model(line)):
            spec, status, name = root.get("spec") or {}, root.get("status") or {}, root["metadata"]["name"]
            # Raw fields, not the models: a busy Rollout asks this every few seconds of every version of its line.
            known, digest = status.get("stage", "Candidate"), (spec.get("artifact") or {}).get("digest", "")
            if known != stage(known, status.get("state", "Pending"), name, digest, rollouts):
                yield Key(self.kind, namespace, name)


def _used(rollout: Manifest) -> tuple[Any, ...]:
    """Return what a stage rests on."""
    status = rollout.get("status") or {}
    return (rollout.get("spec") or {}).get("model"), status.get("stable"), status.get("candidate")


def _invalid(root: Manifest, error: ValidationError, keep: frozenset[tuple[str, str]], now: datetime) -> Plan:
    """Return the plan of a version that an API server with another schema let pass."""
    said = f"spec.{first_fault(error)}; create a ModelVersion with a new name instead"
    before = status_of(root)
    if before.state in JUDGED:
        return Plan(status=before.dump(), keep=keep)
    generation = root["metadata"].get("generation", 1)
    view = Progressing(ready="False", stalled=True, reason=INVALID_SPEC, message=said)
    conditions = list(kstatus(before.conditions, view, generation, now))
    status = before.model_copy(update={"conditions": conditions, "observed_generation": generation, "message": said})
    return Plan(status=status.dump(), keep=keep)
