"""How does a pod's program start and end?

def prepare(job: PrepareDataset) -> Prepared: ...

if __name__ == "__main__":
    main(prepare, PrepareDataset)
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import ValidationError

from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import JOB_FILE, TERMINATION_LOG, JobBase, parse_job
from slipway.contract.result import UNEXPECTED, AnyResult, Preempted, encode
from slipway_pod.errors import BadConfig, OutOfMemory, PodError, told
from slipway_pod.stop import Stopped

SomeJob = TypeVar("SomeJob", bound=JobBase)

log = logging.getLogger("slipway")


def main(
    handler: Callable[[SomeJob], AnyResult | None],
    wanted: type[SomeJob],
    leave_with: Callable[[int], NoReturn] = sys.exit,
) -> NoReturn:
    """Run `handler` on the job file, write its result as termination message, and exit with the contract's code.

    `SLIPWAY_JOB` and `SLIPWAY_TERMINATION_LOG` move the two files. A handler that returns None leaves no message.
    """
    show_log()
    # A container's first process ignores SIGTERM unless it handles it; programs that save their state use StopFlag.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    code, result = attempt(handler, wanted, Path(os.environ.get("SLIPWAY_JOB", JOB_FILE)))
    if result is not None:
        leave(result, Path(os.environ.get("SLIPWAY_TERMINATION_LOG", TERMINATION_LOG)))
    sys.stdout.flush()
    leave_with(int(code))


def show_log() -> None:
    """Let the log be read in `kubectl logs`."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )


def attempt(
    handler: Callable[[SomeJob], AnyResult | None], wanted: type[SomeJob], path: Path
) -> tuple[ExitCode, AnyResult | None]:
    """Return the exit code and the result of running `handler` on the job in file `path`; raise nothing."""
    try:
        result = handler(load(path, wanted))
        if result is not None:
            encode(result)
    except Stopped as stopped:
        log.info("%s", stopped)
        return ExitCode.PREEMPTED, Preempted(step=stopped.done)
    except PodError as error:
        log.error("%s", error)
        return error.code, error.result()
    except MemoryError:
        log.exception("out of memory")
        message = "the pod ran out of memory: raise resources.memory"
        return ExitCode.OUT_OF_MEMORY, OutOfMemory("OutOfMemory", message).result()
    except Exception as error:
        if (fault := told(error)) is not None:
            log.exception("%s", fault.reason)
            return fault.code, fault.result()
        log.exception("unexpected")
        message = f"{type(error).__name__}: {error}. This is not expected; the pod's log has the trace"
        return ExitCode.UNEXPECTED, PodError(UNEXPECTED, message).result()
    return (ExitCode.PREEMPTED if isinstance(result, Preempted) else ExitCode.OK), result


def load(path: Path, wanted: type[SomeJob]) -> SomeJob:
    """Return the job in file `path`; raise BadConfig when it is none, or of another type."""
    try:
        job = parse_job(path.read_bytes())
    except OSError as error:
        raise BadConfig("JobUnreadable", f"job file {path}: {error.strerror}. Is the ConfigMap mounted?") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadConfig(
            "JobInvalid", f"job file {path}, field {where}: {first['msg']}. Operator and image differ in version?"
        ) from error
    if not isinstance(job, wanted):
        raise BadConfig("JobInvalid", f"job file {path} is a {job.type} job, this program does {wanted.__name__}")
    return job


def leave(result: AnyResult, path: Path) -> None:
    """Write the termination message; a place that cannot be written is logged, for the exit code still speaks."""
    try:
        path.write_text(encode(result), encoding="utf-8")
    except OSError as error:
        log.error("termination message %s: %s", path, error.strerror)
