"""Does a model that two processes divide among themselves learn what a whole one learns, stop, go on and publish?"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from slipway.api.stages import DPO, Stage
from slipway.api.trainingjob import Checkpoint
from slipway.api.vocabulary import NewTokens
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import Train
from slipway.contract.result import Failed, Preempted, Trained, parse_result
from slipway_train_torch.causal_lm.sharding.passes import idle
from tests.train.runs import Bench, same
from tests.train.test_dpo import pair, preferences, with_pairs
from tests.train.test_process import COMMAND
from tests.train.test_process import environment as pod_environment
from tests.train.test_processes import LAUNCH, alike, both, pod

# Batches of three: one process has two rows, the other one; the last of an epoch may leave it without any. Three is a
# rank that two cannot divide evenly.
TOLD: dict[str, Any] = {"max_steps": 8, "batch_size": 3, "evaluate_every_steps": 4}
ADAPTER: dict[str, Any] = {"rank": 3}
WHOLE: dict[str, Any] = {"method": "Full", "rank": 16, "learning_rate": "5e-4"}
CHANGED = """
import sys
import torch
from slipway_train_torch.causal_lm import recipe
from slipway_train_torch.causal_lm.__main__ import Train, main, train
from slipway_train_torch.causal_lm.layout import Layout
{}
main(train, Train)
"""
"""A training process, after a line that changes it."""


def divided(bench: Bench, name: str, **recipe: Any) -> Train:
    """Return a job whose two processes divide the model."""
    return both(bench.job(name, **{**recipe, "sharding": "Full"}))


def weights(bench: Bench, result: Trained) -> dict[str, torch.Tensor]:
    """Return what was published, adapter or model."""
    (file,) = (path for path in bench.artefact(result.artifact).rglob("*.safetensors"))
    return load_file(file)


def close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], rtol: float = 2e-2, atol: float = 2e-4) -> None:
    """Require that two sets of weights are equal, but for rounding."""
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert other[name].dtype == tensor.dtype
        said = f"{name} differs"
        torch.testing.assert_close(
            other[name], tensor, rtol=rtol, atol=atol, msg=lambda why, said=said: f"{said}: {why}"
        )


def changed(bench: Bench, job: Train, line: str) -> subprocess.CompletedProcess[str]:
    """Run two processes that do `job`, changed by `line`, to their end."""
    command = [sys.executable, "-c", LAUNCH, sys.executable, "-c", CHANGED.format(line)]
    return subprocess.run(command, env=pod_environment(bench, job), capture_output=True, text=True, check=False)


# It learns the same


@pytest.mark.parametrize(
    "more",
    [
        ADAPTER,
        # One row goes through the model at a time, so that one process has twice as many passes as the other.
        {**ADAPTER, "method": "DoRA", "micro_batch_size": 1},
        WHOLE,
        {**WHOLE, "freeze_layers": 1, "max_gradient_norm": "0.1"},
        # The embeddings join last, in one part of the model with the output layer, which is trained from the first.
        {**WHOLE, "layer_decay_percent": 50, "unfreeze_every_steps": 2, "weight_decay": "0.1"},
        {**ADAPTER, "new_tokens": NewTokens(listed=["EdGraphNode", "CustomProperties"]), "weight_decay": "0.1"},
    ],
    ids=["LoRA", "DoRA, row by row", "Full", "Full, frozen, clipped", "Full, layer by layer", "LoRA, new tokens"],
)
def test_a_divided_model_goes_the_way_of_a_whole_one(bench: Bench, more: dict[str, Any]) -> None:
    told = TOLD | more
    alone = bench.run(bench.job("alone", **told))
    assert isinstance(alone, Trained)
    result = pod(bench, divided(bench, "divided", **told))
    alike(bench, alone, result)
    close(weights(bench, alone), weights(bench, result))
    assert (result.kind, result.formats) == (alone.kind, alone.formats)
    assert result.parameters == alone.parameters | {"sharding": "Full", "threads": result.parameters["threads"]}


@pytest.mark.parametrize("more", [ADAPTER, WHOLE], ids=["LoRA", "Full"])
def test_checkpoints_and_artefact_are_those_of_whole_models(bench: Bench, more: dict[str, Any]) -> None:
    told = TOLD | more
    results = [
        pod(bench, job.model_copy(update={"checkpoint": Checkpoint(every_steps=4, keep=2)}))
        for job in (both(bench.job("whole", **told)), divided(bench, "divided", **told))
    ]
    close(*(weights(bench, result) for result in results))
    one, other = (bench.artefact(result.artifact) for result in results)
    listed = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) for folder in (one, other)]
    assert listed[0] == listed[1]
    for path in one.rglob("*config.json"):
        assert (other / path.relative_to(one)).read_text() == path.read_text()
    kept = bench.folder / "store" / "slipway" / "checkpoints"
    assert shapes(kept / "whole" / "step-00000008") == shapes(kept / "divided" / "step-00000008")


def shapes(folder: Path) -> dict[str, Any]:
    """Return what a checkpoint holds, by name."""
    with safe_open(folder / "state.safetensors", "pt") as file:  # type: ignore[no-untyped-call]
        found = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    return found | dict.fromkeys(json.loads((folder / "state.json").read_text())["state"])


def test_bf16_is_computed_from_parts_in_32_bits(bench: Bench) -> None:
    told = TOLD | WHOLE | {"precision": "BF16"}
    alone = bench.run(bench.job("alone", **told))
    assert isinstance(alone, Trained)
    result = pod(bench, divided(bench, "divided", **told))
    losses = [[line["loss"] for line in bench.history(run) if "loss" in line] for run in (alone, result)]
    assert losses[0] == pytest.approx(losses[1], rel=2e-2)
    assert {tensor.dtype for tensor in weights(bench, result).values()} == {torch.float32}


def test_pairs_are_learned_from_by_a_divided_model(bench: Bench) -> None:
    pairs = with_pairs(bench, [pair(at) for at in range(7)], [pair(at) for at in range(7, 10)])
    told: dict[str, Any] = {"dpo": DPO(beta="0.5"), "evaluate_every_steps": 3, "micro_batch_size": 1}
    alone = preferences(pairs, pairs.job("alone", **told)).run()
    assert isinstance(alone, Trained)
    alike(pairs, alone, pod(pairs, divided(pairs, "divided", **told)))


def test_stages_hand_whole_weights_on(bench: Bench) -> None:
    told = TOLD | ADAPTER | {"stages": [Stage(name="one", max_steps=3), Stage(name="two", max_steps=4)]}
    data = {"stage_data": (bench.dataset, bench.dataset)}
    whole = pod(bench, both(bench.job("whole", **told)).model_copy(update=data))
    result = pod(bench, divided(bench, "divided", **told).model_copy(update=data))
    assert result.steps == whole.steps == 7
    alike(bench, whole, result)
    close(weights(bench, whole), weights(bench, result))


def test_the_best_weights_are_published_not_the_last(bench: Bench) -> None:
    told = TOLD | ADAPTER | {"publish": "Best", "evaluate_every_steps": 1, "stop_gradient_norm": "0"}
    ruin = "recipe.factor = lambda step, *_: 1.0 if step < 4 else 1000.0"
    done = changed(bench, divided(bench, "divided", **told), ruin)
    assert done.returncode == ExitCode.OK, done.stderr
    result = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(result, Trained)
    assert result.published_step <= 4 < result.steps
    alone = bench.recipe(bench.job("alone", **told))
    alone.setup()
    published = weights(bench, result)
    for name, parameter in alone.parameters.items():
        parameter.data.copy_(published[name.replace(".default", "")])
    alone.evaluate()
    assert result.validation_loss is not None
    assert alone.state.validation_loss == pytest.approx(float(result.validation_loss), rel=1e-4)


def test_activations_may_be_computed_again(bench: Bench) -> None:
    told = TOLD | ADAPTER
    alone = bench.run(bench.job("alone", **told))
    assert isinstance(alone, Trained)
    done = changed(
        bench, divided(bench, "divided", **told), "recipe.Recipe.asked = lambda self: Layout(1, recompute=True)"
    )
    assert done.returncode == ExitCode.OK, done.stderr
    result = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(result, Trained)
    assert result.parameters["recompute"] == "true"
    alike(bench, alone, result)


# It stops and goes on


@pytest.mark.parametrize(
    "more",
    [
        {**ADAPTER, "dropout_percent": 5, "neftune_alpha": "5"},
        {**WHOLE, "publish": "Best", "evaluate_every_steps": 4, "early_stopping": {"patience_evaluations": 8}},
    ],
    ids=["LoRA", "Full"],
)
def test_sigterm_reaches_all_and_the_next_pod_goes_on_to_the_same_bits(bench: Bench, more: dict[str, Any]) -> None:
    told: dict[str, Any] = {"max_steps": 40, "epochs": 1000, "batch_size": 3, **more}
    straight = pod(bench, divided(bench, "straight", **told))
    job = divided(bench, "stopped", **told)
    with subprocess.Popen(COMMAND, env=pod_environment(bench, job), stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "step 6 of" in line:
                running.send_signal(signal.SIGTERM)
                break
        rest = running.stderr.read()
    assert running.returncode == ExitCode.PREEMPTED, rest
    stopped = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(stopped, Preempted)
    assert 6 <= stopped.step < 40
    resumed = pod(bench, job)
    assert same(weights(bench, straight), weights(bench, resumed))
    assert resumed.published_step == straight.published_step


# Memory


def test_each_process_holds_half(bench: Bench) -> None:
    line = (
        "import os\n"
        "from slipway_train_torch.causal_lm import saving\n"
        "from slipway_train_torch.causal_lm.sharding.parts import own\n"
        "undivide = saving.undivide\n"
        "def told(self):\n"
        "    moments = [state['exp_avg'] for state in self.optimiser.state.values()]\n"
        "    held = [sum(own(t).numel() for t in of) for of in (self.model.parameters(), moments)]\n"
        "    os.write(1, f'held {held[0]} {held[1]}\\n'.encode())  # at once: the other process tells too\n"
        "    undivide(self)\n"
        "saving.undivide = told"
    )
    done = changed(bench, divided(bench, "divided", **TOLD | WHOLE), line)
    assert done.returncode == ExitCode.OK, done.stderr
    result = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(result, Trained)
    half = sum(tensor.numel() for tensor in weights(bench, result).values()) // 2
    assert done.stdout.splitlines() == [f"held {half} {half}"] * 2


def test_memory_that_runs_out_in_one_process_ends_all_with_the_cure(bench: Bench) -> None:
    line = (
        "whole = recipe.Recipe.loss\n"
        "def loss(self, lines):\n"
        "    if self.ranks.rank == 1 and self.state.step == 2:\n"
        "        raise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB')\n"
        "    return whole(self, lines)\n"
        "recipe.Recipe.loss = loss"
    )
    done = changed(bench, divided(bench, "squeezed", **TOLD | ADAPTER), line)
    assert done.returncode == ExitCode.OUT_OF_MEMORY, done.stderr
    result = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(result, Failed)
    assert result.reason == "OutOfMemory"
    assert "too little memory for 2 rows at a time" in result.message
    assert "cannot be cut smaller once a run has begun: set recipe.causalLM.microBatchSize to 1, lower" in (
        result.message
    )


@pytest.mark.parametrize("rows", range(9))
@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("micro", [1, 2, 4])
def test_all_processes_make_equally_many_passes(rows: int, size: int, micro: int) -> None:
    made = [-(-len(range(rows)[rank::size]) // micro) + idle(rows, rank, size, micro) for rank in range(size)]
    assert made == [made[0]] * size
    assert idle(rows, 0, size, micro) == 0
