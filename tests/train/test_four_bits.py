"""Does an adapter learn on a base model in 4 bits as it does on one that is whole, and serve on the whole one?"""

from __future__ import annotations

import json
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from transformers import AutoModelForCausalLM, LlamaConfig, MixtralConfig, MixtralForCausalLM

from slipway.api.causal_lm import CausalLM
from slipway.contract.job import Subject
from slipway.contract.result import Trained
from slipway_pod.artifact import publish_at
from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm import base, faster, kernels, methods
from slipway_train_torch.causal_lm.device import choose
from slipway_train_torch.causal_lm.four_bits import numel
from slipway_train_torch.causal_lm.layout import Layout
from slipway_train_torch.causal_lm.work import work
from slipway_train_torch.evaluate.files import bring
from slipway_train_torch.evaluate.weights import adapted
from slipway_train_torch.evaluate.weights import load as load_served
from tests.train.conftest import SmolLM2, reference
from tests.train.runs import Bench, same
from tests.train.test_methods import exporting, write_gguf
from tests.train.test_processes import alike, both, pod
from tests.train.test_recipe import interrupted

Q: dict[str, Any] = {"method": "QLoRA"}


# It learns


def test_it_learns_real_graphs_and_says_what_it_made(bench: Bench) -> None:
    recipe = bench.recipe(bench.job(**Q, max_steps=30, epochs=100, learning_rate="1e-2"))
    result = recipe.run()
    assert isinstance(result, Trained)
    losses = [line["loss"] for line in bench.history(result) if "loss" in line]
    assert losses[-1] < losses[0] - 0.05
    assert (result.kind, result.formats, result.parameters["method"]) == ("Adapter", ("SafeTensors",), "QLoRA")
    assert "rank" in result.parameters
    assert result.parameters["baseWeights"].startswith("NF4, double quantisation, bitsandbytes ")
    text = "".join(path.read_text() for path in bench.artefact(result.artifact).rglob("*.json"))
    assert str(bench.folder) not in text, "nothing of this machine is in what others will read"


@pytest.mark.parametrize("precision", ["FP32", "BF16"])
def test_a_resumed_run_ends_in_the_bits_of_one_that_never_stopped(bench: Bench, precision: str) -> None:
    # It is measured on the way, which must leave the weights as they are; dropout and noise draw from the generator.
    more = {"evaluate_every_steps": 2, "dropout_percent": 10, "neftune_alpha": "5", "precision": precision, **Q}
    straight = bench.run(bench.job("straight", **more))
    assert same(bench.adapter(straight), bench.adapter(interrupted(bench, 3, **more)))


def test_measuring_on_the_way_changes_no_bit_of_the_result(bench: Bench) -> None:
    often, once = (
        bench.adapter(bench.run(bench.job(name, evaluate_every_steps=every, **Q)))
        for name, every in (("often", 1), ("once", None))
    )
    assert same(often, once)


def test_one_weight_at_a_time_is_made_whole(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[torch.Tensor]] = []
    plain = kernels.whole

    def watched(weight: torch.Tensor, state: Any) -> torch.Tensor:
        found = plain(weight, state)
        if state is not None:
            assert not any(before() is not None for before in made)
            made.append(weakref.ref(found))
        return found

    monkeypatch.setattr(kernels, "whole", watched)
    recipe = bench.recipe(bench.job(max_steps=1, **Q))
    recipe.setup()
    recipe.step()
    # Seven linear layers of two decoder layers, forth and back; but nothing learns from the first one's input.
    assert len(made) >= 2 * 14 - 3


def test_layers_below_the_adapter_are_left_alone(bench: Bench) -> None:
    adapter = bench.adapter(bench.run(bench.job(freeze_layers=1, layer_decay_percent=50, **Q)))
    assert {name.split(".layers.")[1][0] for name in adapter} == {"1"}


def test_smaller_pieces_computed_again_learn_the_same(bench: Bench) -> None:
    whole = bench.recipe(bench.job("whole", max_steps=3, **Q))
    whole.run()
    pieces = bench.recipe(bench.job("pieces", max_steps=3, **Q))
    pieces.setup()
    pieces.ladder.arrange(Layout(1, recompute=True))
    pieces.train()
    for name, parameter in pieces.parameters.items():
        torch.testing.assert_close(parameter, whole.parameters[name], rtol=1e-3, atol=2e-4)


def test_two_processes_go_the_way_of_one(bench: Bench) -> None:
    told = {"max_steps": 8, "batch_size": 3, "evaluate_every_steps": 4, **Q}
    alone = bench.run(bench.job("alone", **told))
    assert isinstance(alone, Trained)
    together = pod(bench, both(bench.job("together", **told)))
    alike(bench, alone, together)
    one, other = bench.adapter(alone), bench.adapter(together)
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, rtol=2e-2, atol=2e-4)


# What is computed


def tuned(tiny: Path, precision: str = "FP32", **recipe: Any) -> tuple[Any, dict[str, torch.nn.Parameter]]:
    """Return the tiny model in 4 bits, with an adapter that is not zero any more, and what is trained."""
    model, _ = base.load(tiny, "tiny", choose(precision), quantised=True)
    torch.manual_seed(5)
    made = methods.tuned(model, CausalLM(rank=4, **Q, **recipe), "tiny")
    found = made.trainable()
    with torch.no_grad():
        for parameter in found.values():
            parameter.normal_(std=0.1)
    return made.model.train(), found


def outcome(model: Any, parameters: dict[str, torch.nn.Parameter]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.arange(2 * 11).reshape(2, 11) % 97
    loss = model(input_ids=ids, labels=ids).loss
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    return loss.detach(), torch.cat([g.flatten() for g in gradients])


def in_four_bits(model: torch.nn.Module) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, Linear4bit)]


@pytest.mark.parametrize("recipe", [{}, {"dropout_percent": 10}], ids=str)
@pytest.mark.parametrize("precision", ["FP32", "BF16"])
def test_loss_and_gradients_are_those_of_bitsandbytes_and_peft(
    tiny: Path, precision: str, recipe: dict[str, Any]
) -> None:
    model, parameters = tuned(tiny, precision, **recipe)
    ours = [layer.forward for layer in in_four_bits(model)]
    assert len(ours) == 14
    for layer in in_four_bits(model):
        del layer.forward
    torch.manual_seed(9)
    wanted = outcome(model, parameters)
    for layer, forward in zip(in_four_bits(model), ours, strict=True):
        layer.forward = forward
    faster.quicken(model)
    model.eval()
    with torch.no_grad():
        model(input_ids=torch.arange(11)[None])  # measuring must leave the weights what they were
    model.train()
    torch.manual_seed(9)
    found = outcome(model, parameters)
    close = {"rtol": 1e-3, "atol": 1e-6} if precision == "FP32" else {"rtol": 0.1, "atol": 2e-2}
    torch.testing.assert_close(found[0], wanted[0], rtol=1e-5 if precision == "FP32" else 1e-2, atol=1e-6)
    torch.testing.assert_close(found[1], wanted[1], **close)


def test_norms_and_gates_are_exchanged_beside_weights_in_four_bits(
    tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, _ = tuned(tiny)
    with caplog.at_level("INFO", "slipway"):
        faster.quicken(model)
    (said,) = (record.message for record in caplog.records if "fewer passes" in record.message)
    assert "5 LlamaRMSNorm" in said
    assert "2 LlamaMLP" in said


def test_its_work_is_that_of_a_whole_model(tiny: Path) -> None:
    recipe = CausalLM(rank=4)
    whole, _ = base.load(tiny, "tiny", choose("FP32"))
    small, _ = base.load(tiny, "tiny", choose("FP32"), quantised=True)
    assert work(small, recipe) == work(whole, recipe)


# What it serves on


def test_the_adapter_improves_the_whole_base_with_plain_peft(bench: Bench, tiny: Path) -> None:
    recipe = bench.recipe(bench.job(**Q, max_steps=30, epochs=100, learning_rate="1e-2"))
    result = recipe.run()
    assert isinstance(result, Trained)
    example = recipe.train_split.examples[0]
    ids = torch.tensor([example.ids])
    labels = torch.tensor([[i if t else -100 for i, t in zip(example.ids, example.trained, strict=True)]])

    def loss(model: Any) -> float:
        with torch.no_grad():
            return float(model(input_ids=ids, labels=labels).loss)

    trained = loss(recipe.model.eval())
    whole: Any = AutoModelForCausalLM.from_pretrained(tiny)
    before = loss(whole)
    served = loss(PeftModel.from_pretrained(whole, str(bench.artefact(result.artifact) / "adapter")))
    assert served < before - 0.05
    assert served == pytest.approx(trained, abs=0.05), "what 4 bits cost is small beside what was learned"


def test_a_folder_with_safetensors_and_gguf_trains_on_one_and_serves_on_the_other(bench: Bench, tiny: Path) -> None:
    folder = bench.folder / "both"
    shutil.copytree(tiny, folder)
    write_gguf(tiny, folder / "tiny.gguf")
    both = publish_at(folder, "s3://slipway/models/both/", bench.store)
    bench = Bench(bench.store, bench.dataset, reference(both), bench.folder)
    result = bench.run(exporting(bench.job(**Q, learning_rate="2e-2")))
    assert isinstance(result, Trained)
    assert (result.kind, result.formats) == ("Adapter", ("SafeTensors", "GGUF"))
    subject = Subject(
        name="it", artifact=bench.reference(result), kind="Adapter", formats=result.formats, base_model=bench.base
    )
    served = bring(subject, bench.folder / "served", bench.store)
    assert served.engine_files()[1] is not None
    model, _ = load_served(served.weights, torch.device("cpu"))
    ids = torch.arange(12)[None]
    with torch.no_grad():
        plain = model(input_ids=ids).logits
        with adapted(model, served):
            assert not torch.allclose(model(input_ids=ids).logits, plain, atol=1e-3)


# Memory


def held(model: Any) -> tuple[int, int]:
    """Return the bytes of all weights in 4 bits, with everything that is needed to read them, and their number."""
    size = count = 0
    for layer in in_four_bits(model):
        state = layer.weight.quant_state
        size += layer.weight.nbytes + state.absmax.nbytes + state.state2.absmax.nbytes
        count += numel(layer.weight)
    return size, count


def test_linear_layers_take_a_quarter_of_their_memory_in_sixteen_bits(smollm2: SmolLM2, tmp_path: Path) -> None:
    for part in base.load(smollm2.folder, "smollm2", choose("BF16")):
        part.save_pretrained(tmp_path)
    model, _ = base.load(tmp_path, "smollm2", choose("BF16"), quantised=True)
    size, count = held(model)
    assert count == 106_168_320
    assert 8 * size / count == pytest.approx(4.127, abs=0.001)
    assert size / (2 * count) < 0.26


# What is refused


def refused(bench: Bench, folder: Path, says: str) -> None:
    """Require that a base model in `folder` is refused before anything is trained."""
    published = publish_at(folder, "s3://slipway/models/refused/", bench.store)
    recipe = Bench(bench.store, bench.dataset, reference(published), bench.folder).recipe(bench.job(**Q))
    recipe.job = recipe.job.model_copy(update={"base_model": reference(published)})
    with pytest.raises(BadConfig, match=says) as caught:
        recipe.run()
    assert caught.value.reason == "QLoRANotSupported"
    assert recipe.state.step == 0


def quantised_already(folder: Path, tiny: Path) -> None:
    shutil.copytree(tiny, folder, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": "gptq"}}))


def gguf_alone(folder: Path, tiny: Path) -> None:
    write_gguf(tiny, folder / "tiny.gguf")


def experts(folder: Path, tiny: Path) -> None:
    shutil.copytree(tiny, folder, dirs_exist_ok=True)
    small = LlamaConfig.from_pretrained(tiny).to_dict()
    names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    MixtralForCausalLM(MixtralConfig(**{name: small[name] for name in names}, num_key_value_heads=2)).save_pretrained(
        folder
    )


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (gguf_alone, r"is a GGUF file alone.*add the model's config.json, tokenizer and safetensors to its folder"),
        (quantised_already, r"is quantised already \(gptq\).*use the model's weights in BF16, FP16 or FP32"),
        (experts, r"only \d+ % of the layers' weights .* \(mixtral\) can be held in 4 bits.*choose method LoRA"),
    ],
)
def test_a_base_that_cannot_be_held_in_four_bits_is_refused(
    bench: Bench, tiny: Path, make: Callable[[Path, Path], None], says: str
) -> None:
    folder = bench.folder / "refused"
    folder.mkdir()
    make(folder, tiny)
    refused(bench, folder, says)
