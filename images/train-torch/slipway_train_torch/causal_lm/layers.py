"""Which layers of a model are trained, from which step on, and how fast?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from slipway.api.causal_lm import CausalLM
from slipway_pod.errors import BadConfig


def stack(model: Any) -> tuple[str, torch.nn.ModuleList]:
    """Return name and list of the decoder layers of `model`, from below; raise BadConfig when there is no such list."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == model.config.num_hidden_layers:
            return name, module
    raise BadConfig(
        "ModelNotSupported",
        f"the layers of a {model.config.model_type} model are not in one list: remove freezeLayers, layerDecayPercent, "
        "unfreezeEverySteps and sharding, or choose another base model",
    )


def require_some_left(model: Any, frozen: int) -> None:
    """Raise BadConfig when `frozen` layers are all that `model` has."""
    count = len(stack(model)[1])
    if frozen >= count:
        raise BadConfig(
            "NothingToTrain",
            f"freezeLayers is {frozen}, and the base model has {count} layers: at most {count - 1} can be frozen",
        )


def freeze(model: Any, count: int) -> None:
    """Keep the embeddings and the lowest `count` layers of `model` as they are."""
    require_some_left(model, count)
    model.get_input_embeddings().requires_grad_(False)
    for layer in stack(model)[1][:count]:
        layer.requires_grad_(False)


def below(model: Any, count: int) -> str:
    """Return a pattern that fits the names of all modules in the lowest `count` layers of `model`."""
    require_some_left(model, count)
    name = stack(model)[0].replace(".", r"\.")
    return rf"(.*\.)?{name}\.({'|'.join(map(str, range(count)))})\..*"


class Layers:
    """What is trained of a model, by height: 0 the embeddings, 1 to `top` the layers from below, above them the rest.

    An output layer that is the embeddings has height 0.
    """

    def __init__(self, model: Any, parameters: Mapping[str, torch.nn.Parameter], recipe: CausalLM) -> None:
        self._parameters = parameters
        self._decay = recipe.layer_decay_percent
        self._every = recipe.unfreeze_every_steps
        self.top = 0
        self.heights: dict[str, int] = {}
        if self._decay is not None or self._every is not None:
            self._measure(model)

    def groups(self) -> list[dict[str, Any]]:
        """Return the parameter groups of an optimiser; `factor` is a group's share of the learning rate."""
        if self._decay is None:
            return [{"params": list(self._parameters.values()), "factor": 1.0}]
        grouped: dict[int, list[torch.nn.Parameter]] = {}
        for name, parameter in self._parameters.items():
            grouped.setdefault(min(self.heights[name], self.top), []).append(parameter)
        share = self._decay / 100
        return [{"params": found, "factor": share ** (self.top - height)} for height, found in sorted(grouped.items())]

    def opening(self, name: str) -> int:
        """Return the number of steps after which the parameter called `name` is trained."""
        return 0 if self._every is None else self._every * max(0, self.top - self.heights[name])

    def require_all_opened(self, steps: int) -> None:
        """Raise BadConfig when the lowest layers would never be trained in `steps` steps."""
        last = max(map(self.opening, self._parameters))
        if last >= steps:
            raise BadConfig(
                "NeverUnfrozen",
                f"with unfreezeEverySteps {self._every} the lowest layer would be trained after {last} steps, and the "
                f"run has {steps}: lower unfreezeEverySteps, raise epochs or maxSteps, or freeze these layers by "
                "freezeLayers",
            )

    def open(self, step: int) -> None:
        """Train in the step after `step` what is to be trained by then, and nothing else."""
        if self._every is not None:
            for name, parameter in self._parameters.items():
                parameter.requires_grad_(step >= self.opening(name))

    def _measure(self, model: Any) -> None:
        layers = stack(model)[1]
        self.top = len(layers)
        known = {id(parameter): 0 for parameter in model.get_input_embeddings().parameters()}
        for height, layer in enumerate(layers, 1):
            known |= {id(parameter): height for parameter in layer.parameters()}
        self.heights = {name: known.get(id(p), self.top + 1) for name, p in self._parameters.items()}
