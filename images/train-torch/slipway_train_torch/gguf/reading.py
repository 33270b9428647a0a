"""How does transformers load a GGUF file without reading it over and over?

It parses the whole file, vocabulary included, once for the tokenizer, once for the configuration and once for the
weights, and builds the table of tensor names once for each module. On two busy cores that was most of a pod's start.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import gguf
import numpy


class PlainReader(gguf.GGUFReader):
    """A reader over a plain array: slices of numpy.memmap cost five times as much, and a file has half a million."""

    @property  # type: ignore[override]
    def data(self) -> Any:
        """The bytes of the file."""
        return self._data

    @data.setter
    def data(self, mapped: Any) -> None:
        self._data = mapped.view(numpy.ndarray)


READER = gguf.GGUFReader


@contextmanager
def read_once() -> Iterator[None]:
    """Within, every file is parsed once; afterwards it is forgotten. Nothing else changes. May be nested."""
    if gguf.GGUFReader is not READER:
        yield
        return
    before = gguf.GGUFReader, gguf.get_tensor_name_map
    # transformers imports both names when it uses them, so this is where they can be exchanged.
    gguf.GGUFReader, gguf.get_tensor_name_map = cache(PlainReader), cache(gguf.get_tensor_name_map)  # type: ignore[misc]
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = before  # type: ignore[misc]
