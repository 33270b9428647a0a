"""How does the reference documentation of a kind read?"""

from __future__ import annotations

import json
from collections.abc import Iterable

from slipway.api.base import API_VERSION
from slipway.api.kinds import CATEGORY, KINDS, Kind
from slipway.api.schema import VALIDATIONS, Schema

NOTICE = "<!-- Generated from operator/slipway/api by `make generate`. Do not edit. -->\n"


def index() -> str:
    """Return the page that leads to the pages of the kinds."""
    rows = "\n".join(
        f"| [{kind.name}]({kind.singular}.md) | `{kind.plural}` | `{kind.short}` | {_cell(kind.description)} |"
        for kind in KINDS
    )
    return (
        f"{NOTICE}# Reference\n\n"
        f"All kinds are in `{API_VERSION}`, namespaced, and in the category `{CATEGORY}`: `kubectl get {CATEGORY}` "
        "lists them all. `kubectl explain` shows the same text as these pages.\n\n"
        f"| Kind | Plural | Short | What it is |\n|---|---|---|---|\n{rows}\n"
    )


def page(kind: Kind, schema: Schema) -> str:
    """Return the page of `kind`, whose objects have `schema`."""
    parts = [
        f"{NOTICE}# {kind.name}",
        kind.description,
        f"`apiVersion: {API_VERSION}`, `kind: {kind.name}`; `kubectl get {kind.short}`.",
        _rules(schema),
        "## Columns",
        _columns(kind),
        *_section("spec", schema["properties"]["spec"]),
        *_section("status", schema["properties"]["status"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _columns(kind: Kind) -> str:
    rows = [
        f"| {column.name} | {_cell(column.description)} | {'`-o wide`' if column.wide else ''} |"
        for column in kind.columns
    ]
    return "\n".join(["| Column | Shows | Only with |", "|---|---|---|", *rows])


def _section(name: str, schema: Schema) -> Iterable[str]:
    """Yield the section of an object and, below it, those of every object inside."""
    yield f"## {name}" if "." not in name else f"### {name}"
    yield schema.get("description", "")
    yield _rules(schema)
    fields = schema.get("properties", {})
    if not fields:
        yield "It has no fields: write `{}`."
        return
    yield _table(name, schema)
    for field, child in fields.items():
        path, inner = f"{name}.{field}", child
        while inner.get("type") == "array":
            path, inner = f"{path}[]", inner["items"]
        if "properties" in inner or _is_empty_object(inner):
            yield from _section(path, {**inner, "description": _of_items(child, inner)})


def _is_empty_object(schema: Schema) -> bool:
    return schema.get("type") == "object" and "additionalProperties" not in schema and "properties" not in schema


def _of_items(child: Schema, inner: Schema) -> str:
    """The table has said what the field is; of list items the section adds what one of them is."""
    return str(inner.get("description", "")) if child is not inner else ""


def _table(name: str, schema: Schema) -> str:
    required = schema.get("required", [])
    rows = ["| Field | Type | Default | Meaning |", "|---|---|---|---|"]
    for field, child in schema["properties"].items():
        default = "required" if field in required else _default(child)
        rows.append(f"| `{field}` | {_type(child)} | {default} | {_cell(child.get('description', ''))} |")
    return "\n".join(rows)


def _default(schema: Schema) -> str:
    return f"`{json.dumps(schema['default'])}`" if "default" in schema and schema["default"] != {} else ""


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    match schema["type"]:
        case "array":
            return f"list of {_type(schema['items'])}{_range(schema, 'minItems', 'maxItems', ' items')}"
        case "integer":
            return f"integer{_range(schema, 'minimum', 'maximum', '')}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"map of {_type(schema['additionalProperties'])}"
        case "string" if schema.get("format") == "date-time":
            return "time"
        case plain:
            return str(plain)


def _range(schema: Schema, low: str, high: str, unit: str) -> str:
    smallest, largest = schema.get(low), schema.get(high)
    if largest is None or largest >= 2**53:
        return f", {smallest} or more{unit}" if smallest is not None else ""
    return f", {smallest} to {largest}{unit}" if smallest is not None else f", at most {largest}{unit}"


def _rules(schema: Schema) -> str:
    messages = dict.fromkeys(rule["message"] for rule in schema.get(VALIDATIONS, ()))
    return "\n".join(["Refused with:", "", *(f"- {_cell(message)}" for message in messages)]) if messages else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
