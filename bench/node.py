"""Which real node does a bench run on, and what does it leave there? Nothing: what it created is marked and removed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench.ground import MARK, Ground
from e2e.cluster import ociarchive, open_cluster
from e2e.cluster.embedded import containerd
from e2e.cluster.embedded.node import EmbeddedCluster
from e2e.setup import cache, gotools

SELECTOR = ",".join(f"{name}={value}" for name, value in MARK.items())


@contextmanager
def node() -> Iterator[Ground]:
    """Bring the embedded cluster up, and yield it with the image that stands in for models."""
    cluster = open_cluster()
    if not isinstance(cluster, EmbeddedCluster):
        raise SystemExit(
            "only the embedded cluster takes the bench's image: set CLUSTER=embedded, or --on control-plane"
        )
    with cluster.in_use("a bench"), tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        cluster.up()
        if "slipway" in cluster.kubectl(
            "get", "deployments", "-A", "-l", "app.kubernetes.io/name=slipway", "-o", "name"
        ):
            raise SystemExit(
                "a Slipway is installed in the cluster and would act too: `helm uninstall` it and try again"
            )
        image = _standin(cluster)
        _clean(cluster)
        try:
            yield Ground(cluster.kubeconfig, Path(folder), pods=image, gateway=urlsplit(cluster.gateway_url).netloc)
        finally:
            _clean(cluster)


def _standin(cluster: EmbeddedCluster) -> str:
    """Load the image that stands in for models and return its reference."""
    program = gotools.STANDIN.path()
    links = dict.fromkeys(("/usr/bin/python", "/usr/bin/slipway-drain"), "/standin")
    contents = ociarchive.Contents({"/standin": program}, ["/standin"], links)
    reference = f"slipway.dev/bench/standin:{cache.content_key(program)}"

    def write(out: Path) -> None:
        ociarchive.write(out / "image.tar", reference, contents)

    archive = cache.stored("image-standin", cache.content_key(program, repr(contents)), write)
    containerd.load(cluster.layout, archive / "image.tar")
    return reference


def _clean(cluster: EmbeddedCluster) -> None:
    """Remove what this bench or an interrupted one created: namespaces with everything in them, then CRDs."""
    for kind in ("namespaces", "customresourcedefinitions"):
        cluster.kubectl("delete", kind, "-l", SELECTOR, "--ignore-not-found", "--wait", "--timeout=180s")
