"""How does a pydantic model become the structural OpenAPI schema of a CRD?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from slipway.api.base import Model, OneOf, Rule

Schema = dict[str, Any]

VALIDATIONS = "x-kubernetes-validations"
# Words of JSON Schema that are no part of a structural schema, or say what the apiserver does anyway.
DROPPED = ("title", "additionalProperties", "propertyNames", "discriminator", "examples")


def structural(model: type[BaseModel], *, defaults: bool = True) -> Schema:
    """Return the structural schema of `model`: references inlined, null unions dropped, rules as CEL.

    `defaults=False` leaves defaults out: status is written whole by the operator, never completed by the apiserver.
    """
    raw = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    return _Rewriter(raw.get("$defs", {}), defaults).rewrite(raw)


def rules_of(model: type[Model]) -> tuple[Rule, ...]:
    """Return the CEL rules of `model`: those it states, its union, and its immutable fields."""
    return (*_union(model), *model.rules, *_immutable(model))


def _union(model: type[Model]) -> Iterable[Rule]:
    if issubclass(model, OneOf):
        given = ", ".join(f"has(self.{name})" for name in model.members())
        yield Rule(f"[{given}].filter(x, x).size() == 1", model.demand())


def _immutable(model: type[Model]) -> Iterable[Rule]:
    """Yield a rule per immutable field.

    Written at the parent: a rule on an optional field itself is not run when the field is added or removed.
    """
    if model.mutable is None:
        return
    free = " and ".join(sorted(model.mutable))
    for name, field in model.model_fields.items():
        alias = field.alias or name
        if alias in model.mutable:
            continue
        same = f"self.{alias} == oldSelf.{alias}"
        if not field.is_required() and _default(field.default) is None:
            same = f"has(self.{alias}) == has(oldSelf.{alias}) && (!has(self.{alias}) || {same})"
        yield Rule(
            same,
            f"it is immutable, as is all of spec but {free}: create an object with a new name instead",
            field_path=f".{alias}",
        )


def _default(value: object) -> object:
    """Return a default as the apiserver fills it in, or None where absent says the same.

    Objects are written out, because the apiserver checks them against the rules before it fills in inner defaults.
    """
    if isinstance(value, BaseModel):
        stated = {
            field.alias or name: _default(getattr(value, name)) for name, field in type(value).model_fields.items()
        }
        return {name: default for name, default in stated.items() if default is not None}
    return None if value in (None, "", [], {}) else value


def _told(field: Schema, definition: Schema) -> str:
    """Return what a field says of itself, then what its type adds after the sentence that says what it is."""
    meaning = " ".join(definition.get("description", "").split())
    if "description" not in field:
        return meaning
    addition = meaning.partition(". ")[2]
    return f"{field['description']} {addition}".strip()


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, with rules where a class states them and defaults as Kubernetes wants them."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        cls = schema["cls"]
        if issubclass(cls, Model) and (rules := rules_of(cls)):
            made[VALIDATIONS] = [rule.to_schema() for rule in rules]
        return made

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        made.pop("default", None)
        default = _default(schema.get("default"))
        return made if default is None else {**made, "default": default}


class _Rewriter:
    """Rewrites one document, whose definitions it inlines."""

    def __init__(self, definitions: Mapping[str, Schema], defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults

    def rewrite(self, node: Mapping[str, Any]) -> Schema:
        """Return `node` in structural form; what the referring place says wins over the definition."""
        node = self._without_null(self._inlined(dict(node)))
        made = {word: value for word, value in node.items() if word not in (*DROPPED, "$defs")}
        if not self._defaults:
            made.pop("default", None)
        if "description" in made:
            made["description"] = " ".join(made["description"].split())
        if "const" in made:
            made["enum"] = [made.pop("const")]
        if made.get("type") == "integer":
            made["format"] = "int32" if made.get("maximum", 2**62) < 2**31 else "int64"
        if "properties" in made:
            made["properties"] = {name: self.rewrite(child) for name, child in made["properties"].items()}
        elif isinstance(values := node.get("additionalProperties"), Mapping):
            made |= self._map(values, node.get("propertyNames", {}))
        if "items" in made:
            made["items"] = self.rewrite(made["items"])
            made.setdefault("x-kubernetes-list-type", "atomic")
        return made

    def _inlined(self, node: Schema) -> Schema:
        while "$ref" in node:
            definition = self._definitions[node.pop("$ref").rpartition("/")[2]]
            node = {**definition, **node, "description": _told(node, definition)}
        return node

    def _without_null(self, node: Schema) -> Schema:
        """Turn `T or null` into an optional T: Kubernetes has absent fields, not nulls."""
        if "anyOf" not in node:
            return node
        branches = [branch for branch in node.pop("anyOf") if branch.get("type") != "null"]
        if len(branches) != 1:
            raise ValueError(f"a union of {len(branches)} types has no structural schema: use OneOf ({node})")
        return self._inlined({**branches[0], **node})

    def _map(self, values: Mapping[str, Any], names: Mapping[str, Any]) -> Schema:
        made: Schema = {"additionalProperties": self.rewrite(values)}
        if limit := names.get("maxLength"):
            rule = Rule(f"self.all(key, size(key) <= {limit})", f"keys have at most {limit} characters")
            made[VALIDATIONS] = [rule.to_schema()]
        return made
