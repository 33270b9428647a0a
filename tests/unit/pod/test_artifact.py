"""Does a folder come back from the object store unharmed, or not at all?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slipway.api.common import ArtifactRef
from slipway.contract.artifact import MANIFEST, ArtifactFile, digest
from slipway.contract.job import Evaluate, Fetch, Store
from slipway_pod import artifact, fetch, push, verify
from slipway_pod.errors import BadConfig, DigestMismatch
from slipway_pod.store import Bucket, open_store, split_uri

FILES = {"a.txt": b"alpha", "deep/er/b.bin": bytes(range(256)) * 100, "empty": b"", "name with ü.txt": b"x"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "store" / "models").mkdir(parents=True)
    return Store(endpoint=f"file://{tmp_path}/store", bucket="models")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    return tmp_path / "in"


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def stored(tmp_path: Path, uri: str, name: str) -> Path:
    bucket, key = split_uri(uri)
    return tmp_path / "store" / bucket / key / name


def test_round_trip(folder: Path, store: Store, tmp_path: Path) -> None:
    status = artifact.publish(folder, "s3://models/slipway/models", store)
    assert status.uri == f"s3://models/slipway/models/{status.digest.removeprefix('sha256:')}/"
    assert status.digest == digest(artifact.describe(folder))
    assert status.bytes == sum(map(len, FILES.values()))
    artifact.fetch(status, tmp_path / "out", store)
    assert content(tmp_path / "out") == FILES
    assert artifact.verify(status, store) == status.bytes


def test_the_digest_is_of_content_not_of_place_or_time(folder: Path, store: Store, tmp_path: Path) -> None:
    one = artifact.publish_at(folder, "s3://models/one", store)
    two = artifact.publish_at(folder, "s3://models/two/", store)
    assert one.digest == two.digest
    (folder / "a.txt").write_bytes(b"alphb")
    assert artifact.publish_at(folder, "s3://models/three/", store).digest != one.digest


def test_publishing_again_writes_nothing(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    status = artifact.publish(folder, "s3://models/m", store)
    monkeypatch.setattr(Bucket, "put", lambda *_: pytest.fail("wrote"))
    assert artifact.publish(folder, "s3://models/m", store) == status


def test_the_manifest_is_written_last(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real = Bucket.put
    monkeypatch.setattr(Bucket, "put", lambda self, key, what: (order.append(key), real(self, key, what))[1])
    artifact.publish_at(folder, "s3://models/m/", store)
    assert len(order) == len(FILES) + 1
    assert order[-1] == f"m/{MANIFEST}"


def test_a_broken_upload_over_another_artefact_is_taken_for_neither(
    folder: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = artifact.publish_at(folder, "s3://models/m/", store)
    (folder / "a.txt").write_bytes(b"other")
    real = Bucket.put

    def breaking(self: Bucket, key: str, what: object) -> None:
        if key.endswith("empty"):
            raise BadConfig("Broken", "cut off")
        real(self, key, what)

    monkeypatch.setattr(Bucket, "put", breaking)
    with pytest.raises(BadConfig):
        artifact.publish_at(folder, "s3://models/m/", store)
    with pytest.raises(DigestMismatch):
        artifact.verify(before, store)


def test_a_folder_uploaded_by_hand_has_the_same_digest(folder: Path, store: Store, tmp_path: Path) -> None:
    status = artifact.publish_at(folder, "s3://models/m/", store)
    stored(tmp_path, status.uri, MANIFEST).unlink()
    artifact.fetch(status, tmp_path / "out", store)
    assert content(tmp_path / "out") == FILES


def test_a_single_file_is_an_artefact(store: Store, tmp_path: Path) -> None:
    (tmp_path / "store" / "models" / "m.gguf").write_bytes(b"GGUF")
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    ref = ArtifactRef(uri="s3://models/m.gguf", digest=digest(artifact.describe(tmp_path / "m.gguf")))
    artifact.fetch(ref, tmp_path / "out", store)
    assert content(tmp_path / "out") == {"m.gguf": b"GGUF"}


@pytest.mark.parametrize("manifest", [True, False])
def test_changed_bytes_never_get_their_final_name(
    folder: Path, store: Store, tmp_path: Path, *, manifest: bool
) -> None:
    status = artifact.publish(folder, "s3://models/m", store)
    if not manifest:
        stored(tmp_path, status.uri, MANIFEST).unlink()
    damaged = stored(tmp_path, status.uri, "deep/er/b.bin")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    with pytest.raises(DigestMismatch) as caught:
        artifact.fetch(status, tmp_path / "out", store)
    assert status.uri.rstrip("/") in caught.value.message
    assert content(tmp_path / "out") == {}


def test_another_artefact_at_the_address_is_refused_before_anything_is_read(
    folder: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = artifact.publish_at(folder, "s3://models/m/", store)
    wrong = ArtifactRef(uri=status.uri, digest="sha256:" + "0" * 64)
    monkeypatch.setattr(Bucket, "stream", lambda *_: pytest.fail("read"))
    with pytest.raises(DigestMismatch) as caught:
        artifact.fetch(wrong, tmp_path / "out", store)
    assert status.digest in caught.value.message
    assert wrong.digest in caught.value.message


def test_a_second_fetch_reads_only_what_changed(
    folder: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = artifact.publish(folder, "s3://models/m", store)
    artifact.fetch(status, tmp_path / "out", store)
    (tmp_path / "out" / "a.txt").write_bytes(b"ALPHA")
    read: list[str] = []
    real = Bucket.stream
    monkeypatch.setattr(Bucket, "stream", lambda self, key, size: (read.append(key), real(self, key, size))[1])
    artifact.fetch(status, tmp_path / "out", store)
    assert [key.rpartition("/")[2] for key in read] == ["a.txt"]
    assert content(tmp_path / "out") == FILES


def test_a_folder_may_be_left_where_it_is_and_the_rest_is_proven(folder: Path, store: Store, tmp_path: Path) -> None:
    status = artifact.publish(folder, "s3://models/m", store)
    stored(tmp_path, status.uri, "deep/er/b.bin").write_bytes(b"other bytes, which nobody reads")
    artifact.fetch(status, tmp_path / "out", store, without="deep")
    assert content(tmp_path / "out") == {name: text for name, text in FILES.items() if not name.startswith("deep/")}
    stored(tmp_path, status.uri, "a.txt").write_bytes(b"ALPHA")
    with pytest.raises(DigestMismatch):
        artifact.fetch(status, tmp_path / "again", store, without="deep")


def test_without_a_manifest_everything_is_read_to_know_the_digest(folder: Path, store: Store, tmp_path: Path) -> None:
    status = artifact.publish_at(folder, "s3://models/by-hand/", store)
    stored(tmp_path, status.uri, MANIFEST).unlink()
    artifact.fetch(status, tmp_path / "out", store, without="deep")
    assert content(tmp_path / "out") == FILES


def test_leftovers_of_a_killed_fetch_are_removed(folder: Path, store: Store, tmp_path: Path) -> None:
    status = artifact.publish(folder, "s3://models/m", store)
    (tmp_path / "out" / artifact.STAGING).mkdir(parents=True)
    (tmp_path / "out" / artifact.STAGING / "half").write_bytes(b"hal")
    artifact.fetch(status, tmp_path / "out", store)
    assert content(tmp_path / "out") == FILES


@pytest.mark.parametrize("path", ["../escape", "a/../../escape"])
def test_a_manifest_that_leaves_the_folder_is_refused(store: Store, tmp_path: Path, path: str) -> None:
    file = ArtifactFile(path=path, sha256="0" * 64, bytes=1)
    place = tmp_path / "store" / "models" / "evil"
    place.mkdir()
    (place / MANIFEST).write_text(json.dumps({"files": [file.dump()]}))
    with pytest.raises(BadConfig) as caught:
        artifact.fetch(ArtifactRef(uri="s3://models/evil/", digest=digest([file])), tmp_path / "out", store)
    assert caught.value.reason == "BadManifest"


def test_nothing_there_and_nothing_to_publish_are_said(store: Store, tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as caught:
        artifact.fetch(ArtifactRef(uri="s3://models/none/", digest="sha256:" + "0" * 64), tmp_path / "out", store)
    assert caught.value.reason == "NoSuchArtifact"
    (tmp_path / "hollow").mkdir()
    with pytest.raises(BadConfig) as caught:
        artifact.publish(tmp_path / "hollow", "s3://models/m", store)
    assert caught.value.reason == "NothingToPublish"


def test_a_bucket_that_is_not_there_is_bad_config(store: Store) -> None:
    with pytest.raises(BadConfig) as caught:
        open_store(store, "others")
    assert caught.value.reason == "NoSuchBucket"
    with pytest.raises(BadConfig) as caught:
        open_store(store).read("none")
    assert caught.value.reason == "NoSuchObject"
    assert "s3://models/none" in caught.value.message


def test_push_prints_what_a_spec_wants(
    folder: Path, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push.main([str(folder), "s3://models/base/", "--endpoint", store.endpoint]) == 0
    uri, mark = (line.split(": ")[1] for line in capsys.readouterr().out.splitlines())
    artifact.fetch(ArtifactRef(uri=uri, digest=mark), tmp_path / "out", store)
    assert content(tmp_path / "out") == FILES
    assert push.main([str(folder), "s3://none/base/", "--endpoint", store.endpoint]) == 11


def test_fetch_and_verify_do_their_jobs(folder: Path, store: Store, tmp_path: Path) -> None:
    status = artifact.publish(folder, "s3://models/m", store)
    ref = {"uri": status.uri, "digest": status.digest}
    who = {"namespace": "n", "name": "x", "store": store}
    fetch.fetch(Fetch(**who, items=({"artifact": ref, "target": str(tmp_path / "out")},)))
    assert content(tmp_path / "out") == FILES
    subject = {"name": "v", "artifact": ref, "kind": "Adapter", "formats": ("GGUF",), "base_model": ref}
    assert verify.check(Evaluate(**who, subject=subject)).digest == status.digest
    wrong = ref | {"digest": "sha256:" + "1" * 64}
    with pytest.raises(DigestMismatch):
        verify.check(Evaluate(**who, subject=subject | {"base_model": wrong}))
