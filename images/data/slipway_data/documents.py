"""How is a document read: a file that is parsed as a whole, and may take many times its size for that?

A list of a MiB in Python or Markdown takes half a gigabyte, 64 KiB of wide tables take more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from slipway_data import bounded, raw
from slipway_data.bounded import MIB
from slipway_data.raw import RawFile, Refused
from slipway_data.rows import UNREADABLE_FILE, Parsed, Rejected

Schema = Literal["Chat", "Completion"]
Reader = Callable[[RawFile, Schema], Iterator[Parsed | Rejected]]

SMALL = 4 * 1024
"""Bytes up to which a document is read in this process, of which the worst (tables again) takes some 150 MiB."""
MEMORY = 384 * MIB
"""What may be taken to read one. Two MiB of ordinary Python fit."""


def read(reader: Reader, file: RawFile, schema: Schema) -> Iterator[Parsed | Rejected]:
    """Yield what `reader`, a function of a module, finds in `file`; reject it where that takes more than MEMORY."""
    try:
        content = file.beginning(raw.FILE_LIMIT + 1)
    except Refused as error:
        yield error.rejected(file.path)
        return
    if len(content) <= SMALL or len(content) > raw.FILE_LIMIT:  # which the reader refuses unread
        yield from _rows(reader, file.path, content, schema)
        return
    try:
        yield from bounded.items(MEMORY, _rows, reader, file.path, content, schema)
    except bounded.Exhausted:
        more = f"to read it takes more than {MEMORY // MIB} MiB of memory, or brings down its reader"
        message = f"{more}: split it into several files, or leave it out by source include patterns"
        yield Rejected(file.path, UNREADABLE_FILE, message)


def _rows(reader: Reader, path: str, content: bytes, schema: Schema) -> Iterator[Parsed | Rejected]:
    try:
        yield from reader(RawFile(path, lambda: (content,)), schema)
    except RecursionError:
        message = "it is nested too deeply to be read: write it flatter, or leave it out by source include patterns"
        yield Rejected(path, UNREADABLE_FILE, message)
