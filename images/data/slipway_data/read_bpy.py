"""Which instruction pairs does a file of Blender Python hold?

One for every function and every class at the top of the file: a class by itself where it is short enough to be learnt
whole (an operator makes sense only so), else its methods.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Literal

from slipway_data.ask_bpy import SYSTEM, request
from slipway_data.raw import RawFile, Refused
from slipway_data.rows import NOTHING_TO_ASK, UNREADABLE_FILE, Ids, Parsed, Rejected, instruction
from slipway_data.spdx import header
from slipway_formats.bpy_names import Bound, imports, origins, outside

CHARACTERS_LIMIT = 8000
UNWRITABLE = (RecursionError, ValueError)
"""What ast.unparse raises: the latter at a number that stands there in hexadecimal and has too many decimal digits."""
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def read(file: RawFile, schema: Literal["Chat", "Completion"]) -> Iterator[Parsed | Rejected]:
    """Yield every pair in `file`, a rejection for what nobody could ask for, or one rejection for the file."""
    try:
        text = file.text()
        module = _module(text)
    except Refused as error:
        yield error.rejected(file.path)
        return
    if not origins(imports(ast.walk(module))):
        message = "it imports neither bpy nor another module of Blender: leave it out by source include patterns"
        yield Rejected(file.path, NOTHING_TO_ASK, message)
        return
    said = header(text)
    columns = {"license": said} if said else {}
    bound, ids = imports(outside(module.body)), Ids(file.path)
    for owner, node in _items(module.body):
        id = ids.next(f"{owner.name}.{node.name}" if owner else node.name)
        try:
            asked, answer = request(node, owner, bound), _answer(node, bound)
        except UNWRITABLE as error:
            why = "nested too deeply" if isinstance(error, RecursionError) else "a number with too many digits"
            yield Rejected(id, UNREADABLE_FILE, f"line {node.lineno}: {why} to be written again")
            continue
        if asked is None:
            message = f"line {node.lineno}: no docstring, no Blender name and no telling name to ask for it by"
            yield Rejected(id, NOTHING_TO_ASK, message)
        else:
            yield Parsed(id, instruction(asked, answer, schema, SYSTEM), columns=columns)


def _module(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            # Escapes such as "\d" in old sources are worth a warning to their authors, none to us.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise Refused(UNREADABLE_FILE, f"line {error.lineno}: no Python 3: {error.msg}") from error
    except (RecursionError, MemoryError) as error:  # by either, Python says that it is nested too deeply
        deep = "no Python 3 that can be read: it is nested too deeply, or takes too much memory"
        raise Refused(UNREADABLE_FILE, f"{deep}: split it into several files") from error


def _items(body: list[ast.stmt]) -> Iterator[tuple[ast.ClassDef | None, Definition]]:
    """Yield the definitions to learn, each with the class that it is a method of, if any."""
    for node in outside(body):
        if isinstance(node, ast.ClassDef) and _length(node) > CHARACTERS_LIMIT:
            methods = (inner for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef))
            yield from ((node, method) for method in methods if not method.name.startswith("__"))
        elif isinstance(node, Definition):
            yield None, node


def _length(node: ast.ClassDef) -> int:
    try:
        return len(ast.unparse(node))
    except UNWRITABLE:
        return 0  # it is refused, by name, where it would be written


def _answer(node: Definition, bound: Bound) -> str:
    """Return `node` with the imports that it needs, in one way of writing and without comments."""
    used = {found.id for found in ast.walk(node) if isinstance(found, ast.Name)}
    needed = [statement for name in bound if name in used or name.startswith("*") for statement in bound[name]]
    lines = dict.fromkeys(map(ast.unparse, needed))
    return "\n".join([*lines, "", "", ast.unparse(node)]) if lines else ast.unparse(node)
