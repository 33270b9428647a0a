"""Is Go's workspace there for as long as somebody builds in it?"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from e2e.setup import gotools


def test_nobody_removes_the_workspace_under_a_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path))
    source = tmp_path / "go" / "mod" / "module"
    source.mkdir(parents=True)
    source.chmod(0o555)
    another = threading.Thread(target=gotools.forget_workspace)
    with gotools.workspace():
        another.start()
        another.join(0.2)
        assert another.is_alive()
        assert source.is_dir()
    another.join(30)
    assert not (tmp_path / "go").exists()
