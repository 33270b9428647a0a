"""Half a character can be spelled in text that is good UTF-8: is it refused wherever it comes in?

Python's literals, YAML's and JSON's have \\ud800, a lone surrogate, which no file, table or answer can hold.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.api.dataset_source import PersistentVolumeClaimSource
from slipway_data import prepare as module
from slipway_data.sources import claim
from slipway_data.sources.origin import Origin
from tests.unit.data.preparing import BUCKET, Place, pair, pairs
from tests.unit.data.test_annotate import Model, asking, said, shown
from tests.unit.data.webserver import serving

HALF = "\\ud83d"
LENIENT = {"maxRejectedPercent": 90}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


@pytest.mark.parametrize("step", [{}, {"deduplicate": {"method": "MinHash"}}])
def test_a_docstring_of_python(place: Place, step: dict[str, Any]) -> None:
    good = 'def add_cube():\n    """Add a cube."""\n    bpy.ops.mesh.primitive_cube_add()\n'
    place.put("raw/a.py", "import bpy\n" + good + good.replace("cube", "cone").replace("Add a", f"Add {HALF}"))
    result = place.prepare("BlenderPython", "Chat", *([step] if step else []), quality=LENIENT)
    assert [row["id"] for row in place.rows(result)] == ["a.py#add_cube"]
    assert [(e["id"], e["reason"]) for e in place.rejected(result)] == [("a.py#add_cone", "WrongEncoding")]


def test_the_title_of_a_page(place: Place) -> None:
    place.put("raw/a.md", f'---\ntitle: "a {HALF}"\n---\nText of it.\n')
    place.put("raw/b.md", "# Cubes\n\nThey have six sides.\n")
    result = place.prepare("Markdown", "Completion", quality=LENIENT)
    assert [row["id"] for row in place.rows(result)] == ["b.md#cubes"]
    (entry,) = place.rejected(result)
    assert entry["reason"] == "WrongEncoding"
    assert entry["message"].endswith("write the whole character")


def test_the_licence_of_a_page(place: Place) -> None:
    place.put("raw/a.md", f'---\nlicense: "MIT{HALF}"\n---\n# Cubes\n\nThey have six sides.\n')
    place.put("raw/b.md", "# Cubes\n\nThey have six sides.\n")
    result = place.prepare("Markdown", "Completion", quality=LENIENT)
    assert [e["reason"] for e in place.rejected(result)] == ["WrongEncoding"]


def test_json_lines(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(1) + pair("HERE").replace("HERE", HALF) + pairs(1, 1))
    result = place.prepare(quality=LENIENT)
    assert [row["id"] for row in place.rows(result)] == ["a.jsonl:1", "a.jsonl:3"]
    assert [e["id"] for e in place.rejected(result)] == ["a.jsonl:2"]


def test_the_name_of_a_file_on_a_volume(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put("raw/a.jsonl", pairs(1))
    folder = place.root / BUCKET / "raw"
    (folder / os.fsdecode(b"caf\xe9.jsonl")).write_text(pairs(1, 1) + "no row\n")
    source = PersistentVolumeClaimSource(claim_name="exports")
    monkeypatch.setattr(module, "looked", lambda _: Origin.of(claim.files(source, folder)))
    result = place.prepare(quality=LENIENT)
    assert [row["id"] for row in place.rows(result)] == ["a.jsonl:1", "caf\\xe9.jsonl:1"]
    assert [e["id"] for e in place.rejected(result)] == ["caf\\xe9.jsonl:2"]


@pytest.fixture
def url() -> Iterator[str]:
    with serving(Model(lambda asked: said("ask\ud83d" if shown(asked)["answer"] == "answer 1" else "ask"))) as address:
        yield address


def test_the_answer_of_a_language_model(place: Place, url: str) -> None:
    place.put("raw/a.jsonl", pairs(2))
    for _ in range(2):  # the second time, it is what was kept
        result = place.prepare("JSONL", "Completion", asking(url), quality=LENIENT)
        assert [row["id"] for row in place.rows(result)] == ["a.jsonl:1"]
        (entry,) = place.rejected(result)
        assert (entry["id"], entry["reason"]) == ("a.jsonl:2", "AnnotationFailed")
        assert "half a character" in entry["message"]


def test_what_a_template_writes(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(2))
    template = "{{ prompt }}{% if answer == 'answer 1' %}{{ '" + HALF + "' }}{% endif %}"
    result = place.prepare(
        "JSONL", "Completion", {"annotate": {"write": "Prompt", "template": template}}, quality=LENIENT
    )
    assert [row["id"] for row in place.rows(result)] == ["a.jsonl:1"]
    assert [(e["id"], e["reason"]) for e in place.rejected(result)] == [("a.jsonl:2", "AnnotationFailed")]
