"""What has to be there before the story can begin: cluster, images, data, base model, values for the chart?"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2e.cluster.base import Cluster
from e2e.demo.cast import EXAMPLE, NAMESPACE, REPOSITORY
from e2e.setup import tools
from e2e.setup.progress import Steps

OUT = REPOSITORY / "out" / "demo"


def prepare(cluster: Cluster) -> None:
    """Bring everything up that takes long and is made once; later calls find it done."""
    steps = Steps(3)
    OUT.mkdir(parents=True, exist_ok=True)
    with steps.step(f"a cluster ({cluster.provider})"):
        cluster.up()
    with steps.step("images, built where their sources changed"):
        images = cluster.images()
    with steps.step("raw data and the base model"):
        collect(EXAMPLE / "dataset", OUT / "raw")
        collect(EXAMPLE / "base-model", OUT / "base")
    (OUT / "values.yaml").write_text(json.dumps(values(images, cluster.prometheus_url), indent=2) + "\n")


def collect(part: Path, target: Path) -> None:
    """Run the `collect.py` in folder `part` of an example, with npm on PATH even where the machine has none."""
    path = f"{npm_folder()}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    command = [sys.executable, str(part / "collect.py"), str(target)]
    if subprocess.run(command, env={**os.environ, "PATH": path}, stdout=sys.stderr, check=False).returncode:
        raise SystemExit(f"{part.relative_to(REPOSITORY)}/collect.py did not bring its files; see its message above")


def npm_folder() -> Path:
    """Return a folder with a program `npm`: the machine's own, or one that the tools brought."""
    script = OUT / "bin" / "npm"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec {shlex.join(tools.npm())} "$@"\n')
    script.chmod(0o755)
    return script.parent


def values(images: Mapping[str, str], prometheus_url: str, namespace: str = NAMESPACE) -> dict[str, Any]:
    """Return the chart's values for this cluster: what no default can know."""
    return {
        "image": {"registry": ""},
        "images": {_camel(name): _image(reference) for name, reference in images.items()},
        "workloadNamespaces": [namespace],
        "prometheus": {"url": prometheus_url},
    }


def _image(reference: str) -> dict[str, str]:
    repository, _, digest = reference.partition("@")
    if not digest:
        raise ValueError(f"image {reference} has no digest: the chart must name exactly what was built")
    return {"repository": repository, "digest": digest}


def _camel(name: str) -> str:
    first, *rest = name.split("-")
    return first + "".join(part.capitalize() for part in rest)


def out(name: str) -> Path:
    """Return a path among the demo's results."""
    return OUT / name
