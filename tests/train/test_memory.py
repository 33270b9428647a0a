"""Is the memory of a run estimated before its weights are read, are its batches cut by that, and does it come true?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from slipway.api.stages import DPO
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import Train
from slipway.contract.progress import Progress
from slipway.contract.result import Preempted, Trained
from slipway.contract.training_report import TrainingReport
from slipway_pod.artifact import publish_at
from slipway_pod.errors import OutOfMemory
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm import base, device
from slipway_train_torch.causal_lm import recipe as running
from slipway_train_torch.causal_lm.four_bits import PER_THOUSAND, state_of
from slipway_train_torch.causal_lm.layout import Layout
from slipway_train_torch.causal_lm.memory.choose import Wanted, choose, smaller
from slipway_train_torch.causal_lm.memory.estimate import Lines, Piece, Shape, estimate
from slipway_train_torch.causal_lm.memory.shape import shape
from slipway_train_torch.causal_lm.recipe import Recipe
from tests.train.conftest import reference, write_dataset
from tests.train.runs import Bench, same
from tests.train.test_dpo import pair, with_pairs
from tests.train.test_process import environment
from tests.train.test_processes import LAUNCH, both
from tests.train.test_recipe import stopping_after

WANTED = Wanted(
    Shape(
        weights=10_000, trained=100, layers=40, width=64, inner=128, queries=64, keys=32, vocabulary=512, number=4,
        rank=4,
    ),
    Lines([100] * 64, [50] * 64),
    rows=16,
)  # fmt: skip


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that says how much memory there is for a run."""
    return lambda size: monkeypatch.setattr(running, "room_at_start", lambda *_: size)


def needed(recipe: Recipe, layout: Layout) -> int:
    """Return what `recipe`, which is set up, takes with `layout`, the safety among it."""
    return recipe.memory.told(layout, None).total_bytes


# Layouts


def test_layouts_are_tried_from_the_fastest_to_the_smallest() -> None:
    assert list(smaller(Layout(5))) == [
        Layout(5), Layout(3), Layout(2), Layout(1), Layout(5, True), Layout(3, True), Layout(2, True), Layout(1, True),
    ]  # fmt: skip
    assert list(smaller(Layout(2, True))) == [Layout(2, True), Layout(1, True)]


@pytest.mark.parametrize("layout", [Layout(16), Layout(4), Layout(1), Layout(8, True), Layout(2, True)])
def test_the_first_layout_that_fits_is_taken(layout: Layout) -> None:
    size = WANTED.with_layout(layout).total
    assert choose(WANTED, Layout(16), size, "cpu") == layout
    assert choose(WANTED, Layout(16), size - 1, "cpu") != layout


def test_a_piece_has_no_more_rows_than_the_process_computes() -> None:
    # Four processes share a batch: pieces of 16 rows never come.
    assert WANTED.with_layout(Layout(64)) == WANTED.with_layout(Layout(16))


def test_what_fits_with_nothing_to_spare_is_tried_and_less_is_refused() -> None:
    last = WANTED.with_layout(Layout(1, True))
    assert choose(WANTED, Layout(16), last.least, "cpu") == Layout(1, True)
    with pytest.raises(OutOfMemory, match=r"raise spec\.resources\.memory by at least") as found:
        choose(WANTED, Layout(16), last.least - 1, "cpu")
    assert found.value.reason == "MemoryTooSmall"
    assert "the longest row has 100 tokens" in found.value.message
    with pytest.raises(OutOfMemory, match=r"raise spec\.resources\.gpu to one with at least") as found:
        choose(WANTED, Layout(16), last.least - 1, "cuda")
    assert "or method QLoRA, which holds it in 4 bits" in found.value.message
    assert "ask for several GPUs (resources.gpu.count) that divide it" in found.value.message
    with pytest.raises(OutOfMemory, match=r"or divide it among the 4 processes by recipe\.causalLM\.sharding: Full"):
        choose(replace(WANTED, could_share=4), Layout(16), last.least - 1, "cuda")
    shared = replace(WANTED, shape=replace(WANTED.shape, parts=2))
    with pytest.raises(OutOfMemory, match="or divide it among more than 2 processes"):
        choose(shared, Layout(16), shared.with_layout(Layout(1, True)).least - 1, "cuda")


# Runs


def test_a_limit_cuts_batches_before_memory_runs_out(bench: Bench, room: Any) -> None:
    plain = bench.recipe(bench.job("plain", dropout_percent=0))
    straight = plain.run()
    half = bench.adapter(bench.run(bench.job("half", micro_batch_size=2, dropout_percent=0)))
    room(needed(plain, Layout(2)))
    recipe = bench.recipe(bench.job("limited", dropout_percent=0))
    pushed: list[Progress] = []
    recipe.progress.update = pushed.append  # type: ignore[method-assign]
    result = recipe.run()
    assert isinstance(result, Trained)
    assert result.rungs == ()
    assert (result.parameters["microBatchSize"], result.parameters["recompute"]) == ("2", "false")
    # To the bit what it is when that size is asked for: the same sums in the same order.
    assert same(bench.adapter(result), half)
    assert not same(bench.adapter(straight), half)
    told = [progress.memory for progress in pushed if progress.memory is not None]
    assert told[0].peak_bytes is None
    assert told[0].total_bytes > needed(plain, Layout(2)), "what was asked for is told until batches are cut"
    assert told[-1].total_bytes == told[-1].available_bytes == needed(plain, Layout(2))
    assert told[-1].peak_bytes is not None
    assert isinstance(straight, Trained)
    assert straight.parameters["microBatchSize"] == "4"


def test_activations_are_computed_again_where_not_one_row_of_them_fits(bench: Bench, room: Any) -> None:
    first = bench.recipe(bench.job("first"))
    first.setup()
    room(needed(first, Layout(1, True)))
    recipe = bench.recipe(bench.job("again"))
    recipe.setup()
    assert recipe.ladder.layout == Layout(1, True)
    assert recipe.model.is_activation_checkpointing


def test_what_cannot_fit_ends_before_weights_are_read(bench: Bench, room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr(base, "load", load)
    room(300_000)
    recipe = bench.recipe(bench.job("hopeless"))
    pushed: list[Progress] = []
    recipe.progress.update = pushed.append  # type: ignore[method-assign]
    with pytest.raises(OutOfMemory) as found:
        recipe.run()
    assert found.value.code == ExitCode.OUT_OF_MEMORY
    assert found.value.reason == "MemoryTooSmall"
    assert pushed[-1].memory is not None
    assert pushed[-1].memory.available_bytes == 300_000


def test_a_resumed_run_keeps_the_layout_of_its_checkpoint(bench: Bench, room: Any) -> None:
    job, stop = bench.job("moved", dropout_percent=0), StopFlag()
    first = bench.recipe(job, stop)
    first.step = stopping_after(2, stop).__get__(first)  # type: ignore[method-assign]
    first.setup()
    room(needed(first, Layout(2)))
    assert first.run() == Preempted(step=2)
    assert first.ladder.layout == Layout(2)
    room(None)  # the pod that goes on has all the memory there is
    second = bench.recipe(job)
    result = second.run()
    assert second.ladder.layout == Layout(2)
    half = bench.run(bench.job("half", micro_batch_size=2, dropout_percent=0))
    assert same(bench.adapter(result), bench.adapter(half))


def test_the_report_has_the_estimate_and_the_peak(bench: Bench) -> None:
    recipe = bench.recipe(bench.job("told"))
    recipe.run()
    folder = bench.store.endpoint.removeprefix("file://")
    report = next(Path(folder).rglob("report.json"))
    memory = TrainingReport.model_validate_json(report.read_bytes()).memory
    assert memory is not None
    assert memory.peak_bytes is not None
    assert memory.total_bytes == needed(recipe, Layout(4))
    assert "estimated, all together" in report.with_name("report.html").read_text(encoding="utf-8")


# Shapes


@pytest.mark.parametrize(
    "more",
    [
        {}, {"method": "Full"}, {"method": "DoRA", "rank": 8}, {"freeze_layers": 1},
        {"method": "Full", "freeze_layers": 1}, {"new_tokens": {"listed": ["EdGraphNode"]}},
    ],
)  # fmt: skip
def test_weights_are_counted_without_weights(bench: Bench, more: dict[str, Any]) -> None:
    recipe = bench.recipe(bench.job(**more))
    recipe.setup()
    config, _ = base.described(recipe.scratch / "base", "s3://slipway/models/tiny/")
    found = shape(config, recipe.recipe, device.choose("FP32"), "s3://slipway/models/tiny/")
    rows_more = len(recipe.vocabulary.tokens) * config.hidden_size
    assert found.trained == pytest.approx(sum(p.numel() for p in recipe.parameters.values()), abs=2 * rows_more)
    weights = sum(p.numel() * p.element_size() for p in recipe.model.parameters())
    assert found.weights == pytest.approx(weights, abs=8 * rows_more)
    assert found.layers == 2 - (more.get("freeze_layers") or 0)


def test_weights_in_four_bits_are_counted_so(bench: Bench) -> None:
    recipe = bench.recipe(bench.job(method="QLoRA"))
    recipe.setup()
    config, _ = base.described(recipe.scratch / "base", "s3://slipway/models/tiny/")
    found = shape(config, recipe.recipe, device.choose("FP32"), "s3://slipway/models/tiny/")
    held = list(recipe.model.parameters())
    # Beside each weight in 4 bits lie the scales of its block.
    quantised = sum(p.numel() * p.element_size() for p in held if state_of(p) is not None) * PER_THOUSAND // 500
    plain = sum(p.numel() * p.element_size() for p in held if state_of(p) is None)
    assert quantised > 0
    assert found.weights == pytest.approx(quantised + plain, rel=1e-3)
    assert found.unpacked == 4 * config.hidden_size * config.intermediate_size, "one at a time is whole"


@pytest.mark.parametrize("more", [{}, {"method": "Full"}, {"method": "Full", "freeze_layers": 1}])
def test_a_divided_model_is_estimated_by_what_each_process_holds(bench: Bench, more: dict[str, Any]) -> None:
    recipe = bench.recipe(bench.job(**more))
    recipe.setup()
    config, _ = base.described(recipe.scratch / "base", "s3://slipway/models/tiny/")
    shapes = [shape(config, recipe.recipe, device.choose("FP32"), "s3://slipway/models/tiny/", n) for n in (1, 4)]
    whole, part = (estimate(found, Piece(100, 50), recompute=False) for found in shapes)
    layer = sum(p.numel() for p in recipe.model.get_decoder().layers[1].parameters())
    around = sum(p.numel() for p in recipe.model.parameters()) - 2 * layer
    assert part.weights == -(-whole.weights // 4) + 4 * (around + 3 * layer)
    trained = [sum(p.numel() for p in found if p.requires_grad) for found in (
        recipe.model.get_decoder().layers[1].parameters(), recipe.model.parameters()
    )]  # fmt: skip
    frozen_below = "freeze_layers" in more
    ends = trained[1] - (1 if frozen_below else 2) * trained[0]
    assert part.gradients == -(-whole.gradients // 4) + 8 * (ends + 2 * trained[0])
    assert part.optimiser == -(-whole.optimiser // 4)
    assert (part.activations, part.loss) == (whole.activations, whole.loss)


# Measured


ROOM = """
import sys
from slipway_train_torch.causal_lm import recipe
from slipway_train_torch.causal_lm.__main__ import Train, main, train
recipe.room_at_start = lambda *_: int(sys.argv[1])
main(train, Train)
"""
"""A training pod that finds so many bytes of memory for its run."""
UNCOUNTED = 64 * 2**20
"""Bytes that modules which are imported late take, and pages of the files that weights are read from."""
USED_AGAIN = 32 * 2**20
"""Bytes that imports freed and that are resident before the run, which takes them first: seen 8 to 24 MiB."""


@pytest.fixture
def larger(bench: Bench, tiny: Path, graphs: list[dict[str, Any]]) -> Bench:
    """The bench with a base of 11 million weights, and rows of one length: more than the noise of a process."""
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    config = LlamaConfig(
        vocab_size=512, hidden_size=384, intermediate_size=1024, num_hidden_layers=6, num_attention_heads=6,
        num_key_value_heads=6, max_position_embeddings=2048, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(bench.folder / "larger")
    tokenizer.save_pretrained(bench.folder / "larger")
    text = " ".join(message["content"] for row in graphs for message in row["messages"])
    said = [{"role": "user", "content": "Write a graph."}, {"role": "assistant", "content": text}]
    rows: list[dict[str, object]] = [{"id": f"r{n}", "group": f"g{n}", "messages": said} for n in range(8)]
    folder = write_dataset(bench.folder / "long", {"train": rows, "validation": []})
    return Bench(
        bench.store,
        reference(publish_at(folder, "s3://slipway/datasets/long/", bench.store)),
        reference(publish_at(bench.folder / "larger", "s3://slipway/models/larger/", bench.store)),
        bench.folder,
    )


@pytest.mark.parametrize(
    ("more", "room"),
    [
        ({"max_tokens": 256}, 450),
        ({"max_tokens": 768}, 900),
        ({"method": "Full", "max_tokens": 256}, 550),
        ({"method": "Full", "max_tokens": 768}, 600),
        ({"method": "DoRA", "max_tokens": 512}, 900),
        ({"method": "QLoRA", "max_tokens": 512}, 600),
        ({"dropout_percent": 10, "max_tokens": 512}, 900),
        ({"precision": "BF16", "max_tokens": 512}, 300),
        ({"method": "Full", "precision": "BF16", "max_tokens": 512}, 500),
    ],
    ids=[
        "LoRA", "LoRA long", "Full", "Full, computed again", "DoRA", "QLoRA", "dropout", "LoRA in BF16", "Full in BF16",
    ],
)  # fmt: skip
def test_what_a_process_takes_is_what_was_estimated(larger: Bench, more: dict[str, Any], room: int) -> None:
    measured(larger, larger.job("measured", max_steps=2, **more), room, ())


def test_what_a_process_takes_for_pairs_of_answers_is_what_was_estimated(larger: Bench) -> None:
    text = "Begin Object Class=/Script/BlueprintGraph.K2Node_CallFunction End Object " * 30
    pairs = with_pairs(larger, [pair(at, chosen=text, rejected=text[::-1]) for at in range(8)], [])
    measured(pairs, pairs.job("measured", max_steps=2, max_tokens=256, dpo=DPO()), 600, ())


def test_what_a_process_takes_of_a_divided_model_is_what_was_estimated(larger: Bench) -> None:
    # Two pieces of each batch, so that there are gradients while the second one goes through the model.
    told: dict[str, Any] = {"method": "Full", "max_tokens": 512, "micro_batch_size": 1, "sharding": "Full"}
    job = both(larger.job("measured", max_steps=2, **told))
    # What is whole in passing is counted as if all of it were so at once.
    measured(larger, job, 900, (sys.executable, "-c", LAUNCH), least=0.75)


def measured(larger: Bench, job: Train, room: int, launcher: Sequence[str], least: float = 0.9) -> None:
    """Run `job` in a pod with `room` MiB, and require that it took what was estimated, and `least` of it at least."""
    command = [*launcher, sys.executable, "-c", ROOM, str(room * 2**20)]
    subprocess.run(command, env=environment(larger, job), check=True, capture_output=True)
    report = next((larger.folder / "store").rglob("report.json"))
    told = TrainingReport.model_validate_json(report.read_bytes()).memory
    assert told is not None
    assert told.peak_bytes is not None
    estimated = told.total_bytes - told.safety_bytes
    assert least * estimated - USED_AGAIN < told.peak_bytes < 1.1 * estimated + UNCOUNTED, (
        f"{told.peak_bytes / 2**20:.0f} MiB came, of {estimated / 2**20:.0f}: {told}"
    )
