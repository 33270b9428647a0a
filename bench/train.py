"""How fast does the recipe causalLM train, and how well, beside TRL's SFTTrainer? `python -m bench.train`

Same base model, rows, hyperparameters, threads and machine; one epoch over the same rows, in batches of as many. TRL is
first tried with every setting that leaves its batches what they are, and then measured with the fastest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import machine, number, publish
from bench.training.inputs import Inputs, collected, environment
from bench.training.plan import Plan, Speed
from bench.training.settings import COMPILED, SETTINGS
from e2e.setup.progress import Steps, say
from e2e.setup.torch import python_with_torch, python_with_trl

REPOSITORY = Path(__file__).resolve().parents[1]
EQUAL_NATS = 0.02
"""Losses that are no farther apart are equal: the order of rows alone makes as much difference."""
GOAL = 1.3


@dataclass(frozen=True)
class Side:
    """What one trainer reached: the median of its runs."""

    tokens_per_s: float
    """Loss-bearing ones."""
    all_tokens_per_s: float
    loss: float
    """Nats per loss-bearing token of the held-out rows."""
    peak_mib: float

    def json(self) -> dict[str, float]:
        """Return the figures under the keys that are published."""
        return {
            "tokens_per_s": round(self.tokens_per_s, 1),
            "loss": round(self.loss, 4),
            "peak_mib": round(self.peak_mib),
            "all_tokens_per_s": round(self.all_tokens_per_s, 1),
        }


def side(runs: Sequence[Speed], losses: Sequence[float]) -> Side:
    """Return the medians of `runs` and of the losses that they reached."""
    return Side(
        median(run.per_second() for run in runs),
        median(run.all_tokens / run.seconds for run in runs),
        median(losses),
        median(run.peak_mib for run in runs),
    )


@dataclass(frozen=True)
class Bench:
    """Where everything is that a run needs."""

    plan: Plan
    inputs: Inputs
    torch: Path
    trl: Path
    out: Path
    """For adapters; gone at the end."""

    def slipway(self, adapter: str) -> Speed:
        """Run the recipe once; its adapter gets that name."""
        return self._run(self.torch, "slipway_side", adapter)

    def peer(self, adapter: str, settings: str, steps: int | None = None) -> Speed:
        """Run SFTTrainer once, for as many steps as given."""
        return self._run(self.trl, "trl_side", adapter, settings, *([] if steps is None else [str(steps)]))

    def losses(self, adapters: Sequence[str]) -> list[float]:
        """Return the losses of the base model and of these adapters on the held-out rows."""
        told = [self.inputs.base, self.inputs.dataset, *(self.out / name for name in adapters)]
        found: list[float] = self._answer(self.torch, "judge", *told)
        return found

    def _run(self, python: Path, program: str, adapter: str, *more: str) -> Speed:
        plan = self.plan.write(self.out / "plan.json")
        found = self._answer(python, program, plan, self.inputs.base, self.inputs.dataset, self.out / adapter, *more)
        return Speed(**found)

    def _answer(self, python: Path, program: str, *arguments: str | Path) -> Any:
        command = [python, "-m", f"bench.training.{program}", *arguments]
        told = environment(self.plan.threads)
        ended = subprocess.run(list(map(str, command)), env=told, cwd=REPOSITORY, stdout=subprocess.PIPE, check=False)
        if ended.returncode:
            raise SystemExit(f"{program} ended with code {ended.returncode}; what it said is above")
        return json.loads(ended.stdout.splitlines()[-1])


def tried(bench: Bench, names: Sequence[str], steps: int) -> dict[str, float | None]:
    """Return the peer's loss-bearing tokens a second in a short run with each setting; None where it refuses one."""
    found: dict[str, float | None] = {}
    for name in names:
        try:
            found[name] = bench.peer("trial", name, steps).per_second()
        except SystemExit as refused:
            say(f"      {name}: {refused}")
            found[name] = None
        else:
            say(f"      {name}: {found[name]:.0f} tokens/s")
    return found


def fastest(found: Mapping[str, float | None]) -> str:
    """Return the setting with the highest figure."""
    able = {name: figure for name, figure in found.items() if figure is not None}
    if not able:
        raise SystemExit("SFTTrainer ran with none of its settings; what it said is above")
    return max(able, key=lambda name: able[name])


def table(ours: Side, theirs: Side, base_loss: float) -> str:
    """Return the published table."""
    difference = ours.loss - theirs.loss
    loss = (
        "equal" if abs(difference) <= EQUAL_NATS else f"{abs(difference):.3f} {'lower' if difference < 0 else 'higher'}"
    )
    lines = [
        ("", "Slipway", "TRL", "Slipway is", "Goal"),
        ("---",) * 5,
        (
            "loss-bearing tokens a second (more is better)",
            number(ours.tokens_per_s),
            number(theirs.tokens_per_s),
            f"{ours.tokens_per_s / theirs.tokens_per_s:.2f} times as fast",
            f"{GOAL} times",
        ),
        (
            f"held-out loss, nats per token (base model: {base_loss:.3f})",
            f"{ours.loss:.3f}",
            f"{theirs.loss:.3f}",
            loss,
            f"equal within {EQUAL_NATS}",
        ),
        (
            "peak memory of the process, MiB",
            number(ours.peak_mib),
            number(theirs.peak_mib),
            f"{ours.peak_mib / theirs.peak_mib:.2f} times as large",
            "",
        ),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def measured(bench: Bench, repetitions: int, trials: Sequence[str], trial_steps: int, steps: Steps) -> dict[str, Any]:
    """Do everything on this CPU and publish it."""
    begun = time.monotonic()
    with steps.step(f"TRL with {len(trials)} settings, {trial_steps} steps each"):
        figures = tried(bench, trials, trial_steps) if len(trials) > 1 else {trials[0]: 0.0}
    chosen = fastest(figures)
    ours, theirs = [], []
    for turn in range(repetitions):
        with steps.step(f"TRL, {chosen}: {bench.plan.steps} steps"):
            theirs.append(bench.peer(f"trl-{turn}", chosen))
        with steps.step(f"Slipway: {bench.plan.steps} steps"):
            ours.append(bench.slipway(f"slipway-{turn}"))
    with steps.step(f"both results on {bench.plan.held_out} held-out rows"):
        names = [f"{who}-{n}" for who in ("slipway", "trl") for n in range(repetitions)]
        base, *losses = bench.losses(names)
    mine, peer = side(ours, losses[:repetitions]), side(theirs, losses[repetitions:])
    result = mine.json() | {
        "trl": peer.json()
        | {"settings": chosen, "tried": {name: figure and round(figure, 1) for name, figure in figures.items()}}
        | {"versions": theirs[0].versions},
        "ratio": round(mine.tokens_per_s / peer.tokens_per_s, 3),
        "base_loss": round(base, 4),
        "loss_bearing_tokens": ours[0].tokens,
        "all_tokens": ours[0].all_tokens,
        "plan": {one.name: getattr(bench.plan, one.name) for one in fields(bench.plan)},
        "repetitions": repetitions,
        "machine": machine(),
        "seconds": round(time.monotonic() - begun),
    }
    if ours[0].tokens != theirs[0].tokens:
        raise SystemExit(f"the two trained {ours[0].tokens} and {theirs[0].tokens} tokens: they cannot be compared")
    publish("bench-train", f"{table(mine, peer, base)}\n\n{described(bench.plan, chosen, theirs[0], result)}", result)
    return result


def described(plan: Plan, chosen: str, peer: Speed, result: Mapping[str, Any]) -> str:
    """Return what stands under the table."""
    others = "; ".join(
        f"{name}: {'refused' if figure is None else f'{figure:.0f} tokens/s'}"
        for name, figure in result["trl"]["tried"].items()
    )
    versions = ", ".join(f"{name} {version}" for name, version in peer.versions.items())
    return (
        f"Measured on {machine()}, {plan.threads} threads: {plan.rows} rows, {plan.epochs} epoch, batches of "
        f"{plan.batch_size}, at most {plan.max_tokens} tokens a row, LoRA of rank {plan.rank}; {result['all_tokens']} "
        f"tokens, {result['loss_bearing_tokens']} of them loss-bearing. {versions}. TRL's settings: {chosen}"
        + (f" (short runs: {others})." if len(result["trl"]["tried"]) > 1 else ".")
    )


def parsed() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench.train", description=__doc__)
    default = Plan()
    for name in ("rows", "held_out", "characters", "max_tokens", "batch_size", "epochs", "rank", "threads", "seed"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(default, name))
    parser.add_argument("--learning-rate", default=default.learning_rate)
    parser.add_argument("--repetitions", type=int, default=1, help="runs of each; the medians are published")
    parser.add_argument("--settings", choices=[*SETTINGS, *(f"{one}, {COMPILED}" for one in SETTINGS)], nargs="+")
    parser.add_argument("--trial-steps", type=int, default=1, help="steps of the short run with each of TRL's settings")
    parser.add_argument("--only", choices=("slipway", "trl"), help="measure one trainer and publish nothing")
    parser.add_argument(
        "--gpu",
        action="store_true",
        help="instead: an 8B-shaped model with random weights on a GPU, LoRA, rows of 4,096 tokens, with its MFU. "
        "Needs an NVIDIA GPU with 80 GiB or more, and ends at once where there is none",
    )
    return parser.parse_args()


def main() -> None:
    """Run the command line."""
    told = parsed()
    if told.gpu:
        command = [str(python_with_torch()), "-m", "bench.training.gpu_shape"]
        ended = subprocess.run(command, env=environment(None), cwd=REPOSITORY, check=False)
        raise SystemExit(ended.returncode)
    known = {one.name for one in fields(Plan)}
    plan = Plan(**{name: value for name, value in vars(told).items() if name in known})
    trials = told.settings or list(SETTINGS)
    steps = Steps(2 if told.only else 3 + 2 * told.repetitions)
    with steps.step("base model, rows and the two environments, made once"):
        torch, trl = python_with_torch(), python_with_trl()
        inputs = collected(plan, torch)
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        bench = Bench(plan, inputs, torch, trl, Path(folder))
        if told.only is None:
            measured(bench, told.repetitions, trials, told.trial_steps, steps)
            return
        with steps.step(f"{told.only} alone"):
            run = bench.slipway("one") if told.only == "slipway" else bench.peer("one", trials[0])
        print(json.dumps(side([run], bench.losses(["one"])[1:]).json()), flush=True)


if __name__ == "__main__":
    main()
