"""Does a look tell a source that changed from one that did not, without reading it?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.api.common import ArtifactRef
from slipway.api.dataset_refresh import Inputs
from slipway.contract.blends import INDEX, Index
from slipway.contract.job import Look, PrepareDataset
from slipway.contract.result import Prepared, Unchanged
from slipway_data import blends
from slipway_data.prepare import prepare
from slipway_data.sources import claim, git, github
from slipway_pod.errors import BadData
from slipway_pod.store import Bucket
from tests.unit.data.github import GitHub, Repo
from tests.unit.data.gitserver import Repository, Server
from tests.unit.data.gitserver import serving as serving_git
from tests.unit.data.preparing import BUCKET, Place, pair, pairs
from tests.unit.data.webserver import Time, serving

ANOTHER = Inputs(files="sha256:" + "0" * 64)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path / "store")
    found.put("raw/a.jsonl", pairs(3))
    found.put("raw/b.jsonl", pairs(3, 10))
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving_git(tmp_path / "repositories") as found:
        yield found


@pytest.fixture
def repository(server: Server) -> Repository:
    made = Repository(server.root / "data")
    made.put("raw/a.jsonl", pairs(3))
    made.put("notes.txt", "none")
    made.commit("first")
    return made


def made(job: PrepareDataset) -> Prepared:
    result = prepare(job)
    assert isinstance(result, Prepared)
    return result


def inputs(found: Prepared) -> Inputs:
    assert found.inputs is not None
    return found.inputs


def looking(job: PrepareDataset, before: Prepared, **more: Any) -> PrepareDataset:
    """Return the job of a look at what `before` was made from."""
    ref = ArtifactRef(uri=before.artifact.uri, digest=before.artifact.digest)
    look = Look(mark="2026-11-20T12:00:00Z", artifact=ref, inputs=before.inputs, revision=before.revision)
    return job.model_copy(update={"look": look.model_copy(update=more)})


def test_files_that_are_as_they_were_are_not_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    job = place.job()
    before = made(job)

    def nothing(*_: Any) -> Any:
        raise AssertionError("it reads")

    for name in ("stream", "read", "put"):
        monkeypatch.setattr(Bucket, name, nothing)
    assert prepare(looking(job, before)) == Unchanged(inputs=inputs(before))


@pytest.mark.parametrize("change", ["edited", "added", "removed", "renamed", "rewritten"])
def test_any_change_of_the_files_is_seen(place: Place, change: str) -> None:
    job = place.job()
    before = made(job)
    folder = place.root / BUCKET / "raw"
    match change:
        case "edited":
            place.put("raw/b.jsonl", pairs(3, 20))  # as many bytes as before
        case "added":
            place.put("raw/c.jsonl", pairs(1, 30))
        case "removed":
            (folder / "b.jsonl").unlink()
        case "renamed":
            (folder / "b.jsonl").rename(folder / "c.jsonl")
        case "rewritten":
            os.utime(folder / "b.jsonl", (1, 1))
    after = prepare(looking(job, before))
    assert isinstance(after, Prepared)
    assert after.inputs != before.inputs
    # Equal content keeps its digest, however often it is written.
    assert (after.artifact.digest == before.artifact.digest) == (change == "rewritten")
    assert prepare(looking(job, after)) == Unchanged(inputs=inputs(after))


def test_files_that_the_source_does_not_mean_change_nothing(place: Place) -> None:
    job = place.job(source={"objectStore": {"uri": f"s3://{BUCKET}/raw/", "include": ["*.jsonl"]}})
    before = made(job)
    place.put("raw/notes.txt", "new")
    place.put("elsewhere/c.jsonl", pairs(1))
    assert isinstance(prepare(looking(job, before)), Unchanged)


def test_what_nobody_remembers_is_made_again(place: Place) -> None:
    job = place.job()
    before = made(job)
    after = prepare(looking(job, before, inputs=None))
    assert isinstance(after, Prepared)
    assert after.artifact == before.artifact


def test_data_that_is_gone_from_the_store_is_made_again(place: Place) -> None:
    job = place.job()
    before = made(job)
    folder = place.root / before.artifact.uri.removeprefix("s3://")
    (folder / "manifest.json").unlink()
    after = prepare(looking(job, before))
    assert isinstance(after, Prepared)
    assert after.artifact == before.artifact
    assert (folder / "manifest.json").exists()


def test_a_change_of_an_evaluation_set_is_a_change(place: Place) -> None:
    place.put("sets/a.jsonl", pair("a question of the set", "and its answer"))
    job = place.job("JSONL", "Completion", {"decontaminate": {"against": [f"s3://{BUCKET}/sets/"]}})
    before = made(job)
    assert before.inputs is not None
    assert before.inputs.sets is not None
    assert isinstance(prepare(looking(job, before)), Unchanged)
    place.put("sets/b.jsonl", pair("another question of the set", "and its answer"))
    after = prepare(looking(job, before))
    assert isinstance(after, Prepared)
    assert after.inputs is not None
    assert after.inputs.files == before.inputs.files
    assert after.inputs.sets != before.inputs.sets


def test_what_was_refused_is_refused_again_without_being_read(place: Place) -> None:
    job = place.job()
    before = made(job)
    place.put("raw/b.jsonl", "no row\n" * 20)
    with pytest.raises(BadData) as caught:
        prepare(looking(job, before))
    refused = caught.value.result().inputs
    assert refused is not None
    found = prepare(looking(job, before, refused=refused))
    assert found == Unchanged(inputs=refused, refused=True)
    place.put("raw/b.jsonl", pairs(3, 10))
    assert isinstance(prepare(looking(job, before, refused=refused)), Prepared)


def test_a_report_lies_where_it_lay_whoever_asked_for_the_data(place: Place) -> None:
    job = place.job()
    before = made(job)
    assert made(looking(job, before, inputs=ANOTHER)).report == before.report


# Other sources


def in_git(place: Place, server: Server, **more: Any) -> PrepareDataset:
    spec = {"url": f"{server.url}/data/.git", "plainHttp": True, "include": ["raw/**"], **more}
    job: PrepareDataset = place.job(source={"git": spec})
    return job


@pytest.mark.parametrize("revision", ["HEAD", "main", "v1", "v2"])
def test_a_commit_that_is_there_already_is_not_fetched(
    place: Place, server: Server, repository: Repository, revision: str
) -> None:
    repository.git("tag", "v1")
    repository.git("tag", "--annotate", "--message", "two", "v2")
    job = in_git(place, server, revision=revision)
    before = made(job)
    server.asked.clear()
    assert prepare(looking(job, before)) == Unchanged(inputs=inputs(before), revision=before.revision)
    assert len(server.asked) <= 2, "it lists what there is, and fetches nothing"


def test_a_commit_that_touches_no_file_of_the_source_makes_nothing_new(
    place: Place, server: Server, repository: Repository
) -> None:
    job = in_git(place, server)
    before = made(job)
    repository.put("notes.txt", "changed")
    commit = repository.commit()
    found = prepare(looking(job, before))
    assert found == Unchanged(inputs=inputs(before), revision=commit)


def test_a_commit_with_other_files_is_prepared(place: Place, server: Server, repository: Repository) -> None:
    job = in_git(place, server)
    before = made(job)
    repository.put("raw/a.jsonl", pairs(3, 7))
    commit = repository.commit()
    after = prepare(looking(job, before))
    assert isinstance(after, Prepared)
    assert after.revision == commit
    assert after.artifact.digest != before.artifact.digest


def test_a_repository_as_it_was_is_fetched_when_the_sets_have_changed(
    place: Place, server: Server, repository: Repository
) -> None:
    place.put("sets/a.jsonl", pair("a question of the set", "and its answer"))
    steps = [{"parse": {"as": "JSONL"}}, {"decontaminate": {"against": [f"s3://{BUCKET}/sets/"]}}]
    spec = {"url": f"{server.url}/data/.git", "plainHttp": True, "include": ["raw/**"]}
    job = place.job(source={"git": spec}, steps=steps)
    before = made(job)
    place.put("sets/a.jsonl", pair("another question of the set", "and its answer"))
    after = prepare(looking(job, before))
    assert isinstance(after, Prepared)
    assert after.artifact.digest == before.artifact.digest


def test_a_revision_that_is_gone_is_said(place: Place, server: Server, repository: Repository) -> None:
    repository.git("branch", "next")
    job = in_git(place, server, revision="next")
    before = made(job)
    repository.git("branch", "--delete", "next")
    with pytest.raises(BadData, match=r"source.git.revision: .* has no next"):
        prepare(looking(job, before))


def test_files_on_a_volume_are_told_apart_by_size_and_time(place: Place, tmp_path: Path) -> None:
    spec = place.job(source={"persistentVolumeClaim": {"claimName": "exports"}}).source.persistent_volume_claim
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "a.jsonl").write_text(pairs(1))
    [first] = claim.files(spec, volume)
    [again] = claim.files(spec, volume)
    os.utime(volume / "a.jsonl", (5, 5))
    [later] = claim.files(spec, volume)
    assert first.identity == again.identity != later.identity


def test_github_is_asked_again_even_on_the_day_of_a_look_that_failed(place: Place) -> None:
    time = Time()
    hub = GitHub(time, [Repo("ann/tools", {"a.jsonl": pairs(3).encode()})])
    with serving(hub) as url:
        spec = {"search": {"topics": ["blender"]}, "apiUrl": url, "plainHttp": True}
        job = place.job(source={"github": spec})

        def digest(**look: Any) -> str:
            told: PrepareDataset = looking(job, before, **look) if look else job
            assert told.source.github is not None
            found = github.opened(told.source.github, told, {}, time.clock)
            if not look:
                found.done()
            return found.digest

        before = made(place.job())
        first = digest()
        assert digest(mark="1") == first  # and it fails, so that the run it belongs to does not end
        hub.repos[0].files["a.jsonl"] = pairs(3, 5).encode()
        assert digest(mark="1") == first, "the pod that goes on with it asks nothing again"
        assert digest(mark="2") != first


def test_blender_is_given_nothing_where_nothing_changed(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = tmp_path / "exchange"
    monkeypatch.setenv("SLIPWAY_EXCHANGE", str(exchange))
    place.put("raw/note.blend.txt", "no blend")
    job = place.job("Blend", "Chat")
    blends.bring(job)
    index = Index.model_validate_json((exchange / INDEX).read_bytes())
    assert index.digest
    look = Look(
        mark="2026-11-20T12:00:00Z",
        artifact=ArtifactRef(uri=f"s3://{BUCKET}/made/", digest="sha256:" + "a" * 64),
        inputs=Inputs(files=index.digest),
    )
    place.put("made/manifest.json", "{}")
    again = job.model_copy(update={"look": look})
    blends.bring(again)
    assert Index.model_validate_json((exchange / INDEX).read_bytes()).fetched == ()
    assert prepare(again) == Unchanged(inputs=Inputs(files=index.digest))


def test_the_commit_that_a_server_names_is_the_one_that_is_read(
    server: Server, repository: Repository, place: Place
) -> None:
    repository.git("tag", "--annotate", "--message", "two", "v2")
    source = in_git(place, server, revision="v2").source.git
    assert source is not None
    assert git.named(source, {}) == git.opened(source, {}).revision == repository.git("rev-parse", "HEAD")
