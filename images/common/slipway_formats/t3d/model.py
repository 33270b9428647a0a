"""What is a T3D text made of?

Values stay as they are written (`value` is raw text), because their types are Unreal's and only a few matter here.
Equality ignores line numbers: two graphs are equal when they say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from slipway_formats.t3d import values


@dataclass(frozen=True)
class Property:
    """A line `Key=Value` or `Key(2)=Value`."""

    key: str
    value: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Custom:
    """A line `CustomProperties Kind (a=1,b="x",)`; a Blueprint's pins are of kind Pin."""

    kind: str
    fields: tuple[tuple[str, str], ...]
    line: int = field(default=0, compare=False)

    def get(self, key: str) -> str | None:
        """Return the raw value of a field, or None."""
        return next((value for name, value in self.fields if name == key), None)


@dataclass(frozen=True)
class Object:
    """A block `Begin Object … End Object`; header and body keep their order."""

    header: tuple[tuple[str, str], ...]
    body: tuple[Property | Custom | Object, ...]
    line: int = field(default=0, compare=False)

    def attribute(self, key: str) -> str:
        """Return a value of the header without its quotes, empty where it is absent."""
        return next((values.unquoted(value) for name, value in self.header if name == key), "")

    @property
    def name(self) -> str:
        """The object's name."""
        return self.attribute("Name")

    @property
    def cls(self) -> str:
        """The class path, for example /Script/BlueprintGraph.K2Node_CallFunction; empty in a second block of a name."""
        return self.attribute("Class")

    @property
    def short_class(self) -> str:
        """The last part of the class path."""
        return self.cls.replace("'", "").replace('"', "").rpartition("/")[2].rpartition(".")[2]

    @cached_property
    def properties(self) -> dict[str, str]:
        """Raw values by key; the last one of a key holds."""
        return {item.key: item.value for item in self.body if isinstance(item, Property)}

    @property
    def objects(self) -> Iterator[Object]:
        """The blocks directly inside this one."""
        return (item for item in self.body if isinstance(item, Object))

    @property
    def customs(self) -> Iterator[Custom]:
        """The CustomProperties lines directly inside this block."""
        return (item for item in self.body if isinstance(item, Custom))


@dataclass(frozen=True)
class Graph:
    """A whole text: its top-level objects, in order."""

    objects: tuple[Object, ...]

    @property
    def comments(self) -> tuple[str, ...]:
        """The texts of the graph's comment boxes."""
        raw = (o.properties.get("NodeComment", "") for o in self.objects if o.short_class.endswith("_Comment"))
        return tuple(values.unquoted(text) for text in raw if text)
