"""What, outside a ModelVersion, does its next step depend on?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from slipway.api.conditions import READY, RECONCILING, STALLED
from slipway.api.modelversion import ModelVersionSpec, ModelVersionStatus
from slipway.attempt import order
from slipway.jobs import Run, runs
from slipway.model.awaiting import Files
from slipway.model.objects import Compared, Version, against_base, against_version
from slipway.model.stage import Use, uses
from slipway.names import COUNTED_LABEL
from slipway.plan import Manifest, View
from slipway.relations import model
from slipway.rooms import children
from slipway.workload import Root

OURS = (READY, RECONCILING, STALLED)


@dataclass(frozen=True)
class Observed:
    """Everything outside the version that matters."""

    run: Run | None = None
    """The newest attempt at evaluating it."""
    count: Run | None = None
    """The newest Job that counts what people said of its answers."""
    files: Files | None = None
    """The ConfigMaps with what people said, as far as they have been listed."""
    compared: Compared | None = None
    """What it is compared with: what status pinned while that still exists, else what is in production now."""
    rollouts: tuple[Use, ...] = ()
    owned: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of its children."""


def parse(root: Manifest) -> Version:
    """Return the version that `root` describes; raise pydantic.ValidationError when its spec is not one of ours."""
    spec = ModelVersionSpec.model_validate(root.get("spec") or {})
    return Version(Root.of(root), spec, status_of(root), root["metadata"].get("generation", 1))


def status_of(root: Manifest) -> ModelVersionStatus:
    """Return the status of `root` as this room wrote it; a status that is not one of ours counts as none."""
    try:
        found = ModelVersionStatus.model_validate(root.get("status") or {})
    except ValidationError:
        return ModelVersionStatus()
    # Others add conditions of their own (the engine: ChildrenApplied), and take them away again.
    return found.model_copy(update={"conditions": [c for c in found.conditions if c.type in OURS]})


def observe(version: Version, view: View, owns: Iterable[str]) -> Observed:
    """Read what `version` depends on."""
    uid, namespace = version.root.uid, version.root.namespace
    rollouts = uses(view.related("Rollout", namespace, model(version.spec.model)))
    found = runs(view, uid)
    return Observed(
        run=max((run for run in found if COUNTED_LABEL not in run.labels), key=order, default=None),
        count=max((run for run in found if COUNTED_LABEL in run.labels), key=newest, default=None),
        compared=_compared(version, rollouts, view) if version.spec.evaluation is not None else None,
        rollouts=rollouts,
        owned=children(uid, view, owns),
    )


def newest(run: Run) -> tuple[float, tuple[int, str]]:
    """Return the key by which Jobs of different purposes are ordered."""
    return (run.created.timestamp() if run.created is not None else 0.0, order(run))


def _compared(version: Version, rollouts: Iterable[Use], view: View) -> Compared | None:
    pinned = version.status.reference
    base = against_base(version.spec)
    if pinned is not None:
        if pinned.name is None and base is not None and base.reference == pinned:
            return base
        if pinned.name is not None and (found := _version(pinned.name, pinned.digest, version, view)) is not None:
            return found
    for use in rollouts:
        stable = use.stable
        if stable is not None and (found := _version(stable.version, stable.digest, version, view)) is not None:
            return found
    return base


def _version(name: str, digest: str, asking: Version, view: View) -> Compared | None:
    """Return the comparison with `name` if it is there, is another version of the line and has that digest."""
    found = view.get("ModelVersion", asking.root.namespace, name) if name != asking.root.name else None
    if found is None:
        return None
    try:
        spec = ModelVersionSpec.model_validate(found.get("spec") or {})
    except ValidationError:
        return None
    if spec.model != asking.spec.model or spec.artifact.digest != digest:
        return None
    return against_version(name, spec)
