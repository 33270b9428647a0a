"""The group in which a process's memory is counted is found by what the kernel says of it, in both versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.cluster.embedded.cgroups import MemoryGroup, folder_of

ROOT = Path("/cgroups")
FIRST = "9:memory:/kubepods/burstable/pod1/main\n3:cpu,cpuacct:/kubepods/cpu\n0::/system\n"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (FIRST, "memory/kubepods/burstable/pod1/main"),
        ("4:hugetlb,memory:/a:b\n1:name=systemd:/\n", "memory/a:b"),
        ("0::/kubepods.slice/main.scope\n", "kubepods.slice/main.scope"),
    ],
)
def test_the_folder_is_found(lines: str, found: str) -> None:
    assert folder_of(lines, ROOT) == ROOT / found


@pytest.mark.parametrize(
    ("used", "limit"), [("memory.current", "memory.max"), ("memory.usage_in_bytes", "memory.limit_in_bytes")]
)
def test_its_limit_is_lowered_in_the_version_that_it_has(tmp_path: Path, used: str, limit: str) -> None:
    (tmp_path / used).write_text("4096\n")
    (tmp_path / limit).write_text("max\n")
    group = MemoryGroup(tmp_path)
    group.limit(group.used + 4096)
    assert (tmp_path / limit).read_text() == "8192"
