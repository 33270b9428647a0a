"""What does the cluster look like, as far as we have heard?"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.kube.projection import pattern, project, root_uid, version_of
from slipway.kube.resources import ROOT_KINDS
from slipway.kube.sharing import shared
from slipway.plan import Manifest
from slipway.relations import relations, searched

TOMBSTONES = 20_000
Name = tuple[str, str, str]
"""(kind, namespace, name)"""


@dataclass(frozen=True)
class Change:
    """An object appeared (before is None), changed, or went away (after is None)."""

    before: Manifest | None
    after: Manifest | None
    considered: bool = False
    """Whoever wrote it knows already what follows for the object itself; others may still have to hear of it."""

    @property
    def subject(self) -> Manifest:
        """The object as last known."""
        subject = self.after if self.after is not None else self.before
        assert subject is not None
        return subject


class Store:
    """Projections of all objects we watch, fed by watches, lists and our own writes in any order.

    Resource versions only grow, so late news of an older state is recognised and dropped, deletions included.
    """

    def __init__(self, on_change: Callable[[Change], None] = lambda change: None) -> None:
        self._objects: dict[str, dict[str, dict[str, Manifest]]] = {}
        self._owned: dict[str, dict[Name, Manifest]] = {}
        self._roots: dict[str, Manifest] = {}
        self._related: dict[Name, dict[str, Manifest]] = {}
        self._patterns: dict[str, bytes] = {}
        self._last: dict[str, Manifest] = {}
        """By kind: the object heard of last. The next one is most like it."""
        self._gone: OrderedDict[str, int] = OrderedDict()
        self.on_change = on_change

    # What rooms may read (plan.View).

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return one object, or None."""
        return self._objects.get(kind, {}).get(namespace, {}).get(name)

    def owned(self, uid: str, kind: str | None = None) -> Sequence[Manifest]:
        """Return children and pods that carry the label slipway.dev/uid of root `uid`, sorted by kind and name."""
        found = self._owned.get(uid, {})
        return [found[name] for name in sorted(found) if kind is None or name[0] == kind]

    def related(self, kind: str, namespace: str, relation: str) -> Sequence[Manifest]:
        """Return the roots of a kind and namespace (for a claim: of all) that have `relation`, sorted by name."""
        found = self._related.get((kind, searched(namespace, relation), relation), {})
        return sorted(found.values(), key=lambda obj: (obj["metadata"]["name"], obj["metadata"].get("namespace", "")))

    # What the engine reads besides.

    def root(self, uid: str) -> Manifest | None:
        """Return the root object with this uid."""
        return self._roots.get(uid)

    def all(self, kind: str, namespace: str | None = None) -> Iterator[Manifest]:
        """Yield all objects of a kind, in one namespace or in all."""
        for space, objects in self._objects.get(kind, {}).items():
            if namespace is None or space == namespace:
                yield from objects.values()

    def sizes(self) -> Mapping[str, float]:
        """Return the number of objects by kind."""
        return {kind: float(sum(map(len, spaces.values()))) for kind, spaces in self._objects.items()}

    # What is heard.

    def put(self, obj: Mapping[str, Any], *, considered: bool = False) -> bool:
        """Take `obj` as heard from a watch, a list or the answer to a write; tell whether it was news."""
        meta = obj["metadata"]
        if version_of(obj) <= self._gone.get(meta["uid"], -1):
            return False
        kind, namespace, name = obj["kind"], meta.get("namespace", ""), meta["name"]
        before = self.get(kind, namespace, name)
        if before is not None and version_of(before) >= version_of(obj):
            return False
        after = self._shared(project(obj, self._pattern(obj)))
        if before is not None:
            self._unlink(before)
            if before["metadata"]["uid"] != meta["uid"]:
                self._bury(before["metadata"]["uid"], version_of(obj))
        self._link(after)
        self.on_change(Change(before, after, considered))
        return True

    def discard(self, kind: str, namespace: str, name: str, uid: str, version: int) -> bool:
        """Take notice that the object was gone, or out of our selector, at `version`; tell whether that was news."""
        before = self.get(kind, namespace, name)
        if before is None or before["metadata"]["uid"] != uid:
            self._bury(uid, version)
            return False
        if version_of(before) > version:
            return False  # it came back since, for example because our own write restored its label
        self._bury(uid, version)
        self._unlink(before)
        self.on_change(Change(before, None))
        return True

    def is_older(self, obj: Manifest) -> bool:
        """Tell whether what is known is older than `obj`, of which the metadata is enough."""
        meta = obj["metadata"]
        known = self.get(obj["kind"], meta["namespace"], meta["name"])
        return known is None or version_of(known) < version_of(obj)

    def missing(self, kind: str, namespace: str | None, listed: Iterable[str], version: int) -> Sequence[Manifest]:
        """Return what a complete list of the moment `version` should have held and did not (`listed`: its uids)."""
        uids = set(listed)
        return [
            obj
            for obj in self.all(kind, namespace)
            if obj["metadata"]["uid"] not in uids and version_of(obj) <= version
        ]

    def _pattern(self, obj: Mapping[str, Any]) -> bytes:
        found = self._patterns.get(obj["kind"])
        if found is None:
            found = self._patterns[obj["kind"]] = pattern(obj)
        return found

    def _shared(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Return `obj`, made of what the last one of its kind, and another child of its root, have of the same."""
        like = self._last.get(obj["kind"], {})
        siblings = self._owned.get(root_uid(obj) or "", {})
        sibling = next(iter(siblings.values()), like)
        rest = {name: shared(part, like.get(name)) for name, part in obj.items() if name != "metadata"}
        # What is remembered is the object as it is kept: of one that is thrown away, the next would take no part.
        made = self._last[obj["kind"]] = {**rest, "metadata": shared(obj["metadata"], sibling.get("metadata"))}
        return made

    def _bury(self, uid: str, version: int) -> None:
        self._gone[uid] = max(version, self._gone.get(uid, -1))
        self._gone.move_to_end(uid)
        while len(self._gone) > TOMBSTONES:
            self._gone.popitem(last=False)

    def _link(self, obj: Manifest) -> None:
        kind, meta = obj["kind"], obj["metadata"]
        namespace = meta.get("namespace", "")
        self._objects.setdefault(kind, {}).setdefault(namespace, {})[meta["name"]] = obj
        if kind in ROOT_KINDS:
            self._roots[meta["uid"]] = obj
            for relation in relations(obj):
                self._related.setdefault((kind, searched(namespace, relation), relation), {})[meta["uid"]] = obj
        if uid := root_uid(obj):
            self._owned.setdefault(uid, {})[kind, namespace, meta["name"]] = obj

    def _unlink(self, obj: Manifest) -> None:
        kind, meta = obj["kind"], obj["metadata"]
        namespace = meta.get("namespace", "")
        del self._objects[kind][namespace][meta["name"]]
        if kind in ROOT_KINDS:
            self._roots.pop(meta["uid"], None)
            for relation in relations(obj):
                where = kind, searched(namespace, relation), relation
                left = self._related[where]
                del left[meta["uid"]]
                if not left:
                    del self._related[where]
        if (uid := root_uid(obj)) and uid in self._owned:
            self._owned[uid].pop((kind, namespace, meta["name"]), None)
            if not self._owned[uid]:
                del self._owned[uid]
