"""Does each method learn, resume to the bit, and leave an artefact that says what was trained?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from slipway.contract.job import Subject, Train
from slipway.contract.model import MODEL_GGUF
from slipway.contract.result import Trained
from slipway_pod.artifact import publish_at
from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm.loss import LinearCrossEntropy
from slipway_train_torch.causal_lm.recipe import Recipe
from slipway_train_torch.evaluate.files import bring
from slipway_train_torch.evaluate.weights import adapted
from slipway_train_torch.evaluate.weights import load as load_served
from slipway_train_torch.gguf import complete
from tests.train.conftest import reference
from tests.train.runs import Bench, same
from tests.train.test_recipe import interrupted

METHODS = ("LoRA", "DoRA", "Full")


def weights(bench: Bench, result: object) -> dict[str, torch.Tensor]:
    """Return the tensors that a run published."""
    assert isinstance(result, Trained)
    folder = bench.artefact(result.artifact)
    (found,) = folder.rglob("*.safetensors")
    return load_file(found)


@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_run_ends_in_the_bits_of_one_that_never_stopped(bench: Bench, method: str) -> None:
    straight = bench.run(bench.job("straight", method=method))
    assert same(weights(bench, straight), weights(bench, interrupted(bench, 3, method=method)))


@pytest.mark.parametrize(
    ("method", "kind", "fewest"), [("LoRA", "Adapter", 0.05), ("DoRA", "Adapter", 0.05), ("Full", "Model", 1.0)]
)
def test_it_learns_and_says_what_it_made(bench: Bench, method: str, kind: str, fewest: float) -> None:
    rate = "1e-2" if method != "Full" else "3e-3"
    result = bench.run(bench.job(method=method, max_steps=30, epochs=100, learning_rate=rate))
    losses = [line["loss"] for line in bench.history(result) if "loss" in line]
    assert losses[-1] < losses[0] - fewest
    assert isinstance(result, Trained)
    assert (result.kind, result.formats, result.parameters["method"]) == (kind, ("SafeTensors",), method)
    assert ("rank" in result.parameters) is (method != "Full")
    text = "".join(path.read_text() for path in bench.artefact(result.artifact).rglob("*.json"))
    assert str(bench.folder) not in text, "nothing of this machine is in what others will read"


def evaluated_as_trained(bench: Bench, job: Train) -> None:
    """Run `job`, and require that who evaluates its result computes what was trained."""
    recipe = bench.recipe(job)
    result = recipe.run()
    assert isinstance(result, Trained)
    base = None if result.kind == "Model" else bench.base
    subject = Subject(
        name="it", artifact=bench.reference(result), kind=result.kind, formats=result.formats, base_model=base
    )
    served = bring(subject, bench.folder / "served", bench.store)
    model, _ = load_served(served.weights, torch.device("cpu"))
    ids = torch.tensor([recipe.train_split.examples[0].ids])
    with torch.no_grad(), adapted(model, served):
        theirs = model(input_ids=ids).logits
        mine = recipe.model.eval()(input_ids=ids).logits
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_evaluated_is_what_was_trained(bench: Bench, method: str) -> None:
    evaluated_as_trained(bench, bench.job(method=method, learning_rate="2e-2"))


def test_dora_trains_the_lengths_too(bench: Bench) -> None:
    recipe = bench.recipe(bench.job(method="DoRA"))
    recipe.setup()
    lengths = {name: p.detach().clone() for name, p in recipe.parameters.items() if "magnitude" in name}
    assert len(lengths) == 14
    recipe.train()
    assert all(not torch.equal(recipe.parameters[name], before) for name, before in lengths.items())


def test_the_output_layer_is_trained_as_torch_would(bench: Bench) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(600, 8, requires_grad=True)
    weight, targets = torch.randn(50, 8, requires_grad=True), torch.randint(50, (600,))
    mine = LinearCrossEntropy.apply(hidden, weight, targets)
    found = torch.autograd.grad(mine / 7, (hidden, weight))
    theirs = torch.nn.functional.cross_entropy(hidden @ weight.T, targets, reduction="sum")
    for one, other in zip(found, torch.autograd.grad(theirs / 7, (hidden, weight)), strict=True):
        torch.testing.assert_close(one, other)


def test_all_gradients_of_full_tuning_are_those_of_transformers(bench: Bench) -> None:
    recipe = bench.recipe(bench.job(method="Full"))
    recipe.setup()
    row = recipe.train_split.examples[0]
    recipe.gradients([(row,)])
    mine = {name: p.grad.clone() for name, p in recipe.parameters.items() if p.grad is not None}
    recipe.optimiser.zero_grad()
    labels = torch.tensor([[i if t else -100 for i, t in zip(row.ids, row.trained, strict=True)]])
    recipe.model(input_ids=torch.tensor([row.ids]), labels=labels).loss.backward()
    assert mine.keys() == recipe.parameters.keys()
    for name, parameter in recipe.parameters.items():
        torch.testing.assert_close(mine[name], parameter.grad, rtol=1e-3, atol=1e-6)


# GGUF


@pytest.fixture
def with_gguf(bench: Bench, tiny: Path) -> Bench:
    """The bench, its base model being a GGUF file: the tiny Llama as llama.cpp would have it."""
    (bench.folder / "gguf").mkdir()
    write_gguf(tiny, bench.folder / "gguf" / "tiny.gguf")
    base = publish_at(bench.folder / "gguf", "s3://slipway/models/tiny-gguf/", bench.store)
    return Bench(bench.store, bench.dataset, reference(base), bench.folder)


def write_gguf(tiny: Path, target: Path) -> None:
    """Write the tiny Llama to GGUF with weights of 16 bits, the way that llama.cpp's converter does."""
    model = AutoModelForCausalLM.from_pretrained(tiny)
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    config = model.config
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    described = json.loads((tiny / "tokenizer.json").read_text())
    vocabulary = sorted(described["model"]["vocab"].items(), key=lambda pair: pair[1])
    special = {added["content"] for added in described["added_tokens"]}
    tokens = [token for token, _ in vocabulary]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in described["model"]["merges"]])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_bos_token_id(tokenizer.eos_token_id)
    writer.add_chat_template(tokenizer.chat_template)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, parameter in model.state_dict().items():
        data = parameter.numpy()
        for word, heads in (("q_proj", config.num_attention_heads), ("k_proj", config.num_key_value_heads)):
            if word in name:
                data = data.reshape(heads, 2, data.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(data.shape)
        translated = names.get_name(name, try_suffixes=(".weight",))
        writer.add_tensor(translated, data.astype("float16" if data.ndim > 1 else "float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def exporting(job: Train) -> Train:
    """Return `job`, which also exports GGUF."""
    return job.model_copy(update={"export": ("SafeTensors", "GGUF")})


@pytest.mark.parametrize("method", ["DoRA", "Full"])
def test_a_whole_model_comes_back_from_its_gguf(with_gguf: Bench, method: str) -> None:
    recipe = with_gguf.recipe(exporting(with_gguf.job(method=method, learning_rate="1e-2")))
    result = recipe.run()
    assert isinstance(result, Trained)
    assert (result.kind, result.formats) == ("Model", ("SafeTensors", "GGUF"))
    folder = with_gguf.artefact(result.artifact)
    subject = Subject(name="it", artifact=with_gguf.reference(result), kind="Model", formats=result.formats)
    served = bring(subject, with_gguf.folder / "served", with_gguf.store)
    assert served.engine_files() == (served.weights.gguf, None)
    read, _ = load_served(served.weights, torch.device("cpu"))
    for name, tensor in load_file(folder / "model.safetensors").items():
        torch.testing.assert_close(read.state_dict()[name], tensor.float(), rtol=1e-3, atol=1e-5)
    # It was trained: no matrix is that of the base.
    base = gguf.GGUFReader(with_gguf.folder / "gguf" / "tiny.gguf")
    mine = {t.name: t.data for t in gguf.GGUFReader(folder / MODEL_GGUF).tensors}
    assert mine.keys() == {t.name for t in base.tensors}
    assert all(not (mine[t.name] == t.data).all() for t in base.tensors if "attn_q" in t.name)
    fields = gguf.GGUFReader(folder / MODEL_GGUF).fields
    assert {name for name in base.fields if not name.startswith("GGUF.")} <= fields.keys()


@pytest.mark.parametrize("method", ["DoRA", "Full"])
def test_a_gguf_that_cannot_be_made_is_refused_before_training(bench: Bench, method: str) -> None:
    recipe = bench.recipe(exporting(bench.job(method=method)))
    with pytest.raises(BadConfig, match=rf"with method {method} .*take GGUF out of spec.export") as caught:
        recipe.run()
    assert caught.value.reason == "GGUFNotSupported"
    assert recipe.state.step == 0


def test_weights_that_16_bits_do_not_hold_are_refused(with_gguf: Bench, tmp_path: Path) -> None:
    recipe: Recipe = with_gguf.recipe(with_gguf.job(method="Full"))
    recipe.setup()
    model: Any = recipe.model
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = 1e6
    with pytest.raises(BadConfig, match=r"up_proj.weight has weights that 16 bits do not hold"):
        complete.write(with_gguf.folder / "gguf" / "tiny.gguf", model, tmp_path / "model.gguf")


def test_an_adapter_of_lora_stays_an_adapter(with_gguf: Bench) -> None:
    result = with_gguf.run(exporting(with_gguf.job()))
    assert isinstance(result, Trained)
    assert (result.kind, result.formats) == ("Adapter", ("SafeTensors", "GGUF"))
    assert (with_gguf.artefact(result.artifact) / "adapter.gguf").is_file()
