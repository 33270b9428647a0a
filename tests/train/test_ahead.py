"""Is what a run takes of a GPU told from the model's description as its own pod estimates it, and what is refused?"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, LlamaConfig, LlamaForCausalLM

from slipway.api.stages import DPO
from slipway.api.trainingjob import Recipe as RecipeSpec
from slipway.api.trainingjob_status import MemoryEstimate, RunMemory
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import EstimateMemory, Train
from slipway.contract.result import Estimated, parse_result
from slipway_pod.artifact import publish_at
from slipway_pod.errors import BadConfig, BadData, DigestMismatch
from slipway_train_torch.causal_lm import base
from slipway_train_torch.causal_lm import recipe as running
from slipway_train_torch.causal_lm.layout import Layout
from slipway_train_torch.causal_lm.memory import lengths, sketch
from slipway_train_torch.causal_lm.memory.ahead import estimated
from tests.train.conftest import SmolLM2, reference, write_dataset
from tests.train.runs import Bench
from tests.train.test_cut_files import cut
from tests.train.test_dpo import pair, with_pairs
from tests.train.test_process import environment
from tests.train.test_stored_tokens import rendered

__all__ = ("rendered",)


def asked(job: Train, gpu_bytes: int | None = None, processes: int = 1) -> EstimateMemory:
    """Return what is asked of the run `job` before it begins."""
    return EstimateMemory(
        namespace=job.namespace, name=job.name, store=job.store, base_model=job.base_model, dataset=job.dataset,
        stage_data=job.stage_data, recipe=job.recipe, processes=processes, gpu_bytes=gpu_bytes,
    )  # fmt: skip


def ahead(bench: Bench, told: EstimateMemory) -> MemoryEstimate:
    """Return what is estimated before the run begins."""
    folder = bench.folder / "ahead"
    shutil.rmtree(folder, ignore_errors=True)
    return estimated(told, folder).estimate


def held(found: RunMemory | None) -> dict[str, Any]:
    """Return the parts of an estimate: what a device has is known to its own pod only."""
    assert found is not None
    return found.model_dump(exclude={"available_bytes", "peak_bytes"})


def in_its_pod(bench: Bench, job: Train) -> RunMemory:
    """Return what the run's own pod estimates, with the layout that was asked for."""
    recipe = bench.recipe(job)
    recipe.setup()
    return recipe.memory.told(recipe.asked(), None)


# The same


@pytest.mark.parametrize(
    "more",
    [
        {}, {"precision": "BF16"}, {"method": "Full"}, {"method": "Full", "precision": "BF16"}, {"method": "DoRA"},
        {"method": "QLoRA"}, {"batching": "Packed"}, {"dropout_percent": 10}, {"freeze_layers": 1},
        {"new_tokens": {"listed": ["EdGraphNode"]}}, {"micro_batch_size": 2, "max_tokens": 160},
    ],
    ids=lambda more: ", ".join(map(str, more.values())) or "LoRA",
)  # fmt: skip
def test_what_is_told_before_is_what_its_pod_estimates(bench: Bench, more: dict[str, Any]) -> None:
    job = bench.job(**{"precision": "FP32", **more})
    found = ahead(bench, asked(job))
    assert held(found.memory) == held(in_its_pod(bench, job))
    assert found.layout is not None
    assert found.layout.micro_batch_size == more.get("micro_batch_size", 4)
    assert (found.row_lengths, found.fits, found.message) == ("Counted", None, None)


def test_pairs_of_answers_are_counted_as_its_pod_counts_them(bench: Bench) -> None:
    pairs = with_pairs(bench, [pair(at) for at in range(12)], [pair(at) for at in range(12, 16)])
    job = pairs.job(precision="FP32", dpo=DPO())
    assert held(ahead(pairs, asked(job)).memory) == held(in_its_pod(pairs, job))


def test_tokens_beside_the_rows_are_taken(bench: Bench, rendered: Path) -> None:
    ref = reference(publish_at(rendered, "s3://slipway/datasets/rendered/", bench.store))
    job = bench.job(precision="FP32")
    found = ahead(bench, asked(job.model_copy(update={"dataset": ref})))
    assert found.row_lengths == "Stored"
    assert held(found.memory) == held(ahead(bench, asked(job)).memory)


def test_processes_divide_a_sharded_model(bench: Bench) -> None:
    plain = ahead(bench, asked(bench.job(method="Full"), processes=2)).memory
    divided = ahead(bench, asked(bench.job(method="Full", sharding="Full"), processes=2)).memory
    assert plain is not None
    assert divided is not None
    assert divided.optimiser_bytes == -(-plain.optimiser_bytes // 2)


def test_the_stage_that_takes_the_most_is_told(bench: Bench) -> None:
    stages = [{"name": "short", "maxTokens": 160}, {"name": "long"}, {"name": "shorter", "maxTokens": 140}]
    recipe = RecipeSpec.model_validate({"causalLM": {"stages": stages, "maxTokens": 192, "batchSize": 4}})
    told = asked(bench.job()).model_copy(update={"recipe": recipe, "stage_data": (bench.dataset,) * 3})
    found = ahead(bench, told)
    assert found.stage == "long"
    alone = RecipeSpec.model_validate({"causalLM": {"maxTokens": 192, "batchSize": 4}})
    assert found.memory == ahead(bench, told.model_copy(update={"recipe": alone, "stage_data": ()})).memory


# What it is told from


def test_of_weights_nothing_but_the_header_is_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    config = LlamaConfig(hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4)
    LlamaForCausalLM(config).save_pretrained(bench.folder / "wide")
    publish_at(bench.folder / "wide", "s3://slipway/models/wide/", bench.store)
    ref = reference(publish_at(bench.folder / "wide", "s3://slipway/models/wide/", bench.store))
    monkeypatch.setattr(sketch, "FIRST", 64)
    sketch.sketch(ref, bench.folder / "sketch", bench.store)
    real, found = (bench.folder / name / "model.safetensors" for name in ("wide", "sketch"))
    assert found.stat().st_size == real.stat().st_size
    assert found.stat().st_blocks * 512 < real.stat().st_size / 10
    assert found.read_bytes()[-64:] == bytes(64)
    assert AutoConfig.from_pretrained(found.parent).hidden_size == 256


def test_a_gguf_is_described_by_its_beginning(smollm2: SmolLM2, bench: Bench) -> None:
    ref = reference(publish_at(smollm2.file, "s3://slipway/models/smollm2/", bench.store))
    sketch.sketch(ref, bench.folder / "sketch", bench.store)
    file = bench.folder / "sketch" / smollm2.file.name
    assert file.stat().st_size == smollm2.file.stat().st_size
    assert file.stat().st_blocks * 512 < file.stat().st_size / 4
    config, tokenizer = base.described(bench.folder / "sketch", ref.uri)
    assert (config.num_hidden_layers, len(tokenizer.get_vocab())) == (30, 49152)


def test_rows_that_are_too_many_are_taken_for_the_longest(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.job(max_tokens=192)
    counted = ahead(bench, asked(job))
    monkeypatch.setattr(lengths, "MOST", 0)
    found = ahead(bench, asked(job))
    assert (found.row_lengths, found.longest_row_tokens) == ("Assumed", 192)
    assert found.memory is not None
    assert counted.memory is not None
    assert found.memory.activations_bytes >= counted.memory.activations_bytes
    assert found.least_bytes is not None
    assert ahead(bench, asked(job, found.least_bytes - 1)).fits is True, "rows may be shorter than that"
    hopeless = ahead(bench, asked(job, found.memory.weights_bytes))
    assert hopeless.fits is False


# What is refused


def test_layouts_are_tried_as_its_pod_tries_them(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.job(precision="FP32")
    recipe = bench.recipe(job)
    recipe.setup()
    room = recipe.memory.told(Layout(2), None).total_bytes
    found = ahead(bench, asked(job, room))
    monkeypatch.setattr(running, "room_at_start", lambda *_: room)
    limited = bench.recipe(bench.job("limited", precision="FP32"))
    limited.setup()
    assert limited.ladder.layout == Layout(2)
    assert found.layout is not None
    assert (found.layout.micro_batch_size, found.layout.recompute, found.fits) == (2, False, True)
    assert found.memory == recipe.memory.told(Layout(2), None).model_copy(update={"available_bytes": room})


def test_what_cannot_fit_is_told_with_numbers_and_cures(bench: Bench) -> None:
    least = ahead(bench, asked(bench.job())).least_bytes
    assert least is not None
    assert ahead(bench, asked(bench.job(), least)).fits is True
    found = ahead(bench, asked(bench.job(), least - 1))
    assert found.fits is False
    assert found.least_bytes == least
    assert found.memory is not None
    assert found.memory.available_bytes == least - 1
    assert found.message is not None
    for cure in ("resources.gpu to one with at least", "lower recipe.causalLM.maxTokens", "QLoRA", "sharding: Full"):
        assert cure in found.message


def test_a_file_of_weights_that_is_cut_is_found_without_reading_it(bench: Bench, tiny: Path) -> None:
    shutil.copytree(tiny, bench.folder / "cut")
    cut(bench.folder / "cut" / "model.safetensors")
    ref = reference(publish_at(bench.folder / "cut", "s3://slipway/models/cut/", bench.store))
    with pytest.raises(BadConfig, match=r"s3://slipway/models/cut/model\.safetensors is no whole file") as caught:
        ahead(bench, asked(bench.job()).model_copy(update={"base_model": ref}))
    assert caught.value.reason == "BaseModelUnreadable"


def test_a_pickle_is_refused(bench: Bench, tiny: Path) -> None:
    folder = Path(shutil.copytree(tiny, bench.folder / "pickled"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    ref = reference(publish_at(folder, "s3://slipway/models/pickled/", bench.store))
    with pytest.raises(BadData) as caught:
        ahead(bench, asked(bench.job()).model_copy(update={"base_model": ref}))
    assert caught.value.reason == "PickleRefused"


def test_a_model_that_is_missing_or_another_is_told(bench: Bench) -> None:
    told = asked(bench.job())
    gone = bench.base.model_copy(update={"uri": "s3://slipway/models/gone/"})
    with pytest.raises(BadConfig) as missing:
        ahead(bench, told.model_copy(update={"base_model": gone}))
    assert missing.value.reason == "NoSuchArtifact"
    other = bench.base.model_copy(update={"digest": "sha256:" + "0" * 64})
    with pytest.raises(DigestMismatch):
        ahead(bench, told.model_copy(update={"base_model": other}))


def test_rows_that_do_not_fit_the_recipe_are_told(bench: Bench) -> None:
    with pytest.raises(BadConfig) as caught:
        ahead(bench, asked(bench.job(dpo=DPO())))
    assert caught.value.reason == "DatasetDoesNotFit"
    folder = write_dataset(bench.folder / "empty", {"train": []})
    empty = replace(bench, dataset=reference(publish_at(folder, "s3://slipway/datasets/empty/", bench.store)))
    with pytest.raises(BadData) as nothing:
        ahead(empty, asked(empty.job()))
    assert nothing.value.reason == "NoRows"


def test_weights_of_another_shape_than_the_configuration_are_told(bench: Bench, tiny: Path) -> None:
    folder = Path(shutil.copytree(tiny, bench.folder / "odd"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 96}))
    ref = reference(publish_at(folder, "s3://slipway/models/odd/", bench.store))
    found = ahead(bench, asked(bench.job()).model_copy(update={"base_model": ref}))
    assert found.message is not None
    assert (
        "tell other shapes of 6 weights (model.layers.0.mlp.down_proj.weight [64, 128], not [64, 96]" in found.message
    )
    assert found.memory is not None


# Its pod


def test_the_pod_leaves_the_estimate_as_its_result(bench: Bench) -> None:
    job = bench.job(precision="FP32")
    told = dict(environment(bench, job))
    (bench.folder / "job.json").write_text(json.dumps(asked(job, 2**30).dump()))
    command = [sys.executable, "-m", "slipway_train_torch.causal_lm.memory"]
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.OK, done.stderr
    result = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(result, Estimated)
    assert result.estimate == ahead(bench, asked(job, 2**30))
