"""Does the check of names know Blender's own? Its bundled scripts are right by definition."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from e2e.setup import blender

PROGRAM = """
import ast, json, sys, sysconfig
from pathlib import Path
from slipway_eval_blender.names import unknown
from slipway_eval_blender.stubs import Stubs

site = Path(sysconfig.get_paths()["purelib"])
stubs = Stubs(site)
if sys.argv[1] == "own":
    files = sorted(p for p in (site / "bpy").glob("*/scripts/**/*.py") if "bl_i18n" not in p.name)
    texts = {str(p.relative_to(site)): p.read_text(errors="replace") for p in files}
else:
    texts = json.loads(sys.argv[2])
from slipway_formats.bpy_names import imports, names_used, outside
found = {}
used = 0
for name, text in texts.items():
    module = ast.parse(text)
    used += len(names_used(module, imports(outside(module.body))))
    if missing := unknown(module, stubs):
        found[name] = missing
print(json.dumps({"files": len(texts), "used": used, "unknown": found}))
"""


def asked(python: Path, *arguments: str) -> dict:
    environment = {"PYTHONPATH": blender.path(), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [str(python), "-W", "ignore", "-c", PROGRAM, *arguments], env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_blenders_own_scripts_use_names_that_exist(python: Path) -> None:
    found = asked(python, "own")
    assert found["files"] > 300
    assert found["used"] > 3000
    wrong = [name for names in found["unknown"].values() for name in names]
    assert len(wrong) / found["used"] < 0.01, sorted(set(wrong))


RIGHT = {
    "chain": "import bpy\nbpy.context.scene.render.engine = 'CYCLES'\n",
    "data": "import bpy\nbpy.context.object.data.materials.clear()\n",
    "alias": "from bpy import ops as o, data as D\no.mesh.primitive_cube_add()\nD.meshes.new('x')\n",
    "types": "import bpy\nclass X(bpy.types.Operator):\n    pass\n",
    "own": "import bpy\nclass A(bpy.types.Operator):\n    bl_idname = 'object.mine'\nbpy.ops.object.mine()\n",
    "property": "import bpy\nbpy.types.Scene.shots = bpy.props.IntProperty()\nbpy.context.scene.shots = 3\n",
    "bmesh": "import bmesh\nbmesh.ops.create_cone\nbmesh.types.BMVert\n",
    "vectors": "from mathutils import Vector\nVector.Fill(3)\n",
    "handler": "import bpy\nbpy.app.handlers.frame_change_post.append(print)\n",
}
WRONG = {
    "operator": ("import bpy\nbpy.ops.mesh.add_cube()\n", "bpy.ops.mesh.add_cube"),
    "module": ("import bpy\nbpy.meshes.new('x')\n", "bpy.meshes.new"),
    "member": ("import bpy\nbpy.context.scene.render.enginee = 1\n", "bpy.context.scene.render.enginee"),
    "data": ("import bpy\nbpy.data.object['x']\n", "bpy.data.object"),
    "class": ("from bpy.types import Oper\nclass X(Oper):\n    pass\n", "bpy.types.Oper"),
    "bmesh": ("import bmesh\nbmesh.ops.make_cone()\n", "bmesh.ops.make_cone"),
    "extras": ("from mathutils import Vektor\nVektor((1, 2, 3))\n", "mathutils.Vektor"),
}


def test_names_that_exist_are_known_and_others_are_told(python: Path) -> None:
    texts = RIGHT | {f"wrong {name}": text for name, (text, _) in WRONG.items()}
    found = asked(python, "given", json.dumps(texts))["unknown"]
    assert found == {f"wrong {name}": [missing] for name, (_, missing) in WRONG.items()}
