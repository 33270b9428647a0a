"""How is the work on single rows done by a Ray cluster?

Batches of rows go to tasks, and come back in the order in which they went, so the result is that of this pod's own
cores. Rows travel as bytes that only our own code reads: the cluster's processes need none of it but where a task runs.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import pickle
import platform
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

from slipway.api.dataset_engine import RayEngine
from slipway_data import ahead
from slipway_data.ahead import Answered, Batch, Numbered
from slipway_data.alone import Alone, Done, Work
from slipway_data.counts import Counts
from slipway_pod.errors import BadConfig, OutOfMemory, SourceUnreachable

log = logging.getLogger("slipway")

FIELD = "spec.engine.ray.address"
PATIENCE_SECONDS = 120.0
"""How long a cluster that does not answer is waited for; after that the operator tries again, later and later."""
ATTEMPT_SECONDS = 5.0
ATTEMPTS = 3
"""How often a cluster that listens is asked to take this pod in; each that fails takes half a minute."""
MOST_ON_THEIR_WAY = 512
"""Batches, each of a megabyte or so: with more, memory would grow with the cluster."""
DECIDES = ("detect-secrets", "numpy", "phonenumbers", "py3langid", "pydantic", "python-stdnum")
"""Packages that decide what becomes of a row."""

Versions = Mapping[str, str]


def done(items: Iterable[Numbered], work: Work, counts: Counts, engine: RayEngine) -> Iterator[tuple[int, Done]]:
    """Yield what becomes of every row by `work`, with the number that came with it, as ahead.done does.

    Raises SourceUnreachable when the cluster does not answer or is lost on the way, BadConfig when its nodes run
    something else than this pod, OutOfMemory when a node killed a task for memory.
    """
    Alone(work)  # what is wrong with a step is told by this process
    with _connected(engine.address) as ray:
        submit = _submitting(ray, engine.address, work)
        cores = int(ray.cluster_resources().get("CPU", 1))
        log.info("%s has %d cores", engine.address, cores)
        most = min(MOST_ON_THEIR_WAY, max(1, cores) * ahead.ON_THEIR_WAY)
        for found, counted in ahead.in_order(submit, ahead.batches(items), most):
            counts.add(counted)
            yield from found


@contextmanager
def _connected(address: str, patience: float = PATIENCE_SECONDS) -> Iterator[ModuleType]:
    """Give Ray, connected to the cluster at `address`."""
    try:
        import ray
    except ImportError as error:
        raise BadConfig(
            "RayMissing",
            "spec.engine.ray: the image of preparation pods has no Ray. Install the chart with images.data set to an "
            "image made from images/data/ray.Dockerfile, or leave spec.engine out",
        ) from error
    _wait_for(address, patience)
    _connect(ray, address)
    try:
        yield ray
    finally:
        ray.shutdown()


def _wait_for(address: str, patience: float) -> None:
    """Return once something listens at `address`; Ray itself would not say why it cannot reach it."""
    place = urlsplit(address)
    until, pause = time.monotonic() + patience, 0.5
    while True:
        try:
            socket.create_connection((place.hostname or "", place.port or 0), ATTEMPT_SECONDS).close()
        except OSError as error:
            if time.monotonic() + pause > until:
                raise _unreachable(address, error) from error
            log.info("%s does not answer (%s): waiting", address, error)
        else:
            return
        time.sleep(pause)
        pause = min(2 * pause, 10.0)


def _connect(ray: ModuleType, address: str, attempts: int = ATTEMPTS) -> None:
    """Connect `ray` to the cluster at `address`, whose head at times loses the process that it starts for a client."""
    try:
        ray.init(address, log_to_driver=False)
    except ConnectionAbortedError as error:
        if attempts == 1:
            raise _unreachable(address, error) from error
        log.warning("%s did not take this pod in: trying again (%s)", address, " ".join(str(error).split())[-200:])
        _connect(ray, address, attempts - 1)
    except (ConnectionError, TimeoutError) as error:
        raise _unreachable(address, error) from error
    except RuntimeError as error:
        raise BadConfig("RayVersionMismatch", f"{FIELD}: {address} refused this pod: {error}. {_CURE}") from error


_CURE = "Run the head and all workers of the cluster from the image that this pod runs (images/data/ray.Dockerfile)"


def _unreachable(address: str, error: Exception) -> SourceUnreachable:
    return SourceUnreachable(
        "RayUnreachable",
        f"{FIELD}: {address} does not answer ({error}): is the cluster up, is this the port of its client server "
        "(10001 by default), and do its network policies let pods of this namespace in?",
    )


def _submitting(ray: ModuleType, address: str, work: Work) -> Callable[[Batch], Callable[[], Answered]]:
    """Return what sends a batch away and gives what waits for its answer."""

    # Nested, so that it travels itself: where our code is missing, a task can still say so.
    def task(told: bytes, wanted: Versions, batch: bytes) -> bytes | Versions:
        from slipway_data.on_ray import answered

        return answered(told, wanted, batch)

    remote = ray.remote(task)
    told, wanted = pickle.dumps(work), versions()

    def submit(batch: Batch) -> Callable[[], Answered]:
        with _typed(ray, address):
            return partial(collect, remote.remote(told, wanted, pickle.dumps(batch)))

    def collect(reference: object) -> Answered:
        with _typed(ray, address):
            answer = ray.get(reference)
        if not isinstance(answer, bytes):
            raise _differs(address, wanted, answer)
        found: Answered = pickle.loads(answer)
        return found

    return submit


@contextmanager
def _typed(ray: ModuleType, address: str) -> Iterator[None]:
    """Raise what Ray raises inside as what it means for the Dataset."""
    from grpc import RpcError  # Ray's client speaks by it, and lets some of its errors through

    errors = ray.exceptions
    try:
        yield
    except ImportError as error:
        said = f"{FIELD}: a node of {address} lacks what this pod runs ({error}). {_CURE}"
        raise BadConfig("RayLacksSlipway", said) from error
    except (errors.OutOfMemoryError, errors.WorkerCrashedError) as error:
        said = f"{FIELD}: a task was killed on {address}, most often for memory: give its nodes more ({error})"
        raise OutOfMemory("OutOfMemory", said) from error
    except errors.RayTaskError:
        raise  # our own code, not the cluster
    except (errors.RayError, ConnectionError, RpcError) as error:
        said = f"{FIELD}: the cluster at {address} was lost while it worked ({error}): see to its head and nodes"
        raise SourceUnreachable("RayLost", said) from error


def _differs(address: str, wanted: Versions, there: Versions) -> BadConfig:
    name = next(name for name in wanted if there.get(name) != wanted[name])
    return BadConfig(
        "RayVersionMismatch",
        f"{FIELD}: a node of {address} has {name} {there.get(name)}, this pod has {wanted[name]}, so rows could come "
        f"out different. {_CURE}",
    )


# In the cluster


def answered(told: bytes, wanted: Versions, batch: bytes) -> bytes | Versions:
    """Return what becomes of a batch, or the versions here where they are not those `wanted`."""
    if (here := versions()) != wanted:
        return here
    return pickle.dumps(ahead.answered(_alone(told), pickle.loads(batch)))


@lru_cache(maxsize=1)
def _alone(told: bytes) -> Alone:
    return Alone(pickle.loads(told))


@lru_cache(maxsize=1)
def versions() -> Versions:
    """Return the versions of all that decides what becomes of a row; Slipway's is a digest of its code."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    others = {name: importlib.metadata.version(name) for name in DECIDES}
    return {"Python": platform.python_version(), "slipway_data": digest.hexdigest()[:16], **others}
