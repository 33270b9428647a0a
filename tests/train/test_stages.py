"""Does a run in stages learn from each, stop and go on anywhere, end at a gate, and say what it was made of?"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from slipway.api.common import ArtifactRef
from slipway.api.stages import DPO, Stage, StageGate
from slipway.api.trainingjob import Checkpoint
from slipway.contract.job import Train
from slipway.contract.model import CARD, ModelCard
from slipway.contract.progress import Progress
from slipway.contract.result import Preempted, Trained
from slipway_pod.errors import BadConfig, BadData
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.recipe import Recipe
from slipway_train_torch.causal_lm.runs import run_of, single
from slipway_train_torch.causal_lm.stages import borders
from slipway_train_torch.causal_lm.stages.plan import Place, stage_job
from slipway_train_torch.causal_lm.stages.run import Staged
from slipway_train_torch.report.journal import Journal
from tests.train.runs import Bench, same
from tests.train.test_dpo import pair, with_pairs
from tests.train.test_recipe import stopping_after, without_measures
from tests.train.test_signed import provenance
from tests.train.test_training_report import report, steps

BROAD = Stage(name="broad", max_steps=3, learning_rate="1e-2")
NARROW = Stage(name="narrow", max_steps=4, schedule="Constant", evaluate_every_steps=2)


def staged(bench: Bench, stages: list[Stage], data: list[ArtifactRef], name: str = "run", **recipe: Any) -> Train:
    """Return a job that goes through `stages`, each on its `data`."""
    job = bench.job(name, Checkpoint(every_steps=2, keep=2), stages=stages, **recipe)
    return job.model_copy(update={"stage_data": tuple(data)})


def run(bench: Bench, job: Train, stop: StopFlag | None = None) -> Staged:
    """Return a run of `job` that has not begun."""
    made = run_of(job, Path(tempfile.mkdtemp(dir=bench.folder)), stop or StopFlag())
    assert isinstance(made, Staged)
    return made


@pytest.fixture
def other(bench: Bench, graphs: list[dict[str, object]]) -> ArtifactRef:
    """A second dataset: the same graphs the other way round, split elsewhere."""
    return with_pairs(bench, graphs[:-3], graphs[-3:], "Chat").dataset


def test_the_result_is_one_artefact_that_names_all_data(bench: Bench, other: ArtifactRef) -> None:
    job = staged(bench, [BROAD, NARROW], [other, bench.dataset])
    pushed: list[Progress] = []

    def make(*told: Any) -> Recipe:
        made = single(*told)
        made.progress.update = pushed.append  # type: ignore[method-assign]
        return made

    result = Staged(job, Path(tempfile.mkdtemp(dir=bench.folder)), StopFlag(), Journal(job, bench.folder), make).run()
    assert isinstance(result, Trained)
    assert (result.steps, result.published_step) == (7, 7)
    history = bench.history(result)
    assert [(line["stage"], line["step"]) for line in history if "loss" in line] == [
        *(("broad", step) for step in (1, 2, 3)),
        *(("narrow", step) for step in (4, 5, 6, 7)),
    ]
    # Each stage has its own schedule: the first falls to its end, the second stays after its warm-up.
    rates = [line["learningRate"] for line in history if "loss" in line]
    assert rates[0] == 1e-2
    assert rates[2] < rates[1] <= rates[0]
    assert set(rates[3:]) == {5e-3}
    card = ModelCard.model_validate_json((bench.artefact(result.artifact) / CARD).read_text())
    assert [(stage.name, stage.dataset.digest) for stage in card.stages] == [
        ("broad", other.digest), ("narrow", bench.dataset.digest),
    ]  # fmt: skip
    assert card.recipe == job.fingerprint()
    assert result.parameters["stage1"].startswith(f"broad: 3 steps on answers of {other.digest[:19]}")
    assert "stages" not in result.parameters
    shown = list(dict.fromkeys((p.stage, p.stage_number, p.stages) for p in pushed))
    assert shown == [("broad", 1, 2), ("narrow", 2, 2)]
    assert (pushed[-1].step, pushed[-1].steps) == (4, 4)


def test_all_stages_and_attempts_have_one_report(bench: Bench, other: ArtifactRef) -> None:
    job, stop = staged(bench, [BROAD, NARROW], [other, bench.dataset]), StopFlag()

    def make(job: Train, scratch: Path, flag: StopFlag, journal: Journal, place: Place) -> Recipe:
        made = single(job, scratch, flag, journal, place)
        if place.number == 2:
            made.step = stopping_after(2, stop).__get__(made)  # type: ignore[method-assign]
        return made

    Staged(job, bench.folder, stop, Journal(job, bench.folder), make).run()
    stopped = report(bench, job)
    assert (stopped.outcome, stopped.step, stopped.steps) == ("Stopped", 5, 7)
    result = run(bench, job).run()
    assert isinstance(result, Trained)
    found = report(bench, job)
    assert steps(found) == list(range(1, 8))
    assert [(r.step, r.reached, r.ended) for r in found.restarts] == [(5, 5, "Stopped")]
    assert (found.outcome, found.tokens, found.published_step) == ("Succeeded", result.tokens, 7)
    told = provenance(result.artifact.uri, bench.store)
    sources = [source["uri"] for source in told["buildDefinition"]["resolvedDependencies"]]
    assert sources == [bench.dataset.uri, other.uri, bench.base.uri]
    first = borders.find(stage_job(job, 0), bench.folder)
    assert first is not None
    assert told["runDetails"]["metadata"]["startedOn"] == first.started


@pytest.mark.parametrize("method", ["LoRA", "Full"])
@pytest.mark.parametrize(("stage", "step"), [(1, 1), (1, 2), (1, 3), (2, 0), (2, 1), (2, 3)])
def test_a_run_stopped_anywhere_ends_in_the_bits_of_one_that_was_not(
    bench: Bench, other: ArtifactRef, method: str, stage: int, step: int
) -> None:
    told = {"method": method, "dropout_percent": 10 if method == "LoRA" else 0}
    straight = run(bench, staged(bench, [BROAD, NARROW], [other, bench.dataset], "straight", **told)).run()
    job = staged(bench, [BROAD, NARROW], [other, bench.dataset], "interrupted", **told)
    stop = StopFlag()

    def make(job: Train, scratch: Path, flag: StopFlag, journal: Journal, place: Place) -> Recipe:
        made = single(job, scratch, flag, journal, place)
        go = made.step

        def stopping() -> None:
            go()
            if (place.number, made.state.step) == (stage, step):
                stop.set()

        made.step = stopping  # type: ignore[method-assign]
        if (stage, step) == (place.number, 0):
            stop.set()
        return made

    before = Staged(job, Path(tempfile.mkdtemp(dir=bench.folder)), stop, Journal(job, bench.folder), make).run()
    assert before == Preempted(step=3 * (stage - 1) + step)
    resumed = run(bench, job).run()
    assert isinstance(straight, Trained)
    assert isinstance(resumed, Trained)
    folders = [bench.artefact(result.artifact) for result in (straight, resumed)]
    assert same(*(weights(folder) for folder in folders))
    untimed = [[without_measures(line) for line in bench.history(r)] for r in (straight, resumed)]
    assert untimed[0] == untimed[1]
    assert (straight.tokens, straight.parameters) == (resumed.tokens, resumed.parameters)


def weights(folder: Path) -> dict[str, Any]:
    """Return the tensors of an artefact."""
    (found,) = folder.rglob("*.safetensors")
    return load_file(found)


def test_a_finished_stage_is_not_done_again_unless_what_it_left_is_damaged(bench: Bench, other: ArtifactRef) -> None:
    job = staged(bench, [BROAD, NARROW], [other, bench.dataset])
    first = run(bench, job).run()
    assert isinstance(first, Trained)
    begun: list[str] = []

    def make(*told: Any) -> Recipe:
        begun.append(told[4].name)
        return single(*told)

    def again() -> Trained:
        scratch = Path(tempfile.mkdtemp(dir=bench.folder))
        result = Staged(job, scratch, StopFlag(), Journal(job, scratch), make).run()
        assert isinstance(result, Trained)
        return result

    assert same(bench.adapter(first), bench.adapter(again()))
    assert begun == ["narrow"]
    folder = bench.folder / "store" / "slipway" / "checkpoints" / "run" / "stage-1-broad"
    assert [path.name for path in folder.iterdir() if any(path.iterdir())] == ["border"], "checkpoints are gone"
    tensors = folder / "border" / "weights.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"\x01")
    assert same(bench.adapter(first), bench.adapter(again()))
    assert begun == ["narrow", "broad", "narrow"]


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        (
            StageGate(max_loss="0.5"),
            r"stage broad \(1 of 2\) missed its gate: its validation loss is .*above maxLoss 0.5",
        ),
        (StageGate(min_improvement="9"), r"its validation loss went from 6\.\d+ to \d\.\d+, and minImprovement is 9"),
    ],
)
def test_a_stage_that_misses_its_gate_ends_the_run(
    bench: Bench, other: ArtifactRef, gate: StageGate, says: str
) -> None:
    first = BROAD.model_copy(update={"gate": gate})
    job = staged(bench, [first, NARROW], [other, bench.dataset])
    with pytest.raises(BadConfig, match=says) as caught:
        run(bench, job).run()
    assert caught.value.reason == "StageGateMissed"
    assert "stages[0].gate" in caught.value.message
    failure = report(bench, job).failure
    assert failure is not None
    assert failure.reason == "StageGateMissed"
    names = {path.name for path in (bench.folder / "store" / "slipway" / "checkpoints" / "run").iterdir()}
    assert names == {"stage-1-broad"}


def test_gates_that_are_met_let_the_run_through(bench: Bench, other: ArtifactRef) -> None:
    first = BROAD.model_copy(update={"gate": StageGate(max_loss="7", min_improvement="0.001")})
    last = NARROW.model_copy(update={"gate": StageGate(min_improvement="-1")})
    result = run(bench, staged(bench, [first, last], [other, bench.dataset])).run()
    assert isinstance(result, Trained)
    measured = [(line["stage"], line["step"]) for line in bench.history(result) if "validationLoss" in line]
    assert measured == [("broad", 0), ("broad", 3), ("narrow", 3), ("narrow", 5), ("narrow", 7)]


def test_a_gate_without_anything_to_measure_is_told_before_training(
    bench: Bench, graphs: list[dict[str, object]]
) -> None:
    data = with_pairs(bench, graphs, [], "Chat").dataset
    first = BROAD.model_copy(update={"gate": StageGate(max_loss="7")})
    with pytest.raises(BadData, match=r"stage broad has a gate, but the validation split .*remove the gate") as caught:
        run(bench, staged(bench, [first], [data])).run()
    assert caught.value.reason == "NoValidationSplit"


def test_a_stage_may_learn_from_pairs_what_the_one_before_made_of_the_base(bench: Bench) -> None:
    pairs = with_pairs(bench, [pair(at) for at in range(8)], [pair(at) for at in range(8, 10)]).dataset
    liked = Stage(name="liked", max_steps=6, dpo=DPO(beta="0.5"))
    result = run(bench, staged(bench, [BROAD, liked], [bench.dataset, pairs])).run()
    assert isinstance(result, Trained)
    losses = [line["loss"] for line in bench.history(result) if line["stage"] == "liked" and "loss" in line]
    # Its reference is the model as the stage before left it, so nothing is preferred yet.
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)
    assert losses[-1] < losses[0]
    assert result.parameters["trainPairs"] == "8"
