"""How are images built without Docker? By buildah, as root, from a Debian that debootstrap made."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path

from e2e.cluster.dockerfile import Image
from e2e.cluster.embedded.layout import MARK, Layout
from e2e.setup import cache
from e2e.setup.progress import say

SUITE = "bookworm"
PACKAGES = ("ca-certificates", "libgomp1", "python3", "python3-venv")
# The machine's own certificates and pip settings serve while building and never become part of a layer.
_HOST_SETTINGS = ("/etc/ssl/certs", "/etc/pip.conf", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates")
_UNNEEDED = (
    "var/cache/apt/",
    "var/lib/apt/lists/",
    "var/log/",
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/locale/",
)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Buildah:
    """Buildah with a storage of its own in the cache folder."""

    def __init__(self) -> None:
        self.root = cache.root() / "buildah"
        self.pip = cache.root() / "pip"

    def base(self) -> str:
        """Return the local Debian, made by debootstrap (about a minute) if it is missing."""
        self._run("rm", "--all")  # what a killed build was working in
        tag = f"localhost/slipway-base:{cache.content_key(SUITE, ' '.join(PACKAGES), 'v1')}"
        if not self.has(tag):
            rootfs = cache.stored("debian", tag.rpartition(":")[2], _debootstrap) / "rootfs.tar"
            container = self._run("from", "scratch").strip()
            try:
                self._run("add", "--quiet", container, str(rootfs), "/")
                self._run("config", "--env", f"PATH={_PATH}", container)
                self._run("config", "--cmd", "bash", container)
                self._run("commit", "--quiet", container, tag)
            finally:
                self._run("rm", container)
        return tag

    def has(self, tag: str) -> bool:
        """Return whether an image is in the storage."""
        ran = subprocess.run([*self._command(), "inspect", "--type", "image", tag], capture_output=True, check=False)
        return ran.returncode == 0

    def build(self, image: Image, tag: str, base: str, log: Path) -> None:
        """Build a Dockerfile; layers that did not change are reused."""
        self.pip.mkdir(parents=True, exist_ok=True)
        mounts = [f"{path}:{path}:ro" for path in _HOST_SETTINGS if Path(path).exists()]
        arguments = [word for argument in image.arguments() for word in ("--build-arg", argument)]
        command = [
            *self._command(), "bud", *arguments, "--layers", "--network", "host", "--isolation", "chroot",
            "--build-arg", f"BASE={base}", "--tag", tag, "--file", str(image.dockerfile),
            *(word for mount in [*mounts, f"{self.pip}:/root/.cache/pip"] for word in ("--volume", mount)),
            str(image.context),
        ]  # fmt: skip
        with log.open("w") as out:
            # With the mark, what a killed run leaves building goes with the node.
            marked = {**os.environ, MARK: str(Layout.from_environment().state)}
            if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, env=marked, check=False).returncode:
                raise SystemExit(f"image {image.name} did not build; the end of {log}:\n{log.read_text()[-3000:]}")

    def push(self, tag: str, destination: str) -> str:
        """Push an image, lightly compressed: the registry is most often on this machine, and then speaks plain HTTP."""
        digest = self.root / "pushed-digest"
        local = destination.startswith("localhost")
        self._run(
            "push", "--quiet", f"--tls-verify={not local}".lower(), "--digestfile", str(digest),
            "--compression-format", "zstd", "--compression-level", "1", tag, f"docker://{destination}",
        )  # fmt: skip
        return digest.read_text().strip()

    def prune(self, keep: set[str]) -> None:
        """Remove older images, what only they used, and what interrupted builds left."""
        listed = json.loads(self._run("images", "--json") or "[]")
        names = [name for image in listed for name in image.get("names") or []]
        for name in names:
            if name.startswith("localhost/slipway") and name not in keep:
                self._run("rmi", name)
        self._run("rmi", "--prune")

    def _command(self) -> list[str]:
        return [
            "buildah", "--root", str(self.root / "storage"), "--runroot", "/run/slipway-buildah",
            "--storage-driver", "overlay",
        ]  # fmt: skip

    def _run(self, *arguments: str) -> str:
        ran = subprocess.run([*self._command(), *arguments], text=True, capture_output=True, check=False)
        if ran.returncode:
            raise SystemExit(f"buildah {' '.join(arguments[:2])} failed: {ran.stderr[-3000:]}")
        return ran.stdout


def _debootstrap(out: Path) -> None:
    """Write `rootfs.tar`: Debian like the official slim image, with Python."""
    say(f"making a Debian {SUITE} base image (about 75 s, cached afterwards) ...")
    rootfs = out / "rootfs"
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(rootfs), *_mirror()]
    ran = subprocess.run(command, text=True, capture_output=True, check=False)
    if ran.returncode:
        raise SystemExit(f"debootstrap failed: {ran.stdout[-2000:]}{ran.stderr[-1000:]}")
    with tarfile.open(out / "rootfs.tar", "w") as tar:
        tar.add(rootfs, ".", filter=_slim)
    subprocess.run(["rm", "-rf", str(rootfs)], check=True)


def _slim(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out device nodes, and documentation as the official slim image does."""
    inside = entry.name.removeprefix("./")
    if entry.isdev() or (not entry.isdir() and inside.startswith(_UNNEEDED) and not inside.endswith("/copyright")):
        return None
    return entry


def _mirror() -> list[str]:
    """Return the mirror this machine's apt uses for the suite, so that a local one is used; else debootstrap's own."""
    only = ["Identifier: Packages", "Origin: Debian"]  # others, too, call a suite of theirs bookworm
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", *only]
    return mirror_in(subprocess.run(command, text=True, capture_output=True, check=False).stdout)


def mirror_in(listed: str) -> list[str]:
    """Return the first address in lines of address, suite and component that debootstrap can use, or none."""
    for line in listed.splitlines():
        uri, *where = line.split() or [""]
        if where == [SUITE, "main"] and uri.startswith("http"):
            return [uri]
    return []
