"""Which files may a process still read and write? By Landlock, which needs no privilege and is not taken off again.

It binds the thread that asks and all that this one starts later, so it is asked before there are others. What is bound
can also not look into processes that are not, by /proc or otherwise: the judge and the other answers have its user.
Kernels have it since 5.13; the numbers here are those of linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

CREATE, ADD, RESTRICT = 444, 445, 446
VERSION, BENEATH = 1, 1
NO_NEW_PRIVILEGES = 38
WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
CHANGE = sum(1 << bit for bit in range(4, 13))
"""To remove and to make files and folders of every kind."""
REFER, TRUNCATE = 1 << 13, 1 << 14
"""To rename from folder to folder (version 2), and to cut off (version 3)."""
OF_FILES = WRITE_FILE | READ_FILE | TRUNCATE
"""What can be allowed of a single file; the rest is said of folders."""


class _Ruleset(ctypes.Structure):
    _fields_ = [("handled_access_fs", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def version() -> int:
    """Return the version that this kernel has; 0 where it has none, or where it is switched off."""
    return max(0, _libc().syscall(CREATE, None, 0, VERSION))


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> bool:
    """Let this thread read only what is at or below `readable`, and write only what is at or below `writable`.

    What is writable can be read too; what does not exist is passed over. Returns False where the kernel has no
    Landlock: then nothing is restricted.
    """
    known = version()
    if not known:
        return False
    reading = READ_FILE | READ_DIR
    every = reading | WRITE_FILE | CHANGE | (REFER if known >= 2 else 0) | (TRUNCATE if known >= 3 else 0)
    asked = _Ruleset(every)
    ruleset = _checked(_libc().syscall(CREATE, ctypes.byref(asked), ctypes.sizeof(asked), 0))
    try:
        for paths, allowed in ((readable, reading), (writable, every)):
            for path in paths:
                _allow(ruleset, path, allowed)
        _checked(_libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _checked(_libc().syscall(RESTRICT, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def _allow(ruleset: int, path: Path, allowed: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        is_folder = stat.S_ISDIR(os.fstat(opened).st_mode)
        rule = _Beneath(allowed if is_folder else allowed & OF_FILES, opened)
        _checked(_libc().syscall(ADD, ruleset, BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(opened)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(returned: int) -> int:
    if returned < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"landlock: {os.strerror(number)}")
    return returned
