"""How is a GGUF file read without parsing it again and again?"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gguf


@contextmanager
def parsed_once() -> Iterator[None]:
    """Let transformers, within, parse a GGUF file and name its tensors once.

    It opens the file for the tokenizer, for the configuration and for the weights, each time reading a hundred thousand
    strings of the vocabulary one by one, and makes the table of names anew for every module of the model: half of the
    time that loading takes.
    """
    module: Any = gguf
    reader, names = module.GGUFReader, module.get_tensor_name_map
    module.GGUFReader = functools.lru_cache(maxsize=1)(reader)
    module.get_tensor_name_map = functools.lru_cache(maxsize=1)(names)
    try:
        yield
    finally:
        module.GGUFReader, module.get_tensor_name_map = reader, names
