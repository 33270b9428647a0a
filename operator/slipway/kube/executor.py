"""How does a plan become true?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from slipway.kube.api import ApiError, Conflict, Invalid, KubeApi, NotFound, Server
from slipway.kube.clock import Clock
from slipway.kube.events import Recorder
from slipway.kube.matching import fingerprint, is_current, mark_of, normal, stamped
from slipway.kube.projection import controller_uid, digest, is_going, root_uid
from slipway.kube.refusals import (
    Refusal,
    carried,
    explain,
    foreign,
    is_refusal,
    mark,
    retry_delay,
    soonest,
    stated,
    without_progress,
)
from slipway.kube.resources import ROOT_KINDS
from slipway.kube.store import Name, Store
from slipway.metrics.operator import OperatorMetrics
from slipway.names import MANAGER, PROGRESS_MANAGER, STATUS_MANAGER
from slipway.plan import Event, Key, Manifest, Plan, Room

logger = logging.getLogger(__name__)

AFTERWARDS_SECONDS = 1.0
"""How long a root whose route went ahead waits with its status while others are as urgent."""


class Stale(Exception):
    """The root changed, or went away, since the plan was made; the store knows by now. Plan again."""


class _Taken(Exception):
    """The name of a child is taken by `found`, which is not ours."""

    def __init__(self, found: Manifest) -> None:
        super().__init__()
        self.found = found


@dataclass(slots=True)
class _Memory:
    """What is remembered of one root between reconciles. Losing it costs no-op writes, never correctness."""

    written: dict[str, str] = field(default_factory=dict)
    """Uid of a child, the store's own string where there are tens of thousands → fingerprint after our last write."""
    refusals: dict[Name, Refusal] = field(default_factory=dict)
    status: tuple[str, str] = ("", "")
    """Hashes of the status we last sent and of what came back; they differ if others add to it."""


@dataclass(frozen=True)
class Outcome:
    """What a plan's execution came to."""

    writes: int
    look_again_after: float | None = None
    rest: float = 0.0
    """Seconds for which the root is not looked at again, unless an answer for it comes: others have their turn."""


class Executor:
    """Applies plans in the order that `Plan` gives. Any write may be the last before a crash."""

    def __init__(
        self,
        api: KubeApi,
        store: Store,
        recorder: Recorder,
        clock: Clock,
        metrics: OperatorMetrics,
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = api
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._metrics = metrics
        self._fence = fence
        self._memories: dict[Key, _Memory] = {}

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a root that is gone."""
        self._memories.pop(key, None)

    def is_true(self, room: Room, root: Manifest, plan: Plan) -> bool:
        """Tell whether `plan` needs no write, as far as the store knows."""
        found = without_progress(root.get("status") or {})
        if normal(stated(plan.status, found, (), 0, self._clock.now())) != found or not _tells(root, plan):
            return False
        children = ((name, wanted, self._store.get(*name)) for name, wanted in _wanted(root, plan))
        if any(cached is None or not is_current(wanted, cached, None) for _, wanted, cached in children):
            return False
        return not any(_unwanted(self._store, room, root["metadata"]["uid"], plan))

    async def execute(
        self,
        key: Key,
        room: Room,
        root: Manifest,
        plan: Plan,
        committed: Callable[[], None] = lambda: None,
        crowded: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Make `plan` true for `root`. Raise `Stale` or an `ApiError` if it has to be tried again.

        `committed` is called once the status stands: from then on the answers that led to it are no longer needed, and
        new questions may be asked whatever becomes of the children. What went ahead suffices for now where it is
        `crowded`: of a hundred candidates that fail at once, each has its route changed before any has its status, and
        of a hundred first versions most are told of once, with what their gateways said.
        """
        memory = self._memories.setdefault(key, _Memory())
        run = _Run(self, memory, room, root, plan)
        try:
            await run.ahead()
            if run.writes and crowded():
                return Outcome(run.writes, AFTERWARDS_SECONDS, AFTERWARDS_SECONDS)
            await run.sure()
            await run.status(carried(plan.status, root.get("status") or {}))
            committed()
            await run.children()
            await run.prune()
        finally:
            run.tell(root)
        await run.status(run.final_status())
        await run.progress()
        wait = soonest(memory.refusals.values(), self._clock.monotonic())
        return Outcome(run.writes, wait)


class _Run:
    """One execution of one plan."""

    def __init__(self, engine: Executor, memory: _Memory, room: Room, root: Manifest, plan: Plan) -> None:
        self._engine = engine
        self._api, self._store, self._clock = engine._api, engine._store, engine._clock
        self._memory, self._room, self._root, self._plan = memory, room, root, plan
        self._uid: str = root["metadata"]["uid"]
        self._wanted = tuple(_wanted(root, plan))
        self.writes = 0
        self._announced = False
        self._applied: list[str] = []

    def tell(self, root: Manifest) -> None:
        """Say what was done to `root`, even if a child failed: events once the transition is on record."""
        for event in self._plan.events if self._announced else ():
            # Of the store's object, not of what the server answered, which is far larger and would live in the queue.
            self._engine._recorder.record(root, event)
        if self._applied:
            logger.info("applied", extra={"object": self._name(self._root), "children": self._applied})

    # Status

    async def status(self, wanted: dict[str, Any]) -> None:
        """Write `wanted` if the status differs, on condition that the root is still the one the plan was made for."""
        wanted = normal(wanted)
        found = without_progress(self._root.get("status") or {})
        if wanted == found or self._memory.status == (digest(wanted), digest(found)):
            return
        await self._state(wanted, STATUS_MANAGER)
        self._announced = True
        self._memory.status = (digest(wanted), digest(without_progress(self._root.get("status") or {})))
        logger.info("status written", extra={"object": self._name(self._root), "state": wanted.get("state", "")})

    async def progress(self) -> None:
        """Write what is left of a pod's figures, in the name of who writes them while it runs: only that takes away."""
        if not _tells(self._root, self._plan):
            await self._state({"progress": self._plan.progress}, PROGRESS_MANAGER)

    async def _state(self, status: dict[str, Any], manager: str) -> None:
        meta = self._root["metadata"]
        manifest = {
            "apiVersion": self._root["apiVersion"],
            "kind": self._root["kind"],
            "metadata": {name: meta[name] for name in ("name", "namespace", "resourceVersion")},
            "status": status,
        }
        try:
            self._root = await self._apply(manifest, manager, "status")
        except Conflict as error:
            await self._refresh()
            raise Stale(str(error)) from error
        except NotFound as error:
            self._store.discard(self._root["kind"], meta["namespace"], meta["name"], self._uid, _version(meta))
            raise Stale(str(error)) from error

    def final_status(self) -> dict[str, Any]:
        """Return the planned status with what was refused."""
        refusals = [self._memory.refusals[name] for name in sorted(self._memory.refusals)]
        generation = int(self._root["metadata"].get("generation", 0))
        return stated(self._plan.status, self._root.get("status") or {}, refusals, generation, self._clock.now())

    async def _refresh(self) -> None:
        meta = self._root["metadata"]
        try:
            self._store.put(await self._api.get(self._root["kind"], meta["namespace"], meta["name"]))
        except NotFound:
            self._store.discard(self._root["kind"], meta["namespace"], meta["name"], self._uid, _version(meta))

    # Children

    async def ahead(self) -> None:
        """Apply what does not wait for the status; what fails is tried again with the other children."""
        for name, wanted in self._wanted if self._plan.ahead else ():
            if (name[0], name[2]) in self._plan.ahead:
                with suppress(Server):
                    await self._child(name, wanted)

    async def children(self) -> None:
        """Apply children, then unowned objects, in order.

        One that is refused, or on which the server fails, does not hold up the others: a route must be able to leave a
        candidate whose Deployment a webhook rejects. Nothing is deleted after that, though (see `prune`).
        """
        failure: Server | None = None
        named = []
        for name, wanted in self._wanted:
            named.append(name)
            try:
                await self._child(name, wanted)
            except Server as error:
                failure = failure or error
        for name in set(self._memory.refusals) - set(named):
            del self._memory.refusals[name]
        stored = (self._store.get(*name) for name in named)
        for uid in set(self._memory.written) - {child["metadata"]["uid"] for child in stored if child is not None}:
            del self._memory.written[uid]
        if failure is not None:
            raise failure

    async def _child(self, name: Name, wanted: dict[str, Any]) -> None:
        cached = self._store.get(*name)
        if cached is not None and is_going(cached):
            return  # its deletion wakes us
        refusal = self._memory.refusals.get(name)
        if refusal is not None and refusal.holds(mark_of(wanted), mark(cached), self._clock.monotonic()):
            return
        last = self._memory.written.get(cached["metadata"]["uid"]) if cached is not None else None
        if cached is not None and is_current(wanted, cached, last):
            self._memory.refusals.pop(name, None)
            if last is None:
                self._memory.written[cached["metadata"]["uid"]] = fingerprint(cached, wanted)
            return
        try:
            answer = await self._made(name, wanted, cached)
        except _Taken as error:
            self._refuse(name, wanted, cached, foreign(name, error.found, self._root))
            return
        except ApiError as error:
            if not is_refusal(error):
                raise
            self._refuse(name, wanted, cached, explain(name, error))
            return
        self._memory.refusals.pop(name, None)
        kept = self._store.get(*name) or answer
        self._memory.written[kept["metadata"]["uid"]] = fingerprint(kept, wanted)
        self._applied.append(f"{answer['kind']}/{answer['metadata']['name']}")

    async def _made(self, name: Name, wanted: Manifest, cached: Manifest | None) -> dict[str, Any]:
        """Apply a child; raise `_Taken` where that would change somebody else's object."""
        if controller_uid(wanted) is None:
            return await self._apply(wanted, MANAGER)
        if cached is None:  # nearly always there is none: one call instead of two
            with suppress(Conflict, Invalid):
                if _never_changes(wanted):
                    return await self._create(wanted)
                if "spec" in wanted:  # whoever made one of this name set a field of it otherwise, and the server tells
                    return await self._apply(wanted, MANAGER, force=False)
        taken = await self._taken(name, cached)
        if taken is not None:
            raise _Taken(taken)
        return await self._apply(wanted, MANAGER)

    async def _taken(self, name: Name, cached: Manifest | None) -> Manifest | None:
        """Return the object under this name if it is not ours. Only what lacks our label is not in the store."""
        found = cached
        if found is None:
            try:
                found = await self._api.get(*name)
            except NotFound:
                return None
        owner = controller_uid(found)
        ours = owner == self._uid if owner else root_uid(found) == self._uid
        return None if ours else found

    def _refuse(self, name: Name, wanted: Manifest, cached: Manifest | None, why: tuple[str, str]) -> None:
        before = self._memory.refusals.get(name)
        attempts = before.attempts + 1 if before is not None and before.wanted == mark_of(wanted) else 0
        until = self._clock.monotonic() + retry_delay(name[0], attempts)
        self._memory.refusals[name] = Refusal(name, mark_of(wanted), mark(cached), *why, attempts, until)
        self._engine._metrics.refused.labels(kind=name[0]).inc()
        if before is None or (before.reason, before.message) != why:
            self._engine._recorder.record(self._root, Event(why[0], why[1], "Warning"))
            place = {"object": self._name(self._root), "child": "/".join(name)}
            logger.warning("child refused", extra={**place, "why": why[1]})

    # Deletions

    async def sure(self) -> None:
        """Raise `Stale` if the plan deletes something because of what is not so any more.

        Before the status: it says that the object is no longer needed, and a next plan would not ask again.
        """
        if not self._plan.rests_on or not any(_unwanted(self._store, self._room, self._uid, self._plan)):
            return
        namespace = self._root["metadata"]["namespace"]
        for kind, name in sorted(self._plan.rests_on):
            try:
                news = self._store.put(await self._api.get(kind, namespace, name))
            except NotFound:
                continue  # it is made again before anything is deleted
            if news:
                raise Stale(f"{kind} {name} changed, and nobody told")

    async def prune(self) -> None:
        """Delete owned objects that the plan neither names nor keeps; nothing while a child is refused."""
        if self._memory.refusals:
            return
        for obj in sorted(_unwanted(self._store, self._room, self._uid, self._plan), key=_last_of_all):
            meta = obj["metadata"]
            self._engine._fence()
            try:
                answer = await self._api.delete(obj["kind"], meta["namespace"], meta["name"], uid=meta["uid"])
            except (NotFound, Conflict):  # gone, or another object by now
                answer = {"kind": "Status"}
            self._written(obj["kind"], "delete")
            if answer.get("kind") == obj["kind"]:
                self._store.put(answer)
            else:
                self._store.discard(obj["kind"], meta["namespace"], meta["name"], meta["uid"], _version(meta))
            logger.info("deleted", extra={"object": self._name(self._root), "child": self._name(obj)})

    # Writes

    async def _apply(
        self, manifest: Manifest, manager: str, subresource: str = "", *, force: bool = True
    ) -> dict[str, Any]:
        self._engine._fence()
        answer = await self._api.apply(manifest, manager=manager, subresource=subresource, force=force)
        return self._remembered(answer, "status" if subresource else "apply")

    async def _create(self, manifest: Manifest) -> dict[str, Any]:
        self._engine._fence()
        return self._remembered(await self._api.create(manifest), "create")

    def _remembered(self, answer: dict[str, Any], verb: str) -> dict[str, Any]:
        self._written(answer["kind"], verb)
        if answer["kind"] in ROOT_KINDS or root_uid(answer):
            self._store.put(answer, considered=verb == "status" and self._plan.settled)
        return answer

    def _written(self, kind: str, verb: str) -> None:
        self.writes += 1
        self._engine._metrics.writes.labels(kind=kind, verb=verb).inc()

    @staticmethod
    def _name(obj: Manifest) -> str:
        return f"{obj['kind']}/{obj['metadata']['namespace']}/{obj['metadata']['name']}"


def _wanted(root: Manifest, plan: Plan) -> Iterator[tuple[Name, dict[str, Any]]]:
    """Yield everything that `plan` wants, as it is sent, in order: children, then what outlives the root."""
    for owner, manifests in ((root, plan.children), (None, plan.unowned)):
        for manifest in manifests:
            wanted = stamped(manifest, owner)
            yield (wanted["kind"], wanted["metadata"]["namespace"], wanted["metadata"]["name"]), wanted


def _unwanted(store: Store, room: Room, uid: str, plan: Plan) -> Iterator[Manifest]:
    """Yield the owned objects that `plan` neither names nor keeps."""
    named = {(child["kind"], child["metadata"]["name"]) for child in plan.children} | plan.keep
    for obj in store.owned(uid):
        if obj["kind"] not in room.owns or (obj["kind"], obj["metadata"]["name"]) in named:
            continue
        if not is_going(obj) and controller_uid(obj) == uid:
            yield obj


def _last_of_all(obj: Manifest) -> bool:
    """Tell whether `obj` goes after the rest: should the operator die in between, it says what the others are."""
    return bool(obj["kind"] == "ControllerRevision")


def _tells(root: Manifest, plan: Plan) -> bool:
    """Tell whether `root` has the progress that `plan` wants, if it wants any."""
    return plan.progress is None or normal(plan.progress) == (root.get("status") or {}).get("progress")


def _never_changes(wanted: Manifest) -> bool:
    return bool(wanted.get("immutable")) or wanted["kind"] == "ControllerRevision"


def _version(meta: Manifest) -> int:
    return int(meta["resourceVersion"])
