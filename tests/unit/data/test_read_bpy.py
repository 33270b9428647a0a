"""Which pairs does a file of Blender Python give, and what does it say of one that gives none?"""

from __future__ import annotations

import ast

import pytest

from slipway_data import read_bpy
from slipway_data.raw import RawFile
from slipway_data.rows import Completion, Parsed, Rejected

ADD_ON = '''
"""An add-on."""
import math, os
import bpy as B
from bpy.props import IntProperty
from bpy.types import Operator
from mathutils import Vector
from . import helpers


class MESH_OT_add_steps(Operator):
    """Add a flight of steps"""
    bl_idname = "mesh.add_steps"
    bl_label = 'Add Steps'
    count: IntProperty(name="Count", default=3)  # how many

    def execute(self, context):
        mesh = B.data.meshes.new("Steps")
        for n in range(self.count):
            mesh.vertices.add(math.ceil(n))
        context.collection.objects.link(B.data.objects.new("Steps", mesh))
        return {'FINISHED'}


def middle(points):
    """Return the middle of `points`."""
    # A comment is no part of the answer.
    return sum(points, Vector()) / len(points)


def remove_unused_meshes():
    for mesh in B.data.meshes:
        if not mesh.users: B.data.meshes.remove(mesh)


def copy_file_name(path): return os.path.basename(path)


def run(): pass


if B.app.version < (4, 0, 0):
    def middle(points): return B.context.scene.cursor.location
'''


def read(text: str, path: str = "steps.py", schema: str = "Completion") -> list[Parsed | Rejected]:
    return list(read_bpy.read(RawFile(path, lambda: [text.encode()]), schema))  # type: ignore[arg-type]


def pairs(text: str) -> dict[str, tuple[str, str]]:
    contents = {item.id: item.content for item in read(text) if isinstance(item, Parsed)}
    return {id: (c.prompt, c.completion) for id, c in contents.items() if isinstance(c, Completion)}


def test_functions_and_classes_become_pairs_with_stable_ids() -> None:
    assert list(pairs(ADD_ON)) == [
        f"steps.py#{name}"
        for name in ("MESH_OT_add_steps", "middle", "remove_unused_meshes", "copy_file_name", "middle~2")
    ]


def test_an_operator_is_asked_for_by_what_blender_shows_and_what_it_has() -> None:
    prompt, completion = pairs(ADD_ON)["steps.py#MESH_OT_add_steps"]
    first, *rest = prompt.splitlines()
    assert "the Blender operator MESH_OT_add_steps, mesh.add_steps (“Add Steps”)" in first
    assert rest == [
        "Add a flight of steps",
        "Properties: count (IntProperty).",
        "Methods: execute.",
        "It uses bpy.types.Operator, bpy.props.IntProperty, bpy.data.meshes.new, bpy.data.objects.new.",
    ]
    *imported, _ = completion.partition("\n\n\nclass MESH_OT_add_steps(Operator):\n")
    assert imported[0].splitlines() == [
        "import math",
        "import bpy as B",
        "from bpy.props import IntProperty",
        "from bpy.types import Operator",
    ]
    assert "how many" not in completion


def test_a_function_is_asked_for_by_signature_docstring_and_names() -> None:
    prompt, completion = pairs(ADD_ON)["steps.py#middle"]
    assert "the Blender function middle(points)" in prompt
    assert prompt.endswith("\nReturn the middle of `points`.\nIt uses mathutils.Vector.\n")
    assert completion.startswith("from mathutils import Vector\n\n\ndef middle(points):\n")
    assert "comment" not in completion
    prompt, completion = pairs(ADD_ON)["steps.py#remove_unused_meshes"]
    assert prompt.endswith("\nIt is to remove unused meshes.\nIt uses bpy.data.meshes, bpy.data.meshes.remove.\n")
    assert completion.startswith("import bpy as B\n")


def test_every_answer_is_python_and_written_only_one_way() -> None:
    for _, answer in pairs(ADD_ON).values():
        *_, definition = ast.parse(answer).body
        assert answer.endswith(ast.unparse(definition))
    untidy = ADD_ON.replace("'Add Steps'", '"Add Steps"').replace("\n\n\n", "\n\n# more\n\n")
    assert pairs(untidy) == pairs(ADD_ON)


def test_what_nobody_could_ask_for_is_rejected_with_its_line() -> None:
    rejected = [item for item in read(ADD_ON) if isinstance(item, Rejected)]
    assert [(r.id, r.reason) for r in rejected] == [("steps.py#run", "NothingToAsk")]
    line = ADD_ON.split("\n").index("def run(): pass") + 1
    assert rejected[0].message.startswith(f"line {line}: no docstring")


def test_a_class_too_long_to_be_learnt_whole_gives_its_methods() -> None:
    body = "\n".join(f"        bpy.ops.mesh.primitive_cube_add(size={n})" for n in range(300))
    methods = f"    def __init__(self):\n        pass\n    def execute(self, c):\n{body}\n"
    text = f"import bpy\nclass Rows(bpy.types.Operator):\n{methods}"
    ((id, (prompt, _)),) = pairs(text).items()
    assert id == "steps.py#Rows.execute"
    assert "the method execute(self, c) of the Blender operator Rows" in prompt
    assert prompt.count("bpy.ops.mesh.primitive_cube_add") == 1


def test_imports_inside_a_function_name_things_and_stay_there() -> None:
    prompt, completion = pairs("def add():\n    import bpy\n    bpy.ops.mesh.primitive_cube_add()")["steps.py#add"]
    assert "It uses bpy.ops.mesh.primitive_cube_add." in prompt
    assert completion.startswith("def add():\n    import bpy\n")


def test_two_modules_of_one_package_and_stars_are_imported() -> None:
    text = "import xml.dom\nimport xml.sax\nfrom bpy.props import *\ndef both_of_them(): return xml.dom, xml.sax\n"
    _, completion = pairs(text)["steps.py#both_of_them"]
    assert completion.startswith("import xml.dom\nimport xml.sax\nfrom bpy.props import *\n\n\n")


def test_a_chat_says_the_task_first() -> None:
    [item, *_] = read(ADD_ON, schema="Chat")
    assert isinstance(item, Parsed)
    roles = [message["role"] for message in item.content.dump()["messages"]]  # type: ignore[attr-defined]
    assert roles == ["system", "user", "assistant"]


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        ("import bpy\ndef f(:\n", "UnreadableFile", "line 2: no Python 3: "),
        ("import bpy\nprint 'old'\n", "UnreadableFile", "line 2: no Python 3: "),
        ("import bpy\nx = " + "(" * 5000, "UnreadableFile", "no Python 3"),
        (
            "import bpy\nx = " + "not " * 5000 + "1",
            "UnreadableFile",
            "it is nested too deeply, or takes too much memory",
        ),
        ("import bpy\nx = " + "-" * 100_000 + "1", "UnreadableFile", "no Python 3"),
        ("import os\ndef list_files(): return os.listdir()", "NothingToAsk", "it imports neither bpy nor"),
        ("", "NothingToAsk", "it imports neither bpy nor"),
    ],
)
def test_a_file_that_gives_nothing_is_rejected_once(text: str, reason: str, message: str) -> None:
    (item,) = read(text)
    assert isinstance(item, Rejected)
    assert (item.id, item.reason) == ("steps.py", reason)
    assert message in item.message


def test_one_function_nested_too_deeply_leaves_the_others() -> None:
    text = f"import bpy\ndef chain():\n    return {' + '.join(['bpy'] * 700)}\ndef good_one(): return bpy.data\n"
    deep, good = read(text)
    assert isinstance(deep, Rejected)
    assert (deep.id, deep.reason) == ("steps.py#chain", "UnreadableFile")
    assert isinstance(good, Parsed)


def test_a_number_that_cannot_be_written_again_costs_its_function_only() -> None:
    good = 'def add_cube():\n    """Add a cube."""\n    bpy.ops.mesh.primitive_cube_add()\n\n\n'
    # Python reads so many digits in hexadecimal only, and writes them in decimal only.
    bad = f'def large_number():\n    """Give a number."""\n    return 0x{"f" * 5000}\n\n\n'
    within = f'class Large:\n    """Have a number."""\n    number = 0x{"f" * 5000}\n    text = "{"x" * 9000}"\n'
    found = read("import bpy\n\n\n" + good + bad + within)
    assert [item.id for item in found] == ["steps.py#add_cube", "steps.py#large_number", "steps.py#Large"]
    assert [type(item) for item in found] == [Parsed, Rejected, Rejected]
    assert isinstance(found[1], Rejected)
    assert found[1].message == "line 9: a number with too many digits to be written again"
