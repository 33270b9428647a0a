"""Which Debian packages does this machine need? Installed without starting the services that some of them bring."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.setup.progress import say

APISERVER = ("openssl",)
IMAGES = ("buildah", "debootstrap")
NODE = (
    *APISERVER,
    *IMAGES,
    "busybox-static",
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "docker-registry",
    "iproute2",
    "iptables",
    "kmod",
    "runc",
)
SERVICES = ("containerd", "docker-registry")
_POLICY = Path("/usr/sbin/policy-rc.d")


def missing(packages: Iterable[str]) -> list[str]:
    """Return those of `packages` that are not installed."""
    listed = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\\n"],
        text=True,
        capture_output=True,
        check=False,
    ).stdout.splitlines()
    present = {line.split()[0] for line in listed if line.endswith(" installed")}
    return [name for name in packages if name not in present]


def install(packages: Iterable[str]) -> None:
    """Install what is missing of `packages`."""
    wanted = missing(packages)
    if not wanted:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SystemExit(
            f"these programs are missing: {' '.join(wanted)}. Run this as root on Debian 12, or install them yourself; "
            "with a Docker daemon, CLUSTER=kind needs none of them."
        )
    say(f"      apt packages: {' '.join(wanted)}")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_service_starts():
        # An interrupted run may have left packages half-way. If another apt holds the lock, what follows waits for it.
        subprocess.run(["dpkg", "--configure", "-a"], env=environment, capture_output=True, check=False)
        _run([*apt, "update"], environment)
        _run([*apt, "install", "--yes", "--no-install-recommends", *wanted], environment)
    if Path("/run/systemd/system").is_dir():
        # The cluster runs its own copies on its own ports; those of the distribution stay off after a reboot too.
        services = [name for name in SERVICES if any(package.startswith(name) for package in wanted)]
        subprocess.run(["systemctl", "disable", "--quiet", *services], check=False, capture_output=True)


def _run(command: list[str], environment: dict[str, str]) -> None:
    ran = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{ran.stdout[-1000:]}{ran.stderr[-3000:]}")


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Keep dpkg from starting daemons; leaves a policy of the administrator alone."""
    policy = "#!/bin/sh\n# slipway: while packages are installed, no service starts\nexit 101\n"
    ours = not _POLICY.exists() or _POLICY.read_text() == policy  # the latter: left by an interrupted run
    if ours:
        _POLICY.write_text(policy)
        _POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            _POLICY.unlink(missing_ok=True)
