"""How does the engine look after TrainingJobs?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from pydantic import ValidationError

from slipway.api.conditions import Progressing, kstatus
from slipway.holdups import inquire
from slipway.plan import Facts, Key, Manifest, Plan, View
from slipway.relations import dataset, model
from slipway.rooms import INVALID_SPEC, children, first_fault
from slipway.settings import Settings
from slipway.training.decide import ENDED, decide
from slipway.training.observe import observe, parse, status_of


class Room:
    """The room of the kind TrainingJob."""

    kind = "TrainingJob"
    owns = frozenset({"Job", "ConfigMap"})

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def plan(self, root: Manifest, view: View, facts: Facts, now: datetime) -> Plan:
        """Return what `root` should have at `now`. Pure, total and idempotent."""
        try:
            training = parse(root)
        except ValidationError as error:
            return _invalid(root, error, children(root["metadata"]["uid"], view, self.owns), now)
        seen = observe(training, view, self.owns)
        inquiry = inquire(seen.run, facts, now)
        return inquiry.asking(decide(training, replace(seen, run=inquiry.run), now, self.settings))

    def wakes(self, changed: Manifest, view: View) -> Iterable[Key]:
        """Return the runs that wait for the Dataset `changed`, or that make the ModelVersion `changed`."""
        meta = changed["metadata"]
        if changed["kind"] == "Dataset":
            relation = dataset(meta["name"])
        elif changed["kind"] == "ModelVersion":
            relation = model(str((changed.get("spec") or {}).get("model") or ""))
        else:
            return
        for root in view.related(self.kind, meta["namespace"], relation):
            if (root.get("status") or {}).get("state") not in ENDED:
                yield Key(self.kind, meta["namespace"], root["metadata"]["name"])


def _invalid(root: Manifest, error: ValidationError, keep: frozenset[tuple[str, str]], now: datetime) -> Plan:
    """Return the plan of a TrainingJob that an API server with another schema let pass."""
    said = f"spec.{first_fault(error)}; create a TrainingJob with a new name, or update CRDs and operator together"
    before, generation = status_of(root), root["metadata"].get("generation", 1)
    view = Progressing(ready="False", stalled=True, reason=INVALID_SPEC, message=said)
    update = {
        "state": before.state if before.state in ENDED else "Pending",
        "observed_generation": generation,
        "conditions": list(kstatus(before.conditions, view, generation, now)),
        "message": said[:2048],
        "progress": None,
    }
    return Plan(status=before.model_copy(update=update).dump(), keep=keep)
