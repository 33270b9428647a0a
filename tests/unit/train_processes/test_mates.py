"""Pods of a run find each other, hear no stranger, and give up in words where the first one cannot be reached."""

from __future__ import annotations

import functools
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, parse_result
from slipway_pod.errors import PodError
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.processes import launch as launching
from slipway_train_torch.causal_lm.processes import mates, patience
from slipway_train_torch.causal_lm.processes.mates import Mates, Node, meet
from slipway_train_torch.causal_lm.processes.patience import Patience

PATIENCE_SECONDS = 60.0
SIGN = "c0ffee"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mates, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(mates, "CONNECT_SECONDS", 0.2)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found: int = server.getsockname()[1]
    return found


Begin = Callable[[Node], "Future[Mates | None]"]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Let a pod look for its mates in a thread, until the test ends."""
    stop, begun = StopFlag(), list["Future[Mates | None]"]()

    def one(node: Node) -> Future[Mates | None]:
        begun.append(threads.submit(meet, node, stop))
        return begun[-1]

    with ThreadPoolExecutor() as threads:
        yield one
        stop.set()
    for pod in begun:
        if (found := pod.result()) is not None:
            with found:
                """Its lines are closed."""


def connected(port: int) -> socket.socket:
    """Return a connection to the first pod, once it listens."""
    for _ in range(1000):
        with suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        StopFlag().wait(0.01)
    raise AssertionError("the first pod does not listen")


def said(connection: socket.socket) -> bytes:
    """Return the next thing that is said along `connection`; nothing when it was closed."""
    with suppress(ConnectionResetError):
        return connection.recv(1024)
    return b""


def node(number: int, port: int, of: int = 2, countersign: str = SIGN) -> Node:
    return Node(number, of, f"127.0.0.1:{port}", countersign)


def met(found: Future[Mates | None]) -> Mates:
    result = found.result(PATIENCE_SECONDS)
    assert result is not None
    return result


def test_mates_meet_in_whatever_order(begin: Begin, port: int) -> None:
    pods = [begin(node(number, port, of=3)) for number in (2, 0, 1)]
    assert len({met(pod).meeting for pod in pods}) == 1


@pytest.mark.parametrize(
    "words", [b'{"come": 1}\n', b' {"come": 1}\n', b'decade {"come": 1}\n', b'c0ffe {"come": 1}\n', b"c0ffee [1]\n"]
)
def test_a_stranger_takes_nobodys_place(begin: Begin, port: int, words: bytes) -> None:
    first = begin(node(0, port, of=3))
    with connected(port) as mate, connected(port) as stranger:
        mate.sendall(b'c0ffee {"come": 1}\n')
        assert said(mate) == b'c0ffee {"known": 1}\n'
        stranger.sendall(words)
        other = begin(node(2, port, of=3))
        assert said(mate).startswith(b'c0ffee {"start": ')
        assert said(stranger) == b""
        assert met(first).meeting == met(other).meeting


def test_strangers_do_not_fill_the_door(begin: Begin, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mates, "MOST_STRANGERS", 2)
    first = begin(node(0, port))
    with connected(port) as one, connected(port), connected(port):
        assert said(one) == b"", "the oldest goes"
        met(begin(node(1, port)))
        met(first)


def test_a_mate_that_was_made_anew_takes_its_own_place(begin: Begin, port: int) -> None:
    first = begin(node(0, port, of=3))
    with connected(port) as before, connected(port) as anew:
        for line in (before, anew):
            line.sendall(b'c0ffee {"come": 1}\n')
            assert said(line) == b'c0ffee {"known": 1}\n'
        assert said(before) == b""
        begin(node(2, port, of=3))
        assert said(anew).startswith(b'c0ffee {"start": ')
        met(first)


def test_a_first_pod_that_is_not_reached_ends_the_wait_in_words(port: int) -> None:
    with pytest.raises(PodError) as raised:
        meet(node(1, port), StopFlag(), patience=0.1)
    assert raised.value.reason == "FirstPodUnreached"
    assert raised.value.message.startswith("pod 1 of the run tried for 0 minutes to reach pod 0 at 127.0.0.1:")
    assert f"Pods of a run talk at port {port} and at others" in raised.value.message
    assert "Connection refused" in raised.value.message


def test_who_accepts_and_does_not_answer_is_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mesh, pytest.raises(PodError, match="does not answer"):
        meet(node(1, mesh.getsockname()[1]), StopFlag(), patience=0.1)


def test_one_that_was_reached_waits_for_the_others_however_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, ThreadPoolExecutor() as threads:
        pod = threads.submit(meet, node(1, first.getsockname()[1], of=3), StopFlag(), patience=0.0)
        line, _ = first.accept()
        with line:
            assert said(line) == b'c0ffee {"come": 1}\n'
            line.sendall(b'c0ffee {"known": 1}\n')
            line.settimeout(3 * mates.CONNECT_SECONDS)
            with pytest.raises(TimeoutError):
                line.recv(1)  # it would be closed by now
            line.sendall(b'c0ffee {"start": 5}\n')
            assert met(pod).meeting == "127.0.0.1:5"


@pytest.mark.parametrize(
    ("known", "raises"),
    [
        ((), True),  # no name of the run: no resolver is reached
        (("train",), False),  # its own, and not the first pod's: that one has no node yet
        (("train", "train-node-0-0.train"), True),
    ],
)
def test_a_pod_without_a_node_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, known: tuple[str, ...], raises: bool
) -> None:
    def looked_up(name: str, _port: None) -> list[str]:
        if name not in known:
            raise socket.gaierror(-2, "Name or service not known")
        return [name]

    monkeypatch.setattr(patience.socket, "getaddrinfo", looked_up)
    waiting = Patience(1, "train-node-0-0.train:29500", 0.0)
    if raises:
        with pytest.raises(PodError):
            waiting.in_vain("Name or service not known")
    else:
        waiting.in_vain("Name or service not known")


def test_a_pod_that_gave_up_leaves_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port: int) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    monkeypatch.setattr(launching, "meet", functools.partial(meet, patience=0.0))
    monkeypatch.setenv(launching.MESSAGE, str(tmp_path / "message"))
    try:
        code = launching.launch(1, ["false"], node(1, port))
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)
    assert code == ExitCode.UNEXPECTED
    left = parse_result((tmp_path / "message").read_text())
    assert isinstance(left, Failed)
    assert left.reason == "FirstPodUnreached"
