"""What is there of the node, and how does it go away? Works on one that was killed at any moment."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from e2e.cluster.embedded import network, process
from e2e.cluster.embedded.layout import Layout
from e2e.setup import cache

CGROUPS = Path("/sys/fs/cgroup")
CNI_RESULTS = Path("/var/lib/cni/results")
CONTAINER_LINKS = Path("/var/log/containers")
SHIM_SOCKETS = Path("/run/containerd/s")
KUBELET_SOCKET = Path("/var/lib/kubelet/device-plugins/kubelet.sock")
# Folders that the components make at fixed places; they go when they are empty.
FOLDERS = [
    SHIM_SOCKETS,
    SHIM_SOCKETS.parent,
    CNI_RESULTS,
    CNI_RESULTS.parent,
    CONTAINER_LINKS,
    KUBELET_SOCKET.parent,
    KUBELET_SOCKET.parent.parent,
]


@dataclass(frozen=True)
class Leftovers:
    """What was found; nothing of it outlives `remove`."""

    processes: list[str] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    cgroups: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Return whether anything was found."""
        return any(vars(self).values())

    def __str__(self) -> str:
        """Return one line that counts what was found."""
        return ", ".join(f"{len(found)} {kind}" for kind, found in vars(self).items() if found) or "nothing"


def find(layout: Layout) -> Leftovers:
    """Return everything of the node that exists outside of its state folder, and the folder itself."""
    return Leftovers(
        processes=[f"{one} {process.name_of(one)}" for one in process.ours(layout)],
        mounts=mounts(layout, Path("/proc/self/mountinfo").read_text()),
        links=network.links(),
        rules=network.rules(),
        cgroups=[str(folder) for folder in cgroups()],
        files=[str(path) for path in files(layout)],
    )


def remove(layout: Layout) -> None:
    """Remove everything that `find` finds; pods first, so that nothing starts them again or still uses a mount."""
    process.kill_all(layout)
    unmount(layout)
    network.remove_links()
    network.remove_rules()
    network.restore_kernel(layout)
    for folder in cgroups():
        remove_cgroup(folder)
    for path in files(layout):
        if path == layout.state and mounts(layout, Path("/proc/self/mountinfo").read_text()):
            continue  # what is mounted there may be someone's data
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for folder in FOLDERS:
        try:
            folder.rmdir()
        except OSError:
            continue  # not there, or in use by another container runtime


def unmount(layout: Layout) -> None:
    """Unmount everything of the node, inner before outer; detach what stays busy."""
    for option in ("--force", "--force", "--lazy"):  # busy until the kernel has ended the last process in it
        for mount in reversed(mounts(layout, Path("/proc/self/mountinfo").read_text())):
            subprocess.run(["umount", option, mount], capture_output=True, check=False)


def mounts(layout: Layout, mountinfo: str) -> list[str]:
    """Return the mount points below the state folder and those of image builds, outer before inner."""
    below = (f"{layout.state}/", f"{cache.root() / 'buildah'}/")
    points = [line.split()[4].replace("\\040", " ") for line in mountinfo.splitlines()]
    return sorted(point for point in points if point.startswith(below))


def cgroups() -> list[Path]:
    """Return the cgroups of pods: one folder per controller with cgroup v1, one in all with v2."""
    return sorted({*CGROUPS.glob("kubepods"), *CGROUPS.glob("*/kubepods"), *CGROUPS.glob("*/k8s.io")})


def remove_cgroup(folder: Path) -> None:
    """Remove a cgroup that holds no process any more, with those below it."""
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            Path(path).rmdir()
        except OSError:
            continue  # still busy; `find` will show it


def files(layout: Layout) -> list[Path]:
    """Return what the node writes to the machine outside of its folder, and the folder."""
    state = str(layout.state)
    found = [result for result in CNI_RESULTS.glob("*") if f"{state}/" in result.read_text(errors="replace")]
    found += [link for link in CONTAINER_LINKS.glob("*.log") if str(link.readlink()).startswith(state)]
    if SHIM_SOCKETS.is_dir() and not process.any_named("containerd-shim"):
        found += SHIM_SOCKETS.iterdir()  # no shim runs on this machine, so nobody listens on them
    if KUBELET_SOCKET.exists() and not process.any_named("kubelet"):  # ours runs under the name of the one binary
        found.append(KUBELET_SOCKET)
    return found + ([layout.state] if layout.state.exists() else [])
