"""What does a run take of each GPU, told before there is one?

The same arithmetic on the same shape and the same lengths as in the run's own pod, of a model of which only the
description is there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM

from slipway.api.causal_lm import CausalLM
from slipway.api.common import ArtifactRef
from slipway.api.trainingjob_status import BatchLayout, MemoryEstimate
from slipway.contract.job import EstimateMemory
from slipway.contract.result import Estimated
from slipway_pod.errors import MESSAGE_LIMIT, OutOfMemory, shortened
from slipway_train_torch.causal_lm import base, four_bits
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.layout import Layout
from slipway_train_torch.causal_lm.memory.choose import Wanted, choose, too_small
from slipway_train_torch.causal_lm.memory.estimate import Lines
from slipway_train_torch.causal_lm.memory.lengths import Lengths, lengths
from slipway_train_torch.causal_lm.memory.shape import shape
from slipway_train_torch.causal_lm.memory.sketch import sketch
from slipway_train_torch.causal_lm.memory.watch import told
from slipway_train_torch.causal_lm.stages.plan import own
from slipway_train_torch.evaluate.files import complete
from slipway_train_torch.gguf.reading import read_once

log = logging.getLogger("slipway")

NAMED = 3
"""Weights that a message names."""


@dataclass(frozen=True)
class Part:
    """A run on one Dataset: all of it, or a stage."""

    stage: str | None
    recipe: CausalLM
    dataset: ArtifactRef


def estimated(job: EstimateMemory, folder: Path) -> Estimated:
    """Return what the run of `job` takes of each GPU, in the part that takes the most; `folder` is scratch space.

    Raises BadData and BadConfig for what the run would end by: weights that are pickled, cut or missing, rows that do
    not fit the recipe.
    """
    uri = job.base_model.uri
    sketch(job.base_model, folder / "base", job.store)
    with read_once():
        config, tokenizer = base.described(folder / "base", uri)
        _require_four_bits(job, folder / "base")
        found: list[MemoryEstimate] = []
        for at, part in enumerate(parts(job)):
            known = lengths(part.dataset, part.recipe, tokenizer, folder / "base", folder / f"data-{at}", job.store)
            found.append(of_part(job, part, config, known))
        odd = misfit(config, folder / "base")
    worst = max(found, key=lambda one: (one.fits is False, one.memory.total_bytes if one.memory is not None else 0))
    if odd and worst.message is None:
        log.warning("%s", odd)
        worst = worst.model_copy(update={"message": odd})
    return Estimated(estimate=worst)


def parts(job: EstimateMemory) -> Iterator[Part]:
    """Yield what the run of `job` consists of."""
    recipe = job.recipe.causal_lm
    assert recipe is not None, "the operator asks this of causalLM only"
    if not recipe.stages:
        yield Part(None, recipe, job.dataset)
    for stage, dataset in zip(recipe.stages or (), job.stage_data, strict=True):
        yield Part(stage.name, own(recipe, stage), dataset)


def of_part(job: EstimateMemory, part: Part, config: Any, known: Lengths) -> MemoryEstimate:
    """Return the estimate of `part` with a base model of `config` and rows of `known` lengths."""
    recipe, processes = part.recipe, job.processes
    divided = processes if recipe.sharding is not None else 1
    could_share = processes if recipe.sharding is None and recipe.method != "QLoRA" else 1
    found = shape(config, recipe, device(recipe), job.base_model.uri, divided)
    wanted = Wanted(found, known.lines, -(-recipe.batch_size // processes), could_share)
    asked = Layout(recipe.micro_batch_size or recipe.batch_size)
    last = Layout(1, recompute=True)
    layout, refused = asked, None
    try:
        layout = choose(wanted, asked, job.gpu_bytes, "cuda")
    except OutOfMemory as error:
        layout, refused = last, error.message
    if refused is not None and known.known == "Assumed" and job.gpu_bytes is not None:
        # Rows may be shorter than that. What is taken whatever their length is known all the same.
        bare = replace(wanted, lines=Lines([], []))
        least = bare.with_layout(last)
        refused = too_small(bare, least, job.gpu_bytes, "cuda").message if least.least > job.gpu_bytes else None
    memory = told(wanted.with_layout(layout), job.gpu_bytes)
    return MemoryEstimate(
        memory=memory,
        layout=BatchLayout(micro_batch_size=layout.micro_batch, recompute=layout.recompute),
        least_bytes=wanted.with_layout(last).least,
        longest_row_tokens=known.lines.longest,
        row_lengths=known.known,
        stage=part.stage,
        fits=None if job.gpu_bytes is None else refused is None,
        message=None if refused is None else shortened(refused, MESSAGE_LIMIT),
    )


def device(recipe: CausalLM) -> Device:
    """Return what the run will compute on: a GPU, on which Auto is BF16, as all GPUs since 2020 compute it."""
    return Device(torch.device("cuda"), torch.float32 if recipe.precision == "FP32" else torch.bfloat16)


def misfit(config: Any, folder: Path) -> str:
    """Return that the headers of the weights in `folder` tell other shapes than `config`; empty where they do not.

    The estimate follows the configuration: transformers rearranges some models' weights as it reads them.
    """
    if getattr(config, "quantization_config", None) is not None:
        return ""
    with torch.device("meta"):
        wanted = {name: list(p.shape) for name, p in AutoModelForCausalLM.from_config(config).named_parameters()}
    stored: dict[str, list[int]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as opened:
            stored |= {name: opened.get_slice(name).get_shape() for name in opened.keys() if name in wanted}  # noqa: SIM118
    other = [f"{name} {stored[name]}, not {wanted[name]}" for name in sorted(stored) if stored[name] != wanted[name]]
    if not other:
        return ""
    return shortened(
        f"the base model's config.json and its safetensors tell other shapes of {len(other)} weights "
        f"({'; '.join(other[:NAMED])}): the estimate follows config.json. Are they of one model?",
        MESSAGE_LIMIT,
    )


def _require_four_bits(job: EstimateMemory, folder: Path) -> None:
    """Raise BadConfig where the method is QLoRA and the base model in `folder` cannot be held in 4 bits."""
    recipe = job.recipe.causal_lm
    if recipe is not None and recipe.method == "QLoRA":
        uri, here = job.base_model.uri, replace(device(recipe), torch=torch.device("cpu"))
        four_bits.arguments(complete(folder, f"the base model {uri}"), here, uri)
