"""What may a process still do that runs code which nobody has read?

It computes; where it may read and write is told elsewhere (landlock). Sockets, programs, other processes and the
kernel's odder doors are refused by a seccomp filter, which needs no privilege, holds on any node, and cannot be taken
off again. A network policy would bind the whole pod, and only where the cluster's network enforces it.
"""

from __future__ import annotations

import ctypes
import errno
import math
import os
import resource
from dataclasses import dataclass

import pyseccomp

from slipway_eval_blender.places import FILE_BYTES

CLONE_THREAD = 0x00010000
SIGNALS_BY_FILE = (8, 10, 15)
"""Of fcntl: F_SETOWN, F_SETSIG, F_SETOWN_EX. A file that becomes ready would send any signal to anybody."""
DUMPABLE = 4
"""Of prctl: whether processes of the same user may look into this one."""
INT = 0xFFFFFFFF
"""The kernel takes no more of a number in a call than its own type has; a filter is shown all that was given."""
OPEN_FILES = 256
NETWORK = (
    # io_uring could open sockets past a filter of system calls.
    *("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
)
REFUSED = (
    *NETWORK,
    # Programs and processes.
    *("execve", "execveat", "fork", "vfork", "unshare", "setns", "kill", "tkill", "rt_sigqueueinfo"),
    *("pidfd_open", "pidfd_send_signal", "pidfd_getfd", "ptrace", "process_vm_readv", "process_vm_writev"),
    *("rt_tgsigqueueinfo", "process_madvise", "kcmp", "setrlimit", "setsid", "setpgid"),
    # The kernel.
    *("mount", "umount2", "pivot_root", "chroot", "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key"),
    *("request_key", "personality", "init_module", "finit_module", "kexec_load"),
)


@dataclass(frozen=True)
class Limits:
    """What one process may use."""

    seconds: int
    """Of CPU time, on all threads together; wall time is the parent's business."""
    memory_bytes: int
    """Of data of its own."""


def limit(limits: Limits) -> None:
    """Bound this process and every thread of it. Its children would have the same limits, each for itself."""
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds + 2))
    # Not the address space: Blender maps far more than it touches.
    _bound(resource.RLIMIT_DATA, limits.memory_bytes)
    _bound(resource.RLIMIT_FSIZE, FILE_BYTES)
    _bound(resource.RLIMIT_NOFILE, OPEN_FILES)
    _bound(resource.RLIMIT_CORE, 0)


def computing(seconds: int) -> None:
    """Let this process, with all its threads, compute `seconds` more, rounded up. More is not to be had any more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    bound = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (bound, bound + 2))


def lock_down() -> None:
    """Take this process, with all the threads that it has, everything that computing does not need. For good."""
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    rules.set_attr(pyseccomp.Attr.CTL_TSYNC, 1)
    refusal = pyseccomp.ERRNO(errno.EPERM)
    for name in REFUSED:
        rules.add_rule(refusal, name)
    # Threads, but no processes. glibc tries clone3, whose arguments no filter can see, and then clone.
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    rules.add_rule(refusal, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, CLONE_THREAD, 0))
    # Limits may be asked for, not changed.
    rules.add_rule(refusal, "prlimit64", pyseccomp.Arg(2, pyseccomp.NE, 0))
    for command in SIGNALS_BY_FILE:
        rules.add_rule(refusal, "fcntl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, INT, command))
    # abort() signals itself; nobody else is to be signalled.
    rules.add_rule(refusal, "tgkill", pyseccomp.Arg(0, pyseccomp.NE, os.getpid()))
    rules.load()


def shut_off() -> None:
    """Take this process and all that it will start the network, and let no other process of its user look into it.

    For the one that judges: it needs neither, and it is the one with the most to lose, should an answer get that far.
    """
    ctypes.CDLL(None).prctl(DUMPABLE, 0, 0, 0, 0)
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in NETWORK:
        rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
    rules.load()


def _bound(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    kept = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (kept, kept))
