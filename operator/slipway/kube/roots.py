"""How do the four kinds reach the store through kopf, which writes nothing and blocks nothing?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any

import kopf
from kopf._core.engines.peering import Identity

from slipway.api.base import GROUP
from slipway.kube.connection import Connection
from slipway.kube.resources import ROOTS
from slipway.kube.store import Store

logger = logging.getLogger(__name__)

# Used for peering only, which is off; left to itself kopf asks for the user's name, and a container's user has none.
IDENTITY = Identity("slipway")

Heard = Callable[[str, str | None], None]
"""(kind, event type): told of every event; the type of a listed object is None."""


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers nothing of an object: no handler of ours asks what changed, and kopf would copy each object to tell."""

    def build(self, **_: Any) -> Any:
        """Return an essence that never differs."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Return that nothing was remembered."""
        return None

    def store(self, **_: Any) -> None:
        """Remember nothing."""


def operator_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: no scanning, no peering, no posting, no throttle on workers, and marks of our own."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.posting.loggers = False
    settings.queueing.worker_limit = None  # a limit is a throughput ceiling: idle workers keep their slots
    settings.queueing.idle_timeout = 1.0
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.inactivity_timeout = 90.0
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.persistence.finalizer = f"{GROUP}/kopf"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=f"kopf.{GROUP}", v1=False)
    settings.persistence.diffbase_storage = NoDiffBase()
    return settings


def registry(store: Store, connection: Connection, heard: Heard) -> kopf.OperatorRegistry:
    """Return kopf's handlers: one `on.event` per kind that puts the object into the store and returns."""
    found = kopf.OperatorRegistry()

    @kopf.on.login(registry=found)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return connection.for_kopf()

    async def on_event(event: Any, **_: Any) -> None:
        hear(store, event["type"], event["object"])
        heard(event["object"]["kind"], event["type"])

    for resource in ROOTS:
        kopf.on.event(resource.group, resource.version, resource.plural, registry=found, id=resource.plural)(on_event)
    return found


def hear(store: Store, kind_of_event: str | None, obj: dict[str, Any]) -> None:
    """Take one watch event into the store."""
    meta = obj["metadata"]
    if kind_of_event == "DELETED":
        store.discard(obj["kind"], meta["namespace"], meta["name"], meta["uid"], int(meta["resourceVersion"]))
    else:
        store.put(obj)


class RootWatch:
    """kopf, run as a part of our process."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        heard: Heard,
        namespaces: Collection[str] = (),
        started: Callable[[], None] = lambda: None,
    ) -> None:
        self._registry = registry(store, connection, heard)
        self._namespaces = namespaces
        self._started = started
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Watch until `stop`; raise when kopf fails, because a dead watch must not look alive.

        kopf installs signal handlers of its own when it starts; `started` is called after that, to put ours back.
        When it ends it cancels every task of the loop that began after it, so it must be the last thing to be stopped.
        """
        before = frozenset(asyncio.all_tasks())
        tasks = await kopf.spawn_tasks(
            registry=self._registry,
            settings=operator_settings(),
            clusterwide=not self._namespaces,
            namespaces=list(self._namespaces),
            standalone=True,
            identity=IDENTITY,
            stop_flag=self._stop,
        )
        self._started()
        await kopf.run_tasks(tasks, ignored=before)

    def stop(self) -> None:
        """Ask kopf to end."""
        self._stop.set()
