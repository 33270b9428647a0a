"""Write down what the cluster uses of the object store, for the container that collects the rest.

It has a service account that may list, and no credentials of the store; the one that deletes has the reverse.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from slipway.api.conditions import timestamp
from slipway.collect.mentions import KINDS, in_use
from slipway.contract.garbage import IN_USE_FILE, InUse
from slipway.kube import logs
from slipway.kube.api import ApiError, KubeApi
from slipway.kube.client import KubeClient
from slipway.kube.connection import Connection, InCluster, Kubeconfig
from slipway.metrics.operator import OperatorMetrics
from slipway.plan import Manifest

logger = logging.getLogger(__name__)


async def mentioned(api: KubeApi) -> InUse:
    """Return what all objects of the cluster mention; raise ApiError where a kind cannot be listed."""
    # Taken before the first list: what comes later is younger than this.
    now = timestamp(datetime.now(UTC))
    return in_use([found async for found in _objects(api)], now)


async def _objects(api: KubeApi) -> AsyncIterator[Manifest]:
    for kind in KINDS:
        ours = "app.kubernetes.io/managed-by=slipway" if kind == "ControllerRevision" else ""
        async for page in api.pages(kind, None, selector=ours):
            for item in page.items:
                yield item


async def _read(connection: Connection) -> InUse:
    api = KubeClient(connection, OperatorMetrics())
    try:
        return await mentioned(api)
    finally:
        await api.close()


def main(arguments: list[str] | None = None) -> int:
    """Write the file and return the exit code; without the file, nothing is collected."""
    parser = argparse.ArgumentParser(
        prog="python -m slipway.collect", description="What is in use of the object store."
    )
    parser.add_argument("--out", type=Path, default=Path(IN_USE_FILE), help=f"file to write, default {IN_USE_FILE}")
    parser.add_argument("--kubeconfig", help="use this file instead of the pod's service account")
    given = parser.parse_args(arguments)
    logs.configure("INFO")
    try:
        found = asyncio.run(_read(Kubeconfig(given.kubeconfig) if given.kubeconfig else InCluster()))
    except ApiError as error:
        logger.error("the cluster cannot be read; nothing is collected", extra={"why": str(error)})
        return 1
    given.out.write_text(found.model_dump_json(by_alias=True), encoding="utf-8")
    logger.info("in use", extra={"objects": found.objects, "addresses": len(found.uris), "digests": len(found.digests)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
