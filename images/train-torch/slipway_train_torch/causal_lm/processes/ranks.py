"""How do the processes of a run agree, and how do they add up what each has computed?"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
from torch import distributed

from slipway_train_torch.causal_lm.processes.launch import HOST, LOCAL_RANK, LOCAL_SIZE, PORT, RANK, SHARED, SIZE

log = logging.getLogger("slipway")

T = TypeVar("T")

PATIENCE = timedelta(hours=12)
"""One process may fetch a large model while the others wait; one that has died is noticed by who started it."""
OF_RANK = "@"


class Ranks:
    """The processes of this run: `size` of them, of which this is number `rank`. Alone, everything is as without.

    `local` of `local_size` are those of this pod.
    """

    def __init__(self, rank: int = 0, size: int = 1, local: int | None = None, local_size: int | None = None) -> None:
        self.rank = rank
        self.size = size
        self.local = rank if local is None else local
        self.local_size = size if local_size is None else local_size

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.size == 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes to the store and speaks for all."""
        return self.rank == 0

    @property
    def leads(self) -> bool:
        """Whether this is the first process of its pod, which fetches what all of the pod read."""
        return self.local == 0

    def share(self, lines: Sequence[T]) -> Sequence[T]:
        """Return which of `lines` this process computes."""
        return lines[self.rank :: self.size]

    def any(self, flag: bool) -> bool:
        """Tell whether `flag` holds in any process; all must ask."""
        if self.alone:
            return flag
        found = torch.tensor(float(flag))
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return bool(found.item())

    def total(self, value: float) -> float:
        """Return the sum of `value` of all processes; all must ask."""
        if self.alone:
            return value
        found = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(found)
        return found.item()

    def wait(self) -> None:
        """Return when all processes are here."""
        self.any(False)

    def add_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Leave in each trained parameter the sum of the gradients of all processes, one and the same everywhere."""
        if self.alone:
            return
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        found = [p.grad if p.grad is not None else torch.zeros_like(p) for p in trained]
        # One message for all: an adapter has hundreds of small tensors, and each message costs as much as a large one.
        whole = torch.cat([gradient.reshape(-1) for gradient in found])
        distributed.all_reduce(whole)
        for parameter, part in zip(trained, whole.split([p.numel() for p in trained]), strict=True):
            parameter.grad = part.view_as(parameter)

    def diverge(self, seed: int) -> None:
        """Let each process draw other random numbers from here on: dropout of one row is not that of another."""
        if not self.first:
            torch.manual_seed(seed + self.rank)

    def gathered(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the random states of all processes, those of others than the first by name and rank; all must ask."""
        if self.alone:
            return dict(state)
        found: list[Mapping[str, torch.Tensor]] = [{}] * self.size
        distributed.all_gather_object(found, state)
        made = dict(found[0])
        for rank, other in enumerate(found[1:], 1):
            made |= {f"{name}{OF_RANK}{rank}": tensor for name, tensor in other.items()}
        return made

    def merged(self, found: Mapping[str, T]) -> dict[str, T]:
        """Return what all processes have found, in one order; all must ask."""
        if self.alone:
            return dict(found)
        parts: list[Mapping[str, T]] = [{}] * self.size
        distributed.all_gather_object(parts, dict(found))
        return dict(sorted((name, value) for part in parts for name, value in part.items()))

    def own(self, states: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the random state of this process of those that were gathered."""
        end = "" if self.first else f"{OF_RANK}{self.rank}"
        names = (name for name in states if (OF_RANK not in name if self.first else name.endswith(end)))
        return {name.partition(OF_RANK)[0]: states[name] for name in names}


def here() -> Ranks:
    """Return the processes of this run, as `joined` has brought them together."""
    if not distributed.is_initialized():
        return Ranks()
    local, count = int(os.environ[LOCAL_RANK]), int(os.environ[LOCAL_SIZE])
    return Ranks(distributed.get_rank(), distributed.get_world_size(), local, count)


@contextmanager
def joined() -> Iterator[Path | None]:
    """Within, the processes that were launched together are a group; give the folder that they share.

    A process that was not launched so is alone and has none.
    """
    if RANK not in os.environ:
        yield None
        return
    rank, size, shared = int(os.environ[RANK]), int(os.environ[SIZE]), Path(os.environ[SHARED])
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ[LOCAL_RANK]))
    if rank:
        logging.getLogger().setLevel(logging.WARNING)
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
        init_method=_meeting(shared),
        rank=rank,
        world_size=size,
        timeout=PATIENCE,
    )
    try:
        yield shared
    finally:
        distributed.destroy_process_group()


def _meeting(shared: Path) -> str:
    """Return where all processes meet: those of one pod in a file of theirs, so that no port of the pod is opened."""
    if os.environ[LOCAL_SIZE] == os.environ[SIZE]:
        return f"file://{shared / 'rendezvous'}"
    return f"tcp://{os.environ[HOST]}:{os.environ[PORT]}"
