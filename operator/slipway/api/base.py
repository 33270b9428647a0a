"""What do all our API models have in common, and how do they carry Kubernetes' own schema words?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

GROUP = "slipway.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
LISTED: dict[str, JsonValue] = {"x-kubernetes-list-type": "atomic"}
"""Schema of a list that is replaced as a whole."""


@dataclass(frozen=True)
class Rule:
    """A CEL rule of the generated CRD. `message` says what is wrong and what to do."""

    rule: str
    message: str
    field_path: str = ""

    def to_schema(self) -> dict[str, str]:
        """Return the entry of `x-kubernetes-validations`."""
        entry = {"rule": self.rule, "message": self.message}
        return entry | {"fieldPath": self.field_path} if self.field_path else entry


class Model(BaseModel):
    """A piece of the API: camelCase outside, snake_case inside, unknown fields refused, values frozen."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    rules: ClassVar[tuple[Rule, ...]] = ()
    """What the apiserver checks beyond types and bounds."""
    mutable: ClassVar[frozenset[str] | None] = None
    """Fields (as in a manifest) that may change after creation; None means all of them."""

    def dump(self) -> dict[str, Any]:
        """Return the JSON form as it stands in a manifest: camelCase, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class StatusModel(Model):
    """A piece of status: what an older or newer operator wrote beside it is ignored, never an error."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class OneOf(Model):
    """A union written as an object with exactly one of its fields set."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"{type(self).demand()}, found {len(given)}")
        return self

    @classmethod
    def members(cls) -> list[str]:
        """Return the names of the alternatives, as in a manifest."""
        return [field.alias or to_camel(name) for name, field in cls.model_fields.items()]

    @classmethod
    def demand(cls) -> str:
        """Return the rule in words."""
        names = cls.members()
        return f"exactly one of {', '.join(names)} must be set" if len(names) > 1 else f"{names[0]} must be set"

    @property
    def chosen(self) -> Model:
        """The one member that is set."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is not None:
                assert isinstance(value, Model)
                return value
        raise AssertionError("a OneOf always has a member")

    @property
    def member(self) -> str:
        """The name of the one member that is set, as in a manifest."""
        return next(iter(self.dump()))


@dataclass(frozen=True)
class Text:
    """Bounds of a string; `says` is what a user reads when the pattern does not match."""

    maximum: int
    minimum: int = 1
    pattern: str | None = None
    says: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the bounds and the pattern in Python too."""
        schema: Any = handler(source)
        bounds = {"min_length": self.minimum, "max_length": self.maximum}
        return {**schema, **bounds, **({"pattern": self.pattern} if self.pattern else {})}

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Say the pattern as a CEL rule where there are words for it: the apiserver would quote the bare pattern."""
        made = handler(schema)
        if self.pattern and self.says:
            made.pop("pattern")
            rule = Rule(f"self.matches(r'{self.pattern}')", self.says)
            made["x-kubernetes-validations"] = [rule.to_schema()]
        return made


def bounded(maximum: int, *, minimum: int = 1, pattern: str | None = None, says: str = "") -> Text:
    """Return the constraint of a bounded string."""
    return Text(maximum, minimum, pattern, says)


# Names become label values, and child names add a hash and a suffix to them: 63 at most.
Name = Annotated[
    str,
    bounded(
        63,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        says="use lower case letters, digits, '-' and '.', with a letter or digit at both ends",
    ),
]
Label = Annotated[
    str,
    bounded(
        63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        says="use lower case letters, digits and '-', with a letter or digit at both ends",
    ),
]
Digest = Annotated[
    str,
    bounded(
        71,
        pattern=r"^sha256:[0-9a-f]{64}$",
        says="a digest is 'sha256:' and 64 hexadecimal digits, as `python -m slipway_pod.push` prints it",
    ),
]
StoreUri = Annotated[
    str,
    bounded(
        1024,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,62}/.*$",
        says="an address in the object store is written s3://bucket/path",
    ),
]
Decimal = Annotated[
    str,
    bounded(
        24,
        pattern=r"^-?[0-9]+(\.[0-9]+)?([eE]-?[0-9]+)?$",
        says='write a number in quotes, for example "0.05" or "2e-4"',
    ),
]
NonNegative = Annotated[
    str,
    bounded(
        24,
        pattern=r"^[0-9]+(\.[0-9]+)?([eE]-?[0-9]+)?$",
        says='write a number of 0 or more in quotes, for example "0.05" or "2e-4"',
    ),
]
Quantity = Annotated[
    str,
    bounded(
        20,
        pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$",
        says='write a quantity in quotes, for example "500m", "4" or "16Gi"',
    ),
]
# A version is part of an object's name and the value of a label, hence lower case and 63.
SemVer = Annotated[
    str,
    bounded(
        63,
        pattern=r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9a-z]([0-9a-z.-]*[0-9a-z])?)?$",
        says="write a version as MAJOR.MINOR.PATCH with an optional lower case suffix, for example 1.2.0 or 1.2.0-rc.1",
    ),
]
Timestamp = Annotated[str, bounded(32), Field(json_schema_extra={"format": "date-time"})]
Message = Annotated[str, bounded(2048, minimum=0)]
Seconds = Annotated[int, Field(ge=0, le=31_536_000)]
Percent = Annotated[int, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Globs = Annotated[list[Annotated[str, bounded(256)]], Field(min_length=1, max_length=32, json_schema_extra=LISTED)]
"""Glob patterns, of which a path must match one."""


def significant(value: float) -> str:
    """Return a number of any size as a Decimal, with six digits."""
    return f"{value:.6g}".replace("e+", "e")
