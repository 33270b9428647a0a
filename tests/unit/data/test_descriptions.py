"""Is Blender asked again only of the .blend files that changed, with the same data as if it had been of all?

What stands in for Blender's container does with the folder what that does; the real one is in tests/blender.
"""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from slipway.contract.blend import Blend, Scene
from slipway.contract.blends import DESCRIBED, FILES, INDEX, KEPT, READER, TAKEN, Index, KeptDescription, is_blend
from slipway.contract.job import PrepareDataset
from slipway.contract.result import Prepared
from slipway_data import blends
from slipway_data.prepare import prepare
from slipway_pod.errors import BadData, StoreUnreachable
from slipway_pod.store import Bucket
from tests.unit.data.keeping import FOLDER, Memory
from tests.unit.data.test_read_blend import STONE

KEEP = f"{FOLDER}/blends/"


class Pod:
    """The pod of a Dataset of .blend files, each with a material; `asked` are those that Blender was asked of."""

    def __init__(self, memory: Memory, exchange: Path) -> None:
        self.memory, self.exchange, self.reader = memory, exchange, "Blender 1"
        self.asked: list[str] = []

    def put(self, name: str, material: str) -> None:
        self.memory.put(f"raw/{name}.blend", material)

    def job(self, *steps: dict[str, Any], **more: Any) -> PrepareDataset:
        return self.memory.job("Blend", *steps, schema="Chat", **more)

    def run(self, job: PrepareDataset | None = None) -> Prepared:
        job = job or self.job()
        shutil.rmtree(self.exchange, ignore_errors=True)
        self.asked.clear()
        blends.bring(job)
        self._blender()
        made = prepare(job)
        assert isinstance(made, Prepared)
        return made

    def _blender(self) -> None:
        index = Index.model_validate_json((self.exchange / INDEX).read_bytes())
        for name in (DESCRIBED, TAKEN):
            (self.exchange / name).mkdir()
        (self.exchange / READER).write_text(self.reader)
        for at, one in enumerate(index.fetched):
            if not is_blend(one.path) or one.refused:
                continue
            said, known = self.exchange / DESCRIBED / f"{at}.json", self.exchange / KEPT / f"{at}.json"
            if (
                known.is_file()
                and (found := KeptDescription.model_validate_json(known.read_bytes())).reader == self.reader
            ):
                said.write_text(found.said)
                (self.exchange / TAKEN / str(at)).touch()
                continue
            self.asked.append(one.path)
            material = (self.exchange / FILES / str(at)).read_text()
            made = Blend(scene=Scene(name="Scene"), materials=(STONE.model_copy(update={"name": material}),))
            said.write_text(json.dumps({"refused": "it is wild"} if material == "wild" else made.dump()))

    def from_scratch(self, job: PrepareDataset | None = None) -> str:
        """Return the digest of the data where nothing is kept."""
        job = job or self.job()
        return self.run(job.model_copy(update={"name": "plain", "parsed_rows": NEVER})).artifact.digest


NEVER = Memory().job(parsedRows={"keep": "Never"}).parsed_rows


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pod:
    monkeypatch.setenv("SLIPWAY_EXCHANGE", str(tmp_path / "exchange"))
    made = Pod(Memory.in_place_of_s3(monkeypatch), tmp_path / "exchange")
    for name in "abc":
        made.put(name, f"Stone {name}")
    return made


def test_blender_is_asked_of_the_file_that_changed(pod: Pod) -> None:
    first = pod.run()
    assert pod.asked == ["a.blend", "b.blend", "c.blend"]
    assert pod.memory.counts(first) == (3, 0, 0)
    assert first.rows.train == 3
    pod.put("b", "Sand")
    second = pod.run()
    assert pod.asked == ["b.blend"]
    assert pod.memory.counts(second) == (1, 2, 0)
    assert second.artifact.digest == pod.from_scratch() != first.artifact.digest
    assert pod.asked == ["a.blend", "b.blend", "c.blend"], "where nothing is kept it is asked of all"
    third = pod.run()
    assert (pod.asked, third.artifact) == ([], second.artifact)
    assert len(pod.memory.keys(KEEP)) == 3, "what was said of the file as it was before is gone"


def test_another_reader_is_asked_of_all(pod: Pod) -> None:
    pod.run()
    pod.reader = "Blender 2"
    made = pod.run()
    assert len(pod.asked) == 3
    assert made.artifact.digest == pod.from_scratch()
    pod.run()
    assert pod.asked == [], "what it says is kept in the place of what the one before said"


def test_a_file_that_was_refused_is_tried_again(pod: Pod) -> None:
    pod.put("b", "wild")
    pod.run()
    pod.run()
    assert pod.asked == ["b.blend"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", gzip.compress(b"{}"), gzip.compress(b"x" * 100)[:-4]],
    ids=["empty", "none", "another", "cut"],
)
def test_what_is_damaged_is_asked_again_and_harms_nothing(pod: Pod, content: bytes) -> None:
    first = pod.run()
    for key in pod.memory.keys(KEEP):
        pod.memory.put(key, content)
    assert pod.run().artifact == first.artifact
    assert len(pod.asked) == 3
    pod.run()
    assert pod.asked == []


@pytest.mark.parametrize("name", ["read", "put", "list"])
def test_a_store_that_ails_costs_nothing_but_time(pod: Pod, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    first = pod.run()
    pod.put("b", "Sand")
    whole = getattr(Bucket, name)

    def ails(self: Bucket, key: str, *arguments: Any) -> Any:
        if "/blends/" in key:
            raise StoreUnreachable("StoreUnreachable", "503")
        return whole(self, key, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, name, ails)
        second = pod.run()
    assert second.artifact.digest == pod.from_scratch() != first.artifact.digest


def test_nothing_is_kept_where_a_step_redacts_or_nobody_wants_it(pod: Pod) -> None:
    redacting = {"redact": {"kinds": ["Email"]}}
    pod.run()
    pod.run(pod.job(redacting))
    assert len(pod.asked) == 3
    assert not pod.memory.keys(KEEP), "and what was kept before goes"
    pod.run()
    pod.run(pod.job(parsedRows={"keep": "Never"}))
    assert not pod.memory.keys(KEEP)
    always = pod.job(redacting, parsedRows={"keep": "Always"})
    pod.run(always)
    made = pod.run(always)
    assert pod.asked == []
    assert made.artifact.digest == pod.from_scratch(pod.job(redacting))


def test_what_blender_said_goes_when_other_files_are_read(pod: Pod) -> None:
    pod.run()
    pod.memory.put("raw/d.jsonl", '{"prompt": "a", "completion": "b"}\n')
    prepare(pod.memory.job("JSONL"))
    assert not pod.memory.keys(KEEP)
    assert pod.memory.packs()


def test_no_more_is_kept_than_may_be(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    pod.run()
    most = sum(len(pod.memory.get(key)) for key in pod.memory.keys(KEEP)) * 5 // 6
    monkeypatch.setattr("slipway_data.reuse.descriptions.MIB", most)
    first = pod.run(pod.job(parsedRows={"maxMebibytes": 1}))
    kept = pod.memory.keys(KEEP)
    assert len(kept) == 2
    assert sum(len(pod.memory.get(key)) for key in kept) <= most
    assert pod.run(pod.job(parsedRows={"maxMebibytes": 1})).artifact == first.artifact
    assert pod.memory.keys(KEEP) == kept


def test_data_that_is_refused_keeps_what_blender_said(pod: Pod) -> None:
    pod.run()
    pod.put("b", "Sand")
    with pytest.raises(BadData):
        pod.run(pod.job(quality={"minRows": 100}))
    assert len(pod.memory.keys(KEEP)) == 4
    pod.run()
    assert pod.asked == []
    assert len(pod.memory.keys(KEEP)) == 3
