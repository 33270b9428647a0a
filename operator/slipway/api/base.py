"""What do all our API models have in common, and how do they carry Kubernetes' own schema words?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

GROUP = "slipway.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


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
            names = ", ".join(to_camel(name) for name in type(self).model_fields)
            raise ValueError(f"exactly one of {names} must be set, found {len(given)}")
        return self

    @property
    def chosen(self) -> Model:
        """The one member that is set."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is not None:
                assert isinstance(value, Model)
                return value
        raise AssertionError("a OneOf always has a member")


def bounded(maximum: int, *, minimum: int = 1, pattern: str | None = None) -> Any:
    """Return the constraint of a bounded string."""
    return StringConstraints(min_length=minimum, max_length=maximum, pattern=pattern)


# Child names add a hash and a suffix to a root's name and become label values (63).
Name = Annotated[str, bounded(63, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
Label = Annotated[str, bounded(63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
Digest = Annotated[str, bounded(71, minimum=71, pattern=r"^sha256:[0-9a-f]{64}$")]
StoreUri = Annotated[str, bounded(1024, pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,62}/.*$")]
Decimal = Annotated[str, bounded(24, pattern=r"^-?[0-9]+(\.[0-9]+)?([eE]-?[0-9]+)?$")]
Quantity = Annotated[str, bounded(20, pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$")]
SemVer = Annotated[str, bounded(64, pattern=r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$")]
Timestamp = Annotated[str, bounded(32)]
Message = Annotated[str, bounded(2048, minimum=0)]
Seconds = Annotated[int, Field(ge=0, le=31_536_000)]
Percent = Annotated[int, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0, le=2**53)]
