"""Which names does Blender's Python API have? Read off the type stubs of fake-bpy-module, without running anything."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

SUFFIX = "-stubs"
PARAMETERS = re.compile(r"^(\s*(?:class|def|type)\s+\w+)\[(?:[^\[\]]|\[[^\[\]]*\])*\]", re.MULTILINE)
ALIAS = re.compile(r"^type (\w+) =", re.MULTILINE)
"""Both are syntax of Python 3.12, which older ones do not parse; neither says anything about names."""
WRAPPERS = frozenset({"Optional", "Annotated", "ClassVar", "Final"})


@dataclass
class Class:
    """A class: what it is made from, and the type of each member as the stub writes it ("" where it says none)."""

    module: str
    bases: tuple[str, ...] = ()
    members: dict[str, str] = field(default_factory=dict)


@dataclass
class Module:
    """A module: its classes, functions, the types of its variables, and where what it imports comes from."""

    name: str
    classes: dict[str, Class] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    variables: dict[str, str] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)


class Stubs:
    """The stubs below a folder. Modules are read when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[str, Module | None] = {}

    def knows(self, dotted: str) -> bool:
        """Tell whether `dotted`, for example bpy.context.scene.frame_end, exists.

        It says no only where it is sure: where a type is not written down, or is none of Blender's, anything goes from
        there on. What holds one of several types (an object's data) has what any of them has.
        """
        parts = dotted.split(".")
        if self.module(parts[0]) is None or any(part.startswith("_") for part in parts):
            return True  # stubs do not tell of it
        return self._in_module(parts[0], parts[1:])

    def module(self, name: str) -> Module | None:
        """Return the module `name`, or None where there are no stubs of it."""
        if name not in self._modules:
            top, _, rest = name.partition(".")
            path = self._folder.joinpath(f"{top}{SUFFIX}", *(rest.split(".") if rest else ()))
            file = next((one for one in (path / "__init__.pyi", path.with_suffix(".pyi")) if one.is_file()), None)
            self._modules[name] = _read(name, file) if file is not None else None
        return self._modules[name]

    def _in_module(self, name: str, rest: list[str]) -> bool:  # noqa: PLR0911 - one for each thing a name can be
        if not rest:
            return True
        module = self.module(name)
        if module is None:
            return True
        first, *others = rest
        inside = f"{name}.{first}"
        if first in module.classes:
            return self._in_class(inside, module.classes[first], others)
        if first in module.functions:
            return True
        if first in module.variables:
            return self._in_type(module, module.variables[first], others)
        if first in module.imported and module.imported[first] != inside:
            return self.knows(".".join([module.imported[first], *others]))
        return self.module(inside) is not None and self._in_module(inside, others)

    def _in_class(self, name: str, found: Class, rest: list[str]) -> bool:
        if not rest:
            return True
        first, *others = rest
        related = [*self._ancestors(found), *self._descendants(found)]
        if any("__getattr__" in one.members for one in related) or not self._all_bases_known(found):
            return True
        for one in related:
            if first in one.members:
                module = self.module(one.module)
                assert module is not None
                written = one.members[first]
                return not written or self._in_type(module, written, others)
        return False

    def _in_type(self, module: Module, written: str, rest: list[str]) -> bool:
        if not rest:
            return True
        found = [one for name in _types(written) if (one := self._class(module, name)) is not None]
        if len(found) < len(list(_types(written))):
            return True
        return any(self._in_class(one.module, one, rest) for one in found)

    def _class(self, module: Module, written: str) -> Class | None:
        if written in module.classes:
            return module.classes[written]
        holder, _, name = written.rpartition(".")
        other = self.module(holder) if holder else None
        return other.classes.get(name) if other is not None else None

    def _ancestors(self, found: Class) -> Iterator[Class]:
        yield found
        module = self.module(found.module)
        assert module is not None
        for base in found.bases:
            if (one := self._class(module, base)) is not None:
                yield from self._ancestors(one)

    def _all_bases_known(self, found: Class) -> bool:
        module = self.module(found.module)
        assert module is not None
        known = [(base, self._class(module, base)) for base in found.bases]
        return all(
            one is not None or base.rpartition(".")[2] in ("Generic", "object", "Protocol", "Sequence")
            for base, one in known
        ) and all(self._all_bases_known(one) for _, one in known if one is not None)

    def _descendants(self, found: Class) -> Iterator[Class]:
        for one in self._children.get(id(found), ()):
            yield one
            yield from self._descendants(one)

    @cached_property
    def _children(self) -> dict[int, list[Class]]:
        types = self.module("bpy.types")
        found: dict[int, list[Class]] = {}
        for one in types.classes.values() if types is not None else ():
            for base in one.bases:
                if types is not None and (parent := self._class(types, base)) is not None:
                    found.setdefault(id(parent), []).append(one)
        return found


def _types(written: str) -> Iterator[str]:
    """Yield the classes that an annotation allows besides None; a generic one stands for its class."""
    try:
        node = ast.parse(written, mode="eval").body
    except SyntaxError:
        yield "?"
        return
    yield from _names(node)


def _names(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=None):
            return
        case ast.Constant(value=str() as quoted):
            yield from _types(quoted)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            yield from _names(left)
            yield from _names(right)
        case ast.Subscript(value=value, slice=inside):
            wrapper = ast.unparse(value).rpartition(".")[2]
            if wrapper in WRAPPERS:
                yield from _names(inside)
            else:
                yield ast.unparse(value)
        case _:
            yield ast.unparse(node)


def _older(text: str) -> str:
    return ALIAS.sub(r"\1 =", PARAMETERS.sub(r"\1", text))


def _read(name: str, file: Path) -> Module:
    module = Module(name)
    package = name if file.name == "__init__.pyi" else name.rpartition(".")[0]
    for node in ast.parse(_older(file.read_text(encoding="utf-8"))).body:
        match node:
            case ast.ClassDef():
                module.classes[node.name] = _class(name, node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                module.functions.add(node.name)
            case ast.AnnAssign(target=ast.Name(id=variable), annotation=annotation):
                module.variables[variable] = ast.unparse(annotation)
            case ast.Assign(targets=targets):
                module.variables |= {target.id: "?" for target in targets if isinstance(target, ast.Name)}
            case ast.ImportFrom(module=origin, names=names, level=level):
                start = ".".join(filter(None, [package if level else "", origin or ""]))
                module.imported |= {alias.asname or alias.name: f"{start}.{alias.name}" for alias in names}
    return module


def _class(module: str, node: ast.ClassDef) -> Class:
    bases = tuple(name for base in node.bases for name in _names(base))
    found = Class(module, bases)
    for inner in node.body:
        match inner:
            case ast.AnnAssign(target=ast.Name(id=member), annotation=annotation):
                found.members[member] = ast.unparse(annotation)
            case ast.Assign(targets=targets):
                found.members |= {target.id: "" for target in targets if isinstance(target, ast.Name)}
            case ast.FunctionDef(name=member, returns=returns, decorator_list=decorators):
                is_property = any(isinstance(one, ast.Name) and one.id == "property" for one in decorators)
                if member not in found.members:
                    found.members[member] = ast.unparse(returns) if is_property and returns is not None else ""
            case ast.ClassDef(name=member):
                found.members[member] = ""
    return found
