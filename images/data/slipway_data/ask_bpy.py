"""How would a person ask for this piece of Blender Python?"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
from collections.abc import Iterator

from slipway_formats.bpy_names import Bound, names_used

SYSTEM = "You write Python for Blender. Answer only with Python code."
ASKS = (
    "Write {}.",
    "Give me the Python code of {}.",
    "Make this for Blender: {}.",
)
NAMES_LIMIT = 16
"""Names of Blender that a request gives; the first ones tell what it is about."""
KINDS = {
    "Operator": "operator",
    "Panel": "panel",
    "Menu": "menu",
    "Header": "header",
    "UIList": "list",
    "PropertyGroup": "property group",
    "AddonPreferences": "add-on preferences",
    "Gizmo": "gizmo",
    "GizmoGroup": "gizmo group",
    "KeyingSetInfo": "keying set",
    "NodeTree": "node tree",
    "Node": "node",
    "NodeSocket": "node socket",
    "RenderEngine": "render engine",
}
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def request(node: Definition, owner: ast.ClassDef | None, bound: Bound) -> str | None:
    """Return the words that ask for `node`, or None where it has nothing to be asked for by.

    That is a docstring, a name of Blender, or a name of two words or more. `owner` is the class that `node` is a method
    of, `bound` what the file's imports bind. The same code is always asked for in the same words.
    """
    doc, used, words = _documentation(node), names_used(node, bound), _words(node.name)
    if not doc and not used and len(words) < 2:
        return None
    opening = ASKS[hashlib.sha256(ast.dump(node).encode()).digest()[0] % len(ASKS)]
    lines = [opening.format(_title(node, owner, bound))]
    if doc:
        lines.append(doc)
    if isinstance(node, ast.ClassDef):
        lines += _members(node)
    elif not doc:
        lines.append(f"It is to {' '.join(words)}.")
    if used:
        lines.append(f"It uses {', '.join(used[:NAMES_LIMIT])}.")
    return "\n".join(lines)


def kind(node: ast.ClassDef, bound: Bound) -> str:
    """Return what a class is to Blender: an operator, a panel, or a class of its own."""
    bases = [name.rpartition(".")[2] for base in node.bases for name in names_used(base, bound)]
    known = next((KINDS[base] for base in bases if base in KINDS), None)
    # The base may be a class of another file; who has both of these is an operator.
    if known is None and "bl_idname" in _constants(node) and "execute" in _methods(node):
        return "operator"
    return known or "class"


def _title(node: Definition, owner: ast.ClassDef | None, bound: Bound) -> str:
    if isinstance(node, ast.ClassDef):
        said = _constants(node)
        label, idname = said.get("bl_label"), said.get("bl_idname")
        named = f"{node.name}, {idname}" if idname and idname != node.name else node.name
        return f"the Blender {kind(node, bound)} {named}{f' (“{label}”)' if label else ''}"
    signature = f"{node.name}({ast.unparse(node.args)})"
    if owner is not None:
        return f"the method {signature} of the Blender {kind(owner, bound)} {owner.name}"
    return f"the Blender function {signature}"


def _documentation(node: Definition) -> str:
    """Return the docstring, else what Blender shows of a class."""
    found = ast.get_docstring(node) or ""
    if not found and isinstance(node, ast.ClassDef):
        found = _constants(node).get("bl_description", "")
    return inspect.cleandoc(found).strip()


def _members(node: ast.ClassDef) -> Iterator[str]:
    """Yield what a class has: properties with their types, and methods."""
    annotated = (inner for inner in node.body if isinstance(inner, ast.AnnAssign))
    properties = [f"{_short(inner.target)} ({_short(inner.annotation)})" for inner in annotated]
    if properties:
        yield f"Properties: {', '.join(properties)}."
    if methods := _methods(node):
        yield f"Methods: {', '.join(methods)}."


def _short(expression: ast.expr) -> str:
    """Return an expression without its arguments: of `bpy.props.IntProperty(name="Count")`, IntProperty."""
    while isinstance(expression, ast.Call):
        expression = expression.func
    return ast.unparse(expression).rpartition(".")[2]


def _constants(node: ast.ClassDef) -> dict[str, str]:
    """Return the texts that a class assigns to names of its own."""
    return {
        target.id: inner.value.value
        for inner in node.body
        if isinstance(inner, ast.Assign)
        and isinstance(inner.value, ast.Constant)
        and isinstance(inner.value.value, str)
        for target in inner.targets
        if isinstance(target, ast.Name)
    }


def _methods(node: ast.ClassDef) -> list[str]:
    return [inner.name for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)]


def _words(name: str) -> list[str]:
    """Return the words of an identifier: of `_addCube_at`, add, cube and at."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
