"""A pydantic model becomes a structural schema: no references, no nulls, rules as CEL, everything bounded and told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from slipway.api.base import Decimal, Digest, Model, OneOf, Rule, SemVer, bounded
from slipway.api.crds import crd, root_schema
from slipway.api.kinds import KINDS
from slipway.api.schema import VALIDATIONS, structural


class Small(Model):
    """A small thing."""

    size: Annotated[int, Field(ge=1, le=9)] = Field(default=2, description="size of it.")
    labels: list[Annotated[str, bounded(9)]] = Field(default=[], max_length=3, description="labels of it.")


class Left(Model):
    """The left."""


class Choice(OneOf):
    """One or the other."""

    left_side: Left | None = Field(default=None, description="leftSide.")
    right: Small | None = Field(default=None, description="right.")


class Only(OneOf):
    """One."""

    left_side: Left | None = Field(default=None, description="leftSide.")


class Whole(Model):
    """A whole."""

    mutable = frozenset({"note"})
    rules = (Rule("self.colour != 'Red'", "red is sold out"),)

    colour: Literal["Red", "Blue"] = Field(description="colour of it.")
    small: Small = Field(default=Small(size=3), description="small part of it.")
    spare: Small | None = Field(default=None, description="spare part.")
    note: Annotated[str, bounded(20, minimum=0)] = Field(default="", description="note on it.")
    sides: dict[Annotated[str, bounded(5)], Annotated[str, bounded(7)]] = Field(
        default={}, json_schema_extra={"maxProperties": 2}, description="sides of it."
    )


def test_nulls_references_titles_and_empty_defaults_are_gone() -> None:
    schema = structural(Whole)
    spare = schema["properties"]["spare"]
    assert spare["type"] == "object"
    assert spare["description"] == "spare part."
    assert "default" not in spare
    assert spare["properties"]["size"] == {
        "type": "integer", "format": "int32", "minimum": 1, "maximum": 9, "default": 2, "description": "size of it.",
    }  # fmt: skip
    assert "default" not in schema["properties"]["note"]
    assert schema["required"] == ["colour"]


def test_a_default_object_is_written_out() -> None:
    assert structural(Whole)["properties"]["small"]["default"] == {"size": 3}
    assert "default" not in structural(Whole, defaults=False)["properties"]["small"]


def test_lists_are_atomic_unless_they_say_otherwise() -> None:
    assert structural(Small)["properties"]["labels"]["x-kubernetes-list-type"] == "atomic"


def test_map_keys_are_bounded_by_a_rule() -> None:
    sides = structural(Whole)["properties"]["sides"]
    assert sides["additionalProperties"] == {"type": "string", "minLength": 1, "maxLength": 7}
    assert sides[VALIDATIONS][0]["rule"] == "self.all(key, size(key) <= 5)"


def test_all_fields_but_the_mutable_ones_keep_their_value() -> None:
    rules = {rule.get("fieldPath"): rule["rule"] for rule in structural(Whole)[VALIDATIONS]}
    assert rules[".colour"] == "self.colour == oldSelf.colour"
    assert rules[".small"] == "self.small == oldSelf.small"
    assert rules[".spare"].startswith("has(self.spare) == has(oldSelf.spare) && ")
    assert ".note" not in rules
    assert rules[None] == "self.colour != 'Red'"


def test_a_union_asks_for_exactly_one() -> None:
    rule = structural(Choice)[VALIDATIONS][0]
    assert rule["rule"] == "[has(self.leftSide), has(self.right)].filter(x, x).size() == 1"
    assert rule["message"] == "exactly one of leftSide, right must be set"
    assert structural(Only)[VALIDATIONS][0]["message"] == "leftSide must be set"


@pytest.mark.parametrize("given", [{}, {"leftSide": {}, "right": {}}])
def test_python_refuses_what_the_apiserver_refuses(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one of leftSide, right must be set"):
        Choice.model_validate(given)


def test_a_real_union_has_no_structural_schema() -> None:
    class Mixed(Model):
        value: int | str

    with pytest.raises(ValueError, match="use OneOf"):
        structural(Mixed)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (Digest, "sha256:" + "0" * 64, "sha256:" + "0" * 63),
        (SemVer, "1.2.0-rc.1", "1.2.0-RC1"),
        (Decimal, "-2e-4", "1."),
    ],
)
def test_patterns_hold_in_python_too(kind: Any, right: str, wrong: str) -> None:
    class Holder(Model):
        value: kind

    assert Holder(value=right).value == right
    with pytest.raises(ValidationError):
        Holder(value=wrong)


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema node below `schema`, with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if word in schema:
            yield from nodes(schema[word], f"{path}[]")


NODES = [
    pytest.param(path, node, id=path)
    for kind in KINDS
    for section in ("spec", "status")
    for path, node in nodes(root_schema(kind)["properties"][section], f"{kind.name}.{section}")
]


@pytest.mark.parametrize(("path", "node"), NODES)
def test_every_field_is_bounded_and_told(path: str, node: dict[str, Any]) -> None:
    match node["type"]:
        case "string":
            assert "maxLength" in node or "enum" in node
        case "integer":
            assert {"minimum", "maximum"} <= set(node)
        case "array":
            assert "maxItems" in node
            assert node["x-kubernetes-list-type"] in ("map", "set", "atomic")
        case "object":
            assert "maxProperties" in node or "additionalProperties" not in node
        case "boolean":
            pass
        case other:
            pytest.fail(f"{other} has no place in a Kubernetes API")
    name = path.rpartition(".")[2]
    if not name.endswith("]"):
        told = node["description"]
        assert told.split()[0].strip(".,:") == name, f"the description starts with the field's name: {told}"
        assert told.endswith("."), f"the description is a sentence: {told}"
        assert len(told.split()) >= 4, f"the description says more than the name: {told}"


def test_every_kind_has_columns_for_state_and_age() -> None:
    for kind in KINDS:
        columns = {column["name"] for column in crd(kind)["spec"]["versions"][0]["additionalPrinterColumns"]}
        assert {"State", "Since", "Age", "Message"} <= columns
