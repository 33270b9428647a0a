"""Serve until SIGTERM, then finish what has begun."""

from __future__ import annotations

import logging
import os
import sys
import time

import xllamacpp

from slipway_pod.errors import PodError
from slipway_pod.stop import StopFlag
from slipway_serve_llamacpp import arguments, engine

QUIET_LOOKS = 3
"""Looks in a row without an open request before the engine ends: one may fall between two of a client's requests."""
LOOK_SECONDS = 0.2

log = logging.getLogger("slipway")


def main() -> int:
    """Run the engine; return the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    wanted = arguments.parse()
    stop = StopFlag.on_sigterm()
    try:
        parameters = engine.parameters(wanted)
    except PodError as error:
        log.error("%s", error)
        return int(error.code)
    server = xllamacpp.Server(parameters)
    log.info("serving %s at %s", wanted.name, server.listening_address)
    while not stop.wait(3600):
        pass
    drain(wanted.port)
    log.info("no open request, ending after %.1f s", stop.seconds)
    # Joining the engine's threads can take longer than the pod has; nothing is left to save.
    sys.stderr.flush()
    os._exit(0)


def drain(port: int) -> None:
    """Wait until no request is open. The kubelet's grace period bounds it."""
    quiet = 0
    while quiet < QUIET_LOOKS:
        quiet = quiet + 1 if idle(port) else 0
        time.sleep(LOOK_SECONDS)


def idle(port: int) -> bool:
    """Tell whether the engine says that no request is open; one too busy to say is not idle."""
    try:
        return engine.requests_open(port) == 0
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
