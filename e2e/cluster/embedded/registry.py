"""Where does the node pull our images from? Debian's registry on the loopback, its storage in the cache folder."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request
from pathlib import Path

from e2e.cluster.embedded import components, process
from e2e.cluster.embedded.layout import REGISTRY, Layout
from e2e.setup import cache

KEPT_TAGS = 3  # of each image: the release's, the current one, and the one before for whoever goes back a commit


def start(layout: Layout, program: Path) -> None:
    """Start the registry, after dropping what old tags alone still hold."""
    storage = cache.root() / "registry"
    storage.mkdir(parents=True, exist_ok=True)
    config = layout.config / "registry.json"
    config.write_text(components.registry_config(storage, REGISTRY.replace("localhost", "127.0.0.1")))
    if forget_old_tags(storage):
        command = [str(program), "garbage-collect", "--delete-untagged", str(config)]
        subprocess.run(command, capture_output=True, check=False)
    process.start(layout, "registry", [str(program), "serve", str(config)])


def forget_old_tags(storage: Path) -> bool:
    """Remove all but the newest tags of each image and return whether any was removed."""
    removed = False
    for tags in storage.glob("docker/registry/v2/repositories/*/*/_manifests/tags"):
        newest_first = sorted(tags.iterdir(), key=lambda tag: tag.stat().st_mtime, reverse=True)
        for tag in newest_first[KEPT_TAGS:]:
            shutil.rmtree(tag)
            removed = True
    return removed


def answers() -> bool:
    """Return whether the registry answers."""
    try:
        with urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False
