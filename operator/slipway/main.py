"""How are the parts of the operator put together?"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import uuid
from pathlib import Path

from slipway.dataset.room import Room as DatasetRoom
from slipway.kube import logs
from slipway.kube.client import KubeClient
from slipway.kube.clock import LoopClock
from slipway.kube.connection import Connection, InCluster, Kubeconfig
from slipway.kube.engine import EXIT_LOST, Engine, Options
from slipway.kube.roots import RootWatch
from slipway.metrics.credentials import Files, Secrets
from slipway.metrics.gateways import Gateways
from slipway.metrics.http import Http
from slipway.metrics.kueue import Kueue
from slipway.metrics.operator import OperatorMetrics
from slipway.metrics.prometheus import Prometheus
from slipway.metrics.ratings import RatingMaps
from slipway.metrics.sources import Sources
from slipway.metrics.warnings import Warned
from slipway.metrics.web import Web
from slipway.model.room import Room as ModelRoom
from slipway.plan import Room
from slipway.rollout.room import Room as RolloutRoom
from slipway.settings import Settings
from slipway.training.room import Room as TrainingRoom

logger = logging.getLogger(__name__)

LEASE_REQUEST_SECONDS = 3.0
YOUNG_OBJECTS = 50_000
"""New containers between two collections of garbage. Python's 700 are one list of a cluster: it would be walked through
again and again while it is read, and what is read is no garbage."""


def rooms(settings: Settings) -> dict[str, Room]:
    """Return the rooms of the four kinds."""
    found: tuple[Room, ...] = (
        DatasetRoom(settings),
        TrainingRoom(settings),
        ModelRoom(settings),
        RolloutRoom(settings),
    )
    return {room.kind: room for room in found}


def options(settings: Settings, identity: str) -> Options:
    """Return the engine's part of the settings."""
    return Options(
        identity=identity,
        namespace=settings.namespace,
        watch_namespaces=settings.watch_namespaces,
        lease_name=settings.lease_name,
        workers=settings.workers,
        resync_seconds=settings.resync_seconds,
        http_port=settings.http_port,
        progress_port=settings.progress_port,
    )


def sources(settings: Settings, http: Http, api: KubeClient) -> Sources:
    """Return whoever answers the questions of plans."""
    files = Files(
        settings.prometheus_ca_file, settings.prometheus_bearer_token_file, settings.prometheus_basic_auth_folder
    )
    timeout = settings.prometheus_timeout_seconds
    return Sources(
        Prometheus(http, settings.prometheus_url, timeout, files),
        Web(http, timeout),
        Secrets(api, settings.analysis_secrets),
        Gateways(api),
        settings.analysis_hosts,
        warned=Warned(api),
        kueue=Kueue(api),
        ratings=RatingMaps(api),
    )


def keep_for_good() -> None:
    """Spare what was read at the start all later collections: it stays, and is freed by its count when it goes."""
    gc.collect()
    gc.freeze()


def leave_at_once() -> None:
    """End the process without any clean-up: another replica may be leading."""
    logger.critical("leadership lost; leaving at once")
    os._exit(EXIT_LOST)


async def operate(settings: Settings, connection: Connection) -> int:
    """Run the operator until it is told to stop; return the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hear_signals() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)

    hear_signals()
    gc.set_threshold(YOUNG_OBJECTS)
    metrics = OperatorMetrics()
    identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:12]}"
    http = Http()
    api = KubeClient(connection, metrics)
    # A client of its own, so that neither a busy limiter nor a 429 meant for others delays a renewal.
    lease_api = KubeClient(connection, metrics, concurrency=1, request_timeout=LEASE_REQUEST_SECONDS)
    try:
        engine = Engine(
            api,
            lease_api,
            rooms(settings),
            sources(settings, http, api),
            lambda store, heard: RootWatch(store, connection, heard, settings.watch_namespaces, hear_signals),
            options(settings, identity),
            LoopClock(),
            metrics,
            leave_at_once,
            keep_for_good,
        )
        return await engine.run(stop)
    finally:
        await http.close()
        await lease_api.close()
        await api.close()


def main(arguments: list[str] | None = None) -> int:
    """Run the operator from the command line."""
    parser = argparse.ArgumentParser(prog="python -m slipway.main", description="The Slipway operator.")
    parser.add_argument("--settings", type=Path, required=True, help="JSON file, see slipway.settings.Settings")
    parser.add_argument("--kubeconfig", help="use this file instead of the pod's service account")
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    given = parser.parse_args(arguments)
    logs.configure(given.log_level)
    settings = Settings.model_validate_json(given.settings.read_bytes())
    connection: Connection = Kubeconfig(given.kubeconfig) if given.kubeconfig else InCluster()
    return asyncio.run(operate(settings, connection))


if __name__ == "__main__":
    sys.exit(main())
