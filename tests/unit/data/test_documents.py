"""Does a document that takes too much memory cost itself, and no other?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway_data import bounded, documents, raw, read_bpy, read_markdown
from slipway_data.bounded import MIB
from slipway_data.documents import MEMORY, SMALL
from slipway_data.raw import RawFile, Refused
from slipway_data.rows import UNREADABLE_FILE, Completion, Parsed, Rejected
from slipway_pod.errors import PodError
from tests.unit.data.preparing import Place

FUNCTION = '''
def add_cube_{n}(size, name="Cube"):
    """Add a cube of this size, and call it by this name."""
    bpy.ops.mesh.primitive_cube_add(size=size)
    for ob in bpy.context.selected_objects:
        ob.name = name
        ob.location.x += size * 2 + 1
    return bpy.context.object
'''


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    yield
    bounded.end()


def read(reader: documents.Reader, path: str, content: str) -> list[Parsed | Rejected]:
    return list(documents.read(reader, RawFile(path, lambda: [content.encode()]), "Completion"))


def listed(size: int) -> str:
    """Return Python of `size` bytes, nearly all of them one list."""
    return f"import bpy\nTABLE = [{'1,' * (size // 2)}]\n"


def tables(size: int) -> str:
    """Return Markdown of `size` bytes: tables of 181 columns, each row of which has one cell, and is filled up."""
    one = "|a" * 181 + "|\n" + "|-" * 181 + "|\n" + "a\n" * 362 + "\n"
    return "# Tables\n\n" + one * (size // len(one))


def test_others_are_kept_where_one_takes_too_much(tmp_path: Path, peaks: list[int]) -> None:
    place = Place(tmp_path / "store")
    place.put("raw/a.py", "import bpy\n" + FUNCTION.format(n=1))
    place.put("raw/b.py", listed(4 * MIB))
    place.put("raw/c.py", "import bpy\n" + FUNCTION.format(n=2))
    result = place.prepare("BlenderPython", quality={"maxRejectedPercent": 50})
    assert [row["id"] for row in place.rows(result)] == ["a.py#add_cube_1", "c.py#add_cube_2"]
    (entry,) = place.rejected(result)
    assert (entry["id"], entry["reason"]) == ("b.py", UNREADABLE_FILE)
    assert entry["message"].endswith("takes too much memory: split it into several files")
    assert max(peaks) < MEMORY + 100 * MIB, "its tree would have two GiB"
    assert not bounded._idle, "no process stays when all files are read"


@pytest.mark.parametrize("content", ["# List\n" + "- a\n" * (MIB // 4), tables(64 * 1024)])
def test_markdown_that_takes_too_much_is_rejected_by_name(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr(documents, "MEMORY", 64 * MIB)  # sooner
    (item,) = read(read_markdown.read, "docs/list.md", content)
    assert item == Rejected(
        "docs/list.md",
        UNREADABLE_FILE,
        "to read it takes more than 64 MiB of memory, or brings down its reader: split it into several files, or leave "
        "it out by source include patterns",
    )


def test_a_mebibyte_of_ordinary_python_is_read() -> None:
    count = MIB // len(FUNCTION)
    found = read(read_bpy.read, "a.py", "import bpy\n" + "".join(FUNCTION.format(n=n) for n in range(count)))
    assert [item.id for item in found] == [f"a.py#add_cube_{n}" for n in range(count)]
    assert all(isinstance(item, Parsed) for item in found)


# Where it is read


def told(file: RawFile, schema: Any) -> Iterator[Parsed]:
    """A reader that says in which process it is."""
    yield Parsed(f"{file.path}#{os.getpid()}", Completion(file.text()[:5], "done"), file.project)


def test_a_small_document_is_read_here_and_a_large_one_elsewhere() -> None:
    here = f"a/b.md#{os.getpid()}"
    assert read(told, "a/b.md", "x" * SMALL) == [Parsed(here, Completion("xxxxx", "done"), "a")]
    (item,) = read(told, "a/b.md", "x" * (SMALL + 1))
    assert isinstance(item, Parsed)
    assert item.id != here
    assert (item.content, item.project) == (Completion("xxxxx", "done"), "a")


def nested(file: RawFile, schema: Any) -> Iterator[Parsed]:
    yield Parsed(f"{file.path}#first", Completion("first", "done"))
    yield from nested(file, schema)


@pytest.mark.parametrize("size", [10, SMALL + 1])
def test_what_is_nested_too_deeply_is_a_rejection(size: int) -> None:
    *_, last = read(nested, "a.md", "x" * size)
    assert isinstance(last, Rejected)
    assert (last.id, last.reason) == ("a.md", UNREADABLE_FILE)
    assert last.message.startswith("it is nested too deeply to be read: ")


def test_what_is_too_large_to_be_one_document_is_read_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "FILE_LIMIT", 10_000)
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        while True:
            given += 1000
            yield b"x" * 1000

    (item,) = documents.read(read_markdown.read, RawFile("a.md", endless), "Completion")
    assert isinstance(item, Rejected)
    assert item.message.startswith("larger than ")
    assert given == 11_000


def test_a_file_that_went_is_a_rejection() -> None:
    def gone() -> Iterator[bytes]:
        raise PodError("NoSuchObject", "it is not there")
        yield b""

    (item,) = documents.read(told, RawFile("a.md", gone), "Completion")
    assert isinstance(item, Rejected)
    assert item.message.startswith("it was removed while ")


def test_the_beginning_of_a_file_is_no_more_than_was_asked_for() -> None:
    file = RawFile("a", lambda: [b"abc", b"def"])
    assert [file.beginning(most) for most in (0, 2, 3, 4, 9)] == [b"", b"ab", b"abc", b"abcd", b"abcdef"]
    with pytest.raises(Refused, match="zero bytes"):
        RawFile("a", lambda: [b"\x00"]).text()
