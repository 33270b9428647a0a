"""Whose turn is it? One cluster per machine; checkouts wait for each other by locks that the kernel frees."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from e2e.setup.progress import say

FOLDER = Path("/run/lock/slipway") if os.geteuid() == 0 else Path(f"/tmp/slipway-{os.geteuid()}")
CHECKOUT = str(Path(__file__).resolve().parents[2])


@contextmanager
def using(what: str) -> Iterator[None]:
    """Say that this process uses the cluster: others of the same checkout may too, other checkouts wait; nests."""
    own = FOLDER / f"using-{os.getpid()}"
    if own in _held:
        yield
        return
    with _enter(own, what):
        _held.add(own)
        try:
            yield
        finally:
            _held.discard(own)
            own.unlink(missing_ok=True)


@contextmanager
def changing(what: str) -> Iterator[None]:
    """Use the cluster, and be the only process that brings it up, down, or its images up to date."""
    with using(what), _wait(FOLDER / "changing", what):
        yield


def other_users() -> list[str]:
    """Return what other processes, of any checkout, use the cluster for."""
    found = []
    for file in FOLDER.glob("using-*"):
        if file not in _held and (holder := _holder(file)):
            found.append(holder)
    return found


_held: set[Path] = set()


@contextmanager
def _enter(own: Path, what: str) -> Iterator[None]:
    """Lock `own` at a moment when no other checkout has users, so that at most one checkout ever has some."""
    while True:
        with _wait(FOLDER / "door", what):
            strangers = [user for user in other_users() if f" in {CHECKOUT} " not in user]
            if not strangers:
                entered = _wait(own, what)
                entered.__enter__()
                break
        for file in FOLDER.glob("using-*"):
            if f" in {CHECKOUT} " not in _read(file):
                with _wait(file, ""):  # nothing is held while waiting, so two checkouts cannot wait for each other
                    file.unlink(missing_ok=True)
    try:
        yield
    finally:
        entered.__exit__(None, None, None)


@contextmanager
def _wait(file: Path, what: str) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting: the cluster of this machine is held by {_read(file) or 'another process'} (Ctrl-C gives up)")
            fcntl.flock(handle, fcntl.LOCK_EX)
        _write(handle, what and f"{what}, process {os.getpid()} in {CHECKOUT} since {datetime.now():%H:%M:%S}")
        try:
            yield
        finally:
            _write(handle, "")


def _holder(file: Path) -> str:
    """Return who holds a lock, or an empty text when nobody does."""
    try:
        with file.open("r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(file)
    except FileNotFoundError:
        return ""
    return ""


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        return ""


def _write(handle: TextIO, text: str) -> None:
    handle.seek(0)
    handle.truncate()
    handle.write(text)
    handle.flush()
