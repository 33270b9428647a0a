"""Does a volume give the files that the patterns mean, and nothing from beyond it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slipway.api.dataset_source import PersistentVolumeClaimSource
from slipway_data.sources import claim
from slipway_pod.errors import BadConfig, BadData


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    for path in ("top.jsonl", "raw/a.jsonl", "raw/b.txt", "raw/deep/c.jsonl"):
        file = tmp_path / "volume" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    return tmp_path / "volume"


def read(volume: Path, **spec: Any) -> dict[str, bytes]:
    source = PersistentVolumeClaimSource.model_validate({"claimName": "exports", **spec})
    return {file.path: b"".join(file.pieces()) for file in claim.files(source, volume)}


def test_patterns_mean_what_they_mean_in_the_object_store(volume: Path) -> None:
    assert sorted(read(volume)) == ["raw/a.jsonl", "raw/b.txt", "raw/deep/c.jsonl", "top.jsonl"]
    assert read(volume, path="raw/", include=["*.jsonl"]) == {"a.jsonl": b"raw/a.jsonl"}
    assert sorted(read(volume, path="raw", include=["**/*.jsonl"])) == ["a.jsonl", "deep/c.jsonl"]


def test_links_lead_nowhere_out_of_the_volume(volume: Path) -> None:
    (volume.parent / "secret.jsonl").write_text("outside")
    (volume / "raw" / "out.jsonl").symlink_to(volume.parent / "secret.jsonl")
    (volume / "raw" / "in.jsonl").symlink_to("a.jsonl")
    (volume / "gone.jsonl").symlink_to("nowhere")
    assert sorted(read(volume, path="raw", include=["*.jsonl"])) == ["a.jsonl", "in.jsonl"]


@pytest.mark.parametrize("path", ["none", "../", "raw/a.jsonl", "raw/../../"])
def test_a_folder_that_is_not_there_is_said(volume: Path, path: str) -> None:
    with pytest.raises(BadData, match=r"claim exports has no folder .*: correct path"):
        read(volume, path=path)


def test_patterns_that_mean_nothing_are_said(volume: Path) -> None:
    with pytest.raises(BadData, match=r"no file below raw matches \*.parquet"):
        read(volume, path="raw", include=["*.parquet"])


def test_a_file_that_may_not_be_read_is_said_with_the_cure(volume: Path) -> None:
    found = claim.files(PersistentVolumeClaimSource(claim_name="exports", include=["top.jsonl"]), volume)
    [file] = found
    (volume / "top.jsonl").unlink()
    with pytest.raises(BadConfig, match="user and group 65532"):
        list(file.pieces())
