"""Do ready pods carry what the operator has sent to them?

Checked where a plan gives somebody a larger share, and at every instant for what is really sent. Pods fail without the
operator's fault, so at an instant a revision is excused from when a disturbance hits one of its pods until all that
its Deployment asks for are ready again, and for as long as its pods' fate is not Good. Nothing else excuses it: pods
that a person's scale-up adds count from when all of them were ready once, and what was there before counts meanwhile.
With capacity.mode NoSurge stable gives pods up before its share shrinks, which is documented, and nothing is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from slipway.plan import Manifest, Plan
from slipway.rollout.pods import NONE, Pods
from tests.world.words import revision, revision_of

if TYPE_CHECKING:
    from tests.world.world import World


def carrying(full: int, share: int) -> int:
    """Return the pods that a share needs where `full` pods carry everything."""
    return max(1, -(-full * share // 100))


def no_surge(spec: Manifest) -> bool:
    """Tell whether both versions share the pods that one has."""
    canary = spec["strategy"].get("canary") or {}
    return bool((canary.get("capacity") or {}).get("mode") == "NoSurge")


def shares(status: Mapping[str, Any]) -> dict[str, int]:
    """Return the share that a status intends for each revision."""
    if not status.get("stable"):
        return {}
    stable, candidate = (revision_of(status, who) for who in ("stable", "candidate"))
    given = {candidate: status["percent"]} if candidate else {}
    return given | {stable: 100 - sum(given.values())}


def raised(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, int]:
    """Return the larger shares that a plan gives, but for what a withdrawn candidate returns to stable.

    That waits for nothing: stable had all its pods meanwhile, and is where requests go in any trouble.
    """
    old, stable = shares(before), revision_of(before, "stable")
    larger = {name: share for name, share in shares(after).items() if share > old.get(name, 0)}
    return {name: share for name, share in larger.items() if name != stable}


def unready(root: Manifest, after: Mapping[str, Any], seen: Mapping[str, Pods]) -> Iterator[str]:
    """Yield which revisions a plan gives more than their ready pods, as the operator knows them, carry."""
    full = root["spec"]["serving"]["replicas"]
    if no_surge(root["spec"]):
        return
    for name, share in raised(root.get("status") or {}, after).items():
        ready = seen.get(name, NONE).ready
        if ready < carrying(full, share):
            yield f"{name} is given {share} % with {ready} ready pods of {full} that carry everything"


def crowded(root: Manifest, plan: Plan, there: Mapping[str, int]) -> Iterator[str]:
    """Yield which Deployment a plan lets grow beyond the pods that have room; `there` is what each asks for now.

    What the same plan deletes still has its pods when the others grow. Where one is left alone because its template is
    gone, it cannot give way, and who grows beside it waits for room.
    """
    if not no_surge(root["spec"]) or any(kind == "Deployment" for kind, _ in plan.keep):
        return
    full = root["spec"]["serving"]["replicas"]
    after = {one["metadata"]["name"]: one["spec"]["replicas"] for one in plan.children if one["kind"] == "Deployment"}
    together = sum({**there, **after}.values())
    for name, size in after.items():
        if size > there.get(name, 0) and together > full:
            yield f"{name} grows from {there.get(name, 0)} to {size}: {together} pods in all, and {full} have room"


class Capacity:
    """Follows who is really sent how much, and how many ready pods there are for it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.full = 0
        """Pods that carry everything, as the operator last planned."""
        self._sized: dict[str, int] = {}
        """The same, by revision: as far as that many were ready once."""
        self._looked_at: tuple[object, ...] = ()

    def planned(self, full: int, before: Mapping[str, Any]) -> None:
        """Note how many pods carry everything now: fewer than before are enough at once.

        More are not owed at once to whom the status gave a share `before`, though the gateway may send it only later.
        """
        for name in (name for name, share in shares(before).items() if share and self.full):
            self._sized.setdefault(name, self.full)
        self.full = full
        self._sized = {name: min(size, full) for name, size in self._sized.items()}

    def short(self, status: Mapping[str, Any]) -> Iterator[str]:
        """Yield who is sent more now than its ready pods carry, through nobody's fault but the operator's."""
        world = self._world
        looked_at = (id(world.gateway.live), world.nodes.turns, id(status))
        if looked_at == self._looked_at:
            return
        self._looked_at = looked_at
        intended = shares(status)
        for service, really in world.gateway.live.items():
            share = min(really, intended.get(revision(service), 0))  # an edit of the route gives more, not the operator
            if share:
                yield from self._short(service, share)

    def _short(self, service: str, share: int) -> Iterator[str]:
        world = self._world
        deployment = world.find("Deployment", service)
        asked = deployment["spec"]["replicas"] if deployment is not None else 0
        ready = len(world.nodes.endpoints(service))
        if ready >= asked:
            world.nodes.recovered(service)
        size = self._sized.get(revision(service), self.full)
        if ready >= asked >= self.full:
            size = self.full
        self._sized[revision(service)] = size
        if ready < carrying(size, share) and not world.nodes.in_trouble(service) and not no_surge(world.spec):
            yield f"{service} is sent {share} % and has {ready} of {size} pods ready; {asked} are asked for"
