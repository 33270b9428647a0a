"""Does an evaluation measure what serves, once, and say so?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import gguf
import numpy
import pytest
import torch
from safetensors.torch import load_file, save_file

from slipway.api.causal_lm import CausalLM
from slipway.api.common import ArtifactStatus, Evaluation, NamedMetric
from slipway.contract.job import Evaluate, Subject
from slipway.contract.result import Evaluated, Trained
from slipway_pod.artifact import publish
from slipway_pod.errors import BadData, DigestMismatch
from slipway_train_torch.causal_lm import base, methods
from slipway_train_torch.causal_lm.device import choose
from slipway_train_torch.evaluate import job as jobs
from slipway_train_torch.evaluate import measure
from slipway_train_torch.evaluate.files import Served, Weights
from slipway_train_torch.evaluate.results import Figure, Results
from slipway_train_torch.evaluate.weights import adapted, gguf_changes, peft_changes
from slipway_train_torch.gguf import lora
from slipway_train_torch.gguf.reading import read_once
from tests.train.conftest import SmolLM2, reference, write_dataset
from tests.train.runs import Bench

LOSS = {"name": "loss", "measure": {"heldOutLoss": {"maxExamples": 8}}}
VALID = {"name": "valid", "measure": {"blueprintValidity": {"maxExamples": 2, "maxNewTokens": 24}}}
NEAR = {"name": "near", "measure": {"blueprintDistance": {"maxExamples": 2, "maxNewTokens": 24}}}
GATE = {"name": "better", "metric": "loss", "minImprovement": "0", "confidencePercent": 90}


def evaluation(*metrics: dict[str, Any]) -> Evaluation:
    return Evaluation.model_validate({"metrics": list(metrics), "gates": [GATE]})


@pytest.fixture
def evaluate(bench: Bench, graphs: list[dict[str, object]]) -> Any:
    """Evaluates a subject against the tiny base, on graphs."""
    folder = write_dataset(bench.folder / "judged", {"train": graphs, "test": graphs})
    data = reference(publish(folder, "s3://slipway/slipway/datasets", bench.store))

    def run(subject: Subject, *metrics: dict[str, Any], against: Subject | None = None) -> Evaluated:
        against = against or Subject(name="base", artifact=bench.base, kind="Base", formats=())
        told = Evaluate(
            namespace="tests",
            name=subject.name,
            store=bench.store,
            subject=subject,
            reference=against,
            data=data,
            evaluation=evaluation(*(metrics or (LOSS,))),
        )
        return jobs.evaluate(told)

    return run


class Killed(Exception):
    """Ends a measurement amid it."""


def figures_of(bench: Bench) -> dict[str, bytes]:
    """Return every file of evaluations in the store, but for their reports."""
    root = bench.folder / "store" / "slipway" / "slipway" / "evaluations"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.glob("*/*") if path.stem != "report"}


def trained(bench: Bench, name: str = "v1", **recipe: Any) -> Subject:
    result = bench.run(bench.job(name, **recipe))
    assert isinstance(result, Trained)
    artifact = reference(result.artifact)
    return Subject(name=name, artifact=artifact, kind="Adapter", formats=("SafeTensors",), base_model=bench.base)


def test_training_shows_as_improvement_on_held_out_rows(bench: Bench, evaluate: Any) -> None:
    subject = trained(bench, max_steps=12)
    result = evaluate(subject)
    (metric,) = result.metrics
    assert float(metric.value) < float(metric.reference)
    assert float(metric.improvement) == pytest.approx(float(metric.reference) - float(metric.value), abs=1e-5)
    assert result.digest == subject.artifact.digest
    assert metric.samples == 8
    assert set(result.lower_bounds["loss"]) == {"90", "95"}
    assert float(result.lower_bounds["loss"]["95"]) <= float(result.lower_bounds["loss"]["90"])
    assert result.report.startswith("s3://slipway/slipway/evaluations/")


def test_what_was_measured_once_is_remembered(bench: Bench, evaluate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = trained(bench)
    first = evaluate(subject)
    measured: list[str] = []
    really = measure.measure

    def watched(served: Served, *rest: Any) -> Any:
        measured.append(served.name)
        return really(served, *rest)

    monkeypatch.setattr(jobs, "measure", watched)
    assert evaluate(subject) == first
    assert measured == []
    evaluate(trained(bench, "v2", max_steps=2), against=subject)
    assert measured == ["v2"], "the version in production is not measured again"


def test_general_text_is_judged_beside_and_survives_another_dataset(
    bench: Bench, evaluate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bench.folder / "general"
    folder.mkdir()
    for at in range(6):
        (folder / f"{at}.txt").write_text(f"Text {at} tells of the sea, of ships and of harbours.\n")
    data = reference(publish(folder, "s3://slipway/slipway/general", bench.store)).dump()
    general = {"name": "general", "measure": {"heldOutLoss": {"maxExamples": 6, "data": data}}}
    subject = trained(bench, max_steps=12)
    own, other = evaluate(subject, LOSS, general).metrics
    assert (own.samples, other.samples) == (8, 6)
    assert float(own.improvement) > float(other.improvement), "it was tuned on graphs, not on this"
    monkeypatch.setattr(jobs, "measure", lambda *_: pytest.fail("measured twice"))
    named = NamedMetric.model_validate(general)
    session = jobs._Session(
        bench.store, evaluation(general), subject.artifact, folder, Results(bench.store), measure.Bench(1)
    )
    assert len(session.figures(named, subject)) == 6, "the dataset is no part of its key"


def test_a_measurement_that_went_on_has_the_bits_of_one_that_never_stopped(
    bench: Bench, evaluate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = trained(bench)
    really = measure.measure

    def dying(*given: Any) -> Iterator[Figure]:
        yield from islice(really(*given), 3)
        raise Killed

    monkeypatch.setattr(jobs, "measure", dying)
    for _ in range(2):
        with pytest.raises(Killed):
            evaluate(subject)
    monkeypatch.setattr(jobs, "measure", really)
    went_on = evaluate(subject)
    kept = figures_of(bench)
    shutil.rmtree(bench.folder / "store" / "slipway" / "slipway" / "evaluations")
    assert evaluate(subject) == went_on
    assert figures_of(bench) == kept


def test_a_version_is_no_better_than_itself(bench: Bench, evaluate: Any) -> None:
    subject = trained(bench)
    result = evaluate(subject, against=subject)
    assert float(result.metrics[0].improvement) == 0.0
    assert {float(bound) for bound in result.lower_bounds["loss"].values()} == {0.0}


def test_weights_that_give_no_number_have_no_figure(bench: Bench, evaluate: Any) -> None:
    subject = trained(bench)
    folder = bench.artefact(ArtifactStatus(uri=subject.artifact.uri, digest=subject.artifact.digest))
    tensors = folder / "adapter" / "adapter_model.safetensors"
    save_file({name: weight * torch.nan for name, weight in load_file(tensors).items()}, tensors)
    broken = reference(publish(folder, "s3://slipway/slipway/models", bench.store))
    result = evaluate(subject.model_copy(update={"artifact": broken}))
    assert result.metrics == ()
    assert result.lower_bounds == {}


def test_other_bytes_than_named_are_refused_before_anything_is_measured(bench: Bench, evaluate: Any) -> None:
    subject = trained(bench)
    wrong = subject.artifact.model_copy(update={"digest": bench.base.digest})
    with pytest.raises(DigestMismatch):
        evaluate(subject.model_copy(update={"artifact": wrong}))


def test_validity_needs_what_the_engine_reads(bench: Bench, evaluate: Any) -> None:
    with pytest.raises(BadData, match="no GGUF file"):
        evaluate(trained(bench), {"name": "valid", "measure": {"blueprintValidity": {"maxNewTokens": 900}}})


def test_formats_that_are_promised_must_be_there(bench: Bench, evaluate: Any) -> None:
    subject = trained(bench).model_copy(update={"formats": ("SafeTensors", "GGUF")})
    with pytest.raises(BadData, match=r"has no adapter\.gguf"):
        evaluate(subject)


@pytest.fixture(scope="module")
def adapter(smollm2: SmolLM2, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """SmolLM2 in torch, and a folder with an adapter on it, by peft and as GGUF."""
    model, _ = base.load(smollm2.folder, "s3://slipway/models/smollm2/", choose("FP32"))
    torch.manual_seed(0)
    changed = methods.with_adapter(model, CausalLM(rank=4), "s3://slipway/models/smollm2/")
    with torch.no_grad():
        for name, parameter in methods.Tuned(changed.get_base_model(), changed).trainable().items():
            if "lora_B" in name:
                parameter.normal_(std=0.02)
    folder = tmp_path_factory.mktemp("artefact")
    changed.save_pretrained(str(folder / "adapter"), save_embedding_layers=False)
    lora.write(folder / "adapter", model.config, folder / "adapter.gguf")
    return changed.unload(), folder


def test_the_gguf_adapter_read_back_is_the_one_that_was_trained(adapter: tuple[Any, Path]) -> None:
    model, folder = adapter
    served = dict(gguf_changes(model, folder / "adapter.gguf"))
    made = peft_changes(model, folder / "adapter")
    assert served.keys() == made.keys()
    assert len(served) == 210
    assert max((served[name] - made[name]).abs().max().item() for name in made) < 1e-6
    assert min(change.abs().max().item() for change in made.values()) > 1e-3


def test_reading_a_file_once_changes_nothing_but_the_time(smollm2: SmolLM2) -> None:
    plain = gguf.GGUFReader(smollm2.file)
    with read_once():
        once = gguf.GGUFReader(str(smollm2.file))
        assert gguf.GGUFReader(str(smollm2.file)) is once
    assert gguf.GGUFReader(smollm2.file) is not once
    assert [t.name for t in once.tensors] == [t.name for t in plain.tensors]
    assert all(numpy.array_equal(a.data, b.data) for a, b in zip(once.tensors, plain.tensors, strict=True))
    words = "tokenizer.ggml.tokens"
    assert once.fields.keys() == plain.fields.keys()
    assert once.fields[words].contents() == plain.fields[words].contents()


def test_an_adapter_leaves_the_weights_as_they_were(adapter: tuple[Any, Path], smollm2: SmolLM2) -> None:
    model, folder = adapter
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    served = Served("v1", Weights(gguf=smollm2.file), adapter_gguf=folder / "adapter.gguf")
    with adapted(model, served) as changed:
        weight = "model.layers.0.self_attn.q_proj.weight"
        assert not torch.equal(changed.state_dict()[weight], before[weight])
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_an_adapter_of_another_base_is_refused(adapter: tuple[Any, Path], tiny: Path) -> None:
    _, folder = adapter
    model, _ = base.load(tiny, "s3://slipway/models/tiny/", choose("FP32"))
    with pytest.raises(BadData, match="the adapter belongs to another base"):
        dict(gguf_changes(model, folder / "adapter.gguf"))


def test_the_real_base_and_an_adapter_on_it(
    bench: Bench, evaluate: Any, adapter: tuple[Any, Path], smollm2: SmolLM2, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way, with llama.cpp answering: short rows, few tokens."""
    weights = bench.folder / "weights"
    weights.mkdir()
    shutil.copy(smollm2.file, weights)
    real = reference(publish(weights, "s3://slipway/slipway/models", bench.store))
    artifact = reference(publish(adapter[1], "s3://slipway/slipway/models", bench.store))
    short = [
        {"id": f"r{at}", "group": f"g{at}", "messages": [
            {"role": "user", "content": f"Write the Blueprint T3D for node {at}."},
            {"role": "assistant", "content": f'Begin Object Name="N{at}"\nEnd Object'},
        ]} for at in range(3)
    ]  # fmt: skip
    data = reference(
        publish(
            write_dataset(bench.folder / "short", {"train": short, "test": short}),
            "s3://slipway/slipway/datasets",
            bench.store,
        )
    )
    subject = Subject(name="v1", artifact=artifact, kind="Adapter", formats=("SafeTensors", "GGUF"), base_model=real)
    told = Evaluate(
        namespace="tests",
        name="v1",
        store=bench.store,
        subject=subject,
        reference=Subject(name="base", artifact=real, kind="Base", formats=()),
        data=data,
        evaluation=evaluation(LOSS, VALID, NEAR),
    )
    asked: list[tuple[int, int]] = []
    really = measure.answers

    def watched(served: Served, items: Sequence[Any], limit: int, seed: int, threads: int, done: int) -> Any:
        asked.append((len(items), done))
        return really(served, items, limit, seed, threads, done)

    def dying(served: Served, *rest: Any) -> Any:
        yield from islice(really(served, *rest), 1)
        raise Killed

    monkeypatch.setattr(measure, "answers", dying)
    with pytest.raises(Killed):
        jobs.evaluate(told)
    monkeypatch.setattr(measure, "answers", watched)
    result = jobs.evaluate(told)
    loss, valid, near = result.metrics
    assert 0 < float(loss.reference or 0) < 10, "an instruct model has seen text like this"
    assert abs(float(loss.value) - float(loss.reference or 0)) > 0.05, "the adapter is in the weights that are judged"
    assert valid.samples == 2
    assert float(valid.value) in (0.0, 0.5, 1.0)
    assert near.samples == 2
    assert 0 <= float(near.value) <= 1
    assert asked == [(2, 1), (2, 0)], "each model answers once, for both metrics, and what it had answered stays"
    kept = figures_of(bench)
    shutil.rmtree(bench.folder / "store" / "slipway" / "slipway" / "evaluations")
    assert jobs.evaluate(told) == result
    assert figures_of(bench) == kept, "bit for bit, with llama.cpp started in between or not"
