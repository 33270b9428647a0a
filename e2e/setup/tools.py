"""Where is the program NAME? Built or installed on first use, answered from the cache afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

from e2e.setup import cache, debian, gotools, pytools


def kube() -> Path:
    """Return the one binary with every Kubernetes component; its first argument names the component."""
    return gotools.KUBE.path()


def kubectl() -> Path:
    """Return kubectl: the one binary under another name."""
    link = gotools.KUBE.path().with_name("kubectl")
    if not link.is_symlink():
        link.symlink_to("kube")
    return link


def helm() -> Path:
    """Return helm."""
    return gotools.HELM.path()


def kind() -> Path:
    """Return kind."""
    return gotools.KIND.path()


def traefik() -> Path:
    """Return Traefik."""
    return pytools.traefik()


def etcd() -> Path:
    """Return etcd."""
    return gotools.ETCD.path()


def npm() -> list[str]:
    """Return the command that runs npm: the one on PATH, else the one from the Python index."""
    present = shutil.which("npm")
    return [present] if present else pytools.npm()


def from_debian(program: str, packages: tuple[str, ...]) -> Path:
    """Return a program that one of `packages` brings."""
    folders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    found = shutil.which(program, path=folders)
    if found is None:
        debian.install(packages)
        found = shutil.which(program, path=folders)
    if found is None:
        raise SystemExit(f"{program} is in none of the packages {', '.join(packages)}; install it and try again")
    return Path(found)


def bin_folder() -> Path:
    """Return a folder with kubectl and helm under their own names, to put on PATH."""
    folder = cache.root() / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for program in (kubectl(), helm()):
        link = folder / program.name
        if not link.is_symlink() or link.readlink() != program:
            link.unlink(missing_ok=True)
            link.symlink_to(program)
    return folder
