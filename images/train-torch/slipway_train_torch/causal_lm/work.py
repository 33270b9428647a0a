"""How many floating point operations does training ask for, and how many could the device do at its best?

Model FLOPs utilisation (MFU) is the share of a device's peak that useful work takes (arXiv:2204.02311, appendix B):
activations that are computed again are not counted, and neither are the products within attention, whose share is small
for sequences that are short beside the model's width. So it is stated rather too low than too high.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch

from slipway.api.causal_lm import CausalLM
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.four_bits import numel
from slipway_train_torch.causal_lm.layers import stack

TERA: Final = 1e12
PEAKS: Final[Mapping[str, float]] = {
    "B200": 2250,
    "H200 NVL": 835,
    "H200": 989,
    "GH200": 989,
    "H100 NVL": 835,
    "H100 PCIe": 756,
    "H100": 989,
    "A100": 312,
    "A30": 165,
    "A10": 125,
    "L40S": 362,
    "L40": 181,
    "L4": 121,
}
"""Teraflops in dense BF16 by device name, from NVIDIA's data sheets. These print the figure with sparsity, which is
twice as much, for all but A100, A30, A10, L40S and L40. Longer names come before the shorter ones within them."""
EXPERTS: Final = ("num_experts", "num_local_experts", "n_routed_experts")
"""Words of configurations whose models send a token through some of their weights only."""


@dataclass(frozen=True)
class Work:
    """Operations of matrix products, forward and backward."""

    per_token: int
    per_trained_token: int
    """What the output layer adds, which sees tokens that bear loss only."""

    def of(self, tokens: int, trained: int) -> int:
        """Return the operations for `tokens`, `trained` of which bear loss."""
        return self.per_token * tokens + self.per_trained_token * trained


def work(model: Any, recipe: CausalLM) -> Work | None:
    """Return the work that `model` takes when it is trained by `recipe`; None where it is not known.

    A weight takes two operations for each token forward, two backward for its input's gradient, and two for its own
    where it is trained (arXiv:2001.08361, 2.1): four for most of a model under LoRA, six in full tuning. Layers frozen
    below all that is trained have no way backward.
    """
    if recipe.unfreeze_every_steps is not None or any(getattr(model.config, name, None) for name in EXPERTS):
        return None
    head, embedding = model.get_output_embeddings().weight, model.get_input_embeddings().weight
    frozen = stack(model)[1][: recipe.freeze_layers] if recipe.freeze_layers is not None else ()
    below = {id(parameter) for layer in frozen for parameter in layer.parameters()}
    apart = {id(head), id(embedding)}
    matrices = [p for p in model.parameters() if p.ndim == 2 and id(p) not in apart]
    return Work(sum(_operations(p, id(p) in below) for p in matrices), _operations(head, below=False))


def peak(device: Device) -> float | None:
    """Return the operations a second that `device` can do at its best in the run's format; None where not known."""
    if device.torch.type != "cuda" or device.dtype != torch.bfloat16:
        return None
    return peak_of(torch.cuda.get_device_name(device.torch))


def peak_of(name: str) -> float | None:
    """Return the peak of the GPU called `name` by its driver, for example NVIDIA H100 80GB HBM3."""
    for known, teraflops in PEAKS.items():
        # Whole words only: A10G is no A10. The words between may say how much memory it has.
        if re.search(r"\b" + r"\b.*\b".join(map(re.escape, known.split())) + r"\b", name):
            return teraflops * TERA
    return None


def _operations(matrix: torch.nn.Parameter, below: bool) -> int:
    per_weight = 2 if below else 6 if matrix.requires_grad else 4
    return per_weight * numel(matrix)
