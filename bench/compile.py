"""Does torch.compile pay for the recipe causalLM on this CPU? `python -m bench.compile`

The recipe as it is and the recipe with each decoder layer compiled do the same steps of one run in turns, so that
whatever else the machine does meets both alike. CPU time is compared, of one thread and its compilers: it says what a
machine of one's own would take. Every compiled way begins without anything compiled, as a pod does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import machine
from bench.training.inputs import Inputs, collected, environment
from bench.training.plan import Plan
from bench.training.variants import VARIANTS
from e2e.setup.progress import say
from e2e.setup.torch import python_with_torch

REPOSITORY = Path(__file__).resolve().parents[1]
PLAIN = next(iter(VARIANTS))


@dataclass
class Run:
    """A process that does a step when it is told to."""

    process: subprocess.Popen[str]
    steps: list[Mapping[str, float]] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        """Return the next line that it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the recipe ended with code {self.process.wait()}; what it said is above")
        found: dict[str, Any] = json.loads(line)
        return found

    def step(self) -> Mapping[str, float]:
        """Let it do a step."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.steps.append(self.answer())
        return self.steps[-1]


@dataclass(frozen=True)
class Bench:
    """What all runs share."""

    plan: Plan
    inputs: Inputs
    python: Path
    folder: Path
    method: str

    @contextmanager
    def run(self, variant: str, name: str, last: int) -> Iterator[Run]:
        """Run the recipe in the store `name` up to step `last`; within, it is ready for its next step."""
        with tempfile.TemporaryDirectory(dir=self.folder) as compiled:
            plan = self.plan.write(self.folder / "plan.json")
            told = [plan, self.inputs.base, self.inputs.dataset, self.folder / name, self.method, variant, last]
            command = [str(self.python), "-m", "bench.training.compiled_side", *map(str, told)]
            # One compiler at a time, called by the process itself: so its time is counted.
            own = {"TORCHINDUCTOR_CACHE_DIR": compiled, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            where = environment(self.plan.threads) | own
            with subprocess.Popen(command, env=where, cwd=REPOSITORY, **pipes) as process:  # type: ignore[call-overload]
                run = Run(process)
                assert "ready" in run.answer()
                yield run
                assert process.stdin is not None
                process.stdin.close()

    def in_turns(self, variants: Sequence[str], steps: int) -> dict[str, dict[str, Any]]:
        """Return what each variant said at the end of its run, and its steps, which are done in turns."""
        with ExitStack() as all_of_them:
            runs = {one: all_of_them.enter_context(self.run(one, f"straight {one}", steps)) for one in variants}
            for _ in range(steps):
                for name, run in runs.items():
                    did = run.step()
                    say(f"      {self.method}, {name}: step {did['step']:.0f}, {did['cpu']:.1f} s of CPU")
            return {name: run.answer() | {"steps": run.steps} for name, run in runs.items()}

    def weights(self, variant: str, stops: Sequence[int]) -> str:
        """Return the digest of the weights after a run that is stopped after each of these steps and goes on."""
        begun, found = 0, ""
        for last in stops:
            with self.run(variant, f"stopped {variant}", last) as run:
                for _ in range(last - begun):
                    run.step()
                begun, found = last, run.answer()["weights"]
        return found


def compared(plain: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `other` took beside `plain`: once for compiling, and then in every step.

    The later half of the steps is taken for what goes on: what sizes differ in has been compiled by then.
    """
    pairs = list(zip(plain["steps"], other["steps"], strict=True))
    later = pairs[len(pairs) // 2 :]
    steady = median(theirs["cpu"] / ours["cpu"] for ours, theirs in later)
    compiling = sum(theirs["cpu"] - steady * ours["cpu"] for ours, theirs in pairs)
    saved = (1 - steady) * sum(ours["cpu"] for ours, _ in pairs) / len(pairs)
    return {
        "steady_ratio": round(steady, 3),
        "wall_ratio": round(median(theirs["seconds"] / ours["seconds"] for ours, theirs in later), 3),
        "compiling_cpu_s": round(compiling, 1),
        "pays_after_steps": round(compiling / saved) if saved > 0 else None,
        "graphs": other["graphs"],
        "peak_mib": [round(plain["peak_mib"]), round(other["peak_mib"])],
        "loss_differs_by": max(abs(theirs["loss"] - ours["loss"]) for ours, theirs in pairs),
    }


def parsed() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench.compile", description=__doc__)
    parser.add_argument("--methods", nargs="+", default=["LoRA", "Full"], choices=["LoRA", "DoRA", "Full"])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS)[1:3], choices=list(VARIANTS)[1:])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--resumed", action="store_true", help="and compare bits with a resumed run's")
    return parser.parse_args()


def main() -> None:
    """Run the command line."""
    told = parsed()
    plan = Plan(batch_size=told.batch_size, threads=1)
    python = python_with_torch()
    inputs = collected(plan, python)
    for method in told.methods:
        with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
            bench = Bench(plan, inputs, python, Path(folder), method)
            found = bench.in_turns([PLAIN, *told.variants], told.steps)
            for variant in told.variants:
                result = {"method": method, "variant": variant} | compared(found[PLAIN], found[variant])
                if told.resumed:
                    again = bench.weights(variant, (told.steps // 2, told.steps))
                    result["resumed_is_equal"] = again == found[variant]["weights"]
                print(json.dumps(result | {"torch": found[PLAIN]["torch"], "machine": machine()}), flush=True)


if __name__ == "__main__":
    main()
