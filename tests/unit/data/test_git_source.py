"""Does a Git repository give the files of exactly one commit, or say why not?"""

from __future__ import annotations

import base64
import gc
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.api.dataset_source import GitSource
from slipway_data.sources import git
from slipway_data.sources.git_pool import Pool
from slipway_data.sources.web import Web
from slipway_pod.errors import BadConfig, BadData, PodError, SourceUnreachable
from tests.unit.data.gitserver import Repository, Server, serving
from tests.unit.data.preparing import Place, pair, pairs
from tests.unit.data.webserver import Time

MIB = 1024 * 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "repositories") as found:
        yield found


@pytest.fixture
def repository(server: Server) -> Repository:
    made = Repository(server.root / "data")
    made.put("raw/a.jsonl", pairs(3))
    made.put("raw/deep/b.jsonl", pair("deep"))
    made.put("notes.txt", "none")
    made.commit("first")
    return made


def source(server: Server, repository: str = "data", **more: Any) -> GitSource:
    return GitSource.model_validate({"url": f"{server.url}/{repository}/.git", "plainHttp": True, **more})


def read(spec: GitSource, time: Time | None = None, **environment: str) -> dict[str, bytes]:
    found = git.opened(spec, environment, (time or Time()).clock)
    return {file.path: b"".join(file.pieces()) for file in found.files}


def fault(spec: GitSource, time: Time | None = None, **environment: str) -> PodError:
    with pytest.raises(PodError) as caught:
        read(spec, time, **environment)
    assert caught.value.message.startswith("source.git")
    return caught.value


def test_patterns_mean_what_they_mean_in_the_object_store(server: Server, repository: Repository) -> None:
    assert sorted(read(source(server))) == ["notes.txt", "raw/a.jsonl", "raw/deep/b.jsonl"]
    assert read(source(server, include=["raw/*.jsonl"])) == {"raw/a.jsonl": pairs(3).encode()}
    assert sorted(read(source(server, include=["**/*.jsonl"]))) == ["raw/a.jsonl", "raw/deep/b.jsonl"]


def test_branch_tag_and_commit_are_found(server: Server, repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "--annotate", "v1", "--message", "one")
    repository.put("notes.txt", "two")
    second = repository.commit()
    repository.git("checkout", "--quiet", "-b", "feature/x")
    repository.put("notes.txt", "three")
    third = repository.commit()
    repository.git("checkout", "--quiet", "main")
    for revision, commit, text in [
        ("HEAD", second, b"two"),
        ("main", second, b"two"),
        ("v1", first, b"none"),
        ("refs/tags/v1", first, b"none"),
        ("feature/x", third, b"three"),
        (first, first, b"none"),
    ]:
        found = git.opened(source(server, revision=revision, include=["notes.txt"]), {})
        assert found.revision == commit, revision
        assert b"".join(found.files[0].pieces()) == text, revision


def test_history_stays_where_it_is(server: Server, repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD").encode()
    repository.put("notes.txt", "two")
    repository.commit()
    copy = git.Copy(source(server), {}, Web("source.git", plain=True))
    assert copy.commit in copy.repo.object_store
    assert first not in copy.repo.object_store


def test_the_digest_is_of_the_files_and_not_of_the_commit(
    server: Server, repository: Repository, tmp_path: Path
) -> None:
    place = Place(tmp_path / "store")
    spec = {"git": source(server, include=["**/*.jsonl"]).dump()}
    first = place.prepare(source=spec)
    assert first.revision == repository.git("rev-parse", "HEAD")
    repository.put("notes.txt", "another commit, the same data")
    repository.commit()
    second = place.prepare(source=spec)
    assert second.revision == repository.git("rev-parse", "HEAD") != first.revision
    assert second.artifact.digest == first.artifact.digest
    place.put("raw/raw/a.jsonl", pairs(3))
    place.put("raw/raw/deep/b.jsonl", pair("deep"))
    assert place.prepare().artifact.digest == first.artifact.digest


def test_links_and_submodules_are_no_files(server: Server, repository: Repository) -> None:
    (repository.folder / "raw" / "link.jsonl").symlink_to("a.jsonl")
    repository.commit()
    other = Repository(server.root / "other")
    commit = other.commit("empty")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub.jsonl")
    repository.git("commit", "--quiet", "--message", "submodule")
    assert sorted(read(source(server, include=["**/*.jsonl"]))) == ["raw/a.jsonl", "raw/deep/b.jsonl"]


def test_a_large_file_is_refused_where_it_is_wanted_and_stays_away_where_not(
    server: Server, repository: Repository
) -> None:
    repository.put("big.bin", bytes(range(256)) * 8192)
    repository.commit()
    assert "notes.txt" in read(source(server, include=["*.txt"], maxFileMebibytes=1))
    said = fault(source(server, maxFileMebibytes=1))
    assert said.reason == "TooLarge"
    assert "big.bin" in said.message
    assert len(read(source(server, maxFileMebibytes=2))["big.bin"]) == 2 * MIB


def test_a_server_that_cannot_leave_files_out_is_no_way_round_the_limit(server: Server, repository: Repository) -> None:
    repository.git("config", "uploadpack.allowFilter", "false")
    repository.put("big.bin", bytes(range(256)) * 8192)
    repository.commit()
    assert "notes.txt" in read(source(server, include=["*.txt"], maxFileMebibytes=1))
    assert fault(source(server, maxFileMebibytes=1)).reason == "TooLarge"


def test_a_transfer_past_its_limit_is_stopped(server: Server, repository: Repository) -> None:
    repository.put("big.bin", random.Random(1).randbytes(2 * MIB))
    repository.commit()
    said = fault(source(server, maxMebibytes=1))
    assert said.reason == "TooLarge"
    assert "maxMebibytes" in said.message


@pytest.mark.parametrize("revision", ["missing", "refs/heads/missing", "0" * 40, "1" * 40])
def test_a_revision_that_is_not_there_is_said(server: Server, repository: Repository, revision: str) -> None:
    said = fault(source(server, revision=revision))
    assert isinstance(said, BadData)
    assert said.reason == "RevisionNotFound"
    assert revision in said.message


def test_an_empty_repository_has_no_head(server: Server) -> None:
    Repository(server.root / "empty")
    assert fault(source(server, "empty")).reason == "RevisionNotFound"


def test_what_is_no_repository_is_said(server: Server, repository: Repository) -> None:
    assert fault(source(server, "missing")).reason == "NotFound"
    assert fault(source(server, "page")).reason == "NotARepository"


def test_credentials_come_from_the_environment(server: Server, repository: Repository) -> None:
    def basic(words: str) -> str:
        return f"Basic {base64.b64encode(words.encode()).decode()}"

    server.authorization = basic("ann:hidden")
    denied = fault(source(server))
    assert isinstance(denied, BadConfig)
    assert denied.reason == "AccessDenied"
    given = {"SLIPWAY_SOURCE_USERNAME": "ann", "SLIPWAY_SOURCE_PASSWORD": "hidden"}
    assert read(source(server), **given)
    wrong = fault(source(server), **(given | {"SLIPWAY_SOURCE_PASSWORD": "wrong-word"}))
    assert wrong.reason == "AccessDenied"
    assert "wrong-word" not in str(wrong)
    server.authorization = basic("x-access-token:hidden")
    assert read(source(server), SLIPWAY_SOURCE_TOKEN="hidden")


def test_credentials_follow_no_redirect(server: Server, repository: Repository) -> None:
    server.statuses = [301]
    said = fault(source(server), SLIPWAY_SOURCE_TOKEN="hidden")
    assert said.reason == "Moved"
    assert f"set url to {server.url}/elsewhere" in said.message
    assert len(server.asked) == 1


def test_trouble_passes_or_is_left_to_the_next_attempt(server: Server, repository: Repository) -> None:
    time = Time()
    server.statuses = [503, 429]
    assert read(source(server), time)
    assert time.slept == [0.5, 1]
    server.broken = True
    said = fault(source(server), time)
    assert isinstance(said, SourceUnreachable)


def test_files_kept_elsewhere_are_reported(server: Server, repository: Repository, tmp_path: Path) -> None:
    repository.put("raw/c.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    repository.commit()
    place = Place(tmp_path / "store")
    spec = {"git": source(server, include=["**/*.jsonl"]).dump()}
    result = place.prepare(source=spec, quality={"maxRejectedPercent": 50})
    [line] = place.rejected(result)
    assert line["reason"] == "UnreadableFile"
    assert "Git LFS" in line["message"]


def test_scratch_space_is_given_back(
    server: Server, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    read(source(server))
    fault(source(server, revision="missing"))
    gc.collect()
    assert list(scratch.iterdir()) == []


def test_no_other_server_is_spoken_to(server: Server) -> None:
    pool = Pool(f"{server.url}/data/.git", Web("source.git", plain=True))
    with serving(server.root) as other, pytest.raises(BadData, match=r"wants .* to be read: it is not"):
        pool.request("GET", f"{other.url}/data/.git/info/refs")
    assert other.asked == []
