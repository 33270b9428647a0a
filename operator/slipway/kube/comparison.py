"""What does a list of metadata show that the store does not know?"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from slipway.kube.api import KubeApi, NotFound
from slipway.kube.store import Store
from slipway.plan import Manifest


@dataclass(frozen=True)
class Found:
    """What one list shows that the store does not know."""

    kind: str
    gone: Sequence[Manifest]
    newer: Sequence[Manifest]
    """Metadata; the objects are fetched when they are taken."""
    version: int


async def compare(api: KubeApi, store: Store, kind: str, namespace: str | None, *, selector: str = "") -> Found:
    """List the metadata of a kind, and compare it with the store."""
    uids: list[str] = []
    newer: list[Manifest] = []
    version = 0
    async for page in api.marks(kind, namespace, selector=selector):
        version = int(page.resource_version)
        uids += [obj["metadata"]["uid"] for obj in page.items]
        newer += [obj for obj in page.items if store.is_older(obj)]
    return Found(kind, store.missing(kind, namespace, uids, version), newer, version)


async def take(api: KubeApi, store: Store, found: Found) -> tuple[int, int]:
    """Put what was found into the store, unless the watch brought it meanwhile.

    Return how many deletions and how many changes were still news.
    """
    gone = newer = 0
    for meta in (obj["metadata"] for obj in found.gone):
        gone += store.discard(found.kind, meta.get("namespace", ""), meta["name"], meta["uid"], found.version)
    for meta in (obj["metadata"] for obj in filter(store.is_older, found.newer)):
        with contextlib.suppress(NotFound):  # gone by now, as its watch or the next list will say
            newer += store.put(await api.get(found.kind, meta["namespace"], meta["name"]))
    return gone, newer
