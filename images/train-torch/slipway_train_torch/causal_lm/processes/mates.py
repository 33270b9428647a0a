"""How do the pods of a run find each other, and hear that one of them has failed?

The first pod listens, the others come to it, and no pod starts its processes before all are there: until then a SIGTERM
costs nothing. The lines stay open afterwards. A pod that fails says so, and one that is gone is missed: nobody waits
for the sums of one that will not send them, which NCCL does for minutes and gloo, where a node was lost, for ever.
"""

from __future__ import annotations

import json
import logging
import select
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import COORDINATOR, NODE_INDEX
from slipway_pod.stop import StopFlag

log = logging.getLogger("slipway")

LOOK_SECONDS = 0.1
AGAIN_SECONDS = 1.0
"""Between two tries to reach the first pod, whose name may not resolve yet."""
CONNECT_SECONDS = 5.0
SILENCE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 6}
"""A pod whose node was lost says nothing any more: it is missed after a minute and a half."""
LONGEST_LINE = 256


@dataclass(frozen=True)
class Node:
    """Which pod of a run this is: `number`, from 0, of `of`; `coordinator` is where the first one listens."""

    number: int = 0
    of: int = 1
    coordinator: str = ""

    @classmethod
    def here(cls, of: int, around: Mapping[str, str]) -> Node:
        """Return which of `of` pods this is, as the environment tells."""
        return cls(int(around[NODE_INDEX]), of, around[COORDINATOR]) if of > 1 else cls()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port at which the first pod listens."""
        host, _, port = self.coordinator.rpartition(":")
        return host, int(port)


ALONE = Node()


class Line:
    """A connection to another pod, along which each word is a JSON object in a line."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._heard = b""
        self.open = True
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in SILENCE.items():
            connection.setsockopt(socket.IPPROTO_TCP, option, value)

    def say(self, **word: int) -> None:
        """Send a word; one that nobody is there to hear is lost, and the loss is heard."""
        with suppress(OSError):
            self._connection.sendall(json.dumps(word).encode() + b"\n")

    def hear(self) -> list[dict[str, int]]:
        """Return the words that have come since; afterwards `open` tells whether more may come."""
        try:
            while self.open and len(self._heard) <= LONGEST_LINE:
                found = self._connection.recv(LONGEST_LINE)
                self.open = bool(found)
                self._heard += found
        except BlockingIOError:
            pass
        except OSError:
            self.open = False
        *lines, self._heard = self._heard.split(b"\n")
        if len(self._heard) > LONGEST_LINE:  # whoever this is, it is no mate
            self.open = False
        return [word for line in lines if (word := _word(line)) is not None]

    def fileno(self) -> int:
        """Return what select waits for."""
        return self._connection.fileno()

    def close(self) -> None:
        """End the connection."""
        self.open = False
        self._connection.close()


def _word(line: bytes) -> dict[str, int] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    good = isinstance(found, dict) and all(isinstance(value, int) for value in found.values())
    return found if good else None


@dataclass(frozen=True)
class Loss:
    """A pod that is missed, and the exit code with which it said that it fails; None where it is just gone."""

    node: int
    code: int | None = None


class Mates:
    """The other pods of the run, once all have met: the first knows them all, each other one the first.

    `meeting` is the address, host:port, at which their processes meet; empty where there are no others.
    """

    def __init__(self, lines: Mapping[int, Line] | None = None, meeting: str = "") -> None:
        self._lines = dict(lines or {})
        self.meeting = meeting
        self.loss: Loss | None = None
        """The first that was missed, or the first that had a reason of its own."""

    @property
    def none(self) -> bool:
        """Whether there are no others."""
        return not self.meeting

    def missed(self) -> Loss | None:
        """Return which pod has failed or is gone; one that ended well is not missed."""
        for node, line in list(self._lines.items()):
            words = line.hear()
            for word in words:
                if "fail" in word:
                    self._miss(Loss(word.get("node", node), word["fail"] or None), node)
            ended = any("end" in word for word in words)
            if ended or not line.open:
                line.close()
                del self._lines[node]
            if not ended and not line.open:
                self._miss(Loss(node), node)
        return self.loss

    def tell(self, loss: Loss, besides: int | None = None) -> None:
        """Say to the others, `besides` one, that a pod is missed."""
        for node, line in self._lines.items():
            if node != besides:
                line.say(fail=loss.code or 0, node=loss.node)

    def _miss(self, loss: Loss, teller: int) -> None:
        consequence = self.loss is not None and self.loss.code == ExitCode.UNEXPECTED != loss.code
        if self.loss is None or consequence:
            self.loss = loss
            self.tell(loss, teller)  # most of them know nobody but the first pod

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say that this pod has ended, and that there is nothing more to miss."""
        for line in self._lines.values():
            line.say(end=1)
            line.close()


def meet(node: Node, stop: StopFlag) -> Mates | None:
    """Return the others once all are there; None when this pod was asked to stop before."""
    if node.of == 1:
        return Mates()
    return _receive(node, stop) if node.number == 0 else _come(node, stop)


def _receive(node: Node, stop: StopFlag) -> Mates | None:
    """Be the first pod: wait for all others, and tell them where their processes meet."""
    host, port = node.address
    known: dict[int, Line] = {}
    strangers: list[Line] = []
    with _server(port) as door:
        log.info("waiting for %d other pods at port %d", node.of - 1, port)
        while len(known) < node.of - 1 and not stop.is_set():
            ready = select.select([door, *strangers, *known.values()], [], [], LOOK_SECONDS)[0]
            if door in ready:
                strangers.append(Line(door.accept()[0]))
            _forget_gone(known, ready)
            strangers = [line for line in strangers if line not in ready or _introduced(line, known, node)]
    for line in strangers:
        line.close()
    if stop.is_set():
        for line in known.values():
            line.close()
        return None
    meeting = _free_port()
    for line in known.values():
        line.say(start=meeting)
    return Mates(known, f"{host}:{meeting}")


def _introduced(line: Line, known: dict[int, Line], node: Node) -> bool:
    """Hear who is at `line`, and note who is known now; tell whether it remains a stranger."""
    for word in line.hear():
        number = word.get("come", 0)
        if 0 < number < node.of:
            log.info("pod %d is here", number)
            if number in known:  # one that was made anew takes the place of the one before
                known[number].close()
            known[number] = line
            return False
    if not line.open:
        line.close()
    return line.open


def _forget_gone(known: dict[int, Line], ready: list[object]) -> None:
    for number, line in list(known.items()):
        if line in ready and not line.hear() and not line.open:
            line.close()
            del known[number]


def _come(node: Node, stop: StopFlag) -> Mates | None:
    """Come to the first pod, and wait for its word that all are there."""
    host, _ = node.address
    log.info("waiting for the first pod at %s", node.coordinator)
    while not stop.is_set():
        try:
            line = Line(socket.create_connection(node.address, timeout=CONNECT_SECONDS))
        except OSError:
            stop.wait(AGAIN_SECONDS)
            continue
        line.say(come=node.number)
        while line.open and not stop.is_set():
            select.select([line], [], [], LOOK_SECONDS)
            for word in line.hear():
                if "start" in word:
                    return Mates({0: line}, f"{host}:{word['start']}")
        line.close()
        stop.wait(LOOK_SECONDS)
    return None


def _free_port() -> int:
    """Return a port that is free here: another one each time, so that no process meets those of a run before."""
    with _server(0) as server:
        found: int = server.getsockname()[1]
    return found


def _server(port: int) -> socket.socket:
    """Return a server at `port` of every address, of either kind where there are both."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
