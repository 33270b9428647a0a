"""From a search to the ModelVersion of its best trial, and through all that may happen on the way."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.attempt import LONGEST_WAIT
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import PlotStudy, parse_job
from slipway.names import STOP_ANNOTATION
from tests.unit.training.searches import NAME, PRUNING, Searches, searching
from tests.unit.training.world import DIGEST, dataset
from tests.unit.worlds import NAMESPACE

EVALUATING = {"recipe": {"causalLM": {"maxSteps": 64, "evaluateEverySteps": 1}}}


def end_all(made: Searches, *losses: str) -> None:
    """Let trials end with these losses, in order of their numbers."""
    for number, loss in enumerate(losses):
        made.finish_with(f"{NAME}-{number}", loss)


def test_trials_are_the_searchs_run_with_other_parameters() -> None:
    made = searching()
    assert made.trials() == ["hunt-0", "hunt-1"]
    trial = made.root("hunt-0")
    assert trial["metadata"]["labels"]["slipway.dev/trial"] == "0"
    assert trial["metadata"]["labels"]["slipway.dev/name"] == NAME
    assert trial["metadata"]["ownerReferences"][0]["uid"] == made.uid()
    spec = trial["spec"]
    assert {"search", "version", "evaluation"} & set(spec) == set()
    assert spec["recipe"]["causalLM"]["maxSteps"] == 8
    assert spec["export"] == ["SafeTensors", "GGUF"]
    assert 1e-5 <= float(made.recipe("hunt-0")["learningRate"]) <= 1e-2
    assert made.recipe("hunt-0")["rank"] % 4 == 0
    assert made.recipe("hunt-0") != made.recipe("hunt-1")
    assert made.jobs() == []
    assert len(made.jobs("hunt-0")) == 1


def test_the_best_trial_becomes_the_one_model_version() -> None:
    made = searching()
    end_all(made, "1.5", "0.5", "0.9", "2.5")
    assert made.trials() == ["hunt-0", "hunt-1", "hunt-2", "hunt-3"]
    status = made.status()
    assert status["state"] == "Succeeded"
    assert status["modelVersion"] == "assistant-1.0.0"
    assert status["search"]["summary"] == "4 of 4, best 0.5"
    assert status["search"]["complete"] == 4
    assert status["search"]["best"]["name"] == "hunt-1"
    assert float(status["search"]["best"]["parameters"]["learningRate"]) > 0
    version = made.get("ModelVersion", "assistant-1.0.0")
    assert version["spec"]["artifact"]["digest"] == made.status("hunt-1")["artifact"]["digest"]
    assert version["spec"]["lineage"]["trainingJob"] == NAME
    assert version["spec"]["lineage"]["recipeDigest"] == made.status("hunt-1")["snapshot"]["recipeDigest"]
    assert version["spec"]["evaluationData"]["digest"] == DIGEST
    assert [made.status(name)["state"] for name in made.trials()] == ["Succeeded"] * 4
    assert all("modelVersion" not in made.status(name) for name in made.trials())
    assert sum(1 for _ in made.store.all("ModelVersion")) == 1
    assert made.condition("Ready")["status"] == made.condition("Succeeded")["status"] == "True"


def test_speed_is_an_objective_too() -> None:
    made = searching(objective={"metric": "TokensPerSecond", "direction": "Maximize"}, maxTrials=2)
    made.finish_with("hunt-0", None, seconds=5)
    made.finish_with("hunt-1", None, seconds=4)
    assert made.status()["search"]["best"]["value"] == "250"
    assert made.status()["search"]["best"]["name"] == "hunt-1"
    assert made.status()["state"] == "Succeeded"


def test_nothing_starts_before_the_data_is_good() -> None:
    made = searching(data=dataset("Preparing", message="Job x prepares the data"))
    assert made.trials() == []
    assert made.status()["state"] == "Pending"
    assert "Job x prepares the data" in made.status()["message"]
    made.put(dataset())
    made.rest()
    assert len(made.trials()) == 2


def test_all_trials_train_on_the_data_of_the_first() -> None:
    made = searching()
    other = dataset()
    other["status"]["artifact"]["digest"] = "sha256:" + "e" * 64
    made.put(other)
    end_all(made, "1", "2", "3", "4")
    assert {made.status(name)["snapshot"]["dataset"]["digest"] for name in made.trials()} == {DIGEST}


def test_a_trial_that_falls_behind_is_ended_as_pruned() -> None:
    made = searching(spec=EVALUATING, pruning=PRUNING)
    for name in ("hunt-0", "hunt-1"):
        made.run(name)
    made.measure("hunt-0", 2, "1.5")
    assert made.running() == ["hunt-0", "hunt-1"], "one alone is not behind"
    made.measure("hunt-1", 2, "1.0")
    assert made.status("hunt-0")["state"] == "Stopped"
    assert made.condition("Succeeded", "hunt-0")["reason"] == "Pruned"
    assert made.status("hunt-0")["message"] == (
        "its validation loss after 2 steps, 1.5, is not among the best 1 of 2 trials measured there (1 or less)"
    )
    assert made.jobs("hunt-0") == []
    assert made.running() == ["hunt-1", "hunt-2"]
    assert made.status()["search"]["pruned"] == 1
    row = made.status()["search"]["trials"][0]
    assert (row["state"], row["reason"]) == ("Pruned", "Pruned")
    assert made.asked[-1].trials[0].measured == ((2, 1.5),)


def test_the_best_half_goes_on_after_each_border() -> None:
    made = searching(spec=EVALUATING, pruning=PRUNING, parallelism=4)
    for number, loss in enumerate(("1", "2", "3", "4")):
        made.run(f"hunt-{number}")
        made.measure(f"hunt-{number}", 1, loss)
    assert len(made.running()) == 4, "nobody is judged before minSteps"
    for number, loss in enumerate(("4", "3", "2", "1")):
        made.measure(f"hunt-{number}", 2, loss)
    assert made.running() == ["hunt-2", "hunt-3"]
    assert made.status("hunt-0")["trial"]["measurements"] == [{"step": 2, "value": "4"}]


def test_only_the_first_measurement_after_each_border_counts() -> None:
    made = searching(spec=EVALUATING, pruning=PRUNING)
    made.run("hunt-0")
    for step in range(1, 10):
        made.measure("hunt-0", step, str(10 - step))
    assert [m["step"] for m in made.status("hunt-0")["trial"]["measurements"]] == [2, 4, 8]


def test_a_result_counts_even_where_the_trial_was_to_be_ended() -> None:
    made = searching(spec=EVALUATING, pruning=PRUNING)
    for name in ("hunt-0", "hunt-1"):
        made.run(name)
    made.measure("hunt-0", 2, "1.5")
    progress = {"step": 2, "steps": 64, "validationLoss": "1.0", "validationStep": 2}
    made.put({**made.root("hunt-1"), "status": {**made.status("hunt-1"), "progress": progress}})
    made.step("hunt-1")
    made.step()  # tells hunt-0 to end
    assert made.root("hunt-0")["metadata"]["annotations"][STOP_ANNOTATION].startswith("Pruned: ")
    made.finish_with("hunt-0", "0.1")
    assert made.status("hunt-0")["state"] == "Succeeded"
    assert made.status()["search"]["best"]["name"] == "hunt-0"


def test_suspending_the_search_suspends_its_trials() -> None:
    made = searching()
    made.run("hunt-0")
    made.edit(suspend=True)
    made.rest()
    assert made.status()["state"] == "Running"
    assert [made.newest_job(name)["spec"]["suspend"] for name in made.trials()] == [True, True]
    made.remove("Pod", "hunt-0-pod")
    made.rest()
    assert made.status()["state"] == "Suspended"
    assert len(made.trials()) == 2
    made.edit(suspend=False)
    made.rest()
    assert [made.newest_job(name)["spec"]["suspend"] for name in made.trials()] == [False, False]
    assert made.status()["state"] == "Queued"


def test_a_suspended_search_makes_no_trial() -> None:
    made = searching(spec={"suspend": True})
    assert made.trials() == []
    assert made.status()["state"] == "Suspended"


def test_the_search_fails_after_too_many_failed_trials_and_names_what_it_has() -> None:
    made = searching(maxFailedTrials=1)
    made.finish_with("hunt-0", "0.5")
    made.fail_with("hunt-1", "OutOfMemory")
    assert len(made.running()) == 2
    made.fail_with("hunt-2", "OutOfMemory")
    assert made.status()["state"] == "Failed"
    assert made.condition("Stalled")["reason"] == "TooManyFailedTrials"
    message = made.status()["message"]
    assert "hunt-2: it went wrong: do better" in message
    assert f"hunt-0, made {made.status('hunt-0')['artifact']['uri']}" in message
    assert made.status("hunt-3")["state"] == "Stopped"
    assert made.condition("Succeeded", "hunt-3")["reason"] == "SearchEnded"


@pytest.mark.parametrize("reason", ["LossNotFinite", "GradientExploded", "Diverged"])
def test_a_trial_whose_loss_exploded_is_a_result(reason: str) -> None:
    made = searching(maxFailedTrials=0)
    made.fail_with("hunt-0", reason)
    assert len(made.running()) == 2
    assert made.asked[-1].trials[0].state == "Bad"
    assert made.status()["search"]["failed"] == 1


def test_a_search_of_which_no_trial_has_a_value_fails() -> None:
    made = searching(maxTrials=2)
    made.fail_with("hunt-0", "Diverged")
    made.fail_with("hunt-1", "Diverged")
    assert made.status()["state"] == "Failed"
    assert made.condition("Stalled")["reason"] == "NoTrialCompleted"


def test_at_the_deadline_the_best_finished_trial_wins() -> None:
    made = searching(deadlineSeconds=100)
    made.run("hunt-0")
    made.finish_with("hunt-0", "0.7")
    made.wait(1000)  # nothing runs: that does not count
    made.rest()
    assert made.status()["state"] == "Queued"
    made.run("hunt-1")
    assert made.plan().requeue_after is not None
    made.wait(100)
    made.rest()
    assert made.status()["state"] == "Succeeded"
    assert made.status()["search"]["best"]["name"] == "hunt-0"
    assert {made.status(name)["state"] for name in ("hunt-1", "hunt-2")} == {"Stopped"}


def test_a_deadline_without_any_value_is_a_failure() -> None:
    made = searching(deadlineSeconds=60)
    made.run("hunt-0")
    made.wait(61)
    made.rest()
    assert made.condition("Stalled")["reason"] == "DeadlineExceeded"
    assert made.running() == []


def values(field: str, **kind: Any) -> dict[str, Any]:
    return {"field": field, "values": kind}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            [values("learningRat", float={"min": "1e-5", "max": "1e-3"})],
            "spec.search.parameters[learningRat]: recipe.causalLM has no field learningRat: correct the name",
        ),
        (
            [values("rank", float={"min": "4", "max": "64"})],
            "spec.search.parameters[rank]: 26.918 does not suit recipe.causalLM.rank (Input should be a valid integer",
        ),
        (
            [values("rank", int={"min": 4, "max": 4096})],
            "spec.search.parameters[rank]: 4096 does not suit recipe.causalLM.rank (Input should be less than or equal",
        ),
        (
            [values("method", categorical={"choices": ["LoRA", "Prefix"]})],
            "spec.search.parameters[method]: Prefix does not suit recipe.causalLM.method (Input should be 'LoRA'",
        ),
        (
            [values("rank.of", int={"min": 4, "max": 8})],
            "spec.search.parameters[rank.of]: recipe.causalLM has no field rank.of",
        ),
        (
            [values("learningRate", float={"min": "0", "max": "1e-3"})],
            "spec.search.parameters[learningRate]: learningRate must be above 0: raise its values",
        ),
        (
            [
                values("batchSize", int={"min": 4, "max": 12, "step": 4}),
                values("microBatchSize", int={"min": 2, "max": 3}),
            ],
            "spec.search.parameters: microBatchSize must divide batchSize in every trial",
        ),
        (
            [values("method", categorical={"choices": ["LoRA", "Full"]}), values("rank", int={"min": 4, "max": 8})],
            "spec.search.parameters: method Full makes no adapter: remove Full from the methods",
        ),
        (
            [values("earlyStopping.patienceEvaluations", int={"min": 1, "max": 8})],
            "spec.search.parameters: earlyStopping and publish Best need measurements on the way: set recipe.causalLM",
        ),
    ],
)
def test_a_space_that_is_none_is_told_before_anything_runs(parameters: list[dict[str, Any]], said: str) -> None:
    made = searching(parameters=parameters)
    assert made.trials() == []
    assert made.condition("Stalled")["reason"] == "InvalidSearch"
    assert said in made.status()["message"]
    assert "create the corrected TrainingJob with a new name" in made.status()["message"]


def test_new_tokens_and_a_method_that_makes_no_model_are_no_space() -> None:
    methods = [values("method", categorical={"choices": ["LoRA", "QLoRA"]})]
    recipe = {"causalLM": {"maxSteps": 64, "newTokens": {"listed": ["K2Node_Event"]}}}
    made = searching(spec={"recipe": recipe}, parameters=methods)
    assert made.trials() == []
    assert "remove QLoRA from the methods, or newTokens from the recipe" in made.status()["message"]
    assert searching(parameters=methods).trials() == ["hunt-0", "hunt-1"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            values("method", categorical={"choices": ["LoRA", "DoRA"]}),
            values("rank", categorical={"choices": ["8", "16"]}),
        ),
        (
            values("batchSize", int={"min": 8, "max": 64, "step": 8}),
            values("microBatchSize", categorical={"choices": ["4", "8"]}),
        ),
        (
            values("dropoutPercent", int={"min": 0, "max": 30, "step": 10}),
            values("neftuneAlpha", float={"min": "0", "max": "9"}),
        ),
    ],
)
def test_fields_of_every_type_are_searched(first: dict[str, Any], second: dict[str, Any]) -> None:
    made = searching(parameters=[first, second])
    assert made.trials() == ["hunt-0", "hunt-1"]
    assert set(made.asked[-1].trials[0].parameters) == {first["field"], second["field"]}


def test_a_space_of_few_trials_ends_with_them() -> None:
    made = searching(parameters=[values("method", categorical={"choices": ["LoRA", "DoRA"]})], maxTrials=50)
    assert made.trials() == ["hunt-0", "hunt-1"]
    end_all(made, "2", "1")
    assert made.status()["state"] == "Succeeded"
    assert made.status()["search"]["summary"] == "2 of 2, best 1"


def test_a_lost_status_changes_nothing() -> None:
    made, other = searching(), searching()
    for each in (made, other):
        each.finish_with("hunt-0", "0.5")
    made.put({**made.root(), "status": {}})
    made.rest()
    assert made.status()["snapshot"] == other.status()["snapshot"]
    assert made.status()["search"] == other.status()["search"]
    for each in (made, other):
        each.finish_with("hunt-1", "0.7")
    assert made.asked[-1] == other.asked[-1]
    made.put({**made.root(), "status": {}})
    made.finish_with("hunt-2", "0.9")
    made.finish_with("hunt-3", "0.9")
    assert made.status()["state"] == "Succeeded"
    made.put({**made.root(), "status": {}})
    made.rest()
    assert made.status()["state"] == "Succeeded"


def test_a_trial_that_somebody_deletes_is_made_again() -> None:
    made = searching()
    before = made.recipe("hunt-0")
    made.finish_with("hunt-1", "0.5")
    made.remove("TrainingJob", "hunt-0")
    made.rest()
    assert made.trials() == ["hunt-0", "hunt-1", "hunt-2"]
    assert made.recipe("hunt-0") == before


def test_progress_of_running_trials_asks_no_new_question() -> None:
    made = searching(spec=EVALUATING, pruning=PRUNING, parallelism=2)
    made.run("hunt-0")
    made.broken = "out of order"
    made.remove("TrainingJob", "hunt-1")
    made.rest()
    [asked] = made.plan().asks
    made.measure("hunt-0", 3, "2.0")
    assert made.status("hunt-0")["trial"]["measurements"]
    assert made.plan().asks == (asked,)
    made.finish_with("hunt-0", "1.0")
    assert made.plan().asks != (asked,)


def test_a_taken_name_is_told_before_anything_runs() -> None:
    made = Searches(searching().room, NAME)
    made.put(searching().root() | {"status": {}})
    made.put(dataset())
    foreign = {"kind": "ModelVersion", "metadata": {"name": "assistant-1.0.0", "namespace": NAMESPACE}}
    made.put(foreign | {"spec": {"model": "assistant", "artifact": {"digest": "sha256:" + "f" * 64}}})
    made.rest()
    assert made.condition("Stalled")["reason"] == "VersionTaken"
    assert made.trials() == []


def test_a_sampler_that_fails_is_asked_again_after_a_while() -> None:
    made = searching(maxTrials=1, parallelism=1)
    made.remove("TrainingJob", "hunt-0")
    made.broken = "the sampler's process ended with code 1: boom"
    made.rest()
    assert "hunt-0 has no parameters yet, and is tried again: the sampler's process ended" in made.status()["message"]
    wait = made.plan().requeue_after
    assert wait is not None
    made.broken = ""
    made.rest()
    assert made.trials() == []
    made.wait(wait.total_seconds())
    made.rest()
    assert made.trials() == ["hunt-0"]


def test_time_to_live_reaches_the_trials() -> None:
    made = searching(maxTrials=1, parallelism=1)
    made.finish_with("hunt-0", "0.5")
    assert made.status()["state"] == "Succeeded"
    made.edit(ttlSecondsAfterFinished=30)
    made.rest()
    assert made.root("hunt-0")["spec"]["ttlSecondsAfterFinished"] == 30
    made.wait(31)
    made.rest()
    assert made.jobs("hunt-0") == []
    assert made.status()["state"] == "Succeeded"


def test_a_label_alone_makes_no_trial() -> None:
    made = searching(maxTrials=2)
    foreign = dict(made.root("hunt-0"))
    meta = {k: v for k, v in foreign["metadata"].items() if k not in ("ownerReferences", "uid", "resourceVersion")}
    made.put({**foreign, "metadata": {**meta, "name": "foreign", "uid": "uid-foreign"}, "status": {}})
    made.step()
    assert made.get("TrainingJob", "foreign")
    assert made.status()["search"]["running"] == 2


def test_a_change_of_a_trial_wakes_its_search_and_nothing_else() -> None:
    made = searching()
    assert [key.name for key in made.room.wakes(made.root("hunt-0"), made.store)] == [NAME]
    made.put({**made.root("hunt-0"), "status": {}})
    assert [key.name for key in made.room.wakes(made.root(), made.store)] == ["hunt-0"]


def ended(made: Searches) -> Searches:
    end_all(made, "1.5", "0.5", "0.9", "2.5")
    return made


def test_the_page_is_drawn_after_the_end_by_one_small_job() -> None:
    made = ended(searching())
    assert made.status()["state"] == "Succeeded"
    assert "page" not in made.status()["search"]
    [name] = made.jobs()
    told = parse_job(made.stored_config(name))
    assert isinstance(told, PlotStudy)
    assert told.study.best == 1
    assert [trial.value for trial in told.study.trials] == ["1.5", "0.5", "0.9", "2.5"]
    assert told.study.parameters[0].log
    assert made.newest_job()["spec"]["template"]["spec"]["containers"][0]["image"] == "data@1"
    made.finish("Complete")
    made.rest()
    assert made.status()["search"]["page"] == f"s3://slipway/{told.key}"
    assert made.jobs() == made.owned("ConfigMap") == []
    assert len(made.trials()) == 4


def test_the_page_waits_in_the_queue_of_its_search() -> None:
    made = ended(searching(spec={"queue": {"localQueue": "gpu", "priorityClass": "low"}}))
    [name] = made.jobs()
    drawing = made.get("Job", name)
    assert drawing["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpu"
    assert drawing["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "low"
    assert drawing["spec"]["suspend"] is True, "Kueue starts it"


def test_a_store_that_stays_away_is_tried_again_for_the_page() -> None:
    made = ended(searching())
    made.end(ExitCode.STORE_UNREACHABLE, "no route", pod="page-pod")
    made.finish("Failed", "BackoffLimitExceeded")
    made.rest()
    wait = made.plan().requeue_after
    assert wait == LONGEST_WAIT
    made.wait(wait.total_seconds())
    made.step()
    assert made.jobs() == []
    made.remove("Pod", "page-pod")
    made.rest()
    assert len(made.jobs()) == 1
    assert "status" not in made.newest_job()


def test_a_page_that_fails_stays_for_its_log_and_costs_no_model() -> None:
    made = ended(searching())
    made.end(1, "boom", pod="page-pod")
    made.finish("Failed", "BackoffLimitExceeded")
    made.rest()
    assert len(made.jobs()) == 1
    assert made.status()["state"] == "Succeeded"
