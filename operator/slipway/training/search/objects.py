"""Which TrainingJobs does a search make?"""

from __future__ import annotations

from typing import Any

from slipway.api.base import API_VERSION
from slipway.names import MODEL_LABEL, STOP_ANNOTATION, TRIAL_LABEL
from slipway.plan import Manifest
from slipway.search.study import Parameters
from slipway.training.objects import Training
from slipway.training.search.space import tuned
from slipway.training.search.trials import Seen
from slipway.training.trial import Stop
from slipway.workload import metadata


def trial_name(search: Training, number: int) -> str:
    """Return the name of trial `number`."""
    return f"{search.root.name}-{number}"


def trial(search: Training, number: int, parameters: Parameters) -> Manifest:
    """Return a new trial: the search's own run, with `parameters` in its recipe and nothing to publish."""
    spec = search.spec
    mine = {"recipe": tuned(spec.recipe, parameters), "search": None, "version": None, "evaluation": None}
    return _manifest(search, number, spec.model_copy(update=mine).dump(), None)


def kept(search: Training, seen: Seen, stop: Stop | None) -> Manifest | None:
    """Return the trial `seen` where it is to be suspended, resumed, ended or cleaned up otherwise than it is.

    All else is its own: a spec never changes, and what an operator of another version would make of it is no reason.
    """
    spec: dict[str, Any] = dict(seen.manifest.get("spec") or {})
    before = bool(spec.get("suspend")), spec.pop("ttlSecondsAfterFinished", None), seen.stop
    suspend = search.spec.suspend if seen.outcome == "Running" else before[0]
    wanted = suspend, search.spec.ttl_seconds_after_finished, seen.stop or stop
    if wanted == before:
        return None
    ttl = {} if wanted[1] is None else {"ttlSecondsAfterFinished": wanted[1]}
    return _manifest(search, seen.number, {**spec, "suspend": suspend, **ttl}, wanted[2])


def _manifest(search: Training, number: int, spec: dict[str, Any], stop: Stop | None) -> Manifest:
    meta = metadata(search.root, trial_name(search, number), {TRIAL_LABEL: str(number), MODEL_LABEL: search.spec.model})
    if stop is not None:
        meta["annotations"] = {STOP_ANNOTATION: str(stop)}
    return {"apiVersion": API_VERSION, "kind": "TrainingJob", "metadata": meta, "spec": spec}
