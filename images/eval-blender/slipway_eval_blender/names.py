"""Which names of Blender does an answer use that do not exist?"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from slipway_eval_blender.stubs import Stubs
from slipway_formats.bpy_names import imports, names_used, outside

REGISTERED = "bpy.types."


@dataclass(frozen=True)
class Own:
    """What an answer adds to Blender's names by itself."""

    classes: frozenset[str]
    operators: frozenset[str]
    """bl_idname of its operators."""
    attributes: frozenset[str]
    """Properties that it adds to classes of Blender, like bpy.types.Scene.my_count."""


def unknown(module: ast.Module, stubs: Stubs) -> list[str]:
    """Return the names in `module` that Blender does not have and the answer does not add, in order."""
    own = _own(module)
    used = names_used(module, imports(outside(module.body)))
    return [name for name in used if not _added(name, own) and not stubs.knows(name)]


def _own(module: ast.Module) -> Own:
    classes = [node for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    targets = [target for node in ast.walk(module) if isinstance(node, ast.Assign) for target in node.targets]
    added = [target.attr for target in targets if isinstance(target, ast.Attribute) and _is_type(target.value)]
    return Own(
        classes=frozenset(node.name for node in classes),
        operators=frozenset(
            inner.value.value
            for node in classes
            for inner in node.body
            if isinstance(inner, ast.Assign)
            and isinstance(inner.value, ast.Constant)
            and isinstance(inner.value.value, str)
            and any(isinstance(target, ast.Name) and target.id == "bl_idname" for target in inner.targets)
        ),
        attributes=frozenset(added),
    )


def _is_type(node: ast.expr) -> bool:
    return ast.unparse(node).startswith(("bpy.types.", "types."))


def _added(name: str, own: Own) -> bool:
    parts = name.split(".")
    if name.startswith("bpy.ops."):
        return ".".join(parts[2:4]) in own.operators
    if name.startswith(REGISTERED) and parts[2] in own.classes:
        return True
    return any(part in own.attributes for part in parts[1:])
