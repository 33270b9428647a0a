"""Which names of Blender does a piece of Python use?"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence

MODULES = frozenset({"bpy", "bmesh", "mathutils", "bpy_extras", "gpu", "gpu_extras", "bl_math", "blf", "imbuf", "aud"})


Bound = Mapping[str, Sequence[ast.Import | ast.ImportFrom]]
"""Names, and the imports that bind them: one name each, but `import a.b` and `import a.c` both bind `a`."""


def imports(nodes: Iterable[ast.AST]) -> Bound:
    """Return what the imports among `nodes` bind. A star import is filed under `*` and its module.

    Imports from the file's own package are left out: outside of it they lead nowhere.
    """
    bound: dict[str, list[ast.Import | ast.ImportFrom]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound.setdefault(alias.asname or alias.name.partition(".")[0], []).append(ast.Import([alias]))
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                name = f"*{node.module}" if alias.name == "*" else alias.asname or alias.name
                bound.setdefault(name, []).append(ast.ImportFrom(node.module, [alias], 0))
    return bound


def outside(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of `body` that run when the file is loaded: those in functions and classes do not."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            for block in ("body", "orelse", "finalbody"):
                yield from outside(getattr(node, block, []))
            for handler in getattr(node, "handlers", []):
                yield from outside(handler.body)


def origins(bound: Bound) -> dict[str, str]:
    """Return the full name behind every bound name that comes from Blender: `D` is `bpy.data`."""
    found: dict[str, str] = {}
    for name, statements in bound.items():
        for statement in statements:
            [alias] = statement.names
            if isinstance(statement, ast.ImportFrom):
                full = f"{statement.module}.{alias.name}"
            else:
                full = alias.name if alias.asname else name
            if full.partition(".")[0] in MODULES:
                found[name] = full
    return found


def names_used(node: ast.AST, bound: Bound) -> list[str]:
    """Return the names of Blender in `node`, written out, each once and in the order they come."""
    reader = _Reader(origins(bound) | origins(imports(ast.walk(node))))
    reader.visit(node)
    return list(dict.fromkeys(reader.found))


class _Reader(ast.NodeVisitor):
    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self.found: list[str] = []

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = self._dotted(node)
        if name is None:
            self.generic_visit(node)
        else:
            self.found.append(name)

    def visit_Name(self, node: ast.Name) -> None:
        full = self._known.get(node.id, "")
        if "." in full:
            self.found.append(full)

    def _dotted(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self._known.get(node.id)
        if isinstance(node, ast.Attribute) and (before := self._dotted(node.value)) is not None:
            return f"{before}.{node.attr}"
        return None
