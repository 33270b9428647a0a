"""Where steps redact, is only read again what changed, and is nothing kept that they replaced?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipway.contract.job import PrepareDataset
from slipway.contract.result import Prepared
from slipway_data.reuse import index, kept, lines, packs
from slipway_data.sources import claim
from slipway_pod.errors import BadData, StoreUnreachable
from slipway_pod.store import Bucket
from tests.unit.data.gitserver import Repository
from tests.unit.data.gitserver import serving as serving_git
from tests.unit.data.keeping import FOLDER, Memory
from tests.unit.data.preparing import pair, pairs
from tests.unit.data.webserver import Answer, Asked, serving

NEVER = {"keep": "Never"}
REDACT = {"redact": {"kinds": ["Email", "IPAddress"], "own": [{"name": "Customer", "words": ["Initech"]}]}}
LONG = {"filter": {"minCharacters": 5}}
STEPS = (LONG, REDACT, {"filter": {"minQualityPercent": 1}}, {"deduplicate": {"method": "Exact"}})
SECRETS = ("ann@example.org", "10.20.30.41", "Initech")


def secret(number: int) -> str:
    """Rows with everything in them that is replaced, one that is too short, one that is twice there, and one that is
    none.
    """
    said = f"question {number}: write to {SECRETS[0]} of {SECRETS[2]}, or call on {SECRETS[1]} for more"
    return pair(said, "an answer") + pair("hi", "you") + pair("the same in every file", "indeed") + "no row\n"


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory.in_place_of_s3(monkeypatch)
    for number, name in enumerate("abc"):
        made.put(f"raw/{name}.jsonl", secret(number))
    return made


def job(memory: Memory, *steps: dict[str, Any], **more: Any) -> PrepareDataset:
    return memory.job("JSONL", *(steps or STEPS), **more)


def without(memory: Memory, told: PrepareDataset) -> Prepared:
    """Return what `told` makes where nothing is kept."""
    parsed_rows = told.parsed_rows.model_copy(update=NEVER)
    return memory.prepare(told.model_copy(update={"name": "plain", "parsed_rows": parsed_rows}))


def told_of(memory: Memory, made: Prepared) -> Any:
    """Return all that the report of `made` says, but for how it came about."""
    return memory.report(made).model_copy(update={"reading": None, "name": ""}).dump()


def as_from_scratch(memory: Memory, told: PrepareDataset, made: Prepared) -> bool:
    plain = without(memory, told)
    assert told_of(memory, made) == told_of(memory, plain)
    return (made.artifact.digest, made.rows) == (plain.artifact.digest, plain.rows)


def unpacked(memory: Memory) -> str:
    """Everything that is kept, as text, and the index."""
    found = []
    for parts in index.read(Bucket(memory.backend, "slipway", ""), FOLDER).entries.values():
        for part in parts:
            content = memory.get(packs.pack_key(FOLDER, part.pack))[part.start : part.start + part.bytes]
            found += [repr(item) for item in lines.read(content)]
    return "\n".join([*found, *(memory.get(key).decode() for key in memory.keys(FOLDER) - memory.packs())])


def test_only_the_file_that_changed_is_read_again_and_all_counts_are_the_same(memory: Memory) -> None:
    first = memory.prepare(job(memory))
    assert memory.counts(first) == (3, 0, 0)
    assert memory.report(first).redacted == {"Customer": 3, "Email": 3, "IPAddress": 3}
    assert as_from_scratch(memory, job(memory), first)
    memory.put("raw/b.jsonl", secret(7))
    second = memory.prepare(job(memory))
    assert memory.raw() == ["raw/b.jsonl"]
    assert memory.counts(second) == (1, 2, 0)
    assert as_from_scratch(memory, job(memory), second)
    assert second.artifact.digest != first.artifact.digest
    third = memory.prepare(job(memory))
    assert (memory.counts(third), memory.raw(), third.artifact) == ((0, 3, 0), [], second.artifact)


def test_nothing_that_is_replaced_is_kept(memory: Memory) -> None:
    memory.prepare(job(memory))
    text = unpacked(memory)
    assert "write to <EMAIL> of <CUSTOMER>" in text
    assert not [secret for secret in SECRETS if secret in text]


def test_raw_rows_of_before_go_when_a_step_is_to_redact(memory: Memory) -> None:
    memory.prepare(memory.job())
    assert SECRETS[0] in unpacked(memory)
    before = memory.packs()
    memory.prepare(job(memory))
    assert SECRETS[0] not in unpacked(memory)
    assert not before & memory.packs()


@pytest.mark.parametrize(
    "steps",
    [
        (LONG, {"redact": {"kinds": ["Email"]}}),
        (LONG, {"redact": {**REDACT["redact"], "own": [{"name": "Customer", "words": ["Initech", "Hooli"]}]}}),
        (LONG, REDACT, {"redact": {"kinds": ["Phone"]}}),
        ({"filter": {"minCharacters": 3}}, REDACT),
        (REDACT,),
        (REDACT, LONG),
    ],
    ids=["fewer kinds", "another word", "one more step", "another filter", "no filter", "another order"],
)
def test_other_first_steps_make_other_rows(memory: Memory, steps: tuple[dict[str, Any], ...]) -> None:
    memory.prepare(job(memory, LONG, REDACT))
    told = job(memory, *steps)
    made = memory.prepare(told)
    assert memory.counts(made) == (3, 0, 0)
    assert as_from_scratch(memory, told, made)


def test_another_code_reads_again(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.prepare(job(memory))
    monkeypatch.setattr(kept, "code", lambda: "of another image")
    assert memory.counts(memory.prepare(job(memory))) == (3, 0, 0)


@pytest.mark.parametrize("by", ["File", "Project"])
def test_groups_are_those_of_the_rows_as_they_were_read(memory: Memory, by: str) -> None:
    """By content, two rows that become the same by redaction are not of one group."""
    for number in range(16):
        names = (f"write to {name}{number}@example.org or so" for name in ("ben", "eve"))
        memory.put(f"raw/p{number}/x.jsonl", "".join(pair(name, "yes indeed") for name in names))
    split = {"trainPercent": 40, "validationPercent": 30, "testPercent": 30}
    content, other = (
        job(memory, REDACT, split={**split, "groupBy": "Row"}),
        job(memory, REDACT, split={**split, "groupBy": by}),
    )
    memory.prepare(content)
    again = memory.prepare(content)
    assert memory.counts(again) == (0, 19, 0)
    assert as_from_scratch(memory, content, again)
    made = memory.prepare(other)
    assert memory.counts(made) == (19, 0, 0), "its groups are others"
    assert as_from_scratch(memory, other, made)


def test_steps_behind_the_first_ones_may_change(memory: Memory) -> None:
    memory.prepare(job(memory))
    told = job(memory, *STEPS[:3], {"deduplicate": {"method": "MinHash", "similarityPercent": 80}})
    made = memory.prepare(told)
    assert (memory.counts(made), memory.raw()) == ((0, 3, 0), [])
    assert as_from_scratch(memory, told, made)


@pytest.mark.parametrize(
    "row",
    [
        json.dumps({"id": "from ben@example.org", "prompt": "a question of a row", "completion": "an answer"}) + "\n",
        pair("a question of a row", "an answer", license="ask ben@example.org"),
    ],
    ids=["id", "column"],
)
def test_a_file_with_private_text_beside_its_rows_is_read_each_time(memory: Memory, row: str) -> None:
    memory.put("raw/b.jsonl", row)
    memory.prepare(job(memory))
    assert "ben@example.org" not in unpacked(memory)
    made = memory.prepare(job(memory))
    assert as_from_scratch(memory, job(memory), made)
    if "license" in row:
        assert memory.counts(memory.prepare(job(memory))) == (1, 2, 0)


def test_a_run_that_breaks_off_keeps_whole_files_redacted(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Bucket.put

    def full(self: Bucket, key: str, content: Any) -> None:
        if "/datasets/" in key:
            raise StoreUnreachable("StoreUnreachable", "503")
        whole(self, key, content)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "put", full)
        with pytest.raises(StoreUnreachable):
            memory.prepare(job(memory))
    assert not [secret for secret in SECRETS if secret in unpacked(memory)]
    made = memory.prepare(job(memory))
    assert memory.counts(made) == (0, 3, 0)
    assert as_from_scratch(memory, job(memory), made)


def test_a_file_that_breaks_off_is_not_kept(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Bucket.stream

    def breaking(self: Bucket, key: str, *arguments: Any) -> Any:
        if key == "raw/b.jsonl":
            yield memory.get(key)[:150]
            raise StoreUnreachable("StoreUnreachable", "503")
        yield from stream(self, key, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "stream", breaking)
        with pytest.raises(StoreUnreachable):
            memory.prepare(job(memory))
    made = memory.prepare(job(memory))
    assert as_from_scratch(memory, job(memory), made)
    assert len(index.read(Bucket(memory.backend, "slipway", ""), FOLDER).entries) == 3


@pytest.mark.parametrize("harm", ["cut", "flipped", "gone"])
def test_damage_in_the_middle_of_a_file_repeats_and_loses_no_row(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    monkeypatch.setattr(packs, "PACK", 2_000)
    monkeypatch.setattr(lines, "BLOCK", 2_000)
    rows = [pair(f"question {hashlib.sha512(bytes([n])).hexdigest()}", f"ann{n}@example.org") for n in range(100)]
    memory.put("raw/b.jsonl", "".join(rows))
    first = memory.prepare(job(memory))
    listed = index.read(Bucket(memory.backend, "slipway", ""), FOLDER).entries
    parts = max(listed.values(), key=len)
    assert len(parts) > 3
    pack = packs.pack_key(FOLDER, parts[2].pack)
    content = memory.get(pack)
    match harm:
        case "cut":
            memory.put(pack, content[: len(content) // 2])
        case "flipped":
            memory.put(pack, bytes([content[0] ^ 1]) + content[1:])
        case "gone":
            memory.delete(pack)
    second = memory.prepare(job(memory))
    assert memory.counts(second)[2] >= 1
    assert second.artifact == first.artifact
    assert as_from_scratch(memory, job(memory), second)
    memory.prepare(job(memory))
    last = memory.prepare(job(memory))
    assert (memory.counts(last), last.artifact) == ((0, 3, 0), first.artifact)


def test_data_that_is_refused_keeps_its_rows_redacted(memory: Memory) -> None:
    with pytest.raises(BadData):
        memory.prepare(job(memory, quality={"minRows": 100}))
    assert not [secret for secret in SECRETS if secret in unpacked(memory)]
    assert memory.counts(memory.prepare(job(memory))) == (0, 3, 0)


def test_on_several_cores_the_same_is_kept(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abcdefgh":
        memory.put(f"raw/{name}.jsonl", "".join(secret(ord(name) * 100 + n) for n in range(40)))
    memory.prepare(job(memory))
    alone = {memory.get(key) for key in memory.packs()}
    for key in memory.keys(FOLDER):
        memory.delete(key)
    monkeypatch.setattr("slipway_data.ahead.cores", lambda: 2)
    memory.prepare(job(memory))
    assert {memory.get(key) for key in memory.packs()} == alone
    made = memory.prepare(job(memory))
    assert memory.counts(made) == (0, 8, 0)
    assert as_from_scratch(memory, job(memory), made)


# Sources


def test_files_of_a_commit(memory: Memory, tmp_path: Path) -> None:
    with serving_git(tmp_path / "repositories") as server:
        repository = Repository(server.root / "data")
        for number, name in enumerate("ab"):
            repository.put(f"{name}.jsonl", secret(number))
        repository.commit()
        told = job(memory, source={"git": {"url": f"{server.url}/data/.git", "plainHttp": True}})
        _changed_once(memory, told, lambda: (repository.put("b.jsonl", secret(9)), repository.commit()))


def test_files_behind_addresses(memory: Memory) -> None:
    site = {f"/{name}.jsonl": secret(number).encode() for number, name in enumerate("abc")}
    asked: list[str] = []

    def answer(one: Asked) -> Answer:
        asked.append(one.path)
        return Answer(body=site[one.path])

    with serving(answer) as at:

        def told(*names: str) -> PrepareDataset:
            files = [{"url": f"{at}{name}", "sha256": hashlib.sha256(site[name]).hexdigest()} for name in names]
            return job(memory, source={"http": {"files": files, "plainHttp": True}})

        memory.prepare(told("/a.jsonl", "/b.jsonl"))
        asked.clear()
        made = memory.prepare(told("/a.jsonl", "/b.jsonl", "/c.jsonl"))
        assert asked == ["/c.jsonl"]
        assert memory.counts(made) == (1, 2, 0)
        assert as_from_scratch(memory, told("/a.jsonl", "/b.jsonl", "/c.jsonl"), made)


def test_files_on_a_volume(memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    monkeypatch.setattr(claim.files, "__defaults__", (volume,))
    for number, name in enumerate("ab"):
        (volume / f"{name}.jsonl").write_text(secret(number))
    told = job(memory, source={"persistentVolumeClaim": {"claimName": "exports"}})
    _changed_once(memory, told, lambda: (volume / "b.jsonl").write_text(secret(9)))


def _changed_once(memory: Memory, told: PrepareDataset, change: Callable[[], object]) -> None:
    """Prepare two files, change the second, and prepare again."""
    memory.prepare(told)
    change()
    made = memory.prepare(told)
    assert memory.counts(made) == (1, 1, 0)
    assert as_from_scratch(memory, told, made)
    assert not [secret for secret in SECRETS if secret in unpacked(memory)]


# In general

ADDRESSES = st.sampled_from(["ann@example.org", "10.20.30.41", "Initech", "", "ok"])
ROWS = st.one_of(
    st.builds(lambda a, b, c: pair(f"{a} {b}", c, license="MIT"), st.text(max_size=8), ADDRESSES, st.text(max_size=8)),
    st.just('{"prompt": "half \\ud83d ann@example.org", "completion": "one"}\n'),
    st.just(pairs(1)),
    st.text(max_size=8).map(lambda text: text + "\n"),
)
FILES = st.dictionaries(
    st.sampled_from(["a.jsonl", "b.jsonl", "x/c.jsonl", "z.jsonl"]), st.lists(ROWS, max_size=4).map("".join)
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.lists(FILES.filter(bool), min_size=2, max_size=3))
def test_kept_rows_never_change_a_byte(memory: Memory, states: list[dict[str, str]]) -> None:
    for state in states:
        memory.hold({"m.jsonl": pair("always there", "yes indeed"), **state})
        made = memory.prepare(job(memory))
        read, taken, damaged = memory.counts(made)
        assert (read + taken, damaged) == (1 + len(state), 0)
        assert as_from_scratch(memory, job(memory), made)
        assert not [secret for secret in SECRETS if secret in unpacked(memory)]
