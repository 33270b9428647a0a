"""What does a Rollout's next step depend on, outside the Rollout itself?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from slipway.api.rollout import RevisionRef
from slipway.jobs import Run
from slipway.names import REVISION_LABEL
from slipway.plan import Answer, Facts, Manifest, View
from slipway.rollout import measure_job, pods, revision
from slipway.rollout.pods import NONE, Pods
from slipway.rollout.revision import Template
from slipway.rollout.rivals import contested
from slipway.rollout.rollout import Rollout
from slipway.rollout.routes import RouteSeen, read_route
from slipway.rollout.wanted import Servable, Wanted, wanted
from slipway.settings import Settings


@dataclass(frozen=True)
class Seen:
    """Everything outside the Rollout that its next step depends on."""

    wanted: Wanted
    contested: bool = False
    """An older Rollout routes one of its host names."""
    templates: Mapping[str, Template] = field(default_factory=dict)
    """By revision: what ControllerRevisions keep, and what is wanted now."""
    ordinals: Mapping[str, int] = field(default_factory=dict)
    pods: Mapping[str, Pods] = field(default_factory=dict)
    deployed: Mapping[str, int] = field(default_factory=dict)
    """By revision: the replicas that its Deployment asks for."""
    services: frozenset[str] = frozenset()
    """Revisions whose Service exists."""
    objects: tuple[tuple[str, str, str], ...] = ()
    """Kind, name and revision of every object that belongs to one revision."""
    route: RouteSeen | None = None
    """The HTTPRoute of spec.traffic."""
    routes: Mapping[str, RouteSeen] = field(default_factory=dict)
    """Every HTTPRoute of the Rollout, by name."""
    answers: Mapping[str, Answer] = field(default_factory=dict)
    """By id of their question, of those that pods do not answer."""
    measuring: tuple[tuple[str, Run], ...] = ()
    """Jobs that measure, each with the id of its question."""

    @property
    def held(self) -> Mapping[str, int]:
        """By revision: the places that its pods take, be they asked for or merely still there."""
        alive = {name: found.alive for name, found in self.pods.items()}
        return {name: max(alive.get(name, 0), self.deployed.get(name, 0)) for name in {*alive, *self.deployed}}

    def of(self, ref: RevisionRef) -> Pods:
        """Return the pods of revision `ref`."""
        return self.pods.get(ref.revision, NONE)


def observe(rollout: Rollout, manifest: Manifest, view: View, facts: Facts, settings: Settings) -> Seen:
    """Return what `view` and `facts` say about `rollout`."""
    root = rollout.root
    kept = revision.kept(view.owned(root.uid, "ControllerRevision"))
    rival = contested(manifest, view)
    aim = rival or wanted(rollout, view.get("ModelVersion", root.namespace, rollout.spec.version.name), kept, settings)
    templates = {name: made for name, (made, _) in kept.items()}
    if isinstance(aim, Servable):
        templates.setdefault(aim.ref.revision, aim.template)
    routes = {r["metadata"]["name"]: read_route(r, rollout) for r in view.owned(root.uid, "HTTPRoute")}
    return Seen(
        wanted=aim,
        contested=rival is not None,
        templates=templates,
        ordinals={name: ordinal for name, (_, ordinal) in kept.items()},
        pods=pods.read(
            view.owned(root.uid, "Pod"), view.owned(root.uid, "EndpointSlice"), view.owned(root.uid, "Deployment")
        ),
        deployed={
            name: int((d.get("spec") or {}).get("replicas") or 0)
            for d in view.owned(root.uid, "Deployment")
            if (name := _revision(d))
        },
        services=frozenset(name for s in view.owned(root.uid, "Service") if (name := _revision(s))),
        objects=tuple(
            (child["kind"], child["metadata"]["name"], name)
            for child in view.owned(root.uid)
            if (name := _revision(child))
        ),
        route=routes.get(root.name),
        routes=routes,
        answers=facts.answers,
        measuring=measure_job.seen(view, root.uid),
    )


def _revision(manifest: Manifest) -> str:
    return str((manifest["metadata"].get("labels") or {}).get(REVISION_LABEL) or "")
