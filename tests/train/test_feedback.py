"""Does what users said of answers become what a model is taught to prefer? From records to steps, through both pods."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from typing import Any

import torch

from slipway.api.stages import DPO
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import PrepareDataset
from slipway.contract.result import Prepared, Trained, parse_result
from slipway_train_torch.causal_lm.batches import Row
from tests.train.conftest import reference
from tests.train.runs import Bench
from tests.train.test_dpo import preferences
from tests.train.test_process import REPOSITORY

FOLDER = "slipway/feedback/tests/assistant"
PYTHON = REPOSITORY / ".venv" / "bin" / "python"
"""The environment with what the data image has; the one with torch has none of that."""


def said(id: str, answer: str, prompt: str, **more: Any) -> dict[str, Any]:
    """Return a record as the proxy before a served model writes it."""
    return {"id": id, "version": "1.0.0", "prompt": [{"role": "user", "content": prompt}], "answer": answer, **more}


RECORDS = (
    said("1", "Begin Object Cube", "Make a cube", thumb="up"),
    said("2", "Sorry, no cube.", "Make a cube", thumb="down"),
    said("3", "Begin Object Ball", "Make a ball", rating=5),
    said("4", "What ball?", "Make a ball", rating=1),
    said("5", "End Object", "Make a cone", correction="Begin Object Cone"),
    said("6", "Begin Object Tree", "Make a tree", thumb="up"),  # there is nothing that it was preferred to
)
PREFERRED = {
    "Make a cube": ("Begin Object Cube", "Sorry, no cube."),
    "Make a ball": ("Begin Object Ball", "What ball?"),
    "Make a cone": ("Begin Object Cone", "End Object"),
}


def prepared(bench: Bench) -> Prepared:
    """Return the pairs that a pod of the data image makes of `RECORDS`."""
    records = bench.folder / "store" / bench.store.bucket / FOLDER / "2026-11-28.jsonl"
    records.parent.mkdir(parents=True)
    records.write_text("".join(json.dumps(record) + "\n" for record in RECORDS), encoding="utf-8")
    told = {
        "namespace": "tests", "name": "preferred", "store": bench.store, "schema": "Preference",
        "source": {"feedback": {"model": "assistant"}}, "steps": [{"parse": {"as": "Feedback"}}],
        "split": {"trainPercent": 100, "validationPercent": 0, "testPercent": 0}, "quality": {},
    }  # fmt: skip
    job, message = bench.folder / "prepare.json", bench.folder / "prepared"
    job.write_text(PrepareDataset.model_validate(told).model_dump_json(by_alias=True, exclude_none=True))
    packages = (str(REPOSITORY / package) for package in ("operator", "images/common", "images/data"))
    around = os.environ | {
        "PYTHONPATH": os.pathsep.join(packages),
        "SLIPWAY_JOB": str(job),
        "SLIPWAY_TERMINATION_LOG": str(message),
    }
    done = subprocess.run([PYTHON, "-m", "slipway_data"], env=around, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.OK, done.stderr
    result = parse_result(message.read_text())
    assert isinstance(result, Prepared)
    return result


def test_what_users_preferred_is_what_a_model_learns_to_prefer(bench: Bench) -> None:
    made = prepared(bench)
    assert made.rows.train == len(PREFERRED)
    liked = replace(bench, dataset=reference(made.artifact))
    job = liked.job(dpo=DPO(beta="0.5"), max_steps=2, batch_size=3, learning_rate="1e-2", dropout_percent=0)
    run = preferences(liked, job)
    trained: list[Row] = []
    gradients = run.gradients

    def noted(batch: Any) -> float:
        trained.extend(batch)
        return gradients(batch)

    run.gradients = noted  # type: ignore[method-assign]
    result = run.run()
    assert isinstance(result, Trained)
    assert (result.steps, len(trained)) == (2, 2 * len(PREFERRED))

    def texts(row: Row) -> tuple[str, tuple[str, str]]:
        """Return what was asked, and the chosen and the rejected answer, as far as they bear loss."""
        asked, answers = set(), []
        for example in row:
            asked.add(run.tokenizer.decode(example.ids[: example.trained.index(True)]))
            bearing = [token for token, is_trained in zip(example.ids, example.trained, strict=True) if is_trained]
            answers.append(run.tokenizer.decode(bearing).partition("<|im_end|>")[0])
        (prompt,), (chosen, rejected) = asked, answers
        return prompt.partition("user\n")[2].partition("<|im_end|>")[0], (chosen, rejected)

    assert dict(texts(row) for row in trained) == PREFERRED
    assert sorted(texts(row)[0] for row in trained) == sorted([*PREFERRED] * 2), "once a step"
    # And it is these that gained over those.
    run.model.eval()
    before = [run.reference[row[0].id] for row in run.rows]
    with torch.no_grad():
        after = run.logprobs(run.rows).tolist()
    for (chosen, rejected), (was_chosen, was_rejected) in zip(after, before, strict=True):
        assert chosen - was_chosen > rejected - was_rejected
