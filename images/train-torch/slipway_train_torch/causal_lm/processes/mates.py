"""How do the pods of a run find each other, and hear that one of them has failed?

The first pod listens, the others come to it, and no pod starts its processes before all are there: until then a SIGTERM
costs nothing. One that is on its way is waited for without bound; a first pod that is there and cannot be reached, only
so long (patience.py). The lines stay open afterwards. A pod that fails says so, and one that is gone is missed: nobody
waits for sums that nobody will send, which NCCL does for minutes and gloo, where a node was lost, for ever.

Whoever reaches the port may talk: each word comes after the countersign of the run, and words without it are not heard.
"""

from __future__ import annotations

import hmac
import json
import logging
import select
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import COORDINATOR, NODE_INDEX
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.processes.patience import PATIENCE_SECONDS, Patience

log = logging.getLogger("slipway")

LOOK_SECONDS = 0.1
AGAIN_SECONDS = 1.0
"""Between two tries to reach the first pod, whose name may not resolve yet."""
CONNECT_SECONDS = 5.0
SILENCE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 6}
"""A pod whose node was lost says nothing any more: it is missed after a minute and a half."""
LONGEST_LINE = 256
MOST_STRANGERS = 64
"""Whose words the first pod waits for at a time; the oldest go."""


@dataclass(frozen=True)
class Node:
    """Which pod of a run this is: `number`, from 0, of `of`; `coordinator` is where the first one listens.

    `countersign` is what pods of the run know each other by.
    """

    number: int = 0
    of: int = 1
    coordinator: str = ""
    countersign: str = field(default="", repr=False)

    @classmethod
    def here(cls, of: int, countersign: str, around: Mapping[str, str]) -> Node:
        """Return which of `of` pods this is, as the environment tells."""
        return cls(int(around[NODE_INDEX]), of, around[COORDINATOR], countersign) if of > 1 else cls()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port at which the first pod listens."""
        host, _, port = self.coordinator.rpartition(":")
        return host, int(port)


ALONE = Node()


class Line:
    """A connection to another pod, along which each word is a line: the countersign and a JSON object."""

    def __init__(self, connection: socket.socket, countersign: str = "") -> None:
        self._connection = connection
        self._countersign = countersign.encode()
        self._heard = b""
        self.open = True
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in SILENCE.items():
            connection.setsockopt(socket.IPPROTO_TCP, option, value)

    def say(self, **word: int) -> None:
        """Send a word; one that nobody is there to hear is lost, and the loss is heard."""
        with suppress(OSError):
            self._connection.sendall(b"%b %b\n" % (self._countersign, json.dumps(word).encode()))

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
        return [word for line in lines if (word := self._word(line)) is not None]

    def fileno(self) -> int:
        """Return what select waits for."""
        return self._connection.fileno()

    def close(self) -> None:
        """End the connection."""
        self.open = False
        self._connection.close()

    def _word(self, line: bytes) -> dict[str, int] | None:
        countersign, _, said = line.partition(b" ")
        if not hmac.compare_digest(countersign, self._countersign):
            return None
        try:
            found = json.loads(said)
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


def meet(node: Node, stop: StopFlag, patience: float = PATIENCE_SECONDS) -> Mates | None:
    """Return the others once all are there; None when this pod was asked to stop before.

    Raise PodError when the first pod has been there for `patience` seconds and cannot be reached.
    """
    if node.of == 1:
        return Mates()
    if node.number == 0:
        return _receive(node, stop)
    return _come(node, stop, Patience(node.number, node.coordinator, patience))


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
                strangers.append(Line(door.accept()[0], node.countersign))
            _forget_gone(known, ready)
            strangers = [line for line in strangers if line not in ready or _introduced(line, known, node)]
            while len(strangers) > MOST_STRANGERS:
                strangers.pop(0).close()
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
            line.say(known=number)
            return False
    if not line.open:
        line.close()
    return line.open


def _forget_gone(known: dict[int, Line], ready: list[object]) -> None:
    for number, line in list(known.items()):
        if line in ready and not line.hear() and not line.open:
            line.close()
            del known[number]


def _come(node: Node, stop: StopFlag, patience: Patience) -> Mates | None:
    """Come to the first pod, and wait for its word that all are there."""
    host, _ = node.address
    log.info("waiting for the first pod at %s", node.coordinator)
    while not stop.is_set():
        try:
            line = Line(socket.create_connection(node.address, timeout=CONNECT_SECONDS), node.countersign)
        except OSError as error:
            patience.in_vain(str(error))
        else:
            if (port := _told_to_start(line, node, stop, patience)) is not None:
                return Mates({0: line}, f"{host}:{port}")
            line.close()
            patience.in_vain("it accepts connections and does not answer")
        stop.wait(AGAIN_SECONDS)
    return None


def _told_to_start(line: Line, node: Node, stop: StopFlag, patience: Patience) -> int | None:
    """Say who this is, and return the port at which processes meet; None when the line ends before that is known."""
    line.say(come=node.number)
    answered, until = False, time.monotonic() + CONNECT_SECONDS
    while line.open and not stop.is_set() and (answered or time.monotonic() < until):
        select.select([line], [], [], LOOK_SECONDS)
        for word in line.hear():
            answered = True
            patience.answered()
            if "start" in word:
                return word["start"]
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
