"""What does a pod's exit code mean, and does trying again help?"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes shared by pods and the operator; they drive podFailurePolicy."""

    OK = 0
    UNEXPECTED = 1  # a bug or an unknown fault: counted, tried again
    BAD_DATA = 10  # the input is wrong: repeating cannot help
    BAD_CONFIG = 11  # the spec is wrong in a way only the pod could see
    DIGEST_MISMATCH = 12  # bytes are not what the spec names
    OUT_OF_MEMORY = 20  # device or host memory, after every smaller layout was tried
    PREEMPTED = 30  # SIGTERM, state saved: not a failure
    STORE_UNREACHABLE = 31  # the object store, or a source of data, did not answer: tried again


FINAL = (ExitCode.BAD_DATA, ExitCode.BAD_CONFIG, ExitCode.DIGEST_MISMATCH, ExitCode.OUT_OF_MEMORY)
"""Codes after which a Job fails at once."""

UNCOUNTED = (ExitCode.PREEMPTED,)
"""Codes that do not count as failures."""
