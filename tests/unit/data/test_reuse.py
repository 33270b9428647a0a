"""Is only read again what changed, with the same data as if everything had been?"""

from __future__ import annotations

import ast
import contextlib
import datetime
import hashlib
import json
import os
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import slipway_data
from slipway.contract.dataset_report import FilesRead
from slipway.contract.job import PrepareDataset
from slipway_data import parse
from slipway_data.raw import RawFile
from slipway_data.reuse import code, index, kept, lines, packs, tidy
from slipway_data.rows import Completion, Parsed, Rejected
from slipway_data.sources import claim
from slipway_pod.errors import BadData, StoreUnreachable
from slipway_pod.store import Bucket
from tests.unit.data.github import GitHub, Repo
from tests.unit.data.gitserver import Repository
from tests.unit.data.gitserver import serving as serving_git
from tests.unit.data.keeping import FOLDER, INDEX, Memory
from tests.unit.data.preparing import Place, damaged, pair, pairs
from tests.unit.data.webserver import Answer, Asked, Time, serving

NEVER = {"keep": "Never"}


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory.in_place_of_s3(monkeypatch)
    for name, start in (("a", 0), ("b", 10), ("c", 20)):
        made.put(f"raw/{name}.jsonl", pairs(3, start))
    return made


def without(memory: Memory, job: PrepareDataset) -> str:
    """Return the digest of the data that `job` makes where nothing is kept."""
    plain = job.model_copy(update={"name": "plain", "parsed_rows": job.parsed_rows.model_copy(update=NEVER)})
    return memory.prepare(plain).artifact.digest


def test_only_the_file_that_changed_is_read_again(memory: Memory) -> None:
    first = memory.prepare()
    assert memory.raw() == ["raw/a.jsonl", "raw/b.jsonl", "raw/c.jsonl"]
    assert memory.counts(first) == (3, 0, 0)
    memory.put("raw/b.jsonl", pairs(4, 30))
    second = memory.prepare()
    assert memory.raw() == ["raw/b.jsonl"]
    assert memory.counts(second) == (1, 2, 0)
    assert second.artifact.digest == without(memory, memory.job()) != first.artifact.digest
    assert [row["prompt"] for row in memory.rows(second)][3:7] == [f"question {n}" for n in range(30, 34)]


def test_the_page_says_how_many_files_were_read(memory: Memory) -> None:
    memory.prepare()
    memory.put("raw/b.jsonl", pairs(4, 30))
    assert "1 of the files were read this time; of 2 the rows were there already." in memory.page(memory.prepare())


def test_a_change_of_later_steps_reads_no_file(memory: Memory) -> None:
    memory.prepare()
    job = memory.job("JSONL", {"filter": {"minCharacters": 9}})
    made = memory.prepare(job)
    assert memory.raw() == []
    assert memory.counts(made) == (0, 3, 0)
    assert made.artifact.digest == without(memory, job)


@pytest.mark.parametrize(
    "job",
    [
        {"schema": "Chat"},
        {"steps": [{"parse": {"as": "JSONL"}}, {"balance": {"by": "Column", "column": "kind", "maxRows": 9}}]},
        {"steps": [{"parse": {"as": "Markdown"}}]},
    ],
    ids=["schema", "columns", "parser"],
)
def test_what_is_read_otherwise_is_read_again(memory: Memory, job: dict[str, Any]) -> None:
    memory.prepare()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept.KeptRows, "settle", kept.KeptRows.leave)
        with contextlib.suppress(BadData):
            memory.prepare(memory.job(**job))
    assert len(memory.raw()) == 3


def test_what_another_code_read_is_read_again_and_goes(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    first = memory.prepare()
    before = memory.packs()
    monkeypatch.setattr(kept, "code", lambda: "of another image")
    second = memory.prepare()
    assert memory.counts(second) == (3, 0, 0)
    assert second.artifact == first.artifact
    assert memory.counts(memory.prepare()) == (0, 3, 0)
    listed = index.read(Bucket(memory.backend, "slipway", ""), FOLDER)
    assert len(listed.entries) == 3
    assert len(memory.packs()) == len(before)


def test_every_file_of_the_code_that_reads_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = {package.__name__ for package in code.PACKAGES}
    assert names == {"slipway_data", "slipway_formats", "slipway.api", "slipway.contract"}
    package = ModuleType("package")
    package.__path__ = [str(tmp_path)]
    monkeypatch.setattr(code, "PACKAGES", (package,))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "read.py").write_text("1")
    first = code.code.__wrapped__()
    assert code.code.__wrapped__() == first
    (tmp_path / "deep" / "read.py").write_text("2")
    assert code.code.__wrapped__() != first


def test_every_library_that_a_reader_leans_on_counts() -> None:
    """What is imported by slipway_data's readers and first steps, and what they import of it, from elsewhere."""
    ours = ("slipway", "slipway_data", "slipway_formats", "slipway_pod")
    folder = Path(str(slipway_data.__path__[0]))
    waiting, seen, found = [*sorted(folder.glob("read_*.py")), folder / "alone.py"], set[Path](), set[str]()
    while waiting:
        file = waiting.pop()
        if file in seen or not file.exists():
            continue
        seen.add(file)
        for node in ast.parse(file.read_text()).body:  # imports for types alone stand deeper
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
                inner = folder / node.module.removeprefix("slipway_data").strip(".").replace(".", "/")
                waiting += [inner.with_suffix(".py"), *(inner / f"{alias.name}.py" for alias in node.names)]
            found.update(name.split(".")[0] for name in names)
    outside = found - set(sys.stdlib_module_names) - set(ours)
    distributions = metadata.packages_distributions()
    needed = {distributions[name][0].lower() for name in outside}
    assert needed, "readers lean on something"
    assert needed <= set(code.LIBRARIES)


# What goes


def test_rows_of_files_that_went_or_changed_go_too(memory: Memory) -> None:
    memory.put("raw/b.jsonl", pair("a secret of Ann"))
    memory.prepare()
    assert len(index.read(Bucket(memory.backend, "slipway", ""), FOLDER).entries) == 3
    memory.delete("raw/b.jsonl")
    memory.prepare()
    listed = index.read(Bucket(memory.backend, "slipway", ""), FOLDER)
    assert len(listed.entries) == 2
    assert memory.packs() == {packs.pack_key(FOLDER, name) for name in listed.packs}
    assert not listed.unused(), "no byte is left of it"


def test_a_hundred_changes_leave_no_more_than_one_preparation(memory: Memory) -> None:
    memory.prepare()
    size = memory.bytes()
    for n in range(40):
        memory.put("raw/b.jsonl", pairs(3, 1000 + n))
        memory.prepare()
        assert len(memory.packs()) <= tidy.SMALL + 1
    assert memory.bytes() < 3 * size


@pytest.mark.parametrize("how", ["never", "a step that redacts behind one that compares"])
def test_what_was_kept_goes_when_nothing_is_to_be_kept(memory: Memory, how: str) -> None:
    memory.prepare()
    assert memory.keys(FOLDER)
    steps = {"deduplicate": {"method": "Exact"}}, {"redact": {"kinds": ["Email"]}}
    job = memory.job(parsedRows=NEVER) if how == "never" else memory.job("JSONL", *steps)
    made = memory.prepare(job)
    assert memory.keys(FOLDER) == set()
    assert memory.report(made).reading is None


def test_with_redaction_rows_are_kept_where_they_are_asked_for(memory: Memory) -> None:
    job = memory.job("JSONL", {"redact": {"kinds": ["Email"]}}, parsedRows={"keep": "Always"})
    memory.put("raw/a.jsonl", pair("write to ann@example.org"))
    first = memory.prepare(job)
    memory.put("raw/b.jsonl", pairs(1))
    second = memory.prepare(job)
    assert memory.counts(second) == (1, 2, 0)
    assert "ann@example.org" not in json.dumps(memory.rows(second))
    assert memory.report(second).redacted == memory.report(first).redacted == {"Email": 1}
    assert second.artifact.digest == without(memory, job)


# What there is room for


def test_no_more_is_kept_than_may_be(memory: Memory) -> None:
    for n in range(6):
        memory.put(f"raw/d{n}.jsonl", pair(os.urandom(200_000).hex()))
    job = memory.job(parsedRows={"maxMebibytes": 1})
    memory.prepare(job)
    assert 0 < memory.bytes() <= 1 << 20
    made = memory.prepare(job)
    read, taken, damaged = memory.counts(made)
    assert (read + taken, damaged) == (9, 0)
    assert read > 0 < taken
    assert made.artifact.digest == without(memory, job)
    assert memory.bytes() <= 1 << 20


def test_a_large_file_is_kept_in_several_packs(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACK", 100_000)
    monkeypatch.setattr(lines, "BLOCK", 20_000)
    memory.put("raw/b.jsonl", "".join(pair(os.urandom(5_000).hex()) for _ in range(200)))
    first = memory.prepare()
    assert len(memory.packs()) > 3
    second = memory.prepare()
    assert (memory.raw(), second.artifact) == ([], first.artifact)


def test_a_huge_file_takes_no_more_memory_than_a_few_packs(tmp_path: Path) -> None:
    def rows(_: RawFile) -> Iterator[Parsed | Rejected]:
        yield from (Parsed(f"huge:{n}", Completion("", os.urandom(16_384).hex())) for n in range(4_000))

    huge = RawFile("huge", lambda: iter(()), content="huge")
    place = Place(tmp_path / "store")
    job = place.job(parsedRows={"maxMebibytes": 1024})
    peaks, counts = [], []
    for _ in range(2):
        again = kept.opened(job, [huge], frozenset())
        tracemalloc.start()
        counts.append(sum(1 for _ in again.rows(huge, rows)))
        again.settle()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert counts == [4_000, 4_000]
    assert again.report == FilesRead(read=0, kept=1)
    assert sum(path.stat().st_size for path in place.root.rglob("*") if path.is_file()) > 60 << 20
    assert max(peaks) < 40 << 20


# What may go wrong


@pytest.mark.parametrize("harm", ["cut", "flipped", "gone", "empty"])
def test_a_damaged_pack_is_read_anew_and_said(memory: Memory, harm: str) -> None:
    first = memory.prepare()
    (pack,) = memory.packs()
    content = memory.get(pack)
    match harm:
        case "cut":
            memory.put(pack, content[: len(content) // 2])
        case "flipped":
            memory.put(pack, bytes([content[0] ^ 1]) + content[1:])
        case "gone":
            memory.delete(pack)
        case "empty":
            memory.put(pack, b"")
    second = memory.prepare()
    read, taken, damaged = memory.counts(second)
    assert (read, taken) == (damaged, 3 - damaged)
    assert damaged >= 1
    assert second.artifact == first.artifact
    assert f"Of {damaged} that were read, the kept rows were damaged or gone." in memory.page(second)
    third = memory.prepare()
    assert memory.counts(third) == (0, 3, 0), "what was damaged was kept anew"
    assert third.artifact == first.artifact


@pytest.mark.parametrize("content", [b"", b"{", b'{"entries": {"x": [["p", 0, 1, "s"]]}}', b'{"entries": 1}', b"\xff"])
def test_a_damaged_index_keeps_nothing_and_harms_nothing(memory: Memory, content: bytes) -> None:
    first = memory.prepare()
    memory.put(INDEX, content)
    second = memory.prepare()
    assert memory.counts(second) == (3, 0, 0)
    assert second.artifact == first.artifact
    assert memory.counts(memory.prepare()) == (0, 3, 0)


def test_damage_in_the_middle_of_a_file_repeats_and_loses_no_row(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "PACK", 50_000)
    monkeypatch.setattr("slipway_data.reuse.lines.BLOCK", 10_000)
    memory.put("raw/b.jsonl", "".join(pair(os.urandom(2_000).hex()) for _ in range(100)))
    first = memory.prepare()
    key = index.key(index.place(_reading(), "b.jsonl"), _content(memory, "b.jsonl"))
    parts = index.read(Bucket(memory.backend, "slipway", ""), FOLDER).entries[key]
    assert len(parts) > 3
    memory.delete(packs.pack_key(FOLDER, parts[2].pack))
    second = memory.prepare()
    assert memory.counts(second)[2] >= 1
    assert "raw/b.jsonl" in memory.raw()
    assert second.artifact == first.artifact


def _reading() -> str:
    columns = sorted(parse.columns(Memory().job().steps))
    return json.dumps([kept.FORMAT, code.code(), {"parse": {"as": "JSONL"}}, "Completion", columns])


def _content(memory: Memory, name: str) -> str:
    found = obstore.head(memory.backend, f"raw/{name}")
    return f"etag http://in-memory s3://slipway/raw/{name} {found['size']} {found['e_tag']}"


@pytest.mark.parametrize("name", ["read", "put", "list"])
def test_a_store_that_ails_at_kept_rows_costs_nothing_but_time(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    first = memory.prepare()
    memory.put("raw/b.jsonl", pairs(3, 40))
    whole = getattr(Bucket, name)

    def ails(self: Bucket, key: str, *arguments: Any) -> Any:
        if "parsed-rows" in key:
            raise StoreUnreachable("StoreUnreachable", "503")
        return whole(self, key, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, name, ails)
        second = memory.prepare()
    reading = memory.report(second).reading
    assert reading is not None
    assert reading.read + reading.kept == 3
    if name != "put":  # what is written is written behind the reading, and the report may be made by then
        assert reading.fault == "StoreUnreachable: 503"
        assert reading.fault in memory.page(second)
    third = memory.prepare()
    assert second.artifact.digest == third.artifact.digest == without(memory, memory.job()) != first.artifact.digest


def test_a_store_that_goes_while_rows_are_taken_repeats_none(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACK", 50_000)
    monkeypatch.setattr("slipway_data.reuse.lines.BLOCK", 10_000)
    memory.put("raw/b.jsonl", "".join(pair(os.urandom(2_000).hex()) for _ in range(100)))
    first = memory.prepare()
    count = 0
    whole = packs.Reader._pack

    def goes(self: packs.Reader, name: str) -> bytes:
        nonlocal count
        count += 1
        if count > 3:
            raise StoreUnreachable("StoreUnreachable", "503")
        return whole(self, name)

    monkeypatch.setattr(packs.Reader, "_pack", goes)
    assert memory.prepare().artifact == first.artifact


def test_a_run_that_breaks_off_keeps_what_it_read(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.prepare()
    memory.put("raw/b.jsonl", pairs(3, 40))
    whole = Bucket.put

    def full(self: Bucket, key: str, content: Any) -> None:
        if "/datasets/" in key:
            raise StoreUnreachable("StoreUnreachable", "503")
        whole(self, key, content)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "put", full)
        with pytest.raises(StoreUnreachable):
            memory.prepare()
    made = memory.prepare()
    assert memory.counts(made) == (0, 3, 0)
    assert made.artifact.digest == without(memory, memory.job())


def test_data_that_is_refused_keeps_its_rows_and_tells_what_was_read(memory: Memory) -> None:
    memory.prepare()
    memory.put("raw/b.jsonl", pairs(2, 40))
    with pytest.raises(BadData) as caught:
        memory.prepare(memory.job(quality={"minRows": 100}))
    folder = caught.value.report.removeprefix("s3://slipway/").rpartition("/")[0]
    assert json.loads(memory.get(f"{folder}/report.json"))["reading"] == {
        "read": 1,
        "kept": 2,
        "damaged": 0,
        "fault": "",
    }
    assert memory.counts(memory.prepare()) == (0, 3, 0)


@pytest.mark.parametrize("moment", ["rows", "_settle"])
def test_two_preparations_at_once_harm_neither(memory: Memory, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """The second begins, ends and tidies while the first reads its first file, or when it has read the last."""
    memory.prepare()
    memory.put("raw/a.jsonl", pairs(3, 50))
    first = without(memory, memory.job())
    do = getattr(kept.KeptRows, moment)
    others: list[str] = []

    def after_another(self: kept.KeptRows, *arguments: Any) -> Any:
        if not others:
            others.append("has begun")
            changed = memory.get("raw/c.jsonl")
            memory.put("raw/c.jsonl", pairs(3, 60))
            others.append(memory.prepare().artifact.digest)
            memory.put("raw/c.jsonl", changed)
        return do(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(kept.KeptRows, moment, after_another)
        assert memory.prepare().artifact.digest == first != others[-1]
    made = memory.prepare()
    assert made.artifact.digest == first
    assert memory.counts(memory.prepare()) == (0, 3, 0)
    listed = index.read(Bucket(memory.backend, "slipway", ""), FOLDER)
    assert packs.pack_key(FOLDER, "") + min(listed.packs) in memory.packs()


def test_a_pack_that_another_pod_is_about_to_name_stays_for_a_day(memory: Memory) -> None:
    memory.prepare()
    orphan = packs.pack_key(FOLDER, "f" * 64)
    memory.put(orphan, b"rows of a pod that runs")
    memory.put("raw/b.jsonl", pairs(3, 40))
    memory.prepare()
    assert orphan in memory.packs()
    listed = index.read(Bucket(memory.backend, "slipway", ""), FOLDER)
    found = Bucket(memory.backend, "slipway", "").find(orphan)
    assert found is not None
    written = found.modified
    there = {"f" * 64: written}
    later = written + tidy.ORPHAN + timedelta(seconds=1)
    assert tidy.swept(Bucket(memory.backend, "slipway", ""), FOLDER, there, {}, listed, later) == 1
    assert orphan not in memory.packs()


def test_a_file_that_changes_after_it_was_listed_is_not_kept_as_what_it_was(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Bucket.stream

    def changing(self: Bucket, key: str, *arguments: Any) -> Iterator[bytes]:
        if key == "raw/b.jsonl":
            memory.put(key, pairs(3, 70))
        return stream(self, key, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "stream", changing)
        memory.prepare()
    made = memory.prepare()
    assert memory.raw() == ["raw/b.jsonl"]
    assert made.artifact.digest == without(memory, memory.job())


def test_values_that_json_changes_are_not_kept(memory: Memory) -> None:
    table = pa.table({"prompt": ["a"], "completion": ["b"], "license": [datetime.date(2026, 1, 1)]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    memory.hold({"a.parquet": sink.getvalue().to_pybytes()})
    first = memory.prepare(memory.job("Parquet"))
    second = memory.prepare(memory.job("Parquet"))
    assert memory.counts(second) == (1, 0, 0)
    assert second.artifact == first.artifact


@pytest.mark.parametrize("steps", [(), ({"redact": {"kinds": ["Email"]}},)])
def test_rows_that_were_lost_together_are_as_many_when_they_are_kept(memory: Memory, steps: Any) -> None:
    memory.hold({"a.parquet": damaged(30, 10)})
    job = memory.job("Parquet", *steps)
    first, second = memory.prepare(job), memory.prepare(job)
    assert memory.counts(second) == (0, 1, 0)
    assert second.artifact == first.artifact
    assert (second.rows.train, second.rows.rejected) == (20, 10)
    assert memory.report(second).steps == memory.report(first).steps


# Sources


def test_web_addresses_of_files_that_are_known_are_not_asked(memory: Memory) -> None:
    asked: list[str] = []
    site = {f"/{name}.jsonl": pairs(2, start).encode() for name, start in (("a", 0), ("b", 10), ("c", 20))}

    def answer(one: Asked) -> Answer:
        asked.append(one.path)
        return Answer(body=site[one.path])

    with serving(answer) as at:

        def job(*names: str, **more: Any) -> PrepareDataset:
            files = [{"url": f"{at}{name}", "sha256": hashlib.sha256(site[name]).hexdigest()} for name in names]
            return memory.job(source={"http": {"files": files, "plainHttp": True, **more}})

        memory.prepare(job("/a.jsonl", "/b.jsonl"))
        asked.clear()
        made = memory.prepare(job("/a.jsonl", "/b.jsonl", "/c.jsonl"))
        assert asked == ["/c.jsonl"]
        assert memory.counts(made) == (1, 2, 0)
        assert made.artifact.digest == without(memory, job("/a.jsonl", "/b.jsonl", "/c.jsonl"))
        asked.clear()
        memory.prepare(job("/a.jsonl", maxFileMebibytes=1))
        assert asked == ["/a.jsonl"], "with another bound it is another question"


def test_files_of_a_commit_are_known_by_gits_names(memory: Memory, tmp_path: Path) -> None:
    with serving_git(tmp_path / "repositories") as server:
        repository = Repository(server.root / "data")
        for name in ("a", "b"):
            repository.put(f"{name}.md", f"# About {name}\n\nIt is {name}.\n")
        repository.commit()
        spec = {"url": f"{server.url}/data/.git", "plainHttp": True, "include": ["*.md"]}
        job = memory.job("Markdown", source={"git": spec})
        memory.prepare(job)
        repository.put("b.md", "# About b\n\nIt is another.\n")
        repository.commit()
        made = memory.prepare(job)
        assert memory.counts(made) == (1, 1, 0)
        assert made.artifact.digest == without(memory, job)


def test_files_on_github_are_known_by_gits_names(memory: Memory) -> None:
    hub = GitHub(Time(), [Repo("ann/tools", {"a.jsonl": pairs(3).encode(), "b.jsonl": pairs(3, 10).encode()})])
    with serving(hub) as url:
        spec = {"search": {"topics": ["blender"]}, "apiUrl": url, "plainHttp": True}
        # Its raw files lie in the store in any case.
        job = memory.job("JSONL", {"redact": {"kinds": ["Email"]}}, source={"github": spec})
        memory.prepare(job)
        hub.repos[0].files["b.jsonl"] = pairs(3, 50).encode()
        made = memory.prepare(job)
    assert memory.counts(made) == (1, 1, 0)


def test_files_on_a_volume_are_told_by_their_content(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    monkeypatch.setattr(claim.files, "__defaults__", (volume,))
    for name, start in (("a", 0), ("b", 10)):
        (volume / f"{name}.jsonl").write_text(pairs(3, start))
    job = memory.job(source={"persistentVolumeClaim": {"claimName": "exports"}})
    memory.prepare(job)
    (volume / "c.jsonl").write_text(pairs(1, 90))
    os.utime(volume / "a.jsonl", (1, 1))
    assert memory.counts(memory.prepare(job)) == (1, 2, 0), "another time is no other content"
    stat = (volume / "b.jsonl").stat()
    (volume / "b.jsonl").write_text(pairs(3, 20))
    os.utime(volume / "b.jsonl", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    made = memory.prepare(job)
    assert memory.counts(made) == (1, 2, 0), "as large and as old as before, and not what it was"
    assert made.artifact.digest == without(memory, job)


# In general

TEXTS = st.text(max_size=12)
LINES = st.one_of(
    st.builds(pair, TEXTS, TEXTS, license=st.one_of(st.none(), st.sampled_from(["MIT", ""]), st.integers(), TEXTS)),
    st.just('{"prompt": "half \\ud83d", "completion": "one"}\n'),
    TEXTS.map(lambda text: text + "\n"),
    st.binary(max_size=8).map(lambda content: content.decode("latin-1")),
)
FILES = st.dictionaries(
    st.sampled_from(["a.jsonl", "b.jsonl", "x/c.jsonl", "x/a.jsonl"]), st.lists(LINES, max_size=4).map("".join)
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.lists(FILES.filter(bool), min_size=2, max_size=4))
def test_kept_rows_never_change_a_byte(memory: Memory, states: list[dict[str, str]]) -> None:
    for state in states:
        memory.hold({"always.jsonl": pairs(1), **state})
        made = memory.prepare()
        read, taken, damaged = memory.counts(made)
        assert (read + taken, damaged) == (1 + len(state), 0)
        assert made.artifact.digest == without(memory, memory.job())
