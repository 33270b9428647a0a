"""Is the same text collected each time, and only text?"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import corpus
from bench.memory import measured, tree


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    for name, content in {
        "b/one.py": b"print(1)\n",
        "a/two.md": b"# two\n",
        "a/copyright": b"mine\n",
        "a/binary.py": b"\xff\xfe\x00",
        "a/data.bin": b"text in a file of data",
        "a/changelog.gz": gzip.compress(b"changed\n"),
        "a/__pycache__/x.py": b"cached\n",
    }.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    os.link(folder / "b" / "one.py", folder / "b" / "same.py")
    (folder / "b" / "link.py").symlink_to(folder / "b" / "one.py")
    return folder


def texts(found: corpus.Corpus) -> list[tuple[str, str]]:
    rows = [json.loads(line) for file in sorted(found.folder.glob("*.jsonl")) for line in file.read_text().splitlines()]
    return sorted((row["prompt"], row["completion"]) for row in rows)


def test_text_is_taken_once_and_nothing_else(place: Path, tmp_path: Path) -> None:
    found = corpus.collect(tmp_path / "out", 28, [place, place])
    assert texts(found) == [
        ("a/changelog.gz", "changed\n"),
        ("a/copyright", "mine\n"),
        ("a/two.md", "# two\n"),
        ("b/one.py", "print(1)\n"),
    ]
    assert (found.rows, found.bytes) == (4, 28)


def test_too_little_text_is_told(place: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="install more, or ask for less"):
        corpus.collect(tmp_path / "out", 1000, [place])


def test_memory_of_children_counts(tmp_path: Path) -> None:
    held = "x = bytearray(80 << 20); import time; time.sleep(1)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])"
    used = measured([sys.executable, "-c", code], tmp_path / "log", os.environ, 60)
    assert 80 < used.peak_mib < 400
    assert used.seconds >= 1


def test_a_command_that_fails_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"ended with code 3(.|\n)*it broke"):
        measured([sys.executable, "-c", "import sys; print('it broke'); sys.exit(3)"], tmp_path / "log", os.environ, 60)


def test_a_tree_has_the_children_of_children() -> None:
    code = "import subprocess, sys; subprocess.run(['sleep', '30'])"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as process:
        while len(found := tree(process.pid)) < 2:
            pass
        process.kill()
        os.kill(found[-1], 9)
    assert found[0] == process.pid
