"""How do containers run on the node? containerd's configuration, images that come without a registry, and their end."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from e2e.cluster import release
from e2e.cluster.embedded.layout import REGISTRY, Layout

NAMESPACE = "k8s.io"


def config(layout: Layout, sandbox_image: str) -> str:
    """Return containerd's configuration: everything below the state folder, runc, our own pause image."""
    cri = '[plugins."io.containerd.grpc.v1.cri"'
    quote = json.dumps
    return f"""version = 2
root = {quote(str(layout.containerd / "root"))}
state = {quote(str(layout.containerd / "run"))}
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
address = {quote(str(layout.containerd_socket))}

{cri}]
sandbox_image = {quote(sandbox_image)}
# Without CAP_SYS_RESOURCE nothing may lower its oom_score_adj, and a sandbox that tries dies without a message.
restrict_oom_score_adj = true
# So that a killed node's network namespaces are mounts below the state folder, which are found and removed.
netns_mounts_under_state_dir = true
max_concurrent_downloads = 4

{cri}.registry]
config_path = {quote(str(layout.registries))}

{cri}.cni]
bin_dir = "/usr/lib/cni"
conf_dir = {quote(str(layout.cni / "net.d"))}

{cri}.containerd]
snapshotter = "overlayfs"

{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

{cri}.containerd.runtimes.runc.options]
SystemdCgroup = false
Root = {quote(str(layout.containerd / "runc"))}
"""


def describe_registries(layout: Layout) -> None:
    """Write how each registry is reached: ours over plain HTTP, and in the place of the one that releases go to."""
    for name, toml in release.hosts(REGISTRY, f"http://{REGISTRY}").items():
        folder = layout.registries / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hosts.toml").write_text(toml)


def ctr(layout: Layout, *arguments: str) -> str:
    """Run containerd's own client in the namespace of Kubernetes and return its output."""
    command = ["ctr", "--address", str(layout.containerd_socket), "--namespace", NAMESPACE, *arguments]
    ran = subprocess.run(command, text=True, capture_output=True, check=False, timeout=120)
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {ran.stderr[-2000:]}")
    return ran.stdout


def answers(layout: Layout) -> bool:
    """Return whether containerd answers."""
    command = ["ctr", "--address", str(layout.containerd_socket), "--connect-timeout", "2s", "version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def load(layout: Layout, archive: Path) -> None:
    """Bring the images of an OCI archive onto the node."""
    ctr(layout, "images", "import", str(archive))


def forget_images(layout: Layout, keep: set[str]) -> None:
    """Remove images from the local registry that are none of `keep` (references with digest): the disk is finite."""
    for name in ctr(layout, "images", "list", "--quiet").split():
        if name.startswith(f"{REGISTRY}/") and name not in keep:
            ctr(layout, "images", "remove", name)
