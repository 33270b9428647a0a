"""Which images does the node itself need? Written from programs that are there, loaded without a registry."""

from __future__ import annotations

from pathlib import Path

from e2e.cluster import ociarchive
from e2e.cluster.embedded import containerd
from e2e.cluster.embedded.layout import Layout
from e2e.cluster.ociarchive import Contents
from e2e.setup import cache, debian, gotools, tools

PREFIX = "slipway.dev/node"
BUSYBOX_COMMANDS = ("sh", "mkdir", "rm", "ls", "cat", "sleep", "wget", "nslookup", "touch", "id")


def contents() -> dict[str, Contents]:
    """Return what is in each image."""
    busybox = tools.from_debian("busybox", debian.NODE)
    return {
        "pause": Contents({"/pause": gotools.PAUSE.path()}, ["/pause"]),
        "coredns": Contents({"/coredns": gotools.COREDNS.path()}, ["/coredns"], user="0"),
        "local-path": Contents(
            {"/usr/bin/local-path-provisioner": gotools.LOCAL_PATH.path()},
            ["/usr/bin/local-path-provisioner"],
            user="0",
        ),
        "traefik": Contents({"/usr/bin/traefik": tools.traefik()}, ["/usr/bin/traefik"]),
        "prometheus": Contents({"/usr/bin/prometheus": gotools.PROMETHEUS.path()}, ["/usr/bin/prometheus"]),
        "busybox": Contents(
            {"/bin/busybox": busybox},
            ["/bin/busybox"],
            links={f"/bin/{command}": "/bin/busybox" for command in BUSYBOX_COMMANDS},
            user="0",
        ),
    }


def archives() -> dict[str, tuple[str, Path]]:
    """Return for each image its reference, which carries the digest of what it is made from, and its archive."""
    found = {}
    for name, content in contents().items():
        key = cache.content_key(*content.files.values(), repr(content))
        reference = f"{PREFIX}/{name}:{key}"

        def write(out: Path, reference: str = reference, content: Contents = content) -> None:
            ociarchive.write(out / "image.tar", reference, content)

        found[name] = (reference, cache.stored(f"image-{name}", key, write) / "image.tar")
    return found


def load(layout: Layout) -> dict[str, str]:
    """Load every image that containerd does not have and return their references."""
    present = containerd.ctr(layout, "images", "list", "--quiet").split()
    found = archives()
    for reference, archive in found.values():
        if reference not in present:
            containerd.load(layout, archive)
    return {name: reference for name, (reference, _) in found.items()}
