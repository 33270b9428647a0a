"""Are tokens that were made with the data what the trainer makes, and trained without being made again?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from slipway.api.dataset_render import Render
from slipway.contract.dataset import CARD, DatasetCard
from slipway.contract.dataset import SPLITS as SPLIT_NAMES
from slipway_data.render import Rendering
from slipway_data.rows import Chat, Message, Row
from slipway_formats.tokens.encode import chat, completion
from slipway_formats.tokens.tokenizer import FolderTokenizer
from slipway_pod.artifact import publish_at
from slipway_train_torch.causal_lm import data, stored
from slipway_train_torch.evaluate import encode as encoding
from slipway_train_torch.evaluate.items import read
from tests.train.conftest import reference, write_dataset
from tests.train.runs import Bench

TEXTS = (
    "",
    " a",
    "two\n\nlines\t",
    "Begin Object Class=/Script/X",
    "<|im_end|> said in a text",
    "ünïcode 🧊",
    "x" * 500,
)


@pytest.fixture
def rendered(bench: Bench, tiny: Path, graphs: list[dict[str, Any]], tmp_path: Path) -> Path:
    """A prepared dataset with the tokens of the tiny base beside its rows, as the data image writes it."""
    parts = {"train": graphs[2:], "validation": graphs[:2], "test": []}
    folder = write_dataset(tmp_path / "rendered", {name: rows for name, rows in parts.items() if rows})
    wanted = Render(tokenizer=bench.base, max_tokens=64)
    rendering = Rendering(wanted, "Chat", bench.store, tmp_path, folder)
    for split, rows in parts.items():
        for row in rows:
            messages = tuple(Message(m["role"], m["content"]) for m in row["messages"])
            rendering.add(split, Row(row["id"], row["group"], Chat(messages)))
    rendering.close()
    about = DatasetCard.model_validate_json((folder / CARD).read_bytes())
    about = about.model_copy(update={"tokens": rendering.card()})
    (folder / CARD).write_text(json.dumps(about.dump()))
    assert tuple(parts) == SPLIT_NAMES
    return folder


def forbidden(*_: Any) -> Any:
    raise AssertionError("a row was made tokens again")


def test_a_tokenizer_read_from_its_files_makes_the_tokens_of_transformers(tiny: Path) -> None:
    ours, theirs = FolderTokenizer(tiny), AutoTokenizer.from_pretrained(tiny)
    assert (ours.eos_token_id, ours.vocabulary) == (theirs.eos_token_id, len(theirs.get_vocab()))
    for text in TEXTS:
        turns = (("system", "s"), ("user", text), ("assistant", text), ("user", "more"), ("assistant", f"{text}!"))
        assert chat(turns, ours) == chat(turns, theirs)
        assert completion(text, f"{text}!", ours) == completion(text, f"{text}!", theirs)


def test_tokens_beside_the_rows_are_trained_as_they_are(
    rendered: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    made = data.load(rendered, tokenizer, 100)
    assert made[0].truncated > 0
    monkeypatch.setattr(data, "encode", forbidden)
    monkeypatch.setattr(stored, "COMPARED", 1)
    assert data.load(rendered, tokenizer, 100, tiny) == made


def test_tokens_of_another_tokenizer_are_not_taken(rendered: Path, tiny: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    about = data.card(rendered)
    names = ("train", "validation")
    assert stored.usable(rendered, about, tiny, tokenizer, names)
    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    settings = json.loads((other / "tokenizer_config.json").read_text())
    (other / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 99}))
    assert not stored.usable(rendered, about, other, tokenizer, names)
    tokenizer.add_tokens(["Begin Object"])
    assert not stored.usable(rendered, about, tiny, tokenizer, names)
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    assert about.tokens is not None
    for tokens in (None, about.tokens.model_copy(update={"encoding": 99})):
        assert not stored.usable(rendered, about.model_copy(update={"tokens": tokens}), tiny, tokenizer, names)
    shutil.rmtree(rendered / "tokens" / "validation")
    assert not stored.usable(rendered, about, tiny, tokenizer, names)


def test_tokens_that_the_models_class_would_not_make_are_not_taken(
    rendered: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    about = data.card(rendered)
    tokenizer.chat_template = "again " + tokenizer.chat_template
    assert not stored.usable(rendered, about, tiny, tokenizer, ("train", "validation"))
    found = data.load(rendered, tokenizer, 4_000, tiny)
    items = {item.id: item for item in read(rendered, "train")}
    assert all(example.ids == encoding.encode(items[example.id], tokenizer).ids for example in found[0].examples)


def test_a_run_on_tokens_made_before_is_the_run_that_makes_its_own(bench: Bench, rendered: Path) -> None:
    plain = bench.run(bench.job("plain"))
    ref = reference(publish_at(rendered, "s3://slipway/datasets/rendered/", bench.store))
    job = bench.job("stored").model_copy(update={"dataset": ref})
    assert [line.get("loss") for line in bench.history(bench.run(job))] == [
        line.get("loss") for line in bench.history(plain)
    ]
