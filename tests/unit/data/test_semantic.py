"""Which rows are called alike in meaning, and what is asked for that, and what when the model misbehaves?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipway.api.dataset_semantic import Semantic
from slipway.contract.source import step_variable
from slipway_data import embed, semantic
from slipway_data.alone import Done
from slipway_data.grid import LARGEST, alike, cosine_percent, dots, grid, squares
from slipway_data.rows import Completion, Rejected, Row
from slipway_data.semantic import Meanings, SemanticSeen
from slipway_data.split import Ties
from slipway_pod.errors import BadConfig, BadData, SourceUnreachable
from tests.unit.data.embeddings import Embeddings, fault, scattered
from tests.unit.data.preparing import Place, pair
from tests.unit.data.webserver import Answer, Time, serving

LOOSE = {"maxRejectedPercent": 100}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def model() -> Embeddings:
    return Embeddings()


@pytest.fixture
def url(model: Embeddings) -> Iterator[str]:
    with serving(model) as address:
        yield address


def wanted(address: str, **more: Any) -> dict[str, Any]:
    return {"url": f"{address}/v1", "model": "tiny", "plainHttp": True} | more


def by_meaning(url: str, **more: Any) -> dict[str, Any]:
    return {"deduplicate": {"method": "Semantic", "semantic": wanted(url, **more)}}


def rows_of(*prompts: str) -> str:
    return "".join(pair(prompt, "ok") for prompt in prompts)


# What is alike


def test_rows_that_say_it_in_other_words_are_duplicates_of_the_first(place: Place, url: str) -> None:
    place.put("raw/a.jsonl", rows_of("delete the cube", "add a lamp", "erase the box please"))
    place.put("raw/b.jsonl", rows_of("remove block", "add the light", "add a cube"))
    found = place.prepare("JSONL", "Completion", by_meaning(url))
    assert [row["id"] for row in place.rows(found)] == ["a.jsonl:1", "a.jsonl:2", "b.jsonl:3"]
    assert {row["group"] for row in place.rows(found)} == {"a.jsonl"}, "groups that share a meaning share a split"
    assert found.rows.duplicates == 3
    pairs = {(one.id, one.like, one.similarity_percent) for one in place.report(found).duplicates}
    assert pairs == {
        ("a.jsonl:3", "a.jsonl:1", 100),
        ("b.jsonl:1", "a.jsonl:1", 100),
        ("b.jsonl:2", "a.jsonl:2", 100),
    }
    (entry,) = [entry for entry in place.rejected(found) if entry["id"] == "b.jsonl:1"]
    assert (entry["reason"], entry["message"]) == ("Duplicate", "100 percent like a.jsonl:1")


def test_the_threshold_decides(place: Place, url: str) -> None:
    place.put("raw/a.jsonl", rows_of("add a red cube to the scene", "add a blue cube to the scene"))
    assert place.prepare("JSONL", "Completion", by_meaning(url)).rows.duplicates == 0
    found = place.prepare("JSONL", "Completion", by_meaning(url, similarityPercent=50))
    assert found.rows.duplicates == 1
    assert 50 <= place.report(found).duplicates[0].similarity_percent < 95


def vectors(count: int, size: int = 24) -> list[np.ndarray[Any, Any]]:
    """Return directions in clusters, half of which are close."""
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(count // 6, size))
    wide = [0.35 if at % 2 else 0.1 for at in range(len(centres))]
    places = [at % len(centres) for at in range(count)]
    return [centres[at] + rng.normal(scale=wide[at], size=size) for at in places]


def judged(found: list[np.ndarray[Any, Any]], percent: int, together: int) -> list[tuple[str, int] | None]:
    seen = SemanticSeen(sqlite3.connect(":memory:"), 1, percent)
    made = [(Row(str(at), f"g{at}", Completion("p", "c")), grid(one)) for at, one in enumerate(found)]
    twins = []
    for at in range(0, len(made), together):
        twins += seen.twins([(row, direction) for row, direction in made[at : at + together] if direction is not None])
    return [None if twin is None else (twin.id, twin.similarity_percent) for twin in twins]


@pytest.mark.parametrize("percent", [70, 85, 97])
def test_blocks_and_batches_tell_what_comparing_one_by_one_tells(monkeypatch: pytest.MonkeyPatch, percent: int) -> None:
    found = vectors(150)
    slow: list[tuple[str, int] | None] = []
    kept: list[int] = []
    for at, one in enumerate(found):
        cosines = {k: one @ found[k] / np.linalg.norm(one) / np.linalg.norm(found[k]) for k in kept}
        near = next((k for k in kept if cosines[k] * 100 >= percent), None)
        if near is None:
            kept.append(at)
        slow.append(None if near is None else (str(near), int(cosines[near] * 100)))
    assert 10 < len(kept) < 140
    for block, together in ((4, 1), (4, 7), (16, 150), (1024, 50), (7, 4)):
        monkeypatch.setattr(semantic, "BLOCK", block)
        told = judged(found, percent, together)
        assert [twin and twin[0] for twin in told] == [twin and twin[0] for twin in slow]
        assert all(abs(a[1] - b[1]) <= 1 for a, b in zip(told, slow, strict=True) if a and b)


def test_products_of_the_grid_are_exact() -> None:
    """In 32 bits as in whole numbers, at the largest size, where all numbers point the same way too."""
    rng = np.random.default_rng(1)
    ones = [np.ones(LARGEST), -np.ones(LARGEST), rng.normal(size=LARGEST), rng.normal(size=LARGEST) ** 3]
    these = np.stack([found for one in ones if (found := grid(one)) is not None])
    exact = these.astype(np.int64) @ these.astype(np.int64).T
    assert (dots(these, these) == exact).all()
    assert (np.diagonal(exact) == squares(these)).all()
    assert int(squares(these).max()) < 2**24
    assert alike(exact, squares(these), squares(these), 100).diagonal().all()
    assert not alike(exact, squares(these), squares(these), 50)[0, 1], "opposite directions are not alike"
    assert cosine_percent(int(exact[0, 0]), *map(int, squares(these)[[0, 0]])) == 100


@pytest.mark.parametrize("numbers", [[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0], []])
def test_what_points_nowhere_has_no_direction(numbers: list[float]) -> None:
    assert grid(np.asarray(numbers)) is None


def test_length_makes_no_difference_however_great_or_small() -> None:
    one = np.asarray([3.0, -4.0, 0.5])
    found = [grid(one * scale) for scale in (1.0, 1e200, 1e-200)]
    assert all(other is not None and (other == found[0]).all() for other in found)


# What is asked


def texts(count: int, start: int = 0) -> str:
    return rows_of(*(scattered(number) for number in range(start, start + count)))


def test_equal_input_gives_an_equal_digest_however_it_is_cut(
    place: Place, model: Embeddings, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place.put("raw/a.jsonl", texts(40) + rows_of("delete cube", "remove the box") + texts(30, 20))
    first = place.prepare("JSONL", "Completion", by_meaning(url, batchSize=3))
    assert (first.rows.train, first.rows.duplicates) == (51, 21)
    other = Place(tmp_path / "other")
    other.put("raw/a.jsonl", (place.root / "slipway/raw/a.jsonl").read_bytes())
    monkeypatch.setattr(semantic, "TOGETHER", 7)
    monkeypatch.setattr(semantic, "BLOCK", 5)
    again = other.prepare("JSONL", "Completion", by_meaning(url, batchSize=3))
    assert again.artifact.digest == first.artifact.digest
    assert other.rejected(again) == place.rejected(first)


def test_nothing_is_asked_twice(place: Place, model: Embeddings, url: str) -> None:
    place.put("raw/a.jsonl", texts(10) + texts(10))
    first = place.prepare("JSONL", "Completion", by_meaning(url, batchSize=4))
    assert sorted(model.texts) == sorted({f"{scattered(n)}\nok" for n in range(10)})
    assert [len(request) for request in model.requests] != [1] * 10
    place.put("raw/a.jsonl", texts(10) + texts(12))
    place.prepare("JSONL", "Completion", by_meaning(url, batchSize=4))
    assert len(model.texts) == 12
    place.put("raw/a.jsonl", texts(10) + texts(10))
    # Neither batches nor the threshold make another question, the model's own settings do.
    again = place.prepare("JSONL", "Completion", by_meaning(url, batchSize=1, parallel=1))
    assert (again.artifact.digest == first.artifact.digest, len(model.texts)) == (False, 12), (
        "another recipe, no question"
    )
    place.prepare("JSONL", "Completion", by_meaning(url, dimensions=16))
    assert len(model.texts) == 22


def test_a_pod_that_goes_on_after_another_asks_only_what_is_left(place: Place, model: Embeddings, url: str) -> None:
    place.put("raw/a.jsonl", texts(20))
    model.before = lambda number, texts: fault(401, "Incorrect API key provided.") if number > 3 else None
    with pytest.raises(BadConfig, match="correct the credentials"):
        place.prepare("JSONL", "Completion", by_meaning(url, parallel=1, batchSize=2))
    answered = {text for request in model.requests[:3] for text in request}
    model.before = lambda number, texts: None
    before = len(model.requests)
    assert place.prepare("JSONL", "Completion", by_meaning(url, parallel=1, batchSize=2)).rows.train == 20
    later = [text for request in model.requests[before:] for text in request]
    assert len(later) == 14
    assert not answered & set(later)


def test_a_budget_is_a_number_of_texts(place: Place, model: Embeddings, url: str) -> None:
    place.put("raw/a.jsonl", texts(12) + texts(12))
    with pytest.raises(
        BadConfig, match=r"steps\[1\]\.deduplicate\.semantic\.maxTexts: there are more than 5"
    ) as caught:
        place.prepare("JSONL", "Completion", by_meaning(url, maxTexts=5))
    assert caught.value.reason == "BudgetExhausted"
    assert len(model.texts) <= 5
    assert place.prepare("JSONL", "Completion", by_meaning(url, maxTexts=12)).rows.train == 12


def test_a_request_holds_no_more_than_was_said_and_not_too_much_text(
    place: Place, model: Embeddings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "BATCH_CHARACTERS", 100)
    place.put("raw/a.jsonl", texts(9) + rows_of("x" * 300))
    place.prepare("JSONL", "Completion", by_meaning(url, batchSize=2))
    sizes = [len(request) for request in model.requests]
    assert max(sizes) == 2
    assert [request for request in model.requests if len(request[0]) > 100] == [["x" * 300 + "\nok"]]


def stage(
    place: Place, address: str, time: Time, count: int, environment: dict[str, str] | None = None, **more: Any
) -> list[Done]:
    asked = Semantic.model_validate(wanted(address, **more))
    database = sqlite3.connect(":memory:")
    step = Meanings(asked, 1, place.store, database, Ties(), environment or {}, time.clock)
    rows = ((n, Done(Row(str(n), "g", Completion(scattered(n), "a")), 0)) for n in range(count))
    return [done for _, done in step.stage(rows, 1)]


def test_the_key_reaches_the_server_and_nothing_else(place: Place, model: Embeddings, url: str) -> None:
    """Over https only, by a rule of the API; here on loopback."""
    model.key = "key-of-mine"
    secret = {"tokenSecret": {"name": "llm", "key": "token"}}
    assert len(stage(place, url, Time(), 3, {step_variable(1): "key-of-mine"}, **secret)) == 3
    assert model.headers[0]["Authorization"] == "Bearer key-of-mine"
    kept = [path.read_text() for path in (place.root / "slipway").rglob("*.json")]
    assert len(kept) == 3
    assert not any("key-of-mine" in text for text in kept)
    with pytest.raises(BadConfig, match="key token of Secret llm is empty"):
        stage(place, url, Time(), 3, {}, **secret)


def test_rows_keep_their_order_and_rejected_ones_their_place(place: Place, url: str, model: Embeddings) -> None:
    place.put("raw/a.jsonl", texts(3) + "no json\n" + texts(3, 3))
    found = place.prepare("JSONL", "Completion", by_meaning(url), quality=LOOSE)
    assert [row["id"] for row in place.rows(found)] == [f"a.jsonl:{n}" for n in (1, 2, 3, 5, 6, 7)]
    assert [entry["id"] for entry in place.rejected(found)] == ["a.jsonl:4"]


# A model that misbehaves


def test_servers_that_are_busy_are_waited_for_as_they_ask(place: Place, model: Embeddings, url: str) -> None:
    troubles = {1: fault(429, "Rate limit reached", **{"Retry-After": "7"}), 2: fault(500, "The server had an error")}
    model.before = lambda number, texts: troubles.get(number)
    time = Time()
    found = stage(place, url, time, 3, parallel=1)
    assert all(isinstance(done.item, Row) for done in found)
    assert time.slept[0] == 7.0
    assert len(time.slept) == 2
    assert len(model.requests) == 3


@pytest.mark.parametrize("status", [429, 500])
def test_a_wait_longer_than_patience_hands_the_pod_back(place: Place, model: Embeddings, url: str, status: int) -> None:
    model.before = lambda number, texts: fault(status, "busy", **{"Retry-After": "3600"})
    with pytest.raises(SourceUnreachable, match=f"status {status}"):
        stage(place, url, Time(), 1)


def test_an_answer_that_breaks_off_is_asked_for_again(place: Place, model: Embeddings, url: str) -> None:
    model.before = lambda number, texts: Answer(body=b'{"object": "li', announced=5_000) if number == 1 else None
    assert len(stage(place, url, Time(), 2)) == 2
    assert len(model.requests) == 2


def change_first(**entry: Any) -> Any:
    def change(answer: dict[str, Any]) -> dict[str, Any]:
        answer["data"][0] |= entry
        return answer

    return change


def fewer(answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"data": answer["data"][:-1]}


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        (fewer, "NoEmbeddings", "asked for 4 embeddings, it answers with 3"),
        (change_first(index=3), "NoEmbeddings", "or numbers them otherwise than from 0"),
        (
            change_first(embedding=[1.0] * 31),
            "OtherDimensions",
            "it gives 32 numbers for a text and gave 31 for others",
        ),
        (change_first(embedding=[]), "NoEmbeddings", "it gives 0 numbers for a text"),
        (change_first(embedding=[1.0] * (LARGEST + 1)), "NoEmbeddings", "it gives 8193 numbers"),
        (change_first(embedding="AAAAAA=="), "NoEmbeddings", "is no list of embeddings"),
        (change_first(embedding=[["nested"]]), "NoEmbeddings", "is no list of embeddings"),
        (lambda answer: {"object": "list"}, "NoEmbeddings", "is no list of embeddings"),
        (lambda answer: [1], "NoEmbeddings", "is no list of embeddings"),
        (lambda answer: "<html>", "NoEmbeddings", "is no list of embeddings"),
    ],
)
def test_answers_that_are_none_end_the_run_and_nothing_of_them_is_kept(
    place: Place, model: Embeddings, url: str, change: Any, reason: str, message: str
) -> None:
    place.put("raw/a.jsonl", texts(4))
    model.change = change
    with pytest.raises(BadConfig, match=r"steps\[1\]\.deduplicate\.semantic") as caught:
        place.prepare("JSONL", "Completion", by_meaning(url))
    assert caught.value.reason == reason
    assert message in caught.value.message
    assert not list((place.root / "slipway").rglob("embeddings/**/*.json"))
    model.change = lambda answer: answer
    assert place.prepare("JSONL", "Completion", by_meaning(url)).rows.train == 4


@pytest.mark.parametrize("numbers", [[float("nan")] * 32, [None] * 32, [0.0] * 32])
def test_a_text_without_a_direction_is_left_out_and_the_others_stay(
    place: Place, model: Embeddings, url: str, numbers: list[Any]
) -> None:
    place.put("raw/a.jsonl", texts(4))

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        for entry, text in zip(answer["data"], model.requests[-1], strict=True):
            if text.startswith(scattered(2)):
                entry["embedding"] = numbers
        return answer

    model.change = change
    for _ in range(2):
        found = place.prepare("JSONL", "Completion", by_meaning(url), quality=LOOSE)
        (entry,) = place.rejected(found)
        assert (entry["id"], entry["reason"]) == ("a.jsonl:3", "EmbeddingFailed")
        assert "point nowhere" in entry["message"]
        assert found.rows.train == 3
    assert len(model.texts) == 4


def test_a_text_that_the_model_refuses_does_not_take_others_with_it(place: Place, model: Embeddings, url: str) -> None:
    place.put("raw/a.jsonl", texts(9) + rows_of("long " * 1000) + texts(4, 9))
    for _ in range(2):
        found = place.prepare("JSONL", "Completion", by_meaning(url), quality=LOOSE)
        (entry,) = place.rejected(found)
        assert (entry["id"], entry["reason"]) == ("a.jsonl:10", "EmbeddingFailed")
        assert entry["message"] == "the model refused it with status 400"
        asked = len(model.requests)
    assert asked == len(model.requests), "it is not asked again"
    assert asked < 12, "a batch is cut into halves, not into single texts"


def test_a_model_that_embeds_nothing_is_no_fault_of_the_rows(place: Place, model: Embeddings, url: str) -> None:
    place.put("raw/a.jsonl", texts(4))
    model.before = lambda number, texts: fault(400, "The model does not support Embeddings API")
    with pytest.raises(BadConfig, match="the model embedded none of the first 4 texts, of one the model refused"):
        place.prepare("JSONL", "Completion", by_meaning(url))
    model.before = lambda number, texts: None
    assert place.prepare("JSONL", "Completion", by_meaning(url)).rows.train == 4


def test_dimensions_that_the_model_does_not_give_are_told(place: Place, model: Embeddings, url: str) -> None:
    place.put("raw/a.jsonl", texts(4))
    model.change = lambda answer: answer | {"data": [entry | {"embedding": [1.0] * 32} for entry in answer["data"]]}
    with pytest.raises(BadConfig, match=r"semantic\.dimensions is 16, and the model gives 32 numbers"):
        place.prepare("JSONL", "Completion", by_meaning(url, dimensions=16))


def test_another_model_under_one_name_is_told(place: Place, model: Embeddings, url: str) -> None:
    place.put("raw/a.jsonl", texts(4))
    place.prepare("JSONL", "Completion", by_meaning(url))
    model.size = 64
    place.put("raw/a.jsonl", texts(6))
    with pytest.raises(BadConfig, match="it gives 64 numbers for a text and gave 32 for others"):
        place.prepare("JSONL", "Completion", by_meaning(url))


@pytest.mark.parametrize(
    ("more", "kind", "message"),
    [
        ({"model": "other"}, BadData, "status 404: correct the address"),
        ({"url": "http://127.0.0.1:1/v1"}, SourceUnreachable, "gave no answer"),
    ],
)
def test_wrong_addresses_and_models_end_the_run(
    place: Place, url: str, more: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        stage(place, url, Time(), 1, **more)


def test_rows_with_a_fault_are_no_twins_of_others(place: Place, model: Embeddings, url: str) -> None:
    model.change = change_first(embedding=[0.0] * 32)
    found = stage(place, url, Time(), 3, batchSize=3)
    assert [type(done.item) for done in found] == [Rejected, Row, Row]
