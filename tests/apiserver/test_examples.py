"""Every object of ours that stands in the examples or in the documentation is accepted as it stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.apiserver.conftest import ROOT
from tests.apiserver.server import ApiServer

FENCE = re.compile(r"^( *)```ya?ml[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def texts() -> Iterator[tuple[str, str]]:
    """Yield every YAML text a reader may copy, and where it stands."""
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        yield str(path.relative_to(ROOT)), path.read_text()
    for path in [
        ROOT / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "examples").rglob("*.md")),
    ]:
        if not path.exists():
            continue
        text = path.read_text()
        for block in FENCE.finditer(text):
            line = text.count("\n", 0, block.start()) + 2
            yield f"{path.relative_to(ROOT)}:{line}", _dedent(block[2], len(block[1]))


def _dedent(text: str, spaces: int) -> str:
    return "\n".join(line[spaces:] for line in text.splitlines())


def ours() -> Iterator[object]:
    """Yield every object of our group as text, named by where it stands."""
    for where, text in texts():
        for document in re.split(r"^---\s*$", text, flags=re.MULTILINE):
            manifest = yaml.safe_load(document) if "slipway.dev/" in document else None
            if isinstance(manifest, dict) and str(manifest.get("apiVersion")).startswith("slipway.dev/"):
                metadata = manifest["metadata"]
                name = f"{where} {manifest['kind']}/{metadata['name']}"
                yield pytest.param(document, metadata.get("namespace", "default"), id=name)


OURS = list(ours())


@pytest.mark.parametrize(("text", "namespace"), OURS)
def test_what_we_show_is_accepted(server: ApiServer, text: str, namespace: str) -> None:
    server.kubectl("create", "namespace", namespace, check=False)
    server.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)


def test_examples_were_found() -> None:
    found = [str(case.id) for case in OURS]
    assert any(case.startswith("examples/") for case in found), "no example holds an object of ours: is the path right?"


def test_a_fenced_block_is_found(tmp_path: Path) -> None:
    text = "1. Do\n   ```yaml\n   kind: Dataset\n   ```\n```yaml\nkind: Rollout\n```\n"
    found = [yaml.safe_load(_dedent(block[2], len(block[1])))["kind"] for block in FENCE.finditer(text)]
    assert found == ["Dataset", "Rollout"]
