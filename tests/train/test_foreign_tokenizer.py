"""Is the tokenizer of another model noticed, however many tokens it has, and no other one taken for that?

The base model is a real one. How a text that it understands differs from noise cannot be seen in one of random weights.
"""

from __future__ import annotations

import base64
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from slipway_pod.artifact import publish_at
from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm import base
from slipway_train_torch.causal_lm.data import Example
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.vocabulary.foreign import ENOUGH, TOKENS, foreign, was_trained
from tests.train.conftest import CHAT_TEMPLATE, SmolLM2, reference
from tests.train.runs import Bench

CPU = Device(torch.device("cpu"), torch.float32)
DOCS = Path(__file__).parents[2] / "docs" / "how-to"
Real = tuple[Any, Any]


@pytest.fixture(scope="module")
def real(smollm2: SmolLM2) -> Real:
    """SmolLM2 and its tokenizer."""
    return base.load(smollm2.folder, "s3://slipway/models/smollm2/", CPU)


def prose() -> list[str]:
    return [path.read_text()[:2000] for path in sorted(DOCS.glob("*.md"))[:6]]


def examples(tokenizer: Any, texts: Iterable[str]) -> Iterator[Example]:
    for text in texts:
        ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
        yield Example("row", ids, (True,) * len(ids))


def random_texts() -> dict[str, list[str]]:
    """Texts that no model can foresee."""
    draw = random.Random(5)
    return {
        "base64": [base64.b64encode(draw.randbytes(1500)).decode() for _ in range(6)],
        "hexadecimal": [draw.randbytes(1000).hex() for _ in range(6)],
        "numbers": [" ".join(str(draw.randrange(10**8)) for _ in range(100)) for _ in range(6)],
        "Chinese": ["".join(chr(draw.randrange(0x4E00, 0x9000)) for _ in range(200)) for _ in range(6)],
        "any signs": ["".join(chr(draw.randrange(0x20, 0x2FFF)) for _ in range(200)) for _ in range(6)],
    }


@pytest.mark.parametrize("kind", ["prose", "graphs", *random_texts()])
def test_a_models_own_tokenizer_is_never_taken_for_another(real: Real, graphs: list[dict[str, Any]], kind: str) -> None:
    model, tokenizer = real
    texts = {"prose": prose(), "graphs": [row["messages"][-1]["content"] for row in graphs[:6]], **random_texts()}
    assert foreign(model, CPU, examples(tokenizer, texts[kind]), len(tokenizer.get_vocab())) is None


def test_tokens_that_were_added_and_padded_embeddings_are_no_reason(smollm2: SmolLM2) -> None:
    model, tokenizer = base.load(smollm2.folder, "s3://slipway/models/smollm2/", CPU)
    tokenizer.add_tokens(["<|graph|>", "<|node|>"])
    model.resize_token_embeddings(49_408, mean_resizing=False)
    texts = [f"<|graph|>{text[:200]}<|node|>{text[200:]}" for text in prose()]
    assert foreign(model, CPU, examples(tokenizer, texts), len(tokenizer.get_vocab())) is None


@pytest.mark.parametrize("texts", ["prose", "graphs"])
def test_a_smaller_tokenizer_of_another_model_is_noticed(
    real: Real, tiny: Path, graphs: list[dict[str, Any]], texts: str
) -> None:
    other = AutoTokenizer.from_pretrained(tiny)
    read = prose() if texts == "prose" else [row["messages"][-1]["content"] for row in graphs[:6]]
    why = foreign(real[0], CPU, examples(other, read), len(other.get_vocab()))
    assert why is not None
    assert "are noise: " in why


def test_the_same_tokens_by_other_numbers_are_noticed(real: Real) -> None:
    model, tokenizer = real
    numbers = torch.randperm(len(tokenizer), generator=torch.Generator().manual_seed(3)).tolist()
    own = examples(tokenizer, prose())
    others = [replace(example, ids=tuple(numbers[at] for at in example.ids)) for example in own]
    assert foreign(model, CPU, others, len(tokenizer)) is not None
    few = [replace(others[0], ids=others[0].ids[:TOKENS])] * (ENOUGH // TOKENS)
    assert foreign(model, CPU, few, len(tokenizer)) is None, "too little to tell"


def test_a_run_with_the_tokenizer_of_another_model_ends_before_it_trains(bench: Bench, real: Real, tiny: Path) -> None:
    folder = bench.folder / "misfit"
    real[0].to(torch.bfloat16).save_pretrained(folder)
    real[0].float()
    other: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(tiny)
    assert other.chat_template == CHAT_TEMPLATE
    other.save_pretrained(folder)
    told = replace(bench, base=reference(publish_at(folder, "s3://slipway/models/misfit/", bench.store)))
    with pytest.raises(
        BadConfig, match=r"s3://slipway/models/misfit/ are not of one model: .* noise: .* Bring the"
    ) as caught:
        told.run(told.job())
    assert caught.value.reason == "TokenizerDoesNotFit"


def test_random_weights_fit_any_tokenizer_and_so_do_those_that_hardly_learnt(bench: Bench, tiny: Path) -> None:
    model, _ = base.load(tiny, "s3://slipway/models/tiny/", CPU)
    assert not was_trained(model)
    run = bench.recipe(bench.job(method="Full", max_steps=20, epochs=100))
    result = run.run()
    assert run.losses()[-1] < math.log(512) - 0.5, "it learnt something"
    assert not was_trained(run.model)
    again = replace(bench, base=bench.reference(result))
    again.run(again.job("again"))


def test_a_model_without_scales_is_not_judged() -> None:
    assert not was_trained(torch.nn.Sequential(torch.nn.LayerNorm(4, elementwise_affine=False)))
