"""How is something done that may need more memory than the pod has?

In a process of its own that may take so much and no more. There Python and Arrow get an error in time, while the kernel
would kill the pod at its limit, and with it what the other files gave. This process itself is not limited, for its
other threads would meet that limit too: uploads, questions to a model, and libraries that abort where they get no
memory.
"""

from __future__ import annotations

import atexit
import io
import os
import pickle
import resource
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from slipway_pod.errors import OutOfMemory

MIB = 1024 * 1024
FRAME = 256 * 1024
"""Bytes of items that are sent together."""
GROWN = 64 * MIB
"""Memory that a process may be left with and still be used again: what is done next must have what it may take."""
FULL = MIB
"""Bytes that Python gets at a time: a process that has fewer left gets no more."""
LOOK_SECONDS = 0.5
LOOKS = 4
"""How often in turn a process is seen at its bound until it is taken to stay there."""
_PROGRAM = "import sys; from slipway_data import bounded; bounded.serve(int(sys.argv[1]))"

T = TypeVar("T")


class Exhausted(Exception):
    """It needs more memory than it may take, or brought its process down."""


class Failed(Exception):
    """What was done raised something that nobody expected."""


def items(memory: int, work: Callable[..., Iterator[T]], *arguments: object) -> Iterator[T]:
    """Yield the items of `work(*arguments)`, done in a process that may take `memory` bytes for it.

    `work` is a function of a module; it, its arguments and its items are pickled. Raises Exhausted where `memory` does
    not suffice or the process crashes, OutOfMemory where something killed it, and Failed where `work` raises.
    """
    process = _idle.pop() if _idle else _Process()
    try:
        yield from process.items((memory, work, arguments))
    except BaseException:  # also where nobody wants the rest
        process.end()
        raise
    if process.grown:
        process.end()
    else:
        _idle.append(process)


def end() -> None:
    """End the processes that wait for more to do."""
    while _idle:
        _idle.pop().end()


@dataclass(frozen=True)
class _End:
    """What came of it: nothing is wrong, it was `exhausted`, or else it raised."""

    exhausted: bool = False
    raised: str = ""
    grown: int = 0
    """Bytes that the process uses more than at its beginning."""


class _Process:
    """A process that does one thing after the other."""

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        modules = os.pathsep.join(filter(None, sys.path))
        with theirs:
            # Not by multiprocessing, whose processes load all that this one's main module does.
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": modules},
                pass_fds=[theirs.fileno()],
            )
        self.grown = False

    def items(self, task: object) -> Iterator[Any]:
        """Yield the items of `task`, which is memory, work and arguments."""
        with self._living():
            self._pipe.send(task)
        while True:
            with self._living():
                frame = self._received()
            for item in _all(frame):
                if isinstance(item, _End):
                    self._ended(item)
                    return
                yield item

    def end(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()

    def _received(self) -> bytes:
        """Return what comes next; raise Exhausted where the process stays at its bound.

        Python may turn in a circle there: to handle an error, it writes down where that was, for which there is no
        memory, and handles that error.
        """
        full = 0
        while full < LOOKS:
            if self._pipe.poll(LOOK_SECONDS):
                return self._pipe.recv_bytes()
            full = full + 1 if self._full() else 0
        raise Exhausted

    def _full(self) -> bool:
        bound, _ = resource.prlimit(self._process.pid, resource.RLIMIT_DATA)
        return 0 <= bound < _memory(self._process.pid).taken + FULL

    def _ended(self, end: _End) -> None:
        if end.exhausted:
            raise Exhausted
        if end.raised:
            raise Failed(end.raised)
        self.grown = end.grown > GROWN

    @contextmanager
    def _living(self) -> Iterator[None]:
        """Raise what it means where the process is no longer there to speak with."""
        try:
            yield
        except (EOFError, OSError) as error:
            if self._process.wait() != -signal.SIGKILL:
                raise Exhausted from error
            said = "a process that reads files was killed, most often for memory: raise resources.memory"
            raise OutOfMemory("OutOfMemory", said) from error


_idle: list[_Process] = []
atexit.register(end)


class _Memory(NamedTuple):
    """The bytes of memory that a process asked the kernel for, which is what is limited, and those that it uses."""

    taken: int
    used: int


def _memory(process: int | None = None) -> _Memory:
    """Return the memory of a process, or of this one."""
    pages = list(map(int, Path(f"/proc/{process or 'self'}/statm").read_text(encoding="ascii").split()))
    return _Memory(pages[5] * resource.getpagesize(), pages[1] * resource.getpagesize())


def _all(frame: bytes) -> Iterator[Any]:
    stream = io.BytesIO(frame)
    unpickler = pickle.Unpickler(stream)
    while stream.tell() < len(frame):
        yield unpickler.load()


# In the process of its own


def serve(handle: int) -> None:
    """Do what is asked for through the pipe `handle`, one thing after the other, until it is closed."""
    sys.excepthook = _logged
    begun: _Memory | None = None
    with Connection(handle) as pipe, suppress(EOFError, ConnectionError):
        while True:
            memory, work, arguments = pipe.recv()
            begun = begun or _memory()  # not before: to be asked loads the modules of `work`
            _bound(begun.taken + memory)
            fault = _fault(pipe, work, arguments)
            arguments = None
            pipe.send_bytes(pickle.dumps(fault or _End(grown=_memory().used - begun.used)))


def _fault(pipe: Connection, work: Callable[..., Iterator[object]], arguments: Sequence[object]) -> _End | None:
    """Send the items of `work`; return what went wrong, or None."""
    try:
        _send(pipe, work(*arguments))
    except MemoryError:  # Arrow's is one
        return _End(exhausted=True)
    except ConnectionError:
        raise
    except Exception as error:
        traceback.print_exc()  # into the pod's log
        return _End(raised=f"{type(error).__name__}: {error}")
    return None


def _send(pipe: Connection, found: Iterator[object]) -> None:
    while True:
        frame = io.BytesIO()
        pickler = pickle.Pickler(frame)  # one for many items, so that their classes are named once
        for item in found:
            pickler.dump(item)
            if frame.tell() >= FRAME:
                break
        if not frame.tell():
            return
        pipe.send_bytes(frame.getbuffer())


def _logged(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write down why this process ends, but for want of memory, even for handling that: who asked will say so."""
    if not issubclass(kind, MemoryError):
        sys.__excepthook__(kind, error, trace)


def _bound(memory: int) -> None:
    """Let this process have `memory` bytes."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (memory if most < 0 else min(memory, most), most))
