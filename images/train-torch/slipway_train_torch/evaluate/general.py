"""Which texts does a model still have to know, whatever it was tuned for?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from slipway.api.common import ArtifactRef
from slipway_pod.errors import BadData
from slipway_train_torch.evaluate.items import LEAST, Item, choose, read


def texts(folder: Path, data: ArtifactRef, limit: int) -> tuple[Item, ...]:
    """Return at most `limit` items of artefact `data`, which lies in `folder`, the same ones every time.

    Of a prepared dataset they are rows of its test split. Else every file *.txt is one, and every line {"text": …} of
    the files *.jsonl. Raises BadData where there are too few, or where a line is none, with its place.
    """
    items = tuple(read(folder, "test") if (folder / "test").is_dir() else _plain(folder))
    if len(items) < LEAST:
        raise BadData(
            "TooFewTexts",
            f"{data.uri} has {len(items)} texts, a figure needs at least {LEAST}: push files *.txt, or *.jsonl with "
            'lines {"text": "…"}, or name a prepared dataset with a test split',
        )
    return choose(items, limit)


def _plain(folder: Path) -> Iterator[Item]:
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".txt":
            said = _decoded(path.read_bytes(), name)
            if said.strip():
                yield Item(name, name, completion=said)
        elif path.suffix == ".jsonl":
            for number, line in enumerate(path.read_bytes().splitlines(), start=1):
                if line.strip():
                    yield Item(f"{name}#{number}", f"{name}#{number}", completion=_text(line, f"{name}, line {number}"))


def _text(line: bytes, where: str) -> str:
    try:
        found = json.loads(_decoded(line, where))
    except ValueError as error:
        raise BadData("NoText", f"{where}: not JSON: {error}") from error
    said = found.get("text") if isinstance(found, dict) else None
    if not isinstance(said, str) or not said.strip():
        raise BadData("NoText", f'{where}: write a line as {{"text": "…"}}, with something in it')
    return said


def _decoded(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadData("NoText", f"{where}: not UTF-8: {error}; convert it") from error
