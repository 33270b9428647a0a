"""Do new tokens start where their pieces were, learn alone, and come out with the model, as safetensors and as GGUF?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from slipway.api.vocabulary import LearnedTokens, NewTokens
from slipway.contract.job import Subject
from slipway.contract.model import MODEL_GGUF
from slipway.contract.result import Trained
from slipway_pod.artifact import publish_at
from slipway_pod.errors import BadConfig, BadData
from slipway_train_torch.causal_lm.base import load
from slipway_train_torch.causal_lm.device import choose
from slipway_train_torch.causal_lm.vocabulary import extended
from slipway_train_torch.causal_lm.vocabulary.learn import learned
from slipway_train_torch.evaluate.files import bring
from slipway_train_torch.evaluate.weights import load as load_served
from slipway_train_torch.gguf.tokens import SCORES, TOKENS, TYPES, with_tokens
from tests.train.conftest import reference
from tests.train.runs import Bench, same
from tests.train.test_methods import evaluated_as_trained, exporting, weights, with_gguf
from tests.train.test_recipe import interrupted

__all__ = ["with_gguf"]
WORDS = ["ZzTopNode_Élan", "qqxyz_jjkw"]
LISTED = NewTokens(listed=WORDS)


def spelt(tokenizer: object, text: str) -> list[int]:
    """Return the numbers of the tokens of `text`."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])  # type: ignore[operator]


def test_words_are_learned_by_what_they_save(tiny: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    text = ["qqxyz_jjkw qqxyz_jjkw", "zwvu zwvu zwvu", "qqxyz_jjkw once_only_but_very_long", "End End End End"]
    found = learned(text, tokenizer, LearnedTokens(count=5, min_occurrences=3))
    # Of two words that are there three times, the longer one has more pieces; what the tokenizer knows saves nothing.
    assert found == ("qqxyz_jjkw", "zwvu")
    assert learned(text, tokenizer, LearnedTokens(count=1, min_occurrences=3)) == ("qqxyz_jjkw",)
    assert learned(text, tokenizer, LearnedTokens(count=5, min_occurrences=9)) == ()


@pytest.mark.parametrize("tied", [False, True])
def test_new_rows_are_the_mean_of_their_pieces_and_old_ones_stay(bench: Bench, tiny: Path, tied: bool) -> None:
    model: Any = LlamaForCausalLM(LlamaConfig.from_pretrained(tiny, tie_word_embeddings=tied))
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    before = [w.detach().clone() for w in (model.get_input_embeddings().weight, model.get_output_embeddings().weight)]
    pieces = [spelt(tokenizer, word) for word in WORDS]
    made = extended(model, tokenizer, LISTED, bench.folder)
    assert made.tokens == {512: WORDS[0], 513: WORDS[1]}
    assert [spelt(tokenizer, f"a {word}.")[-2] for word in WORDS] == [512, 513]
    now = [model.get_input_embeddings().weight, model.get_output_embeddings().weight]
    assert (now[0] is now[1]) is tied
    for old, new in zip(before, now, strict=True):
        assert torch.equal(new[:512], old)
        for number, ids in zip(made.tokens, pieces, strict=True):
            torch.testing.assert_close(new[number], old[ids].mean(0))


@pytest.mark.parametrize("method", ["LoRA", "Full"])
def test_a_resumed_run_ends_in_the_bits_of_one_that_never_stopped(bench: Bench, method: str) -> None:
    straight = bench.run(bench.job("straight", method=method, new_tokens=LISTED))
    resumed = interrupted(bench, 3, method=method, new_tokens=LISTED)
    assert same(weights(bench, straight), weights(bench, resumed))


def test_only_the_rows_of_new_tokens_are_trained_beside_an_adapter(bench: Bench, tiny: Path) -> None:
    learn = NewTokens(learned=LearnedTokens(count=8, min_occurrences=4))
    # Weight decay would move what has no gradient.
    recipe = bench.recipe(bench.job(new_tokens=learn, weight_decay="0.1", learning_rate="1e-2"))
    recipe.setup()
    begun = recipe.head.detach().clone()
    recipe.train()
    new = sorted(recipe.vocabulary.tokens)
    assert new == list(range(512, 520))
    base = AutoModelForCausalLM.from_pretrained(tiny)
    assert torch.equal(recipe.model.get_input_embeddings().weight[:512], base.get_input_embeddings().weight)
    assert torch.equal(recipe.head[:512], base.get_output_embeddings().weight)
    assert not torch.equal(recipe.head[512:], begun[512:])
    used = {token for example in recipe.train_split.examples for token in example.ids}
    assert used & set(new), "the tokens that were learned stand in what is trained"


@pytest.mark.parametrize("method", ["LoRA", "DoRA", "Full"])
def test_what_is_evaluated_is_what_was_trained(bench: Bench, method: str) -> None:
    evaluated_as_trained(bench, bench.job(method=method, new_tokens=LISTED, learning_rate="2e-2"))


def test_the_artefact_is_a_model_with_its_own_tokenizer(bench: Bench) -> None:
    result = bench.run(bench.job(new_tokens=LISTED))
    assert isinstance(result, Trained)
    assert (result.kind, result.formats) == ("Model", ("SafeTensors",))
    assert result.parameters["newTokens"] == f"2: {', '.join(WORDS)}"
    folder = bench.artefact(result.artifact)
    assert spelt(AutoTokenizer.from_pretrained(folder), WORDS[0]) == [512]
    assert AutoModelForCausalLM.from_pretrained(folder).config.vocab_size == 514


def test_the_gguf_has_the_larger_vocabulary(with_gguf: Bench) -> None:
    result = with_gguf.run(exporting(with_gguf.job(new_tokens=LISTED, learning_rate="1e-2")))
    assert isinstance(result, Trained)
    assert (result.kind, result.formats) == ("Model", ("SafeTensors", "GGUF"))
    folder = with_gguf.artefact(result.artifact)
    reader = gguf.GGUFReader(folder / MODEL_GGUF)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    # transformers adds a token of its own to those of a GGUF file, for which llama.cpp has a place and no use.
    assert fields[TOKENS][512:] == ["[PAD512]", *WORDS]
    assert fields[TYPES][512:] == [gguf.TokenType.UNUSED, *[gguf.TokenType.USER_DEFINED] * 2]
    assert fields["llama.vocab_size"] == 515
    subject = Subject(name="it", artifact=with_gguf.reference(result), kind="Model", formats=result.formats)
    served = bring(subject, with_gguf.folder / "served", with_gguf.store)
    model, tokenizer = load_served(served.weights, torch.device("cpu"))
    assert spelt(tokenizer, WORDS[1]) == [514]
    saved = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    for name, tensor in saved.items():
        torch.testing.assert_close(model.state_dict()[name], tensor.float(), rtol=1e-3, atol=1e-5)


def test_gaps_and_unused_places_of_a_gguf_are_filled() -> None:
    new = {2: "two", 5: "five"}
    assert with_tokens(TOKENS, ["a", "b", "[PAD2]"], new) == ["a", "b", "two", "[PAD3]", "[PAD4]", "five"]
    assert with_tokens(TYPES, [1, 1, 5], new) == [1, 1, 4, 5, 5, 4]
    assert with_tokens(SCORES, [0.0, 0.0, 0.0], new)[3:] == [-1000.0] * 3
    assert with_tokens("llama.vocab_size", 3, new) == 6
    assert with_tokens("llama.block_count", 3, new) == 3
    assert with_tokens(TOKENS, ["a"], {}) == ["a"]


def test_a_gguf_that_cannot_be_made_is_refused_before_training(bench: Bench) -> None:
    with pytest.raises(BadConfig, match=r"with method LoRA and newTokens .* or method LoRA without newTokens"):
        bench.run(exporting(bench.job(new_tokens=LISTED)))


def test_a_token_that_is_there_already_is_refused(bench: Bench) -> None:
    with pytest.raises(BadConfig, match=r"has a token for '<\|im_end\|>' already: remove it from") as caught:
        bench.run(bench.job(new_tokens=NewTokens(listed=["<|im_end|>"])))
    assert caught.value.reason == "TokenKnown"


def test_nothing_to_learn_is_told(bench: Bench) -> None:
    rare = NewTokens(learned=LearnedTokens(count=5, min_occurrences=100_000))
    with pytest.raises(BadData, match=r"no word of the train split stands there 100000 times .* lower") as caught:
        bench.run(bench.job(new_tokens=rare))
    assert caught.value.reason == "NoTokensLearned"


def test_the_tokenizer_of_another_model_is_refused(bench: Bench, tiny: Path) -> None:
    folder = bench.folder / "misfit"
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer.add_tokens(["another", "models"])
    AutoModelForCausalLM.from_pretrained(tiny).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    told = replace(bench, base=reference(publish_at(folder, "s3://slipway/models/misfit/", bench.store)))
    with pytest.raises(
        BadConfig, match=r"numbers its tokens up to 513, and the model has embeddings for 512"
    ) as caught:
        told.run(told.job())
    assert caught.value.reason == "TokenizerDoesNotFit"
    assert load(tiny, "s3://slipway/models/tiny/", choose("FP32"))
