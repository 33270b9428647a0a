"""How do the images of `images/` get into a registry? Built when inputs changed, pushed when it lacks them."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Protocol

from e2e.cluster import dockerfile, release
from e2e.cluster.base import REPOSITORY
from e2e.cluster.buildah import Buildah
from e2e.cluster.docker import Docker
from e2e.cluster.dockerfile import Image
from e2e.setup import cache
from e2e.setup.progress import duration, say

_ACCEPT = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"


class Builder(Protocol):
    """A program that builds Dockerfiles."""

    def base(self) -> str:
        """Return the image that Dockerfiles start from, made or fetched if it is missing."""
        ...

    def has(self, tag: str) -> bool:
        """Return whether the image `tag` was built."""
        ...

    def build(self, image: Image, tag: str, base: str, log: Path) -> None:
        """Build an image under the name `tag`, with what it prints in `log`."""
        ...

    def push(self, tag: str, destination: str) -> str:
        """Push an image to `destination` and return its digest there."""
        ...

    def prune(self, keep: set[str]) -> None:
        """Remove images of ours that are none of `keep`."""
        ...


def build_all(registry: str, *, builder: str, scheme: str = "http") -> dict[str, str]:
    """Build and push every image that changed; return name -> `registry/slipway/NAME@sha256:...`."""
    images = dockerfile.find(REPOSITORY)
    tool: Builder = Buildah() if builder == "buildah" else Docker()
    base = tool.base()
    references, tags = {}, set()
    for number, image in enumerate(images, 1):
        label = f"[{number}/{len(images)}] image {image.name}"
        begun = time.monotonic()
        key = image.key(base)
        tag = f"localhost/slipway/{image.name}:{key}"
        tags.add(tag)
        recorded = Pushed(registry, image.name, key, scheme)
        if digest := recorded.digest():
            say(f"{label}: unchanged")
        else:
            if not tool.has(tag):
                log = cache.root() / "logs" / f"image-{image.name}.log"
                log.parent.mkdir(parents=True, exist_ok=True)
                say(f"{label}: building (log: {log}) ...")
                tool.build(image, tag, base, log)
                say(f"{label}: built after {duration(time.monotonic() - begun)}; pushing ...")
            digest = tool.push(tag, f"{registry}/slipway/{image.name}:{key}")
            recorded.remember(digest)
            say(f"{label}: pushed after {duration(time.monotonic() - begun)}")
        recorded.tag(digest, release.version())
        references[image.name] = f"{registry}/slipway/{image.name}@{digest}"
    tool.prune(tags | {base})
    return references


class Pushed:
    """What is known of an image in a registry: its digest, believed only while the registry still has it."""

    def __init__(self, registry: str, name: str, key: str, scheme: str) -> None:
        self.manifests = f"{scheme}://{registry}/v2/slipway/{name}/manifests"
        self.record = cache.root() / "pushed" / f"{name}.json"
        self.entry = f"{registry} {key}"

    def digest(self) -> str:
        """Return the digest of the image in the registry, or an empty text when it must be pushed."""
        try:
            known = json.loads(self.record.read_text()).get(self.entry, "")
        except (OSError, ValueError):
            return ""
        return known if known and self._present(known) else ""

    def remember(self, digest: str) -> None:
        """Record the digest under which the image was pushed; older keys of the same image are forgotten."""
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.record.write_text(json.dumps({self.entry: digest}))

    def tag(self, digest: str, tag: str) -> None:
        """Give the image a further tag, unless it has it already."""
        if self._get(tag)[0] == digest:
            return
        _, kind, manifest = self._get(digest)
        headers = {"Content-Type": kind}
        request = urllib.request.Request(f"{self.manifests}/{tag}", manifest, headers, method="PUT")
        with urllib.request.urlopen(request, timeout=30):
            pass

    def _get(self, reference: str) -> tuple[str, str, bytes]:
        """Return digest, media type and bytes of a manifest; empty ones when there is none."""
        request = urllib.request.Request(f"{self.manifests}/{reference}", headers={"Accept": _ACCEPT})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                manifest = response.read()
                return f"sha256:{hashlib.sha256(manifest).hexdigest()}", response.headers["Content-Type"], manifest
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return "", "", b""

    def _present(self, digest: str) -> bool:
        request = urllib.request.Request(f"{self.manifests}/{digest}", method="HEAD", headers={"Accept": _ACCEPT})
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False
