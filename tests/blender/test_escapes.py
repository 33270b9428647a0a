"""Does an answer get out of its folder, or into its own judgement? Whatever it leaves behind, it does not."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.contract.blend import Blend
from slipway.contract.execution import REQUESTS
from slipway_eval_blender import process
from slipway_eval_blender.describing import describe
from slipway_eval_blender.landlock import version
from slipway_eval_blender.places import SCENE, TOLD
from slipway_eval_blender.watch import Share
from tests.blender.conftest import Container, task

CUBE = "import bpy\nbpy.ops.mesh.primitive_cube_add()\n"
SHARE = Share(memory_bytes=2 << 30, disk_bytes=1 << 30)
PLACES = (
    *("slipway_eval_blender/__init__.py", "slipway_eval_blender/confined.py", "slipway_eval_blender/describe.py"),
    *("slipway/__init__.py", "bpy.py", "json.py", "sitecustomize.py", "usercustomize.py"),
    ".local/lib/python3.11/site-packages/usercustomize.py",
    ".local/lib/python3.11/site-packages/planted.pth",
)
"""Where Python would look for code, did it look in the folder that it works in, or in its user's home."""
BLENDERS = ("scripts/startup/planted.py", "scripts/addons/planted.py", "4.5/scripts/startup/planted.py")
"""Where Blender looks for its user's code."""

needs_landlock = pytest.mark.skipif(not version(), reason="the kernel of this machine has no Landlock")


@pytest.fixture
def blenders(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started here have Blender."""
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(process, "CODE", (*process.CODE, str(Path(__file__).parent / "probes")))


@pytest.fixture
def scene(python: Path, tmp_path: Path) -> Path:
    """A folder with one file, in which is a cube."""
    made = tmp_path / "fresh"
    made.mkdir()
    save = "import sys, bpy\nbpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])"
    subprocess.run([str(python), "-c", save, str(made / SCENE)], check=True, capture_output=True)
    return made


def forgery(port: int) -> str:
    """Return code that knocks at `port` and says that everything is as it was asked for."""
    said = {"blender": "4.5", "scene": {"name": "Forged", "engine": "-", "resolution": [1, 1], "fps": 1}}
    said["scene"] |= {"frames": [1, 1]}  # type: ignore[operator]
    return (
        "import json, os, socket\n"
        f"try:\n    socket.create_connection(('127.0.0.1', {port}), 1)\nexcept OSError:\n    pass\n"
        f"for folder in ('.', os.path.dirname(__file__)):\n"
        f"    open(os.path.join(folder, 'blend.json'), 'w').write({json.dumps(said)!r})\n"
        "os._exit(0)\n"
    )


def planting(code: str, places: tuple[str, ...]) -> str:
    """Return an answer that writes `code` to `places` of its folder."""
    return (
        "import os\n"
        f"for place in {places!r}:\n"
        "    os.makedirs(os.path.dirname(place) or '.', exist_ok=True)\n"
        f"    open(place, 'w').write('import planted' if place.endswith('.pth') else {code!r})\n"
    )


def test_code_that_an_answer_leaves_is_never_run(container: Container) -> None:
    forged = task(expect={"scene": {"name": "Forged"}})
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        answer = planting(forgery(server.getsockname()[1]), (*PLACES, *BLENDERS))
        first, second = container.judge((forged, answer), (forged, answer))
        with pytest.raises(BlockingIOError):
            server.accept()
    assert (first.layer, first.fault) == (second.layer, second.fault) == ("Runs", "NotAsAsked")


@pytest.mark.usefixtures("blenders")
def test_the_folder_that_a_process_works_in_holds_no_code_for_it(scene: Path) -> None:
    for place in PLACES:
        (scene / place).parent.mkdir(parents=True, exist_ok=True)
        (scene / place).write_text("open('marker', 'w')\nos._exit(0)\n")
    found = describe(scene, 120, SHARE)
    assert isinstance(found, Blend)
    assert found.objects[0].name
    assert not (scene / "marker").exists()


SCRIPTED = """
import sys, bpy
text = bpy.data.texts.new("grow.py")
text.write("import bpy\\nbpy.context.scene.name = 'Forged'\\n")
text.use_module = True
if sys.argv[2] == "driven":
    cube = bpy.data.objects["Cube"]
    cube.driver_add("location", 0).driver.expression = "exec('1') or 5"
bpy.data.libraries.write(sys.argv[1], {bpy.context.scene, text})
"""
OPENED = """
import sys, bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1], use_scripts=True)
print("scene", bpy.context.scene.name, flush=True)
"""


@pytest.mark.usefixtures("blenders")
def test_scripts_and_drivers_of_a_file_do_not_run(python: Path, tmp_path: Path) -> None:
    for kind in ("plain", "driven"):
        (tmp_path / kind).mkdir()
        command = [str(python), "-c", SCRIPTED, str(tmp_path / kind / SCENE), kind]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    command = [str(python), "-c", OPENED, str(tmp_path / "plain" / SCENE)]
    trusting = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert "scene Forged" in trusting.stdout, "the file would do something, if it were let"
    found = describe(tmp_path / "driven", 120, SHARE)
    assert isinstance(found, Blend)
    assert (found.scene.name, found.texts[0].name) == ("Scene", "grow.py")
    [cube] = [thing for thing in found.objects if thing.name == "Cube"]
    assert cube.location[0] == 0


AFTER_SAVING = (
    "import bpy, os\ndef swap(*_):\n    os.remove('scene.blend')\n    {}\nbpy.app.handlers.save_post.append(swap)\n"
)


def test_what_is_no_file_of_its_own_is_not_opened(container: Container) -> None:
    swaps = {
        "link": ("os.symlink('/etc/hostname', 'scene.blend')", "Too many levels of symbolic links"),
        "pipe": ("os.mkfifo('scene.blend')", "is no regular file"),
    }
    found = container.judge(*((task(name), AFTER_SAVING.format(swap)) for name, (swap, _) in swaps.items()))
    for (name, (_, why)), verdict in zip(swaps.items(), found, strict=True):
        assert verdict.fault == "Crashed", (name, verdict)
        assert why in verdict.why, (name, verdict)


def test_an_answer_that_ruins_its_folder_ruins_nothing_else(container: Container) -> None:
    output = "os.mkfifo('output.txt')\nos.mkfifo('told.json')\nos.mkfifo('progress.jsonl')\n"
    deep = "import os\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\n"
    locked = "import os\nos.mkdir('locked')\nopen('locked/file', 'w')\nos.chmod('locked', 0)\n"
    told = "import os\nfor name in os.listdir('.'):\n    if os.path.isfile(name):\n        os.remove(name)\n"
    cases = {"deep": deep, "locked": locked, "mixed": told + output}
    found = container.judge(*((task(name), code + CUBE) for name, code in cases.items()))
    assert found[-1].layer == "AsAsked", found
    assert len(found) == 3
    left = [path.name for path in (container.folder / "scratch").iterdir() if path.name.startswith(("item-", "scene-"))]
    assert left == []


@needs_landlock
def test_an_answer_reaches_no_file_but_its_own(container: Container) -> None:
    exchange = container.folder / "exchange"
    attempts = (
        f"os.listdir({str(exchange / REQUESTS)!r})",
        f"open({str(exchange / REQUESTS / 'key.json')!r}).read()",
        f"open({str(container.folder / 'job.json')!r}).read()",
        "os.listdir('..')",
        "open('../beside', 'w')",
        f"os.mkdir({str(exchange / 'verdicts')!r})",
        "open('/dev/shm/slipway-test', 'w')",
        "open(f'/proc/{os.getppid()}/mem', 'r+b')",
        "open(f'/proc/{os.getppid()}/mem', 'rb')",
        "os.readlink(f'/proc/{os.getppid()}/cwd')",
        "os.readlink(f'/proc/{os.getppid()}/fd/1')",
        f"open({process.__file__!r}, 'a')",
    )
    code = (
        "import os\nreached = []\n"
        f"for attempt in {attempts!r}:\n"
        "    try:\n        exec(attempt)\n    except PermissionError:\n        continue\n    reached.append(attempt)\n"
        "assert not reached, reached\n"
    )
    [verdict] = container.judge((task(), code + CUBE))
    assert verdict.layer == "AsAsked", verdict


def test_no_signal_leaves_an_answer(container: Container) -> None:
    owner = (
        "import fcntl, os\nreading, writing = os.pipe()\n"
        "for command, value in ((8, os.getppid()), (10, 9), (15, b'\\0' * 8)):\n"
        "    try:\n        fcntl.fcntl(reading, command, value)\n"
        "    except PermissionError:\n        continue\n    raise AssertionError(command)\n"
    )
    wide = (
        "import ctypes, os\nreading, writing = os.pipe()\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "libc.syscall.argtypes = [ctypes.c_long] * 4\n"
        "assert libc.syscall(72, reading, (1 << 32) + 10, 9) == -1 and ctypes.get_errno() == 1\n"
    )
    [verdict] = container.judge((task(), owner + wide + CUBE))
    assert verdict.layer == "AsAsked", verdict


@pytest.mark.usefixtures("blenders")
def test_a_file_is_opened_by_a_process_that_is_shut_in_already(scene: Path) -> None:
    said = describe_with("knock", scene)
    assert "socket=EPERM program=EPERM process=EPERM" in said
    if version():
        assert "write=EACCES list=EACCES parent=EACCES" in said


def describe_with(probe: str, folder: Path) -> str:
    (folder / TOLD).write_text(json.dumps({"seconds": 120, "memoryBytes": SHARE.memory_bytes}))
    end = process.run(probe, folder, 120, SHARE)
    assert end.code == 0, end.output
    said: str = json.loads((folder / "blend.json").read_text())["refused"]
    return said


def test_the_judge_itself_has_no_network(python: Path) -> None:
    code = (
        "import ctypes, socket, subprocess\nfrom slipway_eval_blender.lockdown import shut_off\nshut_off()\n"
        "print(subprocess.run(['echo', 'programs'], capture_output=True, text=True).stdout.strip())\n"
        "print('dumpable', ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"
        "socket.socket()\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(process.CODE)}
    ran = subprocess.run([str(python), "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ran.stdout.split() == ["programs", "dumpable", "0"]
    assert "PermissionError" in ran.stderr


def test_an_answer_that_says_it_never_began_is_to_blame_itself(container: Container) -> None:
    """Its own lines, and those that it writes over, do not stop the evaluation of others."""
    forged = (
        "import os\nfor fd in os.listdir('/proc/self/fd'):\n"
        "    if fd not in '012' and os.readlink(f'/proc/self/fd/{fd}').startswith('pipe:'):\n"
        '        os.write(int(fd), b\'{"step": "failed", "part": "before"}\\n\')\n'
    )
    first, second = container.judge((task("forges"), forged), (task("right"), CUBE))
    assert first.fault == "Raised"
    assert second.layer == "AsAsked"
