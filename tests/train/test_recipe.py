"""Does a run learn, resume to the bit, and end as it says?"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from slipway.api.trainingjob import Checkpoint
from slipway.contract.progress import Progress
from slipway.contract.result import Preempted, Trained
from slipway_pod.errors import OutOfMemory, StoreUnreachable
from slipway_pod.stop import StopFlag
from slipway_pod.store import Bucket
from slipway_train_torch.causal_lm.layout import Layout
from slipway_train_torch.causal_lm.recipe import Recipe
from tests.train.runs import Bench, same

MEASURES = {"at", "seconds", "tokensPerSecond", "trainedTokensPerSecond", "memoryBytes"}


def stopping_after(steps: int, stop: StopFlag) -> Callable[[Recipe], None]:
    """Return a step that raises the flag when `steps` are done."""

    def step(recipe: Recipe) -> None:
        Recipe.step(recipe)
        if recipe.state.step == steps:
            stop.set()

    return step


def interrupted(bench: Bench, steps: int, **recipe: object) -> Trained | Preempted:
    """Run a job, stopped after `steps` and started again, to its end."""
    job = bench.job("interrupted", **recipe)
    stop = StopFlag()
    first = bench.recipe(job, stop)
    first.step = stopping_after(steps, stop).__get__(first)  # type: ignore[method-assign]
    assert first.run() == Preempted(step=steps)
    return bench.run(job)


def without_measures(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of the history without what the machine, not the run, decides."""
    return {name: value for name, value in line.items() if name not in MEASURES}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"batching": "Packed"},
        {"neftune_alpha": "5"},
        # Such a decay turns all weights round in each step, so the best of them are not the last.
        {
            "publish": "Best",
            "evaluate_every_steps": 2,
            "learning_rate": "1",
            "weight_decay": "2",
            "schedule": "Constant",
            "max_gradient_norm": "0",
        },
    ],
)
def test_a_resumed_run_ends_in_the_bits_of_one_that_never_stopped(bench: Bench, more: dict[str, object]) -> None:
    # Dropout draws from the generator, the schedule bends, the stop lies inside the second epoch.
    recipe = {"dropout_percent": 10, "epochs": 3, "max_steps": 7, "weight_decay": "0.01", **more}
    straight = bench.run(bench.job("straight", **recipe))
    resumed = interrupted(bench, 5, **recipe)
    assert same(bench.adapter(straight), bench.adapter(resumed))
    untimed = [[without_measures(line) for line in bench.history(r)] for r in (straight, resumed)]
    assert untimed[0] == untimed[1]
    assert isinstance(straight, Trained)
    assert isinstance(resumed, Trained)
    assert (straight.tokens, straight.validation_loss) == (resumed.tokens, resumed.validation_loss)
    assert straight.published_step == resumed.published_step
    assert (straight.published_step != straight.steps) is (recipe.get("publish") == "Best")


def test_a_stop_during_validation_is_made_up_for(bench: Bench) -> None:
    job = bench.job("validated", evaluate_every_steps=3)
    stop = StopFlag()
    first = bench.recipe(job, stop)

    def evaluate() -> None:
        stop.set()
        Recipe.evaluate(first)

    first.evaluate = evaluate  # type: ignore[method-assign]
    assert first.run() == Preempted(step=3)
    measured = [line["step"] for line in bench.history(bench.run(job)) if "validationLoss" in line]
    assert measured == [3, 6]


def test_equal_jobs_give_equal_adapters_and_other_seeds_others(bench: Bench) -> None:
    job = bench.job("one")
    first = bench.adapter(bench.run(job))
    assert same(
        first, bench.adapter(bench.run(job.model_copy(update={"checkpoint_uri": "s3://slipway/checkpoints/b/"})))
    )
    other = job.model_copy(update={"seed": 8, "checkpoint_uri": "s3://slipway/checkpoints/c/"})
    assert not same(first, bench.adapter(bench.run(other)))


def test_loss_falls_on_real_graphs(bench: Bench) -> None:
    result = bench.run(bench.job(max_steps=40, epochs=100, rank=16, learning_rate="1e-2", evaluate_every_steps=39))
    validation = [line["validationLoss"] for line in bench.history(result) if "validationLoss" in line]
    losses = [line["loss"] for line in bench.history(result) if "loss" in line]
    assert losses[0] == pytest.approx(math.log(512), rel=0.1)
    # Only the adapter learns; random embeddings and output stay as they are. SmolLM2 learns in test_smollm2.py.
    assert losses[-1] < losses[0] - 0.4
    assert validation[-1] < losses[0] - 0.2


def test_out_of_memory_is_answered_with_smaller_pieces_of_the_same_batch(bench: Bench) -> None:
    straight = bench.adapter(bench.run(bench.job("straight", micro_batch_size=1, dropout_percent=0)))
    recipe = bench.recipe(bench.job("squeezed"))
    whole = recipe.loss

    def loss(lines: object) -> torch.Tensor:
        if len(lines) > 1:  # type: ignore[arg-type]
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 EiB")
        return whole(lines)  # type: ignore[arg-type]

    recipe.loss = loss  # type: ignore[method-assign]
    result = recipe.run()
    assert isinstance(result, Trained)
    assert result.parameters["microBatchSize"] == "1"
    assert [(rung.step, rung.micro_batch, rung.recompute) for rung in result.rungs] == [(1, 2, False), (1, 1, False)]
    assert same(straight, bench.adapter(result))


def test_rungs_outlive_a_restart_and_are_pushed(bench: Bench) -> None:
    job, stop = bench.job("squeezed"), StopFlag()
    first = bench.recipe(job, stop)
    whole = first.loss

    def loss(lines: object) -> torch.Tensor:
        if len(lines) > 2:  # type: ignore[arg-type]
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return whole(lines)  # type: ignore[arg-type]

    first.loss = loss  # type: ignore[method-assign]
    first.step = stopping_after(2, stop).__get__(first)  # type: ignore[method-assign]
    assert first.run() == Preempted(step=2)
    second = bench.recipe(job)
    pushed: list[Progress] = []
    second.progress.update = pushed.append  # type: ignore[method-assign]
    result = second.run()
    assert isinstance(result, Trained)
    assert [(rung.step, rung.micro_batch) for rung in result.rungs] == [(1, 2)]
    assert (pushed[-1].micro_batch_size, pushed[-1].recompute) == (2, False)


def test_the_ladder_ends(bench: Bench) -> None:
    recipe = bench.recipe(bench.job())

    def loss(lines: object) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    recipe.loss = loss  # type: ignore[method-assign]
    with pytest.raises(OutOfMemory, match=r"step 1, .*\(after 2, then 1 rows\): lower recipe.causalLM.maxTokens"):
        recipe.run()
    assert len(recipe.ladder.rungs) == 3, "half, half again, then activations computed again"
    assert recipe.ladder.layout.recompute


def test_recomputed_activations_change_no_gradient(bench: Bench) -> None:
    plain = bench.run(bench.job("plain"))
    recipe = bench.recipe(bench.job("recomputed"))
    setup = recipe.setup

    def squeezed() -> None:
        setup()
        recipe.ladder.arrange(Layout(4, recompute=True))

    recipe.setup = squeezed  # type: ignore[method-assign]
    for name, tensor in bench.adapter(recipe.run()).items():
        torch.testing.assert_close(tensor, bench.adapter(plain)[name], rtol=1e-4, atol=1e-6)


def test_checkpoints_are_kept_in_number_and_a_damaged_one_is_passed_over(bench: Bench) -> None:
    job = bench.job(checkpoint=Checkpoint(every_steps=2, keep=2), max_steps=6)
    straight = bench.adapter(bench.run(job))
    folder = bench.folder / "store" / "slipway" / "checkpoints" / "run"
    assert sorted(path.name for path in folder.iterdir() if any(path.iterdir())) == ["step-00000004", "step-00000006"]
    (folder / "step-00000006" / "manifest.json").unlink()
    tensors = folder / "step-00000004" / "state.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"\x00\x01")
    # Nothing whole is left: the run starts again, and ends the same.
    assert same(straight, bench.adapter(bench.run(job)))


def test_where_the_newest_checkpoint_is_cut_in_half_the_whole_one_before_is_gone_on_from(bench: Bench) -> None:
    job = bench.job(checkpoint=Checkpoint(every_steps=2, keep=2), max_steps=6)
    straight = bench.adapter(bench.run(job))
    tensors = bench.folder / "store" / "slipway" / "checkpoints" / "run" / "step-00000006" / "state.safetensors"
    content = tensors.read_bytes()
    tensors.write_bytes(content[: len(content) // 2])
    again = bench.recipe(job)
    again.setup()
    assert again.state.step == 4
    assert same(straight, bench.adapter(bench.run(job)))


def test_a_store_that_goes_away_costs_the_steps_since_the_last_checkpoint_and_no_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_two = Checkpoint(every_steps=2, keep=2)
    straight = bench.adapter(bench.run(bench.job("straight", checkpoint=every_two, max_steps=6)))
    job = bench.job(checkpoint=every_two, max_steps=6)
    put = Bucket.put

    def away(bucket: Bucket, key: str, content: Any) -> None:
        if "step-00000004" in key:
            raise StoreUnreachable("StoreUnreachable", "503 Service Unavailable")
        put(bucket, key, content)

    with monkeypatch.context() as gone:
        gone.setattr(Bucket, "put", away)
        with pytest.raises(StoreUnreachable):
            bench.run(job)
    again = bench.recipe(job)
    again.setup()
    assert again.state.step == 2
    assert same(straight, bench.adapter(bench.run(job)))


def test_a_checkpoint_outlives_an_upgrade_but_not_another_recipe(bench: Bench) -> None:
    job = bench.job(checkpoint=Checkpoint(every_steps=2, keep=1), max_steps=4)
    bench.run(job)
    same_run = bench.recipe(job.model_copy(update={"grace_seconds": 7, "progress_url": "http://operator:8081"}))
    same_run.setup()
    assert same_run.state.step == 4
    other = bench.recipe(job.model_copy(update={"seed": job.seed + 1}))
    other.setup()
    assert other.state.step == 0
