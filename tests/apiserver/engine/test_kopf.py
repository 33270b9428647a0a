"""Does kopf do what we rely on: report listed objects with type None, every change and deletion, and write nothing?"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from slipway.kube.client import KubeClient
from slipway.kube.connection import Kubeconfig
from slipway.kube.roots import RootWatch
from slipway.kube.store import Store
from tests.apiserver.engine.test_client import dataset

Heard = list[tuple[str, str | None]]


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something another process does."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def watching(connection: Kubeconfig, *spaces: str) -> AsyncIterator[tuple[Store, Heard]]:
    store, heard = Store(), []
    watch = RootWatch(store, connection, lambda kind, type: heard.append((kind, type)), spaces)
    task = asyncio.create_task(watch.run())
    try:
        yield store, heard
    finally:
        watch.stop()
        async with asyncio.timeout(15):
            await task


async def test_kopf_tells_listed_objects_changes_and_deletions_and_writes_nothing(
    api: KubeClient, connection: Kubeconfig, space: str
) -> None:
    before = await api.apply(dataset(space, "listed"), manager="user")
    async with watching(connection, space) as (store, heard):
        await until(lambda: store.get("Dataset", space, "listed") is not None)
        assert heard == [("Dataset", None)]
        later = await api.apply(dataset(space, "later"), manager="user")
        await until(lambda: store.get("Dataset", space, "later") is not None)
        changed = {**dataset(space, "later")}
        changed["spec"]["schema"] = "Completion"
        await api.apply(changed, manager="user")
        await until(lambda: store.get("Dataset", space, "later")["spec"]["schema"] == "Completion")  # type: ignore[index]
        await api.delete("Dataset", space, "later", uid=later["metadata"]["uid"])
        await until(lambda: store.get("Dataset", space, "later") is None)
        assert heard[1:] == [("Dataset", "ADDED"), ("Dataset", "MODIFIED"), ("Dataset", "DELETED")]
        after = await api.get("Dataset", space, "listed")
        assert after == before  # neither finalizer nor annotation, not even a new version


async def test_kopf_watches_all_namespaces_when_none_is_named(
    api: KubeClient, connection: Kubeconfig, space: str
) -> None:
    async with watching(connection) as (store, _):
        await api.apply(dataset(space, "somewhere"), manager="user")
        await until(lambda: store.get("Dataset", space, "somewhere") is not None)


@pytest.mark.parametrize("size", [700])
async def test_kopf_lists_in_pages(api: KubeClient, connection: Kubeconfig, space: str, size: int) -> None:
    async with asyncio.TaskGroup() as group:
        for i in range(size):
            group.create_task(api.apply(dataset(space, f"d{i}"), manager="user"))
    async with watching(connection, space) as (store, heard):
        await until(lambda: len(list(store.all("Dataset", space))) == size)
        assert {type for _, type in heard} == {None}
