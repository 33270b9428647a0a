"""Is the sampler a process of its own, that answers as the library does and leaves nothing behind?"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from slipway.metrics.errors import Unavailable
from slipway.metrics.samplers import Sampler
from slipway.search.study import Drawn, FloatAxis, Study
from slipway.search.suggest import suggest

STUDY = Study(
    axes=(FloatAxis(field="learningRate", low=1e-5, high=1e-2, log=True),),
    sampler="TPE",
    startup=2,
    maximize=False,
    seed=1,
    number=0,
)


async def test_the_process_draws_what_the_library_draws() -> None:
    answer = await Sampler().draw(STUDY.model_dump_json())
    assert Drawn.model_validate_json(answer) == suggest(STUDY)


async def test_a_process_that_fails_is_told_by_its_last_words() -> None:
    with pytest.raises(Unavailable, match=r"(?s)ended with code 1: .*Invalid JSON"):
        await Sampler().draw("not a study")


async def test_a_question_that_nobody_asks_any_more_leaves_no_process() -> None:
    sampler = Sampler(
        (sys.executable, "-c", "import sys; sys.stdin.read(); sys.stdout.close(); import time; time.sleep(600)")
    )
    others = _children()  # multiprocessing's own processes outlive the tests that needed them
    asking = asyncio.create_task(sampler.draw(""))
    while not (children := _children() - others):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert not children & _children()


async def test_draws_take_turns(tmp_path: Path) -> None:
    alone = "import os, sys; os.mkdir(sys.argv[1]); print(sys.stdin.read(), end=''); os.rmdir(sys.argv[1])"
    sampler = Sampler((sys.executable, "-c", alone, str(tmp_path / "turn")))
    assert await asyncio.gather(*(sampler.draw(str(n)) for n in range(4))) == ["0", "1", "2", "3"]


def test_the_operator_does_not_load_optuna() -> None:
    code = "import sys, slipway.main; sys.exit(bool({'optuna', 'numpy', 'sqlalchemy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=_environment()).returncode == 0


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)}


def _children() -> set[str]:
    return set(Path("/proc/self/task").joinpath(str(_thread()), "children").read_text().split())


def _thread() -> int:
    return threading.main_thread().native_id or 0
