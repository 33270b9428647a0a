"""Does a volume give the files that the patterns mean, and nothing from beyond it?"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.api.dataset_source import PersistentVolumeClaimSource
from slipway.contract.exitcodes import ExitCode
from slipway_data.raw import RawFile, Refused
from slipway_data.sources import claim
from slipway_pod.errors import BadConfig, BadData, SourceUnreachable


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


# Errors of the volume


def the_file(volume: Path) -> RawFile:
    [file] = claim.files(PersistentVolumeClaimSource(claim_name="exports", include=["top.jsonl"]), volume)
    return file


def failing(code: int) -> Callable[..., Any]:
    def fails(path: Path, *_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code), str(path))

    return fails


FORBIDDEN = [errno.EACCES, errno.EPERM]
PASSING = [errno.EIO, errno.ESTALE]


@pytest.mark.parametrize("code", FORBIDDEN)
def test_what_may_not_be_read_is_said_with_the_cure(volume: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    file = the_file(volume)
    monkeypatch.setattr(Path, "open", failing(code))
    with pytest.raises(BadConfig, match=r"claim exports: .*top\.jsonl: .*: let user and group 65532") as caught:
        list(file.pieces())
    assert caught.value.reason == "ClaimUnreadable"


@pytest.mark.parametrize("code", PASSING)
def test_a_volume_that_does_not_answer_is_tried_again(volume: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    file = the_file(volume)
    monkeypatch.setattr(Path, "open", failing(code))
    with pytest.raises(SourceUnreachable, match=r"claim exports: .*top\.jsonl: ") as caught:
        list(file.pieces())
    assert caught.value.code == ExitCode.STORE_UNREACHABLE


@pytest.mark.parametrize("asked", ["is_dir", "is_file"])
def test_it_may_stop_answering_while_files_are_listed(
    volume: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setattr(Path, asked, failing(errno.EIO))
    with pytest.raises(SourceUnreachable):
        read(volume)


@pytest.mark.parametrize(
    ("code", "wanted"), [(errno.EACCES, BadConfig), (errno.ESTALE, SourceUnreachable), (errno.ENOENT, None)]
)
def test_folders_that_cannot_be_listed(
    volume: Path, monkeypatch: pytest.MonkeyPatch, code: int, wanted: type[Exception] | None
) -> None:
    listed = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("deep"):
            raise OSError(code, os.strerror(code), str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    if wanted is None:
        assert sorted(read(volume)) == ["raw/a.jsonl", "raw/b.txt", "top.jsonl"]
        return
    with pytest.raises(wanted):
        read(volume)


def test_a_file_that_went_since_it_was_listed_is_refused_and_no_other(volume: Path) -> None:
    file = the_file(volume)
    (volume / "top.jsonl").unlink()
    with pytest.raises(Refused, match="removed while the data was being read"):
        list(file.pieces())


def test_a_name_that_is_no_text_is_spelled_out(volume: Path) -> None:
    os.rename(volume / "top.jsonl", os.fsencode(volume) + b"/caf\xe9.jsonl")
    (found,) = read(volume, include=["*.jsonl"])
    assert found == "caf\\xe9.jsonl"
