"""What does Blender's Python API have? Read off the type stubs of fake-bpy-module, without running anything."""

from __future__ import annotations

import ast
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PARAMETERS = re.compile(r"^(\s*(?:class|def)\s+\w+)\[(?:[^\[\]]|\[[^\[\]]*\])*\]", re.MULTILINE)
ALIAS = re.compile(r"^type (\w+) =", re.MULTILINE)
"""Both are syntax of Python 3.12, which older ones do not parse."""
ITEM = re.compile(r'^    "(\w+)",  # ([^.\n]+)\.', re.MULTILINE)
GENERAL = frozenset({"name", "type", "show_viewport", "show_render", "show_expanded", "show_in_editmode", "mute"})
"""Properties that everything of its kind has."""


@dataclass(frozen=True)
class Lesson:
    """What is asked for, and the code that does it."""

    asked: str
    code: str


@dataclass(frozen=True)
class Property:
    """A property that a script can set: its type is bool, int, float or one of `choices`."""

    name: str
    type: str
    choices: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The name as people say it."""
        return self.name.removeprefix("use_").replace("_", " ")


@dataclass(frozen=True)
class Api:
    """The stubs that scripts are made from, by module."""

    texts: Mapping[str, str]

    @classmethod
    def read(cls, wheel: Path) -> Api:
        """Return the API that the package in `wheel` describes."""
        wanted = ("types", "stub_internal/rna_enums", "ops/mesh", "ops/object", "ops/curve", "ops/surface")
        with zipfile.ZipFile(wheel) as opened:
            return cls({name: opened.read(f"bpy-stubs/{name}/__init__.pyi").decode("utf-8") for name in wanted})

    def operators(self, module: str) -> dict[str, tuple[Property, ...]]:
        """Return the operators of a module with the parameters that a script can set."""
        found: dict[str, tuple[Property, ...]] = {}
        for node in _parsed(self.texts[f"ops/{module}"]).body:
            if isinstance(node, ast.ClassDef):
                calls = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__new__"]
                found[node.name] = tuple(_parameters(calls[0])) if calls else ()
        return found

    def items(self, enum: str) -> dict[str, str]:
        """Return the identifiers of an enumeration with their labels: BEVEL and Bevel."""
        body = self.texts["stub_internal/rna_enums"].partition(f"type {enum} = ")[2].partition("\n]")[0]
        return dict(ITEM.findall(body))

    def subclasses(self, base: str) -> dict[str, tuple[Property, ...]]:
        """Return the classes made from `base` with their own properties that a script can set."""
        return {
            name: self.properties(name)
            for name, node in self._classes.items()
            if any(isinstance(one, ast.Name) and one.id == base for one in node.bases)
        }

    def properties(self, name: str) -> tuple[Property, ...]:
        """Return the properties of a class that a script can set."""
        return tuple(one for one in _members(self._classes[name]) if one.name not in GENERAL)

    @cached_property
    def _classes(self) -> dict[str, ast.ClassDef]:
        return {node.name: node for node in _parsed(self.texts["types"]).body if isinstance(node, ast.ClassDef)}


def key(name: str) -> str:
    """Return what identifiers and class names of one thing have in common: `bevel` of BEVEL and BevelModifier."""
    return name.replace("_", "").lower()


def _parsed(text: str) -> ast.Module:
    return ast.parse(ALIAS.sub(r"\1 =", PARAMETERS.sub(r"\1", text)))


def _parameters(call: ast.FunctionDef) -> Iterator[Property]:
    for argument in call.args.kwonlyargs:
        if (found := _property(argument.arg, argument.annotation)) is not None:
            yield found


def _members(node: ast.ClassDef) -> Iterator[Property]:
    for inner in node.body:
        if not isinstance(inner, ast.AnnAssign) or not isinstance(inner.target, ast.Name):
            continue
        if (found := _property(inner.target.id, inner.annotation)) is not None:
            yield found


def _property(name: str, annotation: ast.expr | None) -> Property | None:
    written = ast.unparse(annotation).removesuffix(" | None") if annotation is not None else ""
    if written in ("bool", "int", "float"):
        return Property(name, written)
    choices = re.findall(r"'(\w+)'", written) if written.startswith("typing.Literal[") else []
    return Property(name, "enum", tuple(choices)) if choices else None
