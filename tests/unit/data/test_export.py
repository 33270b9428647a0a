"""Do files for hosted tuning hold what their vendors take, and is the rest said?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.contract.result import Prepared
from slipway_data.export import exports
from slipway_data.export.bedrock_claude import BEDROCK_CLAUDE
from slipway_data.export.openai_chat import OPENAI_CHAT
from slipway_data.export.vendor import Vendor
from slipway_data.rows import Message
from slipway_pod.artifact import verify
from slipway_pod.errors import BadData
from tests.unit.data.preparing import Place, pair, pairs

BOTH = ["OpenAIChat", "BedrockClaude"]
ALL_TRAIN = {"trainPercent": 100, "validationPercent": 0, "testPercent": 0}
THIRDS = {"trainPercent": 60, "validationPercent": 20, "testPercent": 20, "groupBy": "Row"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


def lines(place: Place, result: Prepared, path: str) -> list[dict[str, Any]]:
    text = place.read(f"{result.artifact.uri}exports/{path}")
    return [json.loads(line) for line in text.splitlines()]


def talk(*turns: tuple[str, str]) -> tuple[Message, ...]:
    return tuple(Message(role, content) for role, content in turns)


def chat(*turns: tuple[str, str]) -> str:
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]}) + "\n"


SYSTEM, ASKED, ANSWERED = ("system", "be kind"), ("user", "hello"), ("assistant", "good day")


def test_a_prompt_is_what_the_user_says(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(40))
    result = place.prepare(export=BOTH)
    verify(result.artifact, place.store)
    turns = [{"role": "user", "content": "question 0"}, {"role": "assistant", "content": "answer 0"}]
    assert lines(place, result, "openai-chat/train.jsonl")[0] == {"messages": turns}
    assert lines(place, result, "bedrock-claude/train.jsonl")[0] == {"messages": turns}


def test_the_system_prompt_stands_where_the_vendor_wants_it(place: Place) -> None:
    place.put("raw/a.jsonl", "".join(chat(SYSTEM, ("user", f"hello {n}"), ANSWERED) for n in range(32)))
    result = place.prepare("JSONL", "Chat", export=BOTH)
    line = lines(place, result, "openai-chat/train.jsonl")[0]
    assert [message["role"] for message in line["messages"]] == ["system", "user", "assistant"]
    line = lines(place, result, "bedrock-claude/train.jsonl")[0]
    assert line["system"] == "be kind"
    assert set(line) == {"system", "messages"}
    assert [message["role"] for message in line["messages"]] == ["user", "assistant"]


def test_the_test_split_is_kept_from_every_vendor(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(400))
    result = place.prepare(split=THIRDS, export=BOTH)
    for status, vendor in zip(result.exports or (), ("bedrock-claude", "openai-chat"), strict=True):
        assert status.uri == f"{result.artifact.uri}exports/{vendor}/"
        assert (status.train, status.validation, status.left_out) == (result.rows.train, result.rows.validation, 0)
        written = {
            line["messages"][0]["content"]
            for split in ("train", "validation")
            for line in lines(place, result, f"{vendor}/{split}.jsonl")
        }
        assert not written & {row["prompt"] for row in place.rows(result, "test")}
        assert len(written) == result.rows.train + result.rows.validation
    names = sorted(p.name for p in (place.root / status.uri.removeprefix("s3://")).iterdir())
    assert names == ["train.jsonl", "validation.jsonl"]


def test_without_an_export_nothing_changes(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(40))
    plain, exported = place.prepare(), place.prepare(export=["OpenAIChat"])
    assert plain.exports is None
    assert plain.artifact.digest != exported.artifact.digest
    assert place.job().fingerprint() != place.job(export=["OpenAIChat"]).fingerprint()
    assert "export" not in place.job().dump()


def test_what_some_take_for_the_end_of_a_line_ends_none(place: Place) -> None:
    text = "one\u2028two\u2029three\x85four\nfive\U0001f999"
    place.put("raw/a.jsonl", "".join(pair(f"{text} {n}", text) for n in range(10)))
    result = place.prepare(export=["OpenAIChat"])
    found = lines(place, result, "openai-chat/train.jsonl")
    assert len(found) == 10
    assert found[0]["messages"][1]["content"] == text


# What one row may be


@pytest.mark.parametrize(
    ("vendor", "messages", "reason", "says"),
    [
        (OPENAI_CHAT, talk(SYSTEM, ASKED, ANSWERED), None, ""),
        (OPENAI_CHAT, talk(ASKED, ASKED, ANSWERED), None, ""),
        (OPENAI_CHAT, talk(ASKED, ANSWERED, ASKED), "RolesOutOfOrder", "by user: it must be by assistant"),
        (OPENAI_CHAT, talk(("user", " \n"), ANSWERED), "EmptyMessage", "messages[0], by user, is empty"),
        (BEDROCK_CLAUDE, talk(SYSTEM, ASKED, ANSWERED, ASKED, ANSWERED), None, ""),
        (BEDROCK_CLAUDE, talk(ANSWERED), "RolesOutOfOrder", "turn 1 after the system prompt is by assistant"),
        (BEDROCK_CLAUDE, talk(SYSTEM, ANSWERED), "RolesOutOfOrder", "turn 1 after the system prompt is by assistant"),
        (BEDROCK_CLAUDE, talk(ASKED, ASKED, ANSWERED), "RolesOutOfOrder", "turn 2 after the system prompt is by user"),
        (BEDROCK_CLAUDE, talk(ASKED, SYSTEM, ANSWERED), "RolesOutOfOrder", "is by system"),
        (BEDROCK_CLAUDE, talk(ASKED, ANSWERED, ASKED), "RolesOutOfOrder", "the answer last"),
        (BEDROCK_CLAUDE, talk(SYSTEM), "RolesOutOfOrder", "must be there"),
        (BEDROCK_CLAUDE, talk(("system", ""), ASKED, ANSWERED), "EmptyMessage", "by system, is empty"),
    ],
)
def test_rules_of_one_example(vendor: Vendor, messages: tuple[Message, ...], reason: str | None, says: str) -> None:
    found = vendor.broken(messages)
    assert (found.reason if found else None) == reason
    assert found is None or says in found.message


def test_tokens_of_openai_are_an_upper_bound_in_bytes() -> None:
    # By hand: "hello" is 5 bytes, "grüße" 7; 4 around each message, 3 around the example.
    assert OPENAI_CHAT.tokens(talk(("user", "hello"), ("assistant", "grüße"))) == 5 + 7 + 2 * 4 + 3


def test_tokens_of_bedrock_are_counted_as_its_validator_does() -> None:
    # Three characters a token, every text rounded down: 11 → 3, 5 → 1, 2 → 0.
    assert BEDROCK_CLAUDE.tokens(talk(("system", "be kind yes"), ("user", "hello"), ("assistant", "hi"))) == 4


def test_rows_that_a_vendor_would_refuse_are_left_out_of_its_file_only(place: Place) -> None:
    # 30,000 words are 150,000 bytes, and so a token each: OpenAI may cut them, Bedrock does not take them.
    odd = chat(ANSWERED) + chat(("user", ""), ("assistant", "unasked")) + chat(ASKED, ("assistant", "word " * 30_000))
    good = "".join(chat(("user", f"hello {n}"), ANSWERED) for n in range(40))
    place.put("raw/a.jsonl", odd + good)
    result = place.prepare("JSONL", "Chat", export=BOTH)
    assert result.rows.train == 43
    by = {status.format: status for status in result.exports or ()}
    assert (by["OpenAIChat"].train, by["OpenAIChat"].left_out) == (42, 1)
    assert (by["BedrockClaude"].train, by["BedrockClaude"].left_out) == (40, 3)
    entries = lines(place, result, "bedrock-claude/left-out.jsonl")
    assert [(e["id"], e["reason"]) for e in entries] == [
        ("a.jsonl:1", "RolesOutOfOrder"),
        ("a.jsonl:2", "EmptyMessage"),
        ("a.jsonl:3", "TooManyTokens"),
    ]
    report = {export.format: export for export in place.report(result).exports}
    assert {left.reason: left.rows for left in report["OpenAIChat"].left_out} == {"EmptyMessage": 1}
    assert [file.may_be_cut for file in report["BedrockClaude"].files] == [0]
    (file,) = report["OpenAIChat"].files
    assert file.bytes == len(place.read(f"{result.artifact.uri}{file.path}").encode())
    assert (file.rows, file.tokens, file.may_be_cut) == (42, by["OpenAIChat"].tokens, 1)
    page = place.read(result.report)
    assert "exports/bedrock-claude/train.jsonl" in page
    assert page.count("may be longer than the vendor trains on") == 1
    assert "word word" not in page.partition("<h2>Samples</h2>")[0]


def test_only_what_passes_the_bound_may_be_cut(place: Place) -> None:
    # 4 around each of two messages, 3 around the example, 8 for the question.
    fits = 65_536 - 2 * 4 - 3 - len("question")
    place.put("raw/a.jsonl", pairs(10) + pair("question", "x" * fits) + pair("question", "x" * (fits + 1)))
    result = place.prepare(export=["OpenAIChat"])
    (file,) = place.report(result).exports[0].files
    assert (file.rows, file.longest_tokens, file.may_be_cut) == (12, 65_537, 1)


# What a whole file must be


@pytest.mark.parametrize(
    ("count", "export", "split", "reason", "says"),
    [
        (9, "OpenAIChat", ALL_TRAIN, "ExportTooFewRows", "train.jsonl has 9 examples, OpenAI takes 10 or more"),
        (31, "BedrockClaude", ALL_TRAIN, "ExportTooFewRows", "raise split.trainPercent, or take BedrockClaude out of"),
        (100, "BedrockClaude", THIRDS, "ExportTooFewRows", "raise split.validationPercent, set it to 0 for no such"),
    ],
)
def test_too_few_rows_for_a_vendor(
    place: Place, count: int, export: str, split: dict[str, Any], reason: str, says: str
) -> None:
    place.put("raw/a.jsonl", pairs(count))
    with pytest.raises(BadData) as caught:
        place.prepare(split=split, export=[export])
    assert caught.value.reason == reason
    assert says in caught.value.message
    assert caught.value.message.startswith(f"spec.export {export}: ")
    refusal = place.report(caught.value).refusal
    assert refusal is not None
    assert refusal.reason == reason


@pytest.mark.parametrize(
    ("rules", "reason", "says"),
    [
        ({"most_rows": 39}, "ExportTooManyRows", "train.jsonl has 40 examples, OpenAI takes 39 at most"),
        ({"most_bytes": 100}, "ExportTooLarge", "OpenAI takes 100 at most: lower split.trainPercent, filter by"),
    ],
)
def test_too_much_for_a_vendor(
    place: Place, monkeypatch: pytest.MonkeyPatch, rules: dict[str, int], reason: str, says: str
) -> None:
    files = OPENAI_CHAT.files | {"train": replace(OPENAI_CHAT.files["train"], **rules)}
    monkeypatch.setitem(exports.VENDORS, "OpenAIChat", replace(OPENAI_CHAT, files=files))
    place.put("raw/a.jsonl", pairs(40))
    with pytest.raises(BadData) as caught:
        place.prepare(export=["OpenAIChat"])
    assert caught.value.reason == reason
    assert says in caught.value.message


def test_too_many_rows_in_both_files_together(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(exports.VENDORS, "OpenAIChat", replace(OPENAI_CHAT, most_rows=60))
    place.put("raw/a.jsonl", pairs(100))
    with pytest.raises(BadData) as caught:
        place.prepare(split=THIRDS, export=["OpenAIChat"])
    assert caught.value.reason == "ExportTooManyRows"
    assert "examples together, OpenAI takes 60 at most: raise split.testPercent" in caught.value.message


def test_data_that_is_no_dataset_is_refused_for_that_first(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(3))
    with pytest.raises(BadData) as caught:
        place.prepare(export=["OpenAIChat"], quality={"minRows": 5})
    assert caught.value.reason == "TooFewRows"


def test_rows_left_out_are_told_where_they_make_a_file_too_small(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(9) + pair("", "no prompt"))
    with pytest.raises(BadData) as caught:
        place.prepare(export=["OpenAIChat"])
    assert caught.value.message.endswith("1 rows were left out, the report says why")
