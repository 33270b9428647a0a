"""Does raw data become the dataset it should, every time the same, or say why not?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import PrepareDataset
from slipway.contract.result import Prepared, parse_result
from slipway_data import look, raw, shards, sources
from slipway_data import prepare as module
from slipway_pod.artifact import verify
from slipway_pod.errors import BadConfig, BadData, StoreUnreachable
from slipway_pod.store import Bucket
from tests.unit.data.preparing import BUCKET, Place, damaged, pair, pairs

T3D = Path(__file__).parents[2] / "data" / "t3d"
THIRDS = {"trainPercent": 60, "validationPercent": 20, "testPercent": 20, "groupBy": "Row"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


def fault(place: Place, *arguments: Any, **more: Any) -> BadData:
    with pytest.raises(BadData) as caught:
        place.prepare(*arguments, **more)
    return caught.value


def test_rows_are_published_with_card_report_and_digest(place: Place) -> None:
    place.put("raw/b.jsonl", pairs(3))
    place.put("raw/a.jsonl", pair("first", "one") + "\n" + pair("second"))
    place.put("raw/manifest.json", "{}")
    result = place.prepare()
    verify(result.artifact, place.store)
    assert result.rows.train == 5
    assert place.rows(result)[:2] == [
        {"id": "a.jsonl:1", "group": "a.jsonl", "prompt": "first", "completion": "one"},
        {"id": "a.jsonl:3", "group": "a.jsonl", "prompt": "second", "completion": "done"},
    ]
    card = json.loads(place.read(result.artifact.uri + "dataset.json"))
    assert card["schema"] == "Completion"
    assert card["rows"]["train"] == 5
    assert place.rejected(result) == []


def test_chat_rows_keep_their_messages(place: Place) -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    place.put("raw/a.jsonl", json.dumps({"messages": turns, "note": "left out"}))
    assert place.rows(place.prepare("JSONL", "Chat"))[0]["messages"] == turns


def test_blueprints_become_pairs_of_nodes_and_of_linked_parts(place: Place) -> None:
    for path in T3D.glob("*.t3d"):
        place.put(f"raw/{path.name}", path.read_bytes())
    result = place.prepare("BlueprintT3D", "Chat")
    rows = place.rows(result)
    assert result.rows.rejected == 0
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert any(row["id"].startswith("inputOutputKnots.t3d#part-") for row in rows)
    for row in rows:
        assert [m["role"] for m in row["messages"]] == ["system", "user", "assistant"]
        assert row["messages"][2]["content"].startswith("Begin Object ")
    completions = place.rows(place.prepare("BlueprintT3D", "Completion"))
    assert [row["completion"] for row in completions] == [row["messages"][2]["content"] for row in rows]


def test_a_reader_that_is_no_t3d_file_rejects_the_file_with_its_line(place: Place) -> None:
    place.put("raw/good.t3d", (T3D / "nodeTilde.t3d").read_bytes())
    place.put("raw/bad.t3d", "Begin Object Name=a\nX=(1\nEnd Object")
    result = place.prepare("BlueprintT3D", quality={"maxRejectedPercent": 50})
    (entry,) = place.rejected(result)
    assert entry["id"] == "bad.t3d"
    assert entry["reason"] == "UnreadableFile"
    assert "line 2: expected ')'" in entry["message"]


def test_sources_and_pages_become_rows_and_what_gives_none_is_in_the_report(place: Place) -> None:
    code = "import bpy\n\ndef add_cube():\n    bpy.ops.mesh.primitive_cube_add()\n\ndef f(): pass\n"
    place.put("raw/add.py", code)
    place.put("raw/page.md", "# Cubes\n\nThey have six sides.\n")
    only = {"objectStore": {"uri": f"s3://{BUCKET}/raw/", "include": ["*.py"]}}
    result = place.prepare("BlenderPython", "Chat", source=only, quality={"maxRejectedPercent": 50})
    (row,) = place.rows(result)
    assert row["id"] == "add.py#add_cube"
    assert row["messages"][2]["content"].endswith("    bpy.ops.mesh.primitive_cube_add()")
    assert place.rejected(result)[0]["id"] == "add.py#f"
    only = {"objectStore": {"uri": f"s3://{BUCKET}/raw/", "include": ["*.md"]}}
    (row,) = place.rows(place.prepare("Markdown", "Completion", source=only))
    assert (row["id"], row["completion"]) == ("page.md#cubes", "They have six sides.")


PROGRAM = [sys.executable, "-m", "slipway_data"]
STEPS = ({"redact": {"kinds": ["Secret", "Email"]}}, {"deduplicate": {"method": "MinHash", "similarityPercent": 80}})


def test_two_processes_give_the_same_bytes(place: Place, tmp_path: Path) -> None:
    for path in T3D.glob("*.t3d"):
        place.put(f"raw/{path.name}", path.read_bytes())
    split = {"trainPercent": 50, "validationPercent": 25, "testPercent": 25, "groupBy": "Row"}
    digests = []
    for seed in ("1", "2"):
        # Other names and bounds, the same data: nothing of the object gets into its digest.
        job = place.job(
            "BlueprintT3D", "Chat", *STEPS, split=split, name=f"data-{seed}", quality={"minRows": int(seed)}
        )
        (tmp_path / "job.json").write_text(json.dumps(job.dump()))
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SLIPWAY_JOB": str(tmp_path / "job.json"),
            "SLIPWAY_TERMINATION_LOG": str(tmp_path / "end"),
        }
        ended = subprocess.run(PROGRAM, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == ExitCode.OK, ended.stderr
        result = parse_result((tmp_path / "end").read_text())
        assert isinstance(result, Prepared)
        digests.append(result.artifact.digest)
    assert digests[0] == digests[1]


def test_steps_that_came_later_change_no_recipe_of_before() -> None:
    """Pinned when filter had lengths only, and there was no licence, decontaminate or balance step."""
    job = PrepareDataset.model_validate(
        {
            "namespace": "demo",
            "name": "data",
            "store": {"bucket": "slipway"},
            "source": {"objectStore": {"uri": "s3://slipway/raw/"}},
            "schema": "Chat",
            "steps": [
                {"parse": {"as": "BlueprintT3D"}},
                {"filter": {"minCharacters": 40}},
                {"redact": {"kinds": ["Secret"]}},
                {"deduplicate": {"method": "MinHash"}},
            ],
            "split": {"trainPercent": 100, "validationPercent": 0, "testPercent": 0},
            "quality": {},
        }
    )
    assert module.recipe(job) == "sha256:c5a3b6924bb57aef2064cebd920d85d8c4886e61b3e34bdaca6c049adec1aa3e"
    assert job.fingerprint() == "sha256:66f9343262f71aa81e7a5babb26535d402fa343023bfa6c1fade39a252f9c49c"


def test_the_digest_follows_the_content(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(4))
    one = place.prepare().artifact.digest
    assert place.prepare().artifact.digest == one
    place.put("raw/a.jsonl", pairs(5))
    assert place.prepare().artifact.digest != one


def test_shards_and_row_groups_are_cut_by_counts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 4)
    monkeypatch.setattr(shards, "GROUP_ROWS", 3)
    place.put("raw/a.jsonl", pairs(10))
    result = place.prepare()
    folder = place.root / result.artifact.uri.removeprefix("s3://") / "train"
    assert sorted(p.name for p in folder.iterdir()) == ["00000.parquet", "00001.parquet", "00002.parquet"]
    assert sorted(row["prompt"] for row in place.rows(result)) == sorted(f"question {n}" for n in range(10))


# Steps


def test_filters_judge_the_trained_text(place: Place) -> None:
    lengths = {"short": "x" * 4, "right": "x" * 5, "still": "x" * 8, "long": "x" * 9}
    place.put("raw/a.jsonl", "".join(pair(k, v) for k, v in lengths.items()))
    result = place.prepare(
        "JSONL", "Completion", {"filter": {"minCharacters": 5, "maxCharacters": 8}}, quality={"maxRejectedPercent": 50}
    )
    assert [row["prompt"] for row in place.rows(result)] == ["right", "still"]
    assert [(e["id"], e["reason"]) for e in place.rejected(result)] == [
        ("a.jsonl:1", "TooShort"),
        ("a.jsonl:4", "TooLong"),
    ]
    assert (result.rows.rejected, result.rows.duplicates) == (2, 0)


def test_redaction_reaches_every_text_and_no_report(place: Place) -> None:
    place.put("raw/a.jsonl", pair("I am ann@example.org", "Mail bob@example.org. Thanks"))
    place.put("raw/b.jsonl", pair("I am eve@example.org", "Mail bob@example.org. Thanks", junk=1))
    place.put("raw/c.jsonl", '{"prompt": "eve@example.org"}')
    result = place.prepare(
        "JSONL",
        "Completion",
        {"redact": {"kinds": ["Email"]}},
        {"deduplicate": {"method": "Exact"}},
        quality={"maxRejectedPercent": 50},
    )
    (row,) = place.rows(result)
    assert (row["prompt"], row["completion"]) == ("I am <EMAIL>", "Mail <EMAIL>. Thanks")
    assert result.rows.duplicates == 1
    assert "@example.org" not in place.read(result.report) + json.dumps(place.rejected(result))


def test_steps_run_in_their_order(place: Place) -> None:
    place.put("raw/a.jsonl", pair("same", "ann@example.org") + pair("same", "bob@example.org"))
    redact, unique = {"redact": {"kinds": ["Email"]}}, {"deduplicate": {"method": "Exact"}}
    assert place.prepare("JSONL", "Completion", redact, unique).rows.duplicates == 1
    assert place.prepare("JSONL", "Completion", unique, redact).rows.duplicates == 0


def test_a_step_may_come_twice(place: Place) -> None:
    place.put("raw/a.jsonl", pair("same", "ann@example.org") + pair("same", "bob@example.org") + pair("other", "x y z"))
    steps = [
        {"deduplicate": {"method": "MinHash"}},
        {"deduplicate": {"method": "Exact"}},
        {"redact": {"kinds": ["Email"]}},
        {"deduplicate": {"method": "MinHash"}},
        {"deduplicate": {"method": "Exact"}},
    ]
    result = place.prepare("JSONL", "Completion", *steps)
    assert (result.rows.train, result.rows.duplicates) == (2, 1)


def test_strange_characters_come_through_or_are_refused(place: Place) -> None:
    place.put("raw/a.jsonl", '\ufeff{"prompt": "\\u0000 \\ud83e\\udd99", "completion": "\u2028\U0001f999"}\n')
    place.put("raw/b.jsonl", '{"prompt": "\\ud800", "completion": "half a character"}\r\n')
    result = place.prepare(quality={"maxRejectedPercent": 50})
    (row,) = place.rows(result)
    assert (row["prompt"], row["completion"]) == ("\x00 \U0001f999", "\u2028\U0001f999")
    assert place.rejected(result)[0]["reason"] == "SchemaViolation"


# Splits


def test_rows_of_a_group_stay_together_and_new_rows_move_none(place: Place) -> None:
    for number in range(30):
        place.put(f"raw/{number % 10}/file-{number}.jsonl", pairs(3, start=number * 3))

    def where(group_by: str) -> dict[str, str]:
        result = place.prepare(split=THIRDS | {"groupBy": group_by})
        return {row["prompt"]: name for name in ("train", "validation", "test") for row in place.rows(result, name)}

    before = {by: where(by) for by in ("File", "Project", "Row")}
    for number in range(30):
        assert len({before["File"][f"question {n}"] for n in range(number * 3, number * 3 + 3)}) == 1
    for folder in range(10):
        numbers = [n for file in range(folder, 30, 10) for n in range(file * 3, file * 3 + 3)]
        assert len({before["Project"][f"question {n}"] for n in numbers}) == 1
    place.put("raw/0/another.jsonl", pairs(30, start=500))
    place.put("raw/0/file-0.jsonl", pair("put before all others") + pairs(3))
    for by, known in before.items():
        now = where(by)
        assert {prompt: now[prompt] for prompt in known} == known


def test_a_rows_own_project_decides(place: Place) -> None:
    lines = (pair(f"question {n}", project=f"game-{n % 7}") for n in range(70))
    place.put("raw/a.jsonl", "".join(lines))
    result = place.prepare(split=THIRDS | {"groupBy": "Project"})
    for name in ("train", "validation", "test"):
        assert {row["group"] for row in place.rows(result, name)} <= {f"game-{n}" for n in range(7)}
    assert sum(len({r["group"] for r in place.rows(result, n)}) for n in ("train", "validation", "test")) == 7


def test_files_that_share_a_row_share_a_split(place: Place) -> None:
    for number in range(40):
        place.put(f"raw/file-{number:02}.jsonl", pairs(2, start=number * 2))
    for number in range(0, 40, 4):
        # One row of this file stands in the next one too, but for white space: the pair must not be torn apart.
        place.put(
            f"raw/file-{number + 1:02}.jsonl",
            pair(f"question  {number * 2}", f"answer {number * 2} ") + pairs(1, 900 + number),
        )
    split = THIRDS | {"groupBy": "File"}
    unique = {"deduplicate": {"method": "Exact"}}
    result = place.prepare("JSONL", "Completion", unique, split=split)
    names = {
        row["id"].partition(":")[0]: name
        for name in ("train", "validation", "test")
        for row in place.rows(result, name)
    }
    assert result.rows.duplicates == 10
    for number in range(0, 40, 4):
        assert names[f"file-{number:02}.jsonl"] == names[f"file-{number + 1:02}.jsonl"]
    assert len(set(names.values())) == 3


# What is wrong, each with its own reason


def test_no_files(place: Place) -> None:
    place.put("raw/readme.md", "hello")
    wanted = {"objectStore": {"uri": f"s3://{BUCKET}/raw/", "include": ["*.jsonl"]}}
    error = fault(place, source=wanted)
    assert error.reason == "NoFiles"
    assert "*.jsonl" in error.message
    assert fault(place, source={"objectStore": {"uri": f"s3://{BUCKET}/raw"}}).reason == "NoFiles"


def test_too_few_rows(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(9))
    error = fault(place, quality={"minRows": 10})
    assert error.reason == "TooFewRows"
    assert "9 rows kept of 9 from 1 files" in error.message
    assert error.rows.train == 9
    assert fault(Place(place.root / "other"), source={"inline": {"files": [{"name": "a", "text": "\n"}]}}).reason == (
        "TooFewRows"
    )


@pytest.mark.parametrize(
    ("content", "reason", "example"),
    [
        (b"PK\x03\x04\x00\x00", "UnreadableFile", "bad.jsonl: it is packed with zip: unpack it first"),
        (b"\x00\x01\x02\x03", "UnreadableFile", "bad.jsonl:1: it holds zero bytes"),
        ("prompt".encode("utf-16"), "WrongEncoding", "bad.jsonl:1: the text is UTF-16"),
        (pair("ok").encode() + b'{"prompt": "caf\xe9", "completion": "x"}', "WrongEncoding", "bad.jsonl:2: not UTF-8"),
        (b"not json\n", "SchemaViolation", "bad.jsonl:1: Invalid JSON"),
        (b'{"prompt": 3, "completion": "x"}\n', "SchemaViolation", "bad.jsonl:1: prompt"),
        (b'{"prompt": "x"}\n', "SchemaViolation", "bad.jsonl:1: completion"),
        (pair("x", " \n\t").encode(), "NothingToTrainOn", "bad.jsonl:1: completion is empty"),
    ],
)
def test_bad_rows_give_their_reason_and_an_example(place: Place, content: bytes, reason: str, example: str) -> None:
    place.put("raw/bad.jsonl", content)
    error = fault(place, quality={"maxRejectedPercent": 10})
    assert error.reason == reason
    assert error.example.startswith(example)
    assert "quality.maxRejectedPercent" in error.message
    assert place.rejected(error)[0]["reason"] == reason


@pytest.mark.parametrize(
    ("messages", "reason", "words"),
    [
        ([], "SchemaViolation", "messages"),
        ([{"role": "robot", "content": "x"}], "SchemaViolation", "messages.0.role"),
        ([{"role": "user", "content": "x"}], "SchemaViolation", "not by assistant"),
        (
            [
                {"role": "user", "content": "x"},
                {"role": "system", "content": "x"},
                {"role": "assistant", "content": "x"},
            ],
            "SchemaViolation",
            "only the first",
        ),
        ([{"role": "user", "content": "x"}, {"role": "assistant", "content": ""}], "NothingToTrainOn", "no token"),
    ],
)
def test_bad_chats(place: Place, messages: list[dict[str, str]], reason: str, words: str) -> None:
    place.put("raw/a.jsonl", json.dumps({"messages": messages}))
    error = fault(place, "JSONL", "Chat")
    assert error.reason == reason
    assert words in error.example


def test_a_mixture_of_faults_is_too_many_rejected(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(6) + "x\n" * 2 + pair("y", "") * 2)
    error = fault(place, quality={"maxRejectedPercent": 30})
    assert error.reason == "TooManyRejected"
    assert "2 NothingToTrainOn, 2 SchemaViolation" in error.message
    assert place.prepare(quality={"maxRejectedPercent": 40}).rows.rejected == 4


def test_rows_that_are_lost_together_are_counted_one_by_one(place: Place) -> None:
    place.put("raw/a.parquet", damaged(1000, 500))
    error = fault(place, "Parquet", quality={"maxRejectedPercent": 1})
    assert error.reason == "UnreadableFile"
    assert error.message.startswith("50 percent were rejected, quality.maxRejectedPercent is 1: 500 rows kept of 1000 ")
    assert error.rows is not None
    assert (error.rows.train, error.rows.rejected) == (500, 500)
    assert error.example.startswith("a.parquet:501: rows 501 to 1000 are lost: ")
    result = place.prepare("Parquet", quality={"maxRejectedPercent": 50})
    assert (result.rows.train, result.rows.rejected) == (500, 500)
    report = place.report(result)
    (step,) = report.steps
    assert (step.rows_in, step.rows_out, step.left_out) == (1000, 500, {"UnreadableFile": 500})
    (left_out,) = report.left_out
    assert (left_out.rows, [one.id for one in left_out.examples]) == (500, ["a.parquet:501"])
    (entry,) = place.rejected(result)
    assert (entry["id"], entry["rows"]) == ("a.parquet:501", 500)


def test_a_narrow_filter_is_too_many_rejected(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(6))
    assert fault(place, "JSONL", "Completion", {"filter": {"minCharacters": 100}}).reason == "TooManyRejected"


def test_an_empty_split_is_said(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(50))
    error = fault(place, split=THIRDS | {"groupBy": "File"})
    assert error.reason == "EmptySplit"
    assert "by File" in error.message


def test_a_line_without_end_does_not_fill_the_memory(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "LINE_LIMIT", 1000)
    place.put("raw/a.jsonl", pairs(2) + "x" * 5000)
    result = place.prepare(quality={"maxRejectedPercent": 50})
    (entry,) = place.rejected(result)
    assert (entry["id"], entry["reason"]) == ("a.jsonl:3", "UnreadableFile")
    monkeypatch.setattr(raw, "FILE_LIMIT", 100)
    place.put("raw/a.t3d", "x" * 101)
    assert "split it" in fault(place, "BlueprintT3D").example


def test_a_file_removed_while_reading_is_rejected(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put("raw/a.jsonl", pairs(2))
    place.put("raw/b.jsonl", pairs(2))
    real = look.opened

    def listed(*arguments: Any) -> Any:
        found = real(*arguments)
        (place.root / BUCKET / "raw" / "b.jsonl").unlink()
        return found

    monkeypatch.setattr(look, "opened", listed)
    result = place.prepare(quality={"maxRejectedPercent": 50})
    assert place.rejected(result)[0]["message"].startswith("it was removed")


def test_faults_of_the_store_are_not_blamed_on_the_data(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put("raw/a.jsonl", pairs(2))

    def silent(*_: Any) -> Any:
        raise StoreUnreachable("StoreUnreachable", "no answer")

    monkeypatch.setattr(Bucket, "stream", silent)
    with pytest.raises(StoreUnreachable):
        place.prepare()


def test_a_refusal_is_told_even_if_its_report_cannot_be_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put("raw/a.jsonl", "bad")

    def full(*_: Any) -> Any:
        raise BadConfig("StoreForbidden", "read only")

    monkeypatch.setattr(Bucket, "put", full)
    error = fault(place)
    assert (error.reason, error.report) == ("SchemaViolation", "")


def test_steps_that_the_api_server_would_refuse_are_bad_config(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(2))
    job = place.job()
    parse = job.steps[0]
    for steps in ((parse, parse), (place.job("JSONL", "Completion", {"filter": {}}).steps[1], parse)):
        with pytest.raises(BadConfig):
            module.prepare(job.model_copy(update={"steps": steps}))


def test_inline_files_are_a_source(place: Place) -> None:
    files = [{"name": "b.jsonl", "text": pairs(1)}, {"name": "a.jsonl", "text": pairs(2, 5)}]
    result = place.prepare(source={"inline": {"files": files}})
    assert [row["id"] for row in place.rows(result)] == ["a.jsonl:1", "a.jsonl:2", "b.jsonl:1"]


def test_one_file_by_its_address(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(2))
    place.put("raw/a.jsonl.bak", pairs(3))
    result = place.prepare(source={"objectStore": {"uri": f"s3://{BUCKET}/raw/a.jsonl"}})
    assert result.rows.train == 2


@pytest.mark.parametrize(
    ("include", "found"),
    [
        (["**"], ["a.jsonl", "deep/er/c.jsonl", "deep/b.jsonl", "x.txt"]),
        (["*.jsonl"], ["a.jsonl"]),
        (["**/*.jsonl"], ["a.jsonl", "deep/b.jsonl", "deep/er/c.jsonl"]),
        (["deep/*"], ["deep/b.jsonl"]),
        (["deep/**"], ["deep/b.jsonl", "deep/er/c.jsonl"]),
        (["?.txt", "a.*"], ["a.jsonl", "x.txt"]),
        (["[ax].txt"], []),
    ],
)
def test_include_patterns(place: Place, include: list[str], found: list[str]) -> None:
    for path in ("a.jsonl", "x.txt", "deep/b.jsonl", "deep/er/c.jsonl"):
        place.put(f"raw/{path}", pairs(1))
    job: PrepareDataset = place.job(source={"objectStore": {"uri": f"s3://{BUCKET}/raw/", "include": include}})
    if not found:
        with pytest.raises(BadData):
            sources.opened(job)
        return
    assert sorted(f.path for f in sources.opened(job).files) == sorted(found)
