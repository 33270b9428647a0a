"""Do two checkouts on one machine wait for each other, and never for one that is dead?"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import lock

HOLD = """
import sys
from pathlib import Path
from e2e.cluster import lock
lock.FOLDER, lock.CHECKOUT = Path(sys.argv[1]), sys.argv[2]
with lock.using("make demo"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "FOLDER", tmp_path)
    monkeypatch.setattr(lock, "CHECKOUT", "/home/me/slipway")


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    yield from holder(tmp_path, "/home/other/slipway")


@pytest.fixture
def colleague(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    yield from holder(tmp_path, "/home/me/slipway")


def holder(folder: Path, checkout: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(folder), checkout]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_another_checkout_waits_and_is_told_for_whom(
    stranger: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told, entered = threading.Event(), threading.Event()
    said: list[str] = []
    monkeypatch.setattr(lock, "say", lambda text: (said.append(text), told.set()))

    def wait_and_enter() -> None:
        with lock.using("make test"):
            entered.set()

    waiter = threading.Thread(target=wait_and_enter)
    waiter.start()
    assert told.wait(20)
    assert not entered.is_set()
    assert f"held by make demo, process {stranger.pid} in /home/other/slipway since" in said[0]
    stranger.kill()
    assert entered.wait(20)
    waiter.join()


def test_the_same_checkout_shares(colleague: subprocess.Popen[str]) -> None:
    with lock.using("make test"):
        (user,) = lock.other_users()
    assert f"make demo, process {colleague.pid}" in user


def test_a_user_that_was_killed_is_none(stranger: subprocess.Popen[str]) -> None:
    stranger.kill()
    stranger.wait()
    assert lock.other_users() == []
    with lock.using("make test"):
        pass


def test_bringing_up_inside_of_a_longer_use_does_not_wait_for_itself() -> None:
    with lock.using("make demo"), lock.changing("up"):
        assert lock.other_users() == []
    with lock.changing("down"):
        assert lock.other_users() == []
