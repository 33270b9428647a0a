"""What does the chart make of values? The real helm answers."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from e2e.setup import tools

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "slipway"
VALUES = {"default": None, **{name: Path(__file__).parent / "values" / f"{name}.yaml" for name in ("minimal", "full")}}
NAMESPACE = "slipway-system"
KUBERNETES = "1.34.4"

Manifest = dict[str, Any]


class Refused(Exception):
    """helm would not render; the text is its message."""


def helm(*arguments: str, values: Manifest | None = None) -> str:
    """Run helm with `values` on its standard input and return what it prints."""
    ran = subprocess.run(
        [str(tools.helm()), *arguments, *(["--values", "-"] if values else [])],
        input=yaml.safe_dump(values) if values else "",
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise Refused(ran.stderr)
    return ran.stdout


@cache
def rendered(name: str) -> tuple[Manifest, ...]:
    """Return the objects that one of the named sets of values makes."""
    path = VALUES[name]
    return render(yaml.safe_load(path.read_text()) if path else None)


def render(values: Manifest | None = None) -> tuple[Manifest, ...]:
    """Return the objects that `values` make."""
    arguments = ("template", "slipway", str(CHART), "--namespace", NAMESPACE, "--kube-version", KUBERNETES)
    return tuple(found for found in yaml.safe_load_all(helm(*arguments, values=values)) if found)


def of_kind(objects: tuple[Manifest, ...], kind: str, name: str = "") -> list[Manifest]:
    """Return the objects of a kind, those whose name contains `name`."""
    return [o for o in objects if o["kind"] == kind and name in o["metadata"]["name"]]


def the(objects: tuple[Manifest, ...], kind: str, name: str = "") -> Manifest:
    """Return the one object of a kind whose name contains `name`."""
    found = of_kind(objects, kind, name)
    assert len(found) == 1, f"{len(found)} objects of kind {kind} with {name!r} in their names"
    return found[0]
