"""Does what takes all the room there is leave the room of others alone?"""

from __future__ import annotations

from dataclasses import replace

from slipway.contract.execution import Answered, Request
from tests.blender.conftest import Container, task

CUBE = "import bpy\nbpy.ops.mesh.primitive_cube_add()\n"
MANY = "for number in range(10**6):\n    with open(f'{number}.bin', 'wb') as out:\n        out.write(bytes(8 << 20))\n"
HIDDEN = (
    "import os\nheld = []\nwhile True:\n    held.append(open('gone', 'wb'))\n    os.remove('gone')\n"
    "    held[-1].write(bytes(8 << 20))\n    held[-1].flush()\n"
)
IN_MEMORY = "import os\nfile = os.memfd_create('x')\nwhile True:\n    os.write(file, bytes(8 << 20))\n"
SHARED = (
    "import mmap\nheld = []\nwhile True:\n    held.append(mmap.mmap(-1, 64 << 20, flags=mmap.MAP_SHARED))\n"
    "    held[-1].write(bytes(64 << 20))\n"
)
LARGE = "with open('large.bin', 'wb') as out:\n    for _ in range(1024):\n        out.write(bytes(1 << 20))\n"
EMPTY = "for number in range(10**6):\n    open(str(number), 'w').close()\n"


def test_an_answer_that_fills_the_disk_is_ended_and_the_others_go_on(container: Container) -> None:
    small = replace(container, storage="512Mi")
    answers = {"many": MANY, "hidden": HIDDEN, "memory": IN_MEMORY, "empty": EMPTY, "shared": SHARED, "right": CUBE}
    found = small.judge(*((task(name), code) for name, code in answers.items()), seconds=60)
    faults = dict(zip(answers, (verdict.fault for verdict in found), strict=True))
    full = dict.fromkeys(("many", "hidden", "memory", "empty"), "OutOfDisk")
    assert faults == {**full, "shared": "OutOfMemory", "right": ""}, found
    assert "more, or more files" in found[0].why
    left = [path.name for path in (container.folder / "scratch").iterdir() if path.name.startswith("item-")]
    assert left == []


def test_a_file_beyond_the_limit_is_out_of_disk_also_where_its_answer_is_quicker_than_the_look(
    container: Container,
) -> None:
    roomy = replace(container, storage="8Gi")  # so that no look finds too much
    (verdict,) = roomy.judge((task(), LARGE), seconds=60)
    assert (verdict.fault, verdict.why) == ("OutOfDisk", "line 3: OSError: [Errno 27] File too large")


def test_too_little_storage_is_said_and_is_no_verdict(container: Container) -> None:
    request = Request(timeout_seconds=20, answered=(Answered(task=task(), answers=(CUBE,)),))
    ended = replace(container, storage="100Mi").run({"a": request})
    assert ended.code == 11
    assert ended.message is not None
    assert ended.message["reason"] == "TooLittleStorage"
    assert "evaluation.execution.storage 100Mi" in ended.message["message"]
    assert "ask for 256Mi or more" in ended.message["message"]
