"""How are weights, gradients and the optimiser's state of a model divided among the processes (FSDP2)?

Each process holds an equal part of every weight. The weights of a decoder layer are whole only while it is computed,
forward and again backward; those around the layers (embeddings, last norm, output layer) as long as a pass takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import distributed
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import (
    FSDPModule,
    MixedPrecisionPolicy,
    fully_shard,
    register_fsdp_forward_method,
)

from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.layers import stack

T = TypeVar("T")

WITHIN = "slipway_within"
"""Name of the method that runs a piece of work while the weights around the layers are whole."""


def mesh(device: Device) -> DeviceMesh:
    """Return all processes of the run as those that divide a model; all must ask."""
    return init_device_mesh(device.torch.type, (distributed.get_world_size(),))


def divide(model: Any, device: Device, among: DeviceMesh) -> None:
    """Leave each process of `among` its part of `model`, in place and on `device`; an adapter's layers are inside.

    All processes have loaded the same model, so nothing is sent, and nobody waited for. Afterwards parameters are other
    objects: ask the model for them again. Raises BadConfig for a model that cannot be divided.
    """
    layers = stack(model)[1]
    _require_divisible(model)
    # Inputs have the right format already. Gradients are added up in float32 whatever they were computed in.
    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if device.dtype == torch.bfloat16 else None,
        reduce_dtype=torch.float32,
        cast_forward_inputs=False,
    )
    for module in (*layers, model):
        fully_shard(module, mesh=among, mp_policy=policy)
        # Losses are divided by the trained tokens of all processes: gradients are added up, not averaged.
        module.set_gradient_divide_factor(1.0)
        module.set_force_sum_reduction_for_comms(True)
        # A process whose rows meet no token of an expert has no gradient for it, where others have.
        module.set_reduce_scatter_unused_params(True, recurse=False)
    setattr(model, WITHIN, lambda work: work())
    register_fsdp_forward_method(model, WITHIN)


def within(model: Any, work: Callable[[], T]) -> T:
    """Return what `work` returns, which runs the decoder of `model` and may read weights around its layers.

    A model that is not divided has them anyway; of one that is, all processes must do as much work.
    """
    if not isinstance(model, FSDPModule):
        return work()
    found: T = getattr(model, WITHIN)(work)
    if not torch.is_grad_enabled():
        # No backward pass follows, which would give up what is whole.
        model.reshard()
    return found


def _require_divisible(model: Any) -> None:
    for name, parameter in model.named_parameters():
        if parameter.ndim == 0:
            raise BadConfig(
                "ModelNotSupported",
                f"the weight {name} of a {model.config.model_type} model is a single number, which cannot be divided "
                "among processes: remove recipe.causalLM.sharding, or choose another base model",
            )
