"""Are rows cut, packed, ordered and masked so that the loss is what it would be one by one?"""

from __future__ import annotations

from collections.abc import Callable
from statistics import pstdev
from typing import Any

import pytest
import torch

from slipway_pod.errors import BadConfig, BadData
from slipway_train_torch.causal_lm import batches, data
from slipway_train_torch.causal_lm.data import Example
from slipway_train_torch.causal_lm.layout import Layout, out_of_memory
from slipway_train_torch.causal_lm.loss import LinearCrossEntropy
from slipway_train_torch.causal_lm.recipe import Recipe
from slipway_train_torch.evaluate.items import Item
from tests.train.conftest import write_dataset
from tests.train.runs import Bench


def example(name: str, size: int) -> Example:
    return Example(name, tuple(range(3, 3 + size)), (False, *[True] * (size - 1)))


@pytest.fixture
def ready(bench: Bench) -> Callable[..., Recipe]:
    """Return a maker of runs that are set up, their adapter moved away from zero."""

    def make(name: str = "run", **recipe: Any) -> Recipe:
        made = bench.recipe(bench.job(name, **recipe))
        made.setup()
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in made.parameters.values():
                parameter.normal_(std=0.05, generator=generator)
        return made

    return make


def gradient(run: Recipe) -> torch.Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in run.parameters.values() if parameter.grad is not None])


def test_accumulated_gradients_are_those_of_the_whole_batch(ready: Callable[..., Recipe]) -> None:
    # Rows of very different numbers of trained tokens: a mean of means would be off.
    whole, parts = ready("whole", batch_size=4), ready("parts", batch_size=4, micro_batch_size=1)
    batch = whole.batch()
    assert len({example.targets for row in batch for example in row}) > 1
    assert whole.gradients(batch) == pytest.approx(parts.gradients(batch), rel=1e-5)
    torch.testing.assert_close(gradient(whole), gradient(parts), rtol=1e-4, atol=1e-7)


def test_packed_rows_do_not_see_each_other(ready: Callable[..., Recipe]) -> None:
    run = ready()
    short = run.train_split.examples[:3]
    alone = sum(run.loss([(e,)]).item() for e in short)
    assert run.loss([short]).item() == pytest.approx(alone, rel=1e-5)
    # With a shorter pack beside it, which is padded.
    both = run.loss([short, (short[0],)]).item()
    assert both == pytest.approx(alone + run.loss([(short[0],)]).item(), rel=1e-5)


def test_padding_changes_nothing(ready: Callable[..., Recipe]) -> None:
    run = ready()
    lines = [(e,) for e in run.train_split.examples[:3]]
    assert run.loss(lines).item() == pytest.approx(sum(run.loss([line]).item() for line in lines), rel=1e-5)


def test_loss_is_that_of_transformers(ready: Callable[..., Recipe]) -> None:
    run = ready()
    (row,) = run.train_split.examples[:1]
    labels = torch.tensor([[i if t else -100 for i, t in zip(row.ids, row.trained, strict=True)]])
    theirs = run.model(input_ids=torch.tensor([row.ids]), labels=labels).loss.item()
    assert run.loss([(row,)]).item() / row.targets == pytest.approx(theirs, rel=1e-5)


def test_chunked_cross_entropy_has_the_gradient_of_the_whole() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(600, 8, requires_grad=True)
    weight, targets = torch.randn(50, 8), torch.randint(50, (600,))
    mine = LinearCrossEntropy.apply(hidden, weight, targets)
    (found,) = torch.autograd.grad(mine / 7, hidden)
    theirs = torch.nn.functional.cross_entropy(hidden @ weight.T, targets, reduction="sum")
    (wanted,) = torch.autograd.grad(theirs / 7, hidden)
    torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("flat", [False, True])
def test_each_epoch_has_every_row_once_in_an_order_of_its_own(flat: bool) -> None:
    lines = tuple((example(f"row-{n}", 2 + n % 17),) for n in range(101))
    first, again, second = (batches.epoch(lines, 8, seed=1, number=n, flat=flat) for n in (0, 0, 1))
    assert first == again
    assert first != second
    for made in (first, second):
        assert sorted(e.id for batch in made for (e,) in batch) == sorted(e.id for (e,) in lines)
        assert all(len(batch) <= 8 for batch in made)
    assert batches.epoch(lines, 8, seed=2, number=0, flat=flat) != first


def test_buckets_save_padding() -> None:
    lines = tuple((example(f"row-{n}", 2 + (n * 37) % 200),) for n in range(256))
    made = batches.epoch(lines, 8, seed=1, number=0, flat=False)
    padded = sum(max(len(e.ids) for (e,) in batch) * len(batch) for batch in made)
    assert padded < 1.1 * sum(len(e.ids) for (e,) in lines)


def test_flat_batches_hold_about_as_many_tokens_each() -> None:
    lines = tuple((example(f"row-{n}", 2 + (n * 37) % 200),) for n in range(256))
    held = {
        flat: [sum(map(batches.tokens_in, batch)) for batch in batches.epoch(lines, 8, seed=1, number=0, flat=flat)]
        for flat in (False, True)
    }
    assert pstdev(held[True]) < 1.5 * pstdev(range(2, 202)) * 8**0.5, "as if each row were drawn by itself"
    assert pstdev(held[False]) > 2 * pstdev(held[True])


def test_packs_are_full_and_whole() -> None:
    rows = [example(f"row-{n}", 10 + n) for n in range(20)]
    made = batches.packed(rows, 64)
    assert sorted(e.id for pack in made for e in pack) == sorted(e.id for e in rows)
    assert all(sum(len(e.ids) for e in pack) <= 64 for pack in made)
    assert len(made) <= 7 * 11 / 9 + 1


def test_positions_of_a_pack_start_again() -> None:
    batch = batches.collate([(example("a", 3), example("b", 2)), (example("c", 4),)], pad=0)
    assert batch.position_ids is not None
    assert batch.position_ids.tolist() == [[0, 1, 2, 0, 1], [0, 1, 2, 3, 0]]
    assert batch.input_ids.tolist() == [[3, 4, 5, 3, 4], [3, 4, 5, 6, 0]]
    # The last token of `a` says nothing: what follows is another row.
    assert batch.at.tolist() == [0, 1, 3, 5, 6, 7]
    assert batch.targets.tolist() == [4, 5, 4, 4, 5, 6]
    assert batch.tokens == 9


def test_assistants_are_trained_with_their_stop_and_nothing_else_is(ready: Callable[..., Recipe]) -> None:
    run = ready()
    tokenizer = run.tokenizer
    messages = (("system", "S"), ("user", "Q"), ("assistant", "A1"), ("user", "R"), ("assistant", "A2"))
    split = data.encoded("train", [Item("x", "g", messages)], tokenizer, 500)
    (row,) = split.examples
    said = tokenizer.decode([i for i, t in zip(row.ids, row.trained, strict=True) if t])
    assert said == "A1<|im_end|>\nA2<|im_end|>\n"


def test_completions_are_trained_with_their_stop(ready: Callable[..., Recipe]) -> None:
    tokenizer = ready().tokenizer
    (row,) = data.encoded("train", [Item("x", "g", prompt="two plus two", completion=" is 4")], tokenizer, 500).examples
    assert tokenizer.decode([i for i, t in zip(row.ids, row.trained, strict=True) if t]) == " is 4<|im_end|>"


def test_rows_whose_answer_is_cut_off_are_left_out_and_counted(ready: Callable[..., Recipe]) -> None:
    tokenizer = ready().tokenizer
    rows = [Item("long", "g", prompt="word " * 100, completion="x"), Item("short", "g", prompt="a", completion="b")]
    split = data.encoded("train", rows, tokenizer, 20)
    assert [e.id for e in split.examples] == ["short"]
    assert (split.truncated, split.untrained) == (1, ("long",))


def test_no_row_to_train_on_is_bad_data_with_an_example(ready: Callable[..., Recipe], bench: Bench) -> None:
    tokenizer = ready().tokenizer
    rows = [{"id": "r1", "group": "g", "prompt": "word " * 100, "completion": "x"}]
    folder = write_dataset(bench.folder / "bad", {"train": rows}, "Completion")
    with pytest.raises(BadData, match=r"none of the 1 rows.*raise recipe.causalLM.maxTokens") as caught:
        data.load(folder, tokenizer, 20)
    assert caught.value.example == "r1"


def test_a_chat_needs_a_template(ready: Callable[..., Recipe], bench: Bench) -> None:
    tokenizer = ready().tokenizer
    tokenizer.chat_template = None
    with pytest.raises(BadConfig, match="no chat template: use an instruct model"):
        data.load(write_dataset(bench.folder / "chat", {"train": []}), tokenizer, 20)


def test_a_dataset_without_its_card_is_refused(ready: Callable[..., Recipe], bench: Bench) -> None:
    with pytest.raises(BadData, match=r"dataset.json of the dataset.*prepare the Dataset again"):
        data.load(bench.folder / "nothing", ready().tokenizer, 20)


def test_layouts_get_smaller_down_to_the_last() -> None:
    layout: Layout | None = Layout(5)
    seen = []
    while layout is not None:
        seen.append((layout.micro_batch, layout.recompute))
        layout = layout.smaller()
    assert seen == [(5, False), (3, False), (2, False), (1, False), (1, True)]


def test_only_memory_is_taken_for_memory() -> None:
    assert out_of_memory(torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB"))
    assert out_of_memory(MemoryError())
    assert not out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
