"""Which files are made from the models? `python -m slipway.api.crds` writes them, `--check` finds stale ones."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from slipway.api import reference
from slipway.api.base import GROUP, VERSION
from slipway.api.kinds import CATEGORY, KINDS, Column, Kind
from slipway.api.schema import VALIDATIONS, Schema, structural

ROOT = Path(__file__).resolve().parents[3]
NOTICE = "# Generated from operator/slipway/api by `make generate`. Do not edit.\n"
WORDS = ("description", "type", "format", "enum", "default")


def crd(kind: Kind) -> dict[str, Any]:
    """Return the CustomResourceDefinition of `kind`."""
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.singular,
        "shortNames": [kind.short],
        "categories": [CATEGORY],
    }
    subresources: dict[str, Any] = {"status": {}}
    if kind.scale is not None:
        subresources["scale"] = {
            "specReplicasPath": kind.scale.spec_path,
            "statusReplicasPath": kind.scale.status_path,
            "labelSelectorPath": kind.scale.selector_path,
        }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": explained(root_schema(kind))},
        "subresources": subresources,
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
        "selectableFields": [{"jsonPath": path} for path in kind.selectable],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def root_schema(kind: Kind) -> Schema:
    """Return the schema of a whole object of `kind`."""
    return {
        "description": kind.description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"apiVersion is {GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"kind is {kind.name}."},
            "metadata": {"type": "object"},
            "spec": ordered(structural(kind.spec)),
            "status": ordered(structural(kind.status, defaults=False)),
        },
        VALIDATIONS: [rule.to_schema() for rule in kind.rules],
    }


def explained(node: Schema) -> Schema:
    """Return `node` with defaults told in words: `kubectl explain` does not show them otherwise."""
    made = dict(node)
    default = made.get("default")
    if default is not None and not isinstance(default, dict):
        made["description"] = f"{made['description']} Defaults to {json.dumps(default)}."
    if "properties" in made:
        made["properties"] = {name: explained(child) for name, child in made["properties"].items()}
    if "items" in made:
        made["items"] = explained(made["items"])
    return made


def ordered(node: Schema) -> Schema:
    """Return `node` with its words in one order throughout, so that a change of the models is a small diff."""
    first = {word: node[word] for word in WORDS if word in node}
    rest = {word: node[word] for word in sorted(node) if word not in first}
    made = first | rest
    if "properties" in made:
        made["properties"] = {name: ordered(child) for name, child in made["properties"].items()}
    for word in ("items", "additionalProperties"):
        if word in made:
            made[word] = ordered(made[word])
    return made


def _column(column: Column) -> dict[str, Any]:
    made = {"name": column.name, "type": column.type, "description": column.description, "jsonPath": column.path}
    return made | {"priority": 1} if column.wide else made


class _Dumper(yaml.SafeDumper):
    """Writes every value out: anchors are no help to a reader."""

    def ignore_aliases(self, data: object) -> bool:
        return True


# What Go's parser reads as a number and Python's does not: 2e-4 must be quoted to stay a string.
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def to_yaml(manifest: dict[str, Any]) -> str:
    """Return `manifest` as YAML in its own order."""
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


def chart_template(manifest: dict[str, Any]) -> str:
    """Return `manifest` as a template of the chart: installed if wanted, and kept on uninstall if wanted."""
    marked = {**manifest, "metadata": {**manifest["metadata"], "annotations": "KEEP", "labels": "LABELS"}}
    # Descriptions speak of {{model}}: such braces are text here, not template actions.
    text = re.sub(r"\{\{|\}\}", lambda found: "{{ `" + found.group() + "` }}", to_yaml(marked))
    labels = '\n    {{- include "slipway.labels" . | nindent 4 }}'
    keep = "\n    helm.sh/resource-policy: keep\n  {{- end }}"
    text = text.replace("  annotations: KEEP\n", "  {{- if .Values.crds.keep }}\n  annotations:" + keep + "\n")
    text = text.replace("  labels: LABELS\n", "  labels:" + labels + "\n")
    return "{{- if .Values.crds.enabled }}\n" + text + "{{- end }}\n"


def files() -> Iterable[tuple[Path, str]]:
    """Yield every generated file, relative to the repository, and its content."""
    for kind in KINDS:
        manifest = crd(kind)
        yield Path("crds", f"{kind.plural}.yaml"), NOTICE + to_yaml(manifest)
        yield Path("charts/slipway/templates/crds", f"{kind.plural}.yaml"), NOTICE + chart_template(manifest)
        yield Path("docs/reference", f"{kind.singular}.md"), reference.page(kind, root_schema(kind))
    yield Path("docs/reference/README.md"), reference.index()


def stale(root: Path = ROOT) -> list[Path]:
    """Return the generated files that are missing or differ from what the models say now."""
    return [path for path, text in files() if not (root / path).is_file() or (root / path).read_text("utf-8") != text]


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with --check name those that are stale."""
    parser = argparse.ArgumentParser(prog="python -m slipway.api.crds", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is stale")
    found = stale()
    if parser.parse_args(arguments).check:
        for path in found:
            print(f"{path} is stale: run `make generate`", file=sys.stderr)
        return 1 if found else 0
    for path, text in files():
        if path in found:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text, "utf-8")
            print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
