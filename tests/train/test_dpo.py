"""Does a run learn which of two answers people chose, resume to the bit, and refuse pairs that tell nothing?"""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import logsigmoid

from slipway.api.stages import DPO
from slipway.contract.job import Train
from slipway.contract.progress import Progress
from slipway.contract.result import Preempted, Trained
from slipway_pod.artifact import publish_at
from slipway_pod.errors import BadConfig, BadData
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.dpo.recipe import Preferences
from slipway_train_torch.evaluate.items import read
from tests.train.conftest import reference, write_dataset
from tests.train.runs import Bench, same
from tests.train.test_recipe import without_measures

BETA = DPO(beta="0.5")


def pair(
    at: int, chosen: str = "Begin Object Name=Node{at}\nEnd Object", rejected: str = "Sorry, node {at}: no."
) -> Any:
    """Return a row in which a graph is preferred to an excuse."""
    asked = [{"role": "system", "content": "You write graphs."}, {"role": "user", "content": f"Make node {at}"}]
    answers = {"chosen": chosen.format(at=at), "rejected": rejected.format(at=at)}
    said = {name: [{"role": "assistant", "content": text}] for name, text in answers.items()}
    return {"id": f"pair-{at}", "group": f"group-{at}", "prompt": asked, **said}


def with_pairs(bench: Bench, train: list[Any], validation: list[Any], schema: str = "Preference") -> Bench:
    """Return `bench` with a dataset of these rows."""
    name = tempfile.mkdtemp(dir=bench.folder)
    folder = write_dataset(Path(name) / "dataset", {"train": train, "validation": validation}, schema)
    return replace(
        bench, dataset=reference(publish_at(folder, f"s3://slipway/datasets/{Path(name).name}/", bench.store))
    )


@pytest.fixture
def pairs(bench: Bench) -> Bench:
    """The bench, with pairs of answers for its dataset."""
    return with_pairs(bench, [pair(at) for at in range(12)], [pair(at) for at in range(12, 16)])


def preferences(bench: Bench, job: Train, stop: StopFlag | None = None) -> Preferences:
    """Return a run of `job` that has not begun."""
    made = bench.recipe(job, stop)
    assert isinstance(made, Preferences)
    return made


def weights(bench: Bench, result: object) -> dict[str, torch.Tensor]:
    """Return the tensors that a run published."""
    assert isinstance(result, Trained)
    (found,) = bench.artefact(result.artifact).rglob("*.safetensors")
    return load_file(found)


def test_the_chosen_answers_gain_on_pairs_that_were_not_trained(pairs: Bench) -> None:
    job = pairs.job(dpo=BETA, max_steps=30, epochs=100, evaluate_every_steps=15, learning_rate="1e-2")
    recipe = preferences(pairs, job)
    pushed: list[Progress] = []
    recipe.progress.update = pushed.append  # type: ignore[method-assign]
    result = recipe.run()
    assert isinstance(result, Trained)
    history = pairs.history(result)
    losses = [line["loss"] for line in history if "loss" in line]
    measured = [line for line in history if "rewardMargin" in line]
    # Nothing has been learned before the first step, and a model that knows nothing loses ln 2.
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)
    assert losses[-1] < 0.5 * losses[0]
    assert [line["step"] for line in measured] == [15, 30]
    assert measured[-1]["rewardMargin"] > max(0.5, measured[0]["rewardMargin"])
    assert measured[-1]["rewardAccuracy"] == 1.0
    assert measured[-1]["validationLoss"] < math.log(2)
    assert result.parameters["rewardAccuracy"] == "1"
    assert (result.parameters["trainPairs"], result.parameters["dpoBeta"]) == ("12", "0.5")
    assert pushed[-1].reward_accuracy == 1.0
    assert pushed[-1].reward_margin == pytest.approx(measured[-1]["rewardMargin"])


@pytest.mark.parametrize("method", ["LoRA", "Full"])
def test_a_resumed_run_ends_in_the_bits_of_one_that_never_stopped(pairs: Bench, method: str) -> None:
    told: dict[str, Any] = {"dpo": BETA, "method": method, "evaluate_every_steps": 2}
    told |= {"dropout_percent": 10} if method == "LoRA" else {}
    straight = preferences(pairs, pairs.job("straight", **told)).run()
    job, stop = pairs.job("interrupted", **told), StopFlag()
    first = preferences(pairs, job, stop)
    step = first.step

    def stopping() -> None:
        step()
        if first.state.step == 4:
            stop.set()

    first.step = stopping  # type: ignore[method-assign]
    assert first.run() == Preempted(step=4)
    again = preferences(pairs, job)

    def twice() -> Any:
        raise AssertionError("the reference is measured once")

    again.measure_reference = twice  # type: ignore[method-assign]
    resumed = again.run()
    assert same(weights(pairs, straight), weights(pairs, resumed))
    histories = [[without_measures(line) for line in pairs.history(r)] for r in (straight, resumed)]
    assert histories[0] == histories[1]


def test_the_reference_is_the_model_with_its_adapter_switched_off(pairs: Bench) -> None:
    recipe = preferences(pairs, pairs.job(dpo=BETA, learning_rate="2e-2"))
    recipe.setup()
    recipe.train()
    adapter = recipe.tuned.adapter
    assert adapter is not None
    recipe.model.eval()
    with torch.no_grad(), adapter.disable_adapter():
        off = recipe.logprobs(recipe.rows)
    before = torch.tensor([recipe.reference[row[0].id] for row in recipe.rows])
    torch.testing.assert_close(off, before, rtol=1e-4, atol=1e-3)
    assert not torch.allclose(recipe.logprobs(recipe.rows), before, atol=1e-1)


@pytest.mark.parametrize("method", ["LoRA", "Full"])
def test_loss_and_gradients_are_those_of_whole_logits(pairs: Bench, method: str) -> None:
    recipe = preferences(pairs, pairs.job(dpo=BETA, method=method, micro_batch_size=2, batch_size=4))
    recipe.setup()
    recipe.train()  # away from where policy and reference are one
    batch = recipe.rows[:4]
    loss = recipe.gradients(batch)
    mine = {name: p.grad.clone() for name, p in recipe.parameters.items() if p.grad is not None}
    recipe.optimiser.zero_grad()
    margins = []
    for row in batch:
        said = []
        for example in row:
            logits = recipe.model(input_ids=torch.tensor([example.ids])).logits[0, :-1].log_softmax(-1)
            tokens = logits.gather(1, torch.tensor(example.ids[1:])[:, None])[:, 0]
            said.append(tokens[torch.tensor(example.trained[1:])].sum())
        chosen, rejected = recipe.reference[row[0].id]
        margins.append((said[0] - chosen) - (said[1] - rejected))
    theirs = -logsigmoid(0.5 * torch.stack(margins)).mean()
    theirs.backward()
    assert loss == pytest.approx(theirs.item(), rel=1e-4)
    for name, parameter in recipe.parameters.items():
        assert parameter.grad is not None
        torch.testing.assert_close(mine[name], parameter.grad, rtol=1e-3, atol=1e-6)


def test_only_the_answers_bear_loss(pairs: Bench) -> None:
    recipe = preferences(pairs, pairs.job(dpo=BETA))
    recipe.setup()
    for row, text in zip(recipe.rows[0], ("Begin Object Name=Node0", "Sorry, node 0"), strict=True):
        trained = [token for token, is_trained in zip(row.ids, row.trained, strict=True) if is_trained]
        said = recipe.tokenizer.decode(trained)
        assert said.startswith(text)
        assert "Make node" not in said


ALIKE = pair(3, rejected="Begin Object Name=Node{at}\nEnd Object")


@pytest.mark.parametrize(
    ("rows", "reason", "says"),
    [
        ([], "NoPairs", r"no pairs of answers: raise split.trainPercent"),
        ([pair(1), ALIKE], "IdenticalAnswers", r"row pair-3 are the same, so nothing is preferred: remove such rows"),
        ([pair(1), pair(1)], "DuplicateIds", r"two pairs of answers have the id pair-1"),
        ([{**pair(1), "rejected": []}], "EmptyAnswer", r"row pair-1 has no message in its rejected answer"),
        (
            [pair(1, chosen="x" * 999 + "a", rejected="x" * 999 + "b")],
            "NothingToTrain",
            r"raise recipe.causalLM.maxTok",
        ),
    ],
)
def test_pairs_that_tell_nothing_are_refused(bench: Bench, rows: list[Any], reason: str, says: str) -> None:
    told = with_pairs(bench, rows, [])
    with pytest.raises(BadData, match=says) as caught:
        preferences(told, told.job(dpo=BETA)).run()
    assert caught.value.reason == reason


def test_data_of_another_schema_is_refused_both_ways(bench: Bench, pairs: Bench) -> None:
    with pytest.raises(
        BadConfig, match=r"the dataset's schema is Chat: name a Dataset with schema Preference"
    ) as chats:
        preferences(bench, bench.job(dpo=BETA)).run()
    with pytest.raises(BadConfig, match=r"nothing says what to learn from them: set recipe.causalLM.dpo") as answers:
        pairs.run(pairs.job())
    assert {chats.value.reason, answers.value.reason} == {"DatasetDoesNotFit"}


def test_a_model_is_judged_on_the_chosen_answers(bench: Bench) -> None:
    folder = write_dataset(bench.folder / "judged", {"test": [pair(1)]}, "Preference")
    (item,) = read(folder, "test")
    assert item.wanted.startswith("Begin Object")
    assert [role for role, _ in item.messages] == ["system", "user", "assistant"]
