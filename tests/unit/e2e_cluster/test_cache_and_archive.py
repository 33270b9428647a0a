"""Is something expensive made once, whole or not at all, and again when its inputs change?"""

import hashlib
import json
import os
import tarfile
import time
from pathlib import Path

import pytest

from e2e.cluster import ociarchive
from e2e.cluster.ociarchive import Contents
from e2e.setup import cache


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))


def make(out: Path) -> None:
    (out / "program").write_text("built")


def test_made_once_then_found() -> None:
    first = cache.stored("tool", "1", make)
    assert cache.stored("tool", "1", lambda out: pytest.fail("made twice")) == first
    assert (first / "program").read_text() == "built"


def test_a_failed_build_leaves_nothing_that_looks_finished() -> None:
    def fail(out: Path) -> None:
        (out / "program").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.stored("tool", "1", fail)
    assert not cache.is_stored("tool", "1")
    assert (cache.stored("tool", "1", make) / "program").read_text() == "built"
    assert [path.name for path in (cache.root() / "tools").iterdir()] == ["tool-1"]


def test_only_the_version_before_stays_and_other_tools_are_left_alone() -> None:
    cache.stored("tool-box", "1", make)
    for age, key in ((3000, "1"), (2000, "2")):
        old = cache.stored("tool", key, make)
        os.utime(old, (time.time() - age, time.time() - age))
    cache.stored("tool", "3", make)
    assert sorted(path.name for path in (cache.root() / "tools").iterdir()) == ["tool-2", "tool-3", "tool-box-1"]


def test_the_key_is_of_contents_not_of_places(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "main.go").write_text("package main")
    assert cache.content_key(tmp_path / "a") == cache.content_key(tmp_path / "b")
    (tmp_path / "b" / "main.go").rename(tmp_path / "b" / "other.go")
    assert cache.content_key(tmp_path / "a") != cache.content_key(tmp_path / "b")


def test_texts_do_not_run_into_each_other() -> None:
    assert cache.content_key("ab", "c") != cache.content_key("a", "bc")


def test_an_archive_is_a_valid_image_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!")
    contents = Contents({"/usr/bin/program": program}, ["/usr/bin/program"], links={"/bin/sh": "/usr/bin/program"})
    for name in ("1.tar", "2.tar"):
        ociarchive.write(tmp_path / name, "example/program:1", contents)
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()

    blobs = {}
    with tarfile.open(tmp_path / "1.tar") as tar:
        for entry in tar:
            file = tar.extractfile(entry)
            assert file is not None
            blobs[entry.name] = file.read()
    for name, data in blobs.items():
        if name.startswith("blobs/sha256/"):
            assert name.removeprefix("blobs/sha256/") == hashlib.sha256(data).hexdigest()
    (named,) = json.loads(blobs["index.json"])["manifests"]
    assert named["annotations"]["io.containerd.image.name"] == "example/program:1"
    manifest = json.loads(blobs[f"blobs/{named['digest'].replace(':', '/')}"])
    layer = tmp_path / "layer.tar"
    layer.write_bytes(blobs[f"blobs/{manifest['layers'][0]['digest'].replace(':', '/')}"])
    with tarfile.open(layer) as tar:
        assert tar.getmember("usr/bin/program").mode == 0o755
        assert tar.getmember("bin/sh").linkname == "/usr/bin/program"
        assert tar.getmember("tmp").mode == 0o1777
