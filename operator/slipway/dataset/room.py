"""How does the engine look after Datasets?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from pydantic import ValidationError

from slipway.api.conditions import Progressing, kstatus
from slipway.api.faults import first_fault
from slipway.dataset.decide import decide, waiting
from slipway.dataset.members import pinned
from slipway.dataset.observe import observe, parse, status_of
from slipway.holdups import inquire
from slipway.plan import Facts, Key, Manifest, Plan, View
from slipway.relations import dataset as dataset_relation
from slipway.rooms import INVALID_SPEC, Missing, children
from slipway.settings import Settings


class Room:
    """The room of the kind Dataset."""

    kind = "Dataset"
    owns = frozenset({"Job", "ConfigMap", "NetworkPolicy"})

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def plan(self, root: Manifest, view: View, facts: Facts, now: datetime) -> Plan:
        """Return what `root` should have at `now`. Pure, total and idempotent."""
        try:
            dataset = parse(root)
        except ValidationError as error:
            return _invalid(root, error, children(root["metadata"]["uid"], view, self.owns), now)
        found = pinned(dataset, view)
        if isinstance(found, Missing):
            return waiting(dataset, found, children(dataset.root.uid, view, self.owns), now)
        dataset = replace(dataset, members=found)
        seen = observe(dataset, view, self.owns, self.settings)
        inquiry = inquire(seen.run, facts, now)
        return inquiry.asking(decide(dataset, replace(seen, run=inquiry.run), now, self.settings))

    def wakes(self, changed: Manifest, view: View, before: Manifest | None = None) -> Iterable[Key]:
        """Return the mixes of which the Dataset `changed` is a member."""
        if changed["kind"] != self.kind:
            return
        namespace, name = changed["metadata"]["namespace"], changed["metadata"]["name"]
        for root in view.related(self.kind, namespace, dataset_relation(name)):
            yield Key(self.kind, namespace, root["metadata"]["name"])


def _invalid(root: Manifest, error: ValidationError, keep: frozenset[tuple[str, str]], now: datetime) -> Plan:
    """Return the plan of a Dataset that an API server with another schema let pass."""
    said = f"spec.{first_fault(error)}; correct it, or update Slipway's CRDs and operator together"
    before, generation = status_of(root), root["metadata"].get("generation", 1)
    view = Progressing(ready="False", stalled=True, reason=INVALID_SPEC, message=said)
    status = before.model_copy(
        update={
            "state": "Failed",
            "observed_generation": generation,
            "conditions": list(kstatus(before.conditions, view, generation, now)),
            "message": said[:2048],
        }
    )
    return Plan(status=status.dump(), keep=keep)
