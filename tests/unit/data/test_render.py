"""Are rows made the tokens that the tokenizer named makes of them, and does the report tell what a run will find?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from slipway.contract.artifact import digest_of
from slipway.contract.dataset import CARD, DatasetCard
from slipway.contract.result import Prepared
from slipway.contract.tokens import FILES, FOLDER, tokenizer_digest
from slipway_data import shards
from slipway_formats.tokens.template import ChatTemplate, TemplateFault
from slipway_formats.tokens.tokenizer import FolderTokenizer, TokenizerFault
from slipway_pod.artifact import described, publish_at
from slipway_pod.errors import BadConfig, BadData, DigestMismatch
from tests.unit.data.preparing import Place, pair, pairs

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ["<|pad|>", "<|im_start|>", "<|im_end|>"]


def write_tokenizer(folder: Path, **settings: Any) -> Path:
    """Write a byte-level tokenizer of a few merges, as transformers keeps one."""
    folder.mkdir(parents=True)
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(["question answer the cube is a cube"] * 3, trainer)
    made.enable_truncation(4)  # what a run sets for itself is no part of the tokenizer
    made.save(str(folder / "tokenizer.json"))
    said = {"eos_token": "<|im_end|>", "pad_token": {"content": "<|pad|>"}, "chat_template": CHAT_TEMPLATE} | settings
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    (folder / "model.safetensors").write_bytes(b"weights that nobody needs to read")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


def rendering(place: Place, folder: Path, **more: Any) -> dict[str, Any]:
    """Return the option, with the tokenizer in `folder` published."""
    found = publish_at(folder, f"s3://slipway/models/{folder.name}/", place.store)
    return {"render": {"tokenizer": {"uri": found.uri, "digest": found.digest}, **more}}


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    return write_tokenizer(tmp_path / "tiny")


def chats(*turns: tuple[str, str]) -> str:
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]}) + "\n"


def tokens(place: Place, found: Prepared, split: str = "train") -> list[dict[str, Any]]:
    folder = place.root / found.artifact.uri.removeprefix("s3://") / FOLDER / split
    return [row for shard in sorted(folder.glob("*.parquet")) for row in pq.read_table(shard).to_pylist()]


def card(place: Place, found: Prepared) -> DatasetCard:
    return DatasetCard.model_validate_json(place.read(found.artifact.uri + CARD))


def spoken(folder: Path, row: dict[str, Any], trained: bool) -> str:
    """Return the text of the tokens of a row that are trained, or are not."""
    ids = [id for id, own in zip(row["ids"], row["trained"], strict=True) if own is trained]
    return str(Tokenizer.from_file(str(folder / "tokenizer.json")).decode(ids, skip_special_tokens=False))


def test_chats_are_written_by_the_template_and_only_answers_are_trained(place: Place, tokenizer: Path) -> None:
    turns = (("system", "be brief"), ("user", "a cube?"), ("assistant", "yes"), ("user", "sure?"), ("assistant", "no"))
    place.put("raw/a.jsonl", chats(*turns))
    found = place.prepare("JSONL", "Chat", **rendering(place, tokenizer))
    (row,) = tokens(place, found)
    assert row["id"] == "a.jsonl:1"
    assert spoken(tokenizer, row, True) == "yes<|im_end|>\nno<|im_end|>\n"
    assert spoken(tokenizer, row, False) == (
        "<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\na cube?<|im_end|>\n<|im_start|>assistant\n"
        "<|im_start|>user\nsure?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_of_completions_the_answer_and_its_end_are_trained(place: Place, tokenizer: Path) -> None:
    place.put("raw/a.jsonl", pair("the question ", "the answer"))
    (row,) = tokens(place, place.prepare("JSONL", "Completion", **rendering(place, tokenizer)))
    assert spoken(tokenizer, row, True) == "the answer<|im_end|>"
    assert spoken(tokenizer, row, False) == "the question "


def test_tokens_lie_beside_the_rows_in_their_order_split_by_split(
    place: Place, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 7)
    place.put("raw/a.jsonl", pairs(60))
    split = {"trainPercent": 60, "validationPercent": 20, "testPercent": 20, "groupBy": "Row"}
    found = place.prepare("JSONL", "Completion", split=split, **rendering(place, tokenizer))
    for name in ("train", "validation", "test"):
        ids = [row["id"] for row in place.rows(found, name)]
        assert [row["id"] for row in tokens(place, found, name)] == ids
        assert ids
    about = card(place, found).tokens
    assert about is not None
    assert about.tokenizer == tokenizer_digest(described(tokenizer, FILES))
    assert about.vocabulary == Tokenizer.from_file(str(tokenizer / "tokenizer.json")).get_vocab_size()


def test_the_report_tells_what_a_run_will_cut_and_leave_out(place: Place, tokenizer: Path) -> None:
    long = "z" * 40
    place.put("raw/a.jsonl", pair("q", "short") + pair("q", long) + pair(long, "a") + pair("q", "b"))
    found = place.prepare("JSONL", "Completion", **rendering(place, tokenizer, maxTokens=16))
    made = place.report(found).rendered
    assert made is not None
    rows = tokens(place, found)
    assert [len(row["ids"]) > 16 for row in rows] == [False, True, True, False], "rows are kept whole"
    assert made.tokens == sum(len(row["ids"]) for row in rows)
    assert made.trained == sum(sum(row["trained"]) for row in rows)
    assert (made.cut, made.untrained) == (2, 1)
    assert sorted(made.cut_examples) == ["a.jsonl:2", "a.jsonl:3"]
    assert made.untrained_examples == ("a.jsonl:3",)
    whole, trained = made.lengths
    assert (whole.of, whole.largest) == ("Tokens", max(len(row["ids"]) for row in rows))
    assert (trained.of, trained.smallest) == ("TrainedTokens", 2)
    text = "".join(ElementTree.fromstring(place.read(found.report)).itertext())
    assert "cuts rows to 16 tokens cuts 2 of them, and leaves out 1 of which nothing to train on is left" in text
    assert "Left out, for example: a.jsonl:3" in text


def test_equal_input_gives_an_equal_digest_wherever_the_tokenizer_lies(place: Place, tokenizer: Path) -> None:
    place.put("raw/a.jsonl", pairs(9))
    first = place.prepare("JSONL", "Completion", **rendering(place, tokenizer))
    elsewhere = publish_at(tokenizer, "s3://slipway/elsewhere/", place.store)
    other = {"tokenizer": {"uri": elsewhere.uri, "digest": elsewhere.digest}, "maxTokens": 16}
    assert place.prepare("JSONL", "Completion", render=other).artifact.digest == first.artifact.digest
    plain = place.prepare("JSONL", "Completion")
    assert plain.artifact.digest != first.artifact.digest
    assert card(place, plain).tokens is None
    assert place.report(plain).rendered is None


def test_weights_are_not_read(place: Place, tokenizer: Path) -> None:
    option = rendering(place, tokenizer)
    (place.root / "slipway/models/tiny/model.safetensors").unlink()
    place.put("raw/a.jsonl", pairs(3))
    assert place.prepare("JSONL", "Completion", **option).rows.train == 3


def test_a_tokenizer_of_other_bytes_is_refused(place: Place, tokenizer: Path) -> None:
    option = rendering(place, tokenizer)
    settings = place.root / "slipway/models/tiny/tokenizer_config.json"
    settings.write_text(settings.read_text().replace("im_end", "im_and"))
    place.put("raw/a.jsonl", pairs(3))
    with pytest.raises(DigestMismatch, match=r"tokenizer_config\.json has sha256"):
        place.prepare("JSONL", "Completion", **option)
    option["render"]["tokenizer"]["digest"] = digest_of("another")
    with pytest.raises(DigestMismatch, match="the spec says"):
        place.prepare("JSONL", "Completion", **option)


@pytest.mark.parametrize(
    ("schema", "settings", "reason", "message"),
    [
        ("Chat", {"chat_template": None}, "NoChatTemplate", "name an instruct model's, or set schema to Completion"),
        ("Completion", {"eos_token": "<|none|>"}, "NoEndToken", "names no eos_token that it knows"),
        ("Chat", {"chat_template": "{% for"}, "TokenizerUnreadable", "line 1 of the chat template is no Jinja"),
    ],
)
def test_what_a_tokenizer_lacks_is_told_before_any_row_is_read(
    place: Place, tmp_path: Path, schema: str, settings: dict[str, Any], reason: str, message: str
) -> None:
    folder = write_tokenizer(tmp_path / "poor", **settings)
    place.put("raw/a.jsonl", "no row\n")
    with pytest.raises(BadConfig, match=r"render\.tokenizer: s3://slipway/models/poor/") as caught:
        place.prepare("JSONL", schema, **rendering(place, folder))
    assert caught.value.reason == reason
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        ({"tokenizer.json": None}, "NoTokenizer", "has no tokenizer.json: name a folder with one"),
        ({"tokenizer.json": "{}"}, "TokenizerUnreadable", "tokenizer.json cannot be read"),
        ({"tokenizer_config.json": "[1]"}, "TokenizerUnreadable", "tokenizer_config.json is no JSON object"),
        ({"tokenizer_config.json": "{"}, "TokenizerUnreadable", "tokenizer_config.json is no JSON"),
    ],
)
def test_files_that_are_no_tokenizer_are_told(
    place: Place, tokenizer: Path, change: dict[str, str | None], reason: str, message: str
) -> None:
    place.put("raw/a.jsonl", "no row\n")
    for name, text in change.items():
        if text is None:
            (tokenizer / name).unlink()
        else:
            (tokenizer / name).write_text(text)
    with pytest.raises(BadConfig) as caught:
        place.prepare("JSONL", "Completion", **rendering(place, tokenizer))
    assert caught.value.reason == reason
    assert message in caught.value.message


def test_a_folder_without_a_manifest_is_told(place: Place, tokenizer: Path) -> None:
    option = rendering(place, tokenizer)
    (place.root / "slipway/models/tiny/manifest.json").unlink()
    place.put("raw/a.jsonl", "no row\n")
    with pytest.raises(BadConfig, match=r"has no manifest\.json"):
        place.prepare("JSONL", "Completion", **option)


def test_rows_that_the_template_refuses_fail_the_dataset_and_are_not_quoted(place: Place, tmp_path: Path) -> None:
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    folder = write_tokenizer(tmp_path / "strict", chat_template=strict + CHAT_TEMPLATE)
    rest = (("user", "u"), ("assistant", "a"))
    place.put("raw/a.jsonl", chats(*rest) + chats(("system", "swordfish"), *rest) + chats(("system", "x"), *rest))
    with pytest.raises(
        BadData, match="2 rows are none that the chat template of s3://slipway/models/strict/"
    ) as caught:
        place.prepare("JSONL", "Chat", **rendering(place, folder))
    assert caught.value.reason == "TemplateRefuses"
    assert caught.value.example == "a.jsonl:2: the chat template says: System role not supported"
    assert caught.value.report


# Templates


def rendered(source: str, **special: str) -> str:
    template = ChatTemplate(source, special)
    return template([{"role": "user", "content": "<a & b>"}, {"role": "assistant", "content": "ok"}])


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ bos_token }}{{ messages | length }}", "<s>2"),
        ("{% for m in messages %}\n  {% if loop.first %}{% continue %}{% endif %}\n{{ m.content }}{% endfor %}", "ok"),
        ("{{ messages[0] | tojson }}", '{"role": "user", "content": "<a & b>"}'),
        ("{% generation %}{{ messages[1].content }}{% endgeneration %}!", "ok!"),
        ("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", "2"),
        ("{{ tools is none and documents is none and not add_generation_prompt }}", "True"),
        ("{{ dict(a=1) | tojson }}", '{"a": 1}'),
    ],
)
def test_templates_say_what_transformers_lets_them_say(source: str, text: str) -> None:
    assert rendered(source, bos_token="<s>") == text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ strftime_now('%d %b %Y') }}", "today's date"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "ended with SecurityError"),
        ("{{ messages.append(1) }}", "ended with SecurityError"),
        ("{{ namespace(__init__=1) }}", "ended with SecurityError"),
        ("{{ raise_exception('no: ' + messages[0].content) }}", "ended with TemplateError"),
        ("{{ messages[9].content }}", "ended with UndefinedError"),
        ("{{ 1 // 0 }}", "ended with ZeroDivisionError"),
    ],
)
def test_templates_that_fail_say_so_and_quote_no_data(source: str, message: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        rendered(source)
    assert message in str(caught.value)
    assert "<a & b>" not in str(caught.value)


# Tokenizers


def test_settings_say_what_stands_around_a_text(tmp_path: Path) -> None:
    plain = FolderTokenizer(write_tokenizer(tmp_path / "plain"))
    begun = FolderTokenizer(write_tokenizer(tmp_path / "begun", bos_token="<|im_start|>", add_bos_token=True))
    ended = FolderTokenizer(write_tokenizer(tmp_path / "ended", add_eos_token=True, add_bos_token=True))
    ids = plain("the cube")["input_ids"]
    assert len(ids) > 4 or len(plain("the cube is a cube")["input_ids"]) > 4, "nothing is cut"
    assert begun("the cube")["input_ids"] == [1, *ids]
    assert begun("the cube", add_special_tokens=False)["input_ids"] == ids
    assert ended("the cube")["input_ids"] == [*ids, 2]


def test_a_template_of_its_own_file_comes_first_and_of_several_the_default(tmp_path: Path) -> None:
    several = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "the cube"}]
    folder = write_tokenizer(tmp_path / "several", chat_template=several)
    said = [{"role": "user", "content": "x"}]
    found = FolderTokenizer(folder)
    assert found.apply_chat_template(said) == found("the cube", add_special_tokens=False)
    (folder / "chat_template.jinja").write_text("a cube")
    found = FolderTokenizer(folder)
    assert found.apply_chat_template(said) == found("a cube", add_special_tokens=False)


def test_names_of_tokens_may_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path / "named", eos_token=None)
    assert FolderTokenizer(folder).eos_token_id is None
    (folder / "special_tokens_map.json").write_text('{"eos_token": {"content": "<|im_end|>", "lstrip": false}}')
    assert FolderTokenizer(folder).eos_token_id == 2
    (folder / "special_tokens_map.json").write_text("no")
    with pytest.raises(TokenizerFault, match=r"special_tokens_map\.json is no JSON"):
        FolderTokenizer(folder)
