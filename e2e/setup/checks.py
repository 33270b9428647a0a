"""Which checks pass, and how long does each take? `python -m e2e.setup.checks all`, or the names of stages."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.setup import cache
from e2e.setup.__main__ import prepare
from e2e.setup.blender import python_with_blender
from e2e.setup.mlflow import python_with_mlflow
from e2e.setup.progress import duration, say
from e2e.setup.ray import python_with_ray
from e2e.setup.torch import python_with_torch

REPOSITORY = Path(__file__).resolve().parents[2]
TWO = ("-n", "2", "--dist", "loadfile")
"""Two workers, however many cores there are: each of these tests has one core's work, and gigabytes to do it on."""
TRAININGS = ("tests/e2e/test_interruptions.py", "tests/e2e/test_nodes.py", "tests/e2e/test_search.py")
NO_TESTS = 5  # pytest's exit code when it collected nothing


@dataclass(frozen=True)
class Outcome:
    """What came of a stage: the exit code of its first failing command (0: all passed), and its time."""

    stage: str
    code: int
    seconds: float

    @property
    def word(self) -> str:
        """Return the outcome in a word; a stage without a single test proves nothing and does not pass."""
        return {0: "passed", NO_TESTS: "NO TESTS"}.get(self.code, "FAILED")


def pytest(*arguments: str, python: str = sys.executable) -> list[str]:
    """Return the pytest command for folders and options."""
    return [python, "-m", "pytest", "-q", *arguments]


def lint() -> list[list[str]]:
    """Return style, types and the direction of imports."""
    here = str(Path(sys.executable).parent)
    return [
        [f"{here}/ruff", "check", "."],
        [f"{here}/ruff", "format", "--check", "."],
        [f"{here}/mypy"],
        [f"{here}/lint-imports"],
    ]


def unit() -> list[list[str]]:
    """Return everything that is pure."""
    return [pytest("-n", "auto", *existing("tests/unit", "tests/property", "tests/data"))]


def world() -> list[list[str]]:
    """Return random histories of releases in virtual time."""
    return [pytest("-n", "auto", "tests/world")]


def engine() -> list[list[str]]:
    """Return the engine under faults."""
    return [pytest("tests/engine")]


def apiserver() -> list[list[str]]:
    """Return the API on a real apiserver, with etcd and the apiserver made if they are missing."""
    prepare("apiserver")
    return [pytest(*TWO, "tests/apiserver")]


def train() -> list[list[str]]:
    """Return the trainer's tests, run in the environment that has torch, with the example's base model at hand.

    What the model writes is run in the real Blender.
    """
    python_with_blender()
    collect = REPOSITORY / "examples" / "blueprint-assistant" / "base-model" / "collect.py"
    subprocess.run([sys.executable, str(collect), str(cache.root() / "models")], check=True)
    return [pytest(*TWO, "tests/train", python=str(python_with_torch()))]


def blender() -> list[list[str]]:
    """Return the judge of Blender Python, in the real Blender."""
    python_with_blender()
    return [pytest(*TWO, "tests/blender")]


def ray() -> list[list[str]]:
    """Return the heavy steps of a Dataset on a real Ray cluster of one node."""
    python_with_ray()
    return [pytest("tests/ray")]


def mlflow() -> list[list[str]]:
    """Return what a training run tells MLflow, against the real server."""
    python_with_mlflow()
    return [pytest("tests/mlflow")]


def e2e() -> list[list[str]]:
    """Return the story and the releases under load, on a real cluster."""
    return [pytest("-s", "tests/e2e", *(f"--ignore={file}" for file in TRAININGS))]


def kills() -> list[list[str]]:
    """Return runs whose pods are killed, preempted, several or trials, on a real cluster with real Kueue and JobSet."""
    return [pytest("-s", *TRAININGS)]


STAGES = {
    "lint": lint,
    "unit": unit,
    "world": world,
    "engine": engine,
    "apiserver": apiserver,
    "train": train,
    "blender": blender,
    "e2e": e2e,
    "kills": kills,
    "ray": ray,
    "mlflow": mlflow,
}
BY_NAME_ONLY = ("kills", "ray", "mlflow")
"""Not among all, which is to be over within an hour or so."""


def existing(*folders: str) -> list[str]:
    """Return those of `folders` that the repository has."""
    return [folder for folder in folders if (REPOSITORY / folder).is_dir()]


def run(stage: str) -> Outcome:
    """Run one stage to its end and return what came of it."""
    begun = time.monotonic()
    code = 0
    for command in STAGES[stage]():
        say(f"--- {stage}: {' '.join(Path(word).name if word.startswith('/') else word for word in command)}")
        ended = subprocess.run(command, cwd=REPOSITORY, env=os.environ, check=False).returncode
        code = code or ended
    return Outcome(stage, code, time.monotonic() - begun)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the table that ends a run."""
    lines = [f"  {one.stage:<10} {one.word:<9} {duration(one.seconds):>13}" for one in outcomes]
    total = duration(sum(one.seconds for one in outcomes))
    return "\n".join(["", *lines, f"  {'all':<10} {'':<9} {total:>13}"])


def main() -> None:
    """Run the named stages, all of them even when one fails, and exit 1 when any did."""
    parser = argparse.ArgumentParser(prog="python -m e2e.setup.checks", description=__doc__)
    parser.add_argument("stages", nargs="+", choices=["all", *STAGES])
    names = parser.parse_args().stages
    wanted = [stage for stage in STAGES if stage not in BY_NAME_ONLY] if "all" in names else names
    outcomes = []
    for number, stage in enumerate(wanted, 1):
        say(f"=== [{number}/{len(wanted)}] {stage}")
        outcomes.append(run(stage))
    say(summary(outcomes))
    sys.exit(any(one.code for one in outcomes))


if __name__ == "__main__":
    main()
