"""Is the example's raw data what the pinned package holds, and nothing else?"""

from __future__ import annotations

import importlib.util
import io
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "examples" / "blueprint-assistant" / "dataset" / "collect.py"
NODE = 'Begin Object Name="{}"\n    X=1\nEnd Object'


@pytest.fixture
def collect() -> ModuleType:
    spec = importlib.util.spec_from_file_location("collect", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def archive(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "ueblueprint-3.0.0.tgz"
    with tarfile.open(path, "w:gz") as opened:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text.encode())
            opened.addfile(entry, io.BytesIO(text.encode()))
    return path


def test_whole_graphs_are_taken_in_order_and_unindented(collect: ModuleType, tmp_path: Path) -> None:
    script = f"""
        name: "`", value: String.raw`
            {NODE.format("one").replace(chr(10), chr(10) + " " * 12)}
        `,
        other: String.raw`{NODE.format("two")}`, part: String.raw`Begin Object Name="half"`,
        filled: String.raw`{NODE.format("${name}")}`, text: String.raw`none`
    """
    files = dict.fromkeys(["tests/b (x).spec.js", "tests/a.js", "js/c.spec.js"], script)
    found = dict(collect.graphs(archive(tmp_path, files)))
    assert list(found) == ["b__x_/1.t3d", "b__x_/2.t3d"]
    assert found["b__x_/1.t3d"] == NODE.format("one") + "\n"


def test_another_archive_is_refused_and_removed(collect: ModuleType, tmp_path: Path) -> None:
    path = archive(tmp_path, {"LICENSE": "MIT"})
    with pytest.raises(SystemExit, match="expected sha512-"):
        collect.fetch(tmp_path)
    assert not path.exists()
