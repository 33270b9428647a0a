"""How far does each kind of answer come, and does what it does stay in its process?"""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from slipway.contract.execution import Answered, Request
from tests.blender.conftest import Container, task

CUBE = "import bpy\nbpy.ops.mesh.primitive_cube_add()\n"


def test_each_layer_has_its_word(container: Container) -> None:
    cases = {
        "nothing": ("  \n", "Nothing", "NoCode", "the answer is empty"),
        "prose": ("Sure! Here is how to do it.", "Nothing", "NoPython", "line 1: invalid syntax"),
        "outside": ("return 1", "Nothing", "NoPython", "'return' outside function"),
        "name": (
            "import bpy\ndef f():\n    bpy.ops.mesh.primitive_qube_add()\n",
            *("Compiles", "UnknownName", "Blender has no bpy.ops.mesh.primitive_qube_add"),
        ),
        "raises": (
            "import bpy\n\nbpy.data.objects['Cube'].location.x = 1\n",
            *("NamesExist", "Raised", "line 3: KeyError:"),
        ),
        "exits": ("import sys\nsys.exit(3)\n", "NamesExist", "Raised", "it exits with 3"),
        "other": (
            "import bpy\nbpy.ops.mesh.primitive_plane_add()\n",
            *("Runs", "NotAsAsked", "vertices is 4, wanted 8"),
        ),
        "right": (CUBE, "AsAsked", "", ""),
        "fenced": (f"Here it is:\n```python\n{CUBE}```\nHave fun!", "AsAsked", "", ""),
        "main": ("def main():\n    " + CUBE.replace("\n", "\n    ") + "\nif __name__ == '__main__':\n    main()\n",
                 "AsAsked", "", ""),
    }  # fmt: skip
    found = container.judge(*((task(name), answer) for name, (answer, *_) in cases.items()))
    for (name, (_, layer, fault, why)), verdict in zip(cases.items(), found, strict=True):
        assert (verdict.layer, verdict.fault) == (layer, fault), (name, verdict)
        assert why in verdict.why, (name, verdict)


def test_what_hangs_or_asks_for_too_much_is_ended_and_the_others_go_on(container: Container) -> None:
    found = container.judge(
        (task("hangs"), "while True:\n    pass\n"),
        (task("sleeps"), "import time\ntime.sleep(3600)\n"),
        (task("grows"), "held = []\nwhile True:\n    held.append(bytes(10_000_000))\n"),
        (task("crashes"), "import ctypes\nctypes.string_at(0)\n"),
        (task("aborts"), "import os\nos.abort()\n"),
        (task("leaves"), "import os\nos._exit(0)\n"),
        (task("right"), CUBE),
        seconds=3,
    )
    faults = [verdict.fault for verdict in found]
    assert faults == ["TimedOut", "TimedOut", "OutOfMemory", "Crashed", "Crashed", "Crashed", ""]
    assert "SIGSEGV" in found[3].why


def test_an_answer_reaches_neither_network_nor_programs_nor_its_parent(container: Container) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        attempts = {
            "socket": f"import socket\nsocket.create_connection(('127.0.0.1', {port}))",
            "url": f"import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{port}/')",
            "program": "import subprocess\nsubprocess.run(['/bin/true'])",
            "shell": "import os\nif os.system('true') != 0:\n    raise PermissionError('refused')",
            "fork": "import os\nos.fork()",
            "parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
            "limits": "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))",
        }
        found = container.judge(*((task(name), code) for name, code in attempts.items()))
        for name, verdict in zip(attempts, found, strict=True):
            assert verdict.fault in ("Forbidden", "Raised"), (name, verdict)
            assert re.search("ermission|not permitted|not allowed", verdict.why), (name, verdict)
        assert not _knocked(server)


def test_an_answer_sees_nothing_of_its_containers_environment(container: Container) -> None:
    code = (
        "import os\nseen = [name for name in os.environ if 'AWS' in name or 'SLIPWAY' in name]\nassert not seen, seen\n"
    )
    [verdict] = container.judge((task(), code + CUBE))
    assert verdict.layer == "AsAsked", verdict


def test_an_answer_that_writes_verdicts_is_overruled(container: Container) -> None:
    code = (
        'print(\'{"step": "saved"}\')\n'
        "open('progress.jsonl', 'a').write('{\"step\": \"saved\"}')\n"
        "open('blend.json', 'w').write('{}')\n"
    )
    [verdict] = container.judge((task(), code))
    assert (verdict.layer, verdict.fault) == ("Runs", "NotAsAsked")


def test_threads_of_an_answer_run(container: Container) -> None:
    code = "import threading\nt = threading.Thread(target=lambda: None)\nt.start()\nt.join()\n" + CUBE
    [verdict] = container.judge((task(), code))
    assert verdict.layer == "AsAsked", verdict


def test_cycles_renders_in_the_sandbox(container: Container) -> None:
    code = (
        "import bpy, os\nscene = bpy.context.scene\nscene.render.engine = 'CYCLES'\nscene.cycles.samples = 1\n"
        "scene.render.resolution_x = scene.render.resolution_y = 32\n"
        "scene.render.filepath = os.path.abspath('out.png')\n"
        "bpy.ops.render.render(write_still=True)\nassert os.path.getsize('out.png') > 100\n"
    )
    [verdict] = container.judge((task(start="Default"), code), seconds=60)
    assert verdict.layer == "AsAsked", verdict


@pytest.mark.parametrize("first", ["", "from __future__ import annotations\n"])
def test_an_operator_of_an_answer_has_its_properties(container: Container, first: str) -> None:
    answer = f"""{first}import bpy
class MESH_OT_add(bpy.types.Operator):
    bl_idname = "mesh.add_one"
    bl_label = "Add"
    side: bpy.props.FloatProperty(default=1)
    def execute(self, context):
        bpy.ops.mesh.primitive_cube_add(size=self.side)
        return {{"FINISHED"}}
bpy.utils.register_class(MESH_OT_add)
bpy.ops.mesh.add_one(side=2)
"""
    (verdict,) = container.judge((task("operator"), answer))
    assert verdict.layer == "AsAsked", verdict


def test_samples_of_a_task_are_judged_one_by_one(container: Container) -> None:
    request = Request(timeout_seconds=20, answered=(Answered(task=task(), answers=(CUBE, "import bpy", CUBE)),))
    assert container.run({"a": request}).code == 0
    [(id, verdicts)] = container.verdicts("a").judged
    assert id == "cube"
    assert [verdict.layer for verdict in verdicts] == ["AsAsked", "Runs", "AsAsked"]
    assert [verdict.answer for verdict in verdicts] == [CUBE, "import bpy", CUBE]


def test_a_task_whose_own_scene_breaks_is_no_fault_of_the_model(container: Container) -> None:
    request = Request(
        timeout_seconds=20, answered=(Answered(task=task(before="1 / 0"), answers=(CUBE,)),)
    )  # fmt: skip
    ended = container.run({"a": request})
    assert ended.code == 10
    assert ended.message is not None
    assert ended.message["reason"] == "TaskBroken"
    assert "task cube: `before` does not run: line 1: ZeroDivisionError" in ended.message["message"]
    assert not (container.folder / "exchange" / "verdicts").exists()


def test_too_little_memory_is_said_and_is_no_verdict(container: Container) -> None:
    request = Request(timeout_seconds=20, answered=(Answered(task=task(), answers=(CUBE,)),))
    ended = container.run({"a": request}, memory="1Gi")
    assert ended.code == 11
    assert ended.message is not None
    assert ended.message["reason"] == "TooLittleMemory"
    assert "ask for 2176Mi or more" in ended.message["message"]


def test_nothing_to_run_is_no_error(container: Container) -> None:
    ended = container.run({})
    assert ended.code == 0
    assert ended.message is None


def _knocked(server: socket.socket) -> bool:
    try:
        server.accept()
    except BlockingIOError:
        return False
    return True


def test_the_lock_names_the_blender_that_verdicts_name() -> None:
    from slipway.contract.execution import BLENDER

    lock = (Path(__file__).parents[2] / "images" / "eval-blender" / "requirements.lock").read_text()
    assert f"\nbpy=={BLENDER} " in lock
    assert "\nfake-bpy-module-{}==".format("-".join(BLENDER.split(".")[:2])) in lock
