"""In which ways may a pod give up, and what does each tell the operator?"""

from __future__ import annotations

import errno
import sqlite3
from typing import ClassVar

from slipway.api.dataset import Rows
from slipway.api.dataset_refresh import Inputs
from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, encode

MESSAGE_LIMIT = 1800
EXAMPLE_LIMIT = 256
REPORT_LIMIT = 1024
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class PodError(Exception):
    """A failure with words for a person and an exit code for the operator.

    `reason` is a stable CamelCase word, `message` says what is wrong, where, and what to do; `example` names one
    offending row or object; `report` is the address of the full list.
    """

    code: ClassVar[ExitCode] = ExitCode.UNEXPECTED

    def __init__(
        self, reason: str, message: str, *, example: str = "", report: str = "", rows: Rows | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.example = example
        self.report = report
        self.rows = rows
        self.inputs: Inputs | None = None
        """What a Dataset was to be made from, where that is known."""

    def __str__(self) -> str:
        suffix = f" (for example {self.example})" if self.example else ""
        return f"{self.reason}: {self.message}{suffix}"

    def result(self) -> Failed:
        """Return the termination message, cut so that it always fits."""
        return fitting(
            Failed(
                reason=self.reason,
                message=shortened(self.message, MESSAGE_LIMIT),
                example=shortened(self.example, EXAMPLE_LIMIT),
                report=self.report[:REPORT_LIMIT],
                rows=self.rows,
                inputs=self.inputs,
            )
        )


class BadData(PodError):
    """The input is wrong: repeating cannot help."""

    code = ExitCode.BAD_DATA


class BadConfig(PodError):
    """The spec, or the installation, is wrong in a way only the pod could see."""

    code = ExitCode.BAD_CONFIG


class DigestMismatch(PodError):
    """Bytes are not what the spec names."""

    code = ExitCode.DIGEST_MISMATCH


class Untrusted(PodError):
    """Bytes are what the spec names, but no key that is trusted vouches for them."""

    code = ExitCode.DIGEST_MISMATCH


class KeyUnusable(PodError):
    """A key that is needed is not there, or is none: put right, the pod that is tried next finds it."""

    code = ExitCode.STORE_UNREACHABLE


class DiskFull(PodError):
    """There is no room where the pod writes: on another node, or later, there may be."""


class OutOfMemory(PodError):
    """Device or host memory ran out after every smaller layout was tried."""

    code = ExitCode.OUT_OF_MEMORY


class StoreUnreachable(PodError):
    """The object store did not answer: trying again later may help."""

    code = ExitCode.STORE_UNREACHABLE


class SourceUnreachable(PodError):
    """Where the data comes from did not answer: trying again later may help."""

    code = ExitCode.STORE_UNREACHABLE


def no_room(error: BaseException) -> bool:
    """Tell whether `error`, or what it came of, says that a disk is full.

    Not everybody who writes says it by errno: sqlite has a code of its own, and libraries in Rust a sentence.
    """
    one: BaseException | None = error
    while one is not None:
        if isinstance(one, OSError) and one.errno in NO_ROOM:
            return True
        if isinstance(one, sqlite3.Error) and getattr(one, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return True
        if any(f"os error {code}" in str(one) for code in NO_ROOM):
            return True
        one = one.__cause__ or one.__context__
    return False


def told(error: Exception) -> PodError | None:
    """Return what `error` is for people; None where it is nothing that anybody foresaw."""
    if isinstance(error, PodError):
        return error
    if no_room(error):
        said = f"no room on the pod's disk ({error}): raise resources.storage, or give the node a larger disk"
        return DiskFull("DiskFull", said)
    return None


def shortened(text: str, limit: int) -> str:
    """Return `text` with at most `limit` characters, ending in an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def fitting(failed: Failed) -> Failed:
    """Return `failed` with message and example shortened until its JSON fits the kubelet's limit.

    Characters outside ASCII take 6 to 12 bytes in JSON, so a length in characters alone does not bound it.
    """
    share = 1.0
    while True:
        cut = failed.model_copy(
            update={
                "message": shortened(failed.message, max(1, int(MESSAGE_LIMIT * share))),
                "example": shortened(failed.example, max(1, int(EXAMPLE_LIMIT * share))),
                "report": failed.report if share > 0.1 else "",
            }
        )
        try:
            encode(cut)
        except ValueError:
            share *= 0.7
            continue
        return cut
