"""How does the engine look after TrainingJobs?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from pydantic import ValidationError

from slipway.api.conditions import Progressing, kstatus
from slipway.api.faults import first_fault
from slipway.api.trainingjob_status import ENDED
from slipway.holdups import inquire
from slipway.plan import Facts, Key, Manifest, Plan, View
from slipway.relations import dataset, model
from slipway.rooms import INVALID_SPEC, children
from slipway.settings import Settings
from slipway.training.decide import decide
from slipway.training.observe import observe, parse, status_of
from slipway.training.search import decide as searches
from slipway.training.search import trials
from slipway.training.trial import trial_of


class Room:
    """The room of the kind TrainingJob."""

    kind = "TrainingJob"
    owns = frozenset({"Job", "JobSet", "ConfigMap", "NetworkPolicy", "TrainingJob"})

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def plan(self, root: Manifest, view: View, facts: Facts, now: datetime) -> Plan:
        """Return what `root` should have at `now`. Pure, total and idempotent."""
        try:
            training = parse(root)
        except ValidationError as error:
            return _invalid(root, error, children(root["metadata"]["uid"], view, self.owns), now)
        if training.spec.search is not None:
            owned = children(training.root.uid, view, self.owns)
            return searches.decide(training, trials.observe(training, view, owned), facts, now, self.settings)
        seen = observe(training, view, self.owns)
        inquiry = inquire(seen.run or seen.estimation, facts, now)
        told = replace(seen, run=inquiry.run) if seen.run is not None else replace(seen, estimation=inquiry.run)
        return inquiry.asking(decide(training, told, now, self.settings))

    def wakes(self, changed: Manifest, view: View, before: Manifest | None = None) -> Iterable[Key]:
        """Return the runs that wait for the Dataset `changed`, or make the ModelVersion, or search with the trial."""
        meta = changed["metadata"]
        if changed["kind"] == self.kind:
            yield from self._family(changed, view)
            return
        if changed["kind"] == "Dataset":
            relation = dataset(meta["name"])
        elif changed["kind"] == "ModelVersion":
            relation = model(str((changed.get("spec") or {}).get("model") or ""))
        else:
            return
        for root in view.related(self.kind, meta["namespace"], relation):
            if (root.get("status") or {}).get("state") not in ENDED:
                yield Key(self.kind, meta["namespace"], root["metadata"]["name"])

    def _family(self, changed: Manifest, view: View) -> Iterable[Key]:
        """Return the search whose trial `changed` is, or the trials of the search that have not begun."""
        meta = changed["metadata"]
        if (trial := trial_of(changed)) is not None:
            yield Key(self.kind, meta["namespace"], trial.search)
        elif (changed.get("spec") or {}).get("search"):
            for child in view.owned(meta["uid"], self.kind):
                if (child.get("status") or {}).get("state") in (None, "Pending"):
                    yield Key(self.kind, meta["namespace"], child["metadata"]["name"])


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
