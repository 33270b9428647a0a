"""Whoever interrupts a bench ends it whole, and one that ended by itself is in nobody's way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.preparing import watched as watching
from bench.preparing.watched import watched

NOBODY = 2**22 + 1
"""More than Linux gives a process."""
LINE = "print('{\"seconds\": 1}')"


def test_the_last_line_is_the_answer(tmp_path: Path) -> None:
    answer, _ = watched([sys.executable, "-c", f"print('so'); {LINE}"], os.environ, tmp_path)
    assert answer == {"seconds": 1}


def test_an_interrupted_bench_ends_all_that_still_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run: list[subprocess.Popen[bytes]] = []

    def interrupted(self: subprocess.Popen[bytes], *_: object, **__: object) -> tuple[bytes, bytes]:
        run.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    monkeypatch.setattr(watching, "family", lambda pid: iter([NOBODY, pid]))
    with pytest.raises(KeyboardInterrupt):
        watched([sys.executable, "-c", "import time; time.sleep(30)"], os.environ, tmp_path)
    assert run[0].wait(60) == -9


def test_the_time_of_a_child_counts(tmp_path: Path) -> None:
    spin = "import time\nwhile time.process_time() < 1.1: pass\ntime.sleep(1)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {spin!r}]); {LINE}"
    _, used = watched([sys.executable, "-c", code], os.environ, tmp_path)
    assert 1 <= used.cpu_seconds < 3  # the kernel counts whole ticks
