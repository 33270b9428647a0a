"""Does an evaluation ask people about both models' answers, and tell nobody whose is whose?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from slipway.api.common import Evaluation
from slipway.contract.job import CountRatings, Evaluate, Subject
from slipway.contract.ratings import SideKey
from slipway.contract.result import Counted, Evaluated
from slipway_pod.artifact import publish
from slipway_pod.ratings.count import count
from slipway_train_torch.evaluate import generate
from slipway_train_torch.evaluate import job as jobs
from slipway_train_torch.evaluate.files import Served
from slipway_train_torch.evaluate.generate import Answer
from slipway_train_torch.evaluate.items import Item
from tests.train.conftest import SmolLM2, reference, write_dataset
from tests.train.runs import Bench

METRIC = {"maxExamples": 12, "minRated": 5, "maxNewTokens": 8}


def rows(number: int) -> list[dict[str, object]]:
    return [
        {"id": f"row-{at}", "group": f"g{at % 4}", "messages": [
            {"role": "system", "content": "Answer."},
            {"role": "user", "content": f"question {at}"},
            {"role": "assistant", "content": f"wanted {at}"},
        ]} for at in range(number)
    ]  # fmt: skip


def told(bench: Bench, folder: str = "judged", number: int = 10, **subjects: Any) -> Evaluate:
    """Return a job that lets people judge two models, by default the tiny one under two names."""
    data = write_dataset(bench.folder / folder, {"test": rows(number)})
    model = Subject(name="v1", artifact=bench.base, kind="Model", formats=("SafeTensors",))
    base = Subject(name="base", artifact=bench.base, kind="Base", formats=())
    return Evaluate(
        namespace="tests",
        name="v1",
        store=bench.store,
        data=reference(publish(data, "s3://slipway/slipway/datasets", bench.store)),
        evaluation=Evaluation.model_validate({
            "metrics": [{"name": "preferred", "measure": {"humanPreference": METRIC}}],
            "gates": [{"name": "people", "metric": "preferred", "minImprovement": "0", "confidencePercent": 90}],
        }),
        **({"subject": model, "reference": base} | subjects),
    )  # fmt: skip


def stored(bench: Bench, uri: str) -> Path:
    return bench.folder / "store" / uri.removeprefix("s3://")


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let models answer with their name, without an engine; return who was asked."""
    asked: list[str] = []

    def answers(
        served: Served, items: Sequence[Item], limit: int, seed: int, threads: int, done: int, temperature: float
    ) -> Iterator[Answer]:
        assert temperature == 0
        asked.append(served.name)
        for item in items[done:]:
            same = item.id == "row-3"
            yield Answer("both say this" if same else f"{served.name} on {item.id}", cut=False, tokens=5)

    monkeypatch.setattr(generate, "answers", answers)
    return asked


def test_a_sheet_with_both_models_answers_and_a_key_beside_it(bench: Bench, spoken: list[str]) -> None:
    result = jobs.evaluate(told(bench))
    sheet = result.sheet
    assert sheet is not None
    assert (sheet.metric, sheet.pairs) == ("preferred", 9), "alike answers are not on it"
    assert (result.metrics, result.no_sheet) == ((), "")
    key = SideKey.model_validate_json(stored(bench, sheet.key).read_bytes())
    page = stored(bench, sheet.uri).read_text()
    assert sheet.digest in page
    assert key.lot not in page
    for number, pair in enumerate(key.pairs, start=1):
        section = page.split(f'data-item="{number}"')[1].split("</section>")[0]
        left, right = section.index('aria-label="Left answer"'), section.index('aria-label="Right answer"')
        version, base = section.index(f"v1 on {pair.id}"), section.index(f"base on {pair.id}")
        assert (left < version < right < base) if pair.version == "Left" else (left < base < right < version)
    report = stored(bench, result.report).read_text()
    assert "v1 on row" not in report, "the report would tell whose answer is whose"


def test_an_evaluation_that_is_repeated_makes_the_same_sheet_and_asks_no_model_again(
    bench: Bench, spoken: list[str]
) -> None:
    job = told(bench)
    first = jobs.evaluate(job)
    assert first.sheet is not None
    page = stored(bench, first.sheet.uri).read_bytes()
    assert jobs.evaluate(job) == first
    assert stored(bench, first.sheet.uri).read_bytes() == page
    more = Evaluation.model_validate({
        **job.evaluation.dump(),  # type: ignore[union-attr]
        "metrics": [{"name": "preferred", "measure": {"humanPreference": METRIC | {"raters": 3, "minRated": 6}}}],
    })  # fmt: skip
    other = jobs.evaluate(job.model_copy(update={"evaluation": more, "name": "v2"}))
    assert spoken == ["v1", "base"], "how many people are asked changes no answer"
    assert other.sheet is not None
    assert other.sheet.digest != first.sheet.digest, "another version's sheet has another key"


def test_from_the_sheet_to_the_figure(bench: Bench, spoken: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = jobs.evaluate(told(bench)).sheet
    assert sheet is not None
    key = SideKey.model_validate_json(stored(bench, sheet.key).read_bytes())
    said = [{"item": at, "choice": pair.version} for at, pair in enumerate(key.pairs, start=1)]
    handed_in = {"format": "slipway.dev/ratings/v1", "sheet": sheet.digest, "rater": "Mia", "ratings": said}
    (bench.folder / "ratings" / "mia").mkdir(parents=True)
    (bench.folder / "ratings" / "mia" / "mia.json").write_text(json.dumps(handed_in))
    monkeypatch.setenv("SLIPWAY_RATINGS", str(bench.folder / "ratings"))
    job = CountRatings(
        namespace="tests", name="v1", store=bench.store, sheet=sheet, metric=METRIC, confidences=(90,),
        config_maps=("mia@1",),
    )  # fmt: skip
    found: Counted = count(job)
    assert found.metric is not None
    assert (found.metric.value, found.metric.samples) == ("1", 9)
    assert float(found.lower_bounds["90"]) == pytest.approx(2 * 0.1 ** (1 / 9) - 1, abs=1e-5)


def test_without_a_reference_nobody_is_asked(bench: Bench, spoken: list[str]) -> None:
    result: Evaluated = jobs.evaluate(told(bench, reference=None))
    assert (result.sheet, result.metrics, spoken) == (None, (), [])


def test_the_real_engine_answers_and_a_model_beside_itself_leaves_nothing_to_rate(
    bench: Bench, smollm2: SmolLM2
) -> None:
    weights = bench.folder / "weights"
    weights.mkdir()
    shutil.copy(smollm2.file, weights)
    real = reference(publish(weights, "s3://slipway/slipway/models", bench.store))
    subject = Subject(name="v1", artifact=real, kind="Model", formats=("GGUF",))
    job = told(bench, number=3, subject=subject, reference=Subject(name="base", artifact=real, kind="Base", formats=()))
    result = jobs.evaluate(job)
    assert result.sheet is None
    assert result.no_sheet == (
        "0 of 3 pairs of answers differ, and minRated is 5: raise maxExamples or the share of the test split, or lower "
        "minRated"
    )
    texts = {line["answer"] for path in (bench.folder / "store").rglob("items.jsonl") for line in _lines(path)}
    assert len(texts) >= 2
    assert all(texts)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
