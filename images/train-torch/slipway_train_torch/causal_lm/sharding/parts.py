"""How does a whole tensor become the part that a process holds, and how do parts become whole again?

Everything here leaves tensors of models that are not divided as they are, so nobody needs to ask which kind they have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.distributed.tensor import DTensor, distribute_tensor


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Return all of `tensor`; all processes must ask for a divided one."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def own(tensor: torch.Tensor) -> torch.Tensor:
    """Return the part of `tensor` that this process holds, in the same memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def divided(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return `value`, which every process has whole, divided as `like` is, on its device; nothing is sent.

    What has another shape, such as an optimiser's count of steps, is not divided.
    """
    if not isinstance(like, DTensor) or value.shape != like.shape:
        return value.to(like.device)
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def joined(mine: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return the tensor, divided as `like` is, of which this process holds `mine`."""
    if not isinstance(like, DTensor):
        return mine
    made: torch.Tensor = DTensor.from_local(
        mine.to(like.device), like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
    )
    return made


def put(target: torch.Tensor, value: torch.Tensor) -> None:
    """Write `value`, which every process has whole, into `target` in place."""
    with torch.no_grad():
        own(target).copy_(own(divided(value, target)))


def gathered(tensors: Mapping[str, torch.Tensor], keep: bool) -> dict[str, torch.Tensor]:
    """Return `tensors` whole, in the host's memory, in the process that is to `keep` them; all must ask.

    They are gathered one by one: a device has room for a whole one, not for all.
    """
    found = {}
    for name, tensor in tensors.items():
        made = whole(tensor.detach())
        if keep:
            found[name] = made.cpu().contiguous()
    return found


def undivide(model: Any, keep: bool) -> None:
    """Put whole parameters, in the host's memory, into the place of the parts of `model`, in the process that is to
    `keep` them; all must ask. There it can be read and saved afterwards, but not run.
    """
    made: dict[int, torch.nn.Parameter] = {}
    for module in list(model.modules()):
        for name, parameter in list(module.named_parameters(recurse=False, remove_duplicate=False)):
            if not isinstance(parameter, DTensor):
                continue
            if id(parameter) not in made:
                # One that two modules share stays one.
                found = whole(parameter.detach())
                made[id(parameter)] = (
                    torch.nn.Parameter(found.cpu(), requires_grad=parameter.requires_grad) if keep else parameter
                )
            if keep:
                setattr(module, name, made[id(parameter)])
