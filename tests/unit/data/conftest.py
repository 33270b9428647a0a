"""What tests of several files need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway_data import bounded


@pytest.fixture
def peaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Give the most bytes of memory that each process had which did something for this one, once it was ended."""
    found: list[int] = []
    end = bounded._Process.end

    def noted(process: bounded._Process) -> None:
        status = Path(f"/proc/{process._process.pid}/status").read_text()
        found.append(1024 * int(re.search(r"VmHWM:\s*(\d+)", status)[1]))  # type: ignore[index]
        end(process)

    bounded.end()
    monkeypatch.setattr(bounded._Process, "end", noted)
    yield found
    bounded.end()
