"""What does the engine need of an API server? This much of one, in memory, on the loop's clock."""

from __future__ import annotations

import asyncio
import bisect
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import orjson

from slipway.kube.api import Conflict, Gone, Invalid, NotFound, Page, WatchEvent
from slipway.kube.resources import RESOURCES, ROOT_KINDS
from slipway.plan import Manifest

Id = tuple[str, str, str]
BOOKMARK_SECONDS = 60.0
WITH_STATUS = {*ROOT_KINDS, "Deployment", "Job", "HTTPRoute", "Pod", "Service"}


@dataclass
class Written:
    """One change of the cluster."""

    version: int
    type: str
    object: dict[str, Any]
    before: dict[str, Any] | None


@dataclass
class Cluster:
    """Objects, their history, and the rules of server-side apply as far as one manager per field needs them."""

    objects: dict[Id, dict[str, Any]] = field(default_factory=dict)
    history: list[Written] = field(default_factory=list)
    version: int = 100
    oldest: int = 0
    absent: set[str] = field(default_factory=set)
    """Kinds whose CRD is not installed."""
    silent: set[str] = field(default_factory=set)
    """Kinds whose watches get no bookmarks, as those that never changed since the server's start."""
    reviews: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Token → status of its TokenReview."""
    garbage_collection: bool = True
    _applied: dict[tuple[Id, str], Any] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _streams: int = 0

    # For tests

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [obj for id, obj in sorted(self.objects.items()) if id[0] == kind]

    def break_streams(self) -> None:
        """Close all watch connections."""
        self._streams += 1
        self._wake()

    def compact(self) -> None:
        """Forget the history: watches that are not up to date get 410."""
        self.oldest = self.version
        self.history.clear()

    def edit(self, kind: str, namespace: str, name: str, **top: Any) -> dict[str, Any]:
        """Change an object as its user or a controller would, by merging top-level fields."""
        after = _copy(self.objects[kind, namespace, name])
        for key, value in top.items():
            after[key] = _merged(after.get(key), value)
        return self._store(after)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        self._remove((kind, namespace, name))

    # KubeApi

    async def apply(
        self, manifest: Manifest, *, manager: str, subresource: str = "", force: bool = True
    ) -> dict[str, Any]:
        wanted = _copy(dict(manifest))
        id = self._id(wanted)
        meta = wanted["metadata"]
        before = self.objects.get(id)
        if before is None and (subresource or "resourceVersion" in meta):
            raise NotFound(f"{id} not found", status=404)
        if before is not None:
            version = before["metadata"]["resourceVersion"]
            if meta.get("resourceVersion", version) != version:
                raise Conflict("the object has been modified", status=409)
        config = {"status": wanted.get("status", {})} if subresource else _configuration(wanted)
        after = _copy(before) if before is not None else self._new(wanted)
        owner = (id, f"{manager}/{subresource}")
        if not force and before is not None and _conflict(before, config, self._applied.get(owner, {})):
            raise Conflict(f"{id}: another manager set a field otherwise", status=409, reason="Conflict")
        others = [value for (of, who), value in self._applied.items() if of == id and who != owner[1]]
        _drop(after, self._applied.get(owner), config, others)
        after = _merged(after, config)
        self._check(before, after)
        self._applied[owner] = config
        return self._store(after)

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        self._known(kind)
        found = self.objects.get((kind, namespace, name))
        if found is None:
            raise NotFound(f"{kind} {namespace}/{name} not found", status=404)
        return _copy(found)

    async def pages(
        self, kind: str, namespace: str | None, *, selector: str = "", limit: int = 500
    ) -> AsyncGenerator[Page, None]:
        self._known(kind)
        found = [o for o in self.of(kind) if _in(o, namespace) and _selected(o, selector)]
        version = str(self.version)
        for start in range(0, max(len(found), 1), limit):
            yield Page([_copy(o) for o in found[start : start + limit]], version)
            await asyncio.sleep(0)

    async def marks(self, kind: str, namespace: str | None, *, selector: str = "") -> AsyncGenerator[Page, None]:
        async for page in self.pages(kind, namespace, selector=selector):
            bare = [{name: o[name] for name in ("apiVersion", "kind", "metadata")} for o in page.items]
            yield Page(bare, page.resource_version)

    async def watch(
        self, kind: str, namespace: str | None, *, since: str, selector: str = "", timeout_seconds: int = 300
    ) -> AsyncGenerator[WatchEvent, None]:
        self._known(kind)
        loop = asyncio.get_running_loop()
        end, seen, stream = loop.time() + timeout_seconds, int(since), self._streams
        bookmark = loop.time() + BOOKMARK_SECONDS
        yield WatchEvent("BOOKMARK", {"kind": kind, "metadata": {"resourceVersion": since}})
        while loop.time() < end and stream == self._streams:
            if seen < self.oldest:
                raise Gone("too old resource version", status=410)
            news = self._news
            for change in self._after(seen):
                seen = change.version
                if change.object["kind"] == kind and _in(change.object, namespace):
                    event = _as_seen(change, selector)
                    if event is not None:
                        yield event
            if news is not self._news:
                continue  # something happened while the events were being read
            if loop.time() >= bookmark:
                bookmark = loop.time() + BOOKMARK_SECONDS
                if kind in self.silent:
                    continue
                yield WatchEvent("BOOKMARK", {"kind": kind, "metadata": {"resourceVersion": str(seen)}})
            try:
                async with asyncio.timeout_at(min(bookmark, end)):
                    await news.wait()
            except TimeoutError:
                pass

    def _after(self, version: int) -> list[Written]:
        """Return the changes after `version`; the history is sorted."""
        return self.history[bisect.bisect_right(self.history, version, key=lambda change: change.version) :]

    async def delete(
        self, kind: str, namespace: str, name: str, *, uid: str, propagation: str = "Background"
    ) -> dict[str, Any]:
        found = await self.get(kind, namespace, name)
        if found["metadata"]["uid"] != uid:
            raise Conflict("uid precondition failed", status=409)
        if found["metadata"].get("finalizers"):
            found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            return self._store(found)
        self._remove((kind, namespace, name))
        return {"kind": "Status", "status": "Success"}

    async def create(self, manifest: Manifest) -> dict[str, Any]:
        wanted = _copy(dict(manifest))
        if wanted["kind"] == "TokenReview":
            return {**wanted, "status": self.reviews.get(wanted["spec"]["token"], {"authenticated": False})}
        if self._id(wanted) in self.objects:
            raise Conflict("already exists", status=409, reason="AlreadyExists")
        return self._store(_merged(self._new(wanted), wanted))

    async def replace(self, manifest: Manifest) -> dict[str, Any]:
        wanted = _copy(dict(manifest))
        before = await self.get(*self._id(wanted))
        if wanted["metadata"].get("resourceVersion") != before["metadata"]["resourceVersion"]:
            raise Conflict("the object has been modified", status=409)
        return self._store({**wanted, "metadata": {**before["metadata"], **wanted["metadata"]}})

    async def merge(self, kind: str, namespace: str, name: str, patch: Manifest) -> dict[str, Any]:
        return self._store(_merged(await self.get(kind, namespace, name), patch))

    # Inside

    def _known(self, kind: str) -> None:
        if kind in self.absent:
            raise NotFound("the server could not find the requested resource", status=404)

    def _id(self, manifest: Manifest) -> Id:
        self._known(manifest["kind"])
        assert manifest["apiVersion"] == RESOURCES[manifest["kind"]].api_version
        return manifest["kind"], manifest["metadata"]["namespace"], manifest["metadata"]["name"]

    @staticmethod
    def _new(manifest: Manifest) -> dict[str, Any]:
        meta = {name: manifest["metadata"][name] for name in ("name", "namespace")}
        meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": "2026-01-01T00:00:00Z"}
        return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": meta}

    @staticmethod
    def _check(before: Manifest | None, after: Manifest) -> None:
        if before is not None and before["kind"] == "Job":
            for part in ("template", "completions"):
                if before["spec"].get(part) != after["spec"].get(part):
                    raise Invalid(f"spec.{part}: field is immutable", status=422, reason="Invalid")

    def _store(self, after: dict[str, Any]) -> dict[str, Any]:
        id = (after["kind"], after["metadata"]["namespace"], after["metadata"]["name"])
        before = self.objects.get(id)
        if before is not None and _same(before, after):
            return _copy(before)  # a write that changes nothing makes no new version
        meta = after["metadata"]
        if before is None:
            meta["generation"] = 1
        elif before.get("spec") != after.get("spec"):
            meta["generation"] = before["metadata"].get("generation", 1) + 1
        self.version += 1
        meta["resourceVersion"] = str(self.version)
        self.objects[id] = after
        self._record("MODIFIED" if before is not None else "ADDED", after, before)
        return _copy(after)

    def _remove(self, id: Id) -> None:
        before = self.objects.pop(id)
        self.version += 1
        last = _copy(before)
        last["metadata"]["resourceVersion"] = str(self.version)
        for key in [key for key in self._applied if key[0] == id]:
            del self._applied[key]
        self._record("DELETED", last, before)
        if self.garbage_collection:
            uid = before["metadata"]["uid"]
            for other, obj in list(self.objects.items()):
                if any(o["uid"] == uid for o in obj["metadata"].get("ownerReferences") or ()):
                    self._remove(other)

    def _record(self, type: str, obj: dict[str, Any], before: dict[str, Any] | None) -> None:
        self.history.append(Written(self.version, type, _copy(obj), before))
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


def _configuration(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that an apply to the main resource owns: not status, not the object's identity."""
    config = {name: value for name, value in wanted.items() if name not in {"apiVersion", "kind", "metadata"}}
    if wanted["kind"] in WITH_STATUS:
        config.pop("status", None)
    keep = ("labels", "annotations", "ownerReferences", "finalizers")
    config["metadata"] = {name: wanted["metadata"][name] for name in keep if name in wanted["metadata"]}
    return config


def _drop(live: Any, old: Any, new: Any, others: list[Any]) -> None:
    """Remove from `live` what `old` set and `new` does not, unless another manager set it too."""
    if not isinstance(old, dict) or not isinstance(live, dict):
        return
    for name, value in old.items():
        theirs = [o[name] for o in others if isinstance(o, dict) and name in o]
        if name not in (new or {}):
            if not theirs:
                live.pop(name, None)
        else:
            _drop(live.get(name), value, new[name], theirs)


def _conflict(live: Any, config: Any, mine: Any) -> bool:
    """Tell whether `config` sets a field that is otherwise in `live`, and was not set by `mine`."""
    if isinstance(live, dict) and isinstance(config, dict):
        known = mine if isinstance(mine, dict) else {}
        return any(name in live and _conflict(live[name], value, known.get(name)) for name, value in config.items())
    return bool(live != config and live != mine)


def _merged(live: Any, wanted: Any) -> Any:
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {**live, **{name: _merged(live.get(name), value) for name, value in wanted.items()}}
    return _copy(wanted)


def _same(one: Manifest, other: Manifest) -> bool:
    def bare(obj: Manifest) -> Any:
        meta = {k: v for k, v in obj["metadata"].items() if k not in {"resourceVersion", "generation"}}
        return {**obj, "metadata": meta}

    return bool(bare(one) == bare(other))


def _in(obj: Manifest, namespace: str | None) -> bool:
    return namespace is None or obj["metadata"].get("namespace") == namespace


def _selected(obj: Manifest | None, selector: str) -> bool:
    return obj is not None and (not selector or selector in (obj["metadata"].get("labels") or {}))


def _as_seen(change: Written, selector: str) -> WatchEvent | None:
    """Return the event as a watch with this selector shows it: leaving the selection looks like a deletion."""
    was, is_ = _selected(change.before, selector), change.type != "DELETED" and _selected(change.object, selector)
    if not was and not is_:
        return None
    kind = ("MODIFIED" if was else "ADDED") if is_ else "DELETED"
    return WatchEvent(kind, _copy(change.object))  # type: ignore[arg-type]
