"""What does TRL's SFTTrainer make of the plan?

python -m bench.training.trl_side PLAN BASE DATASET OUT SETTINGS [STEPS]

Run by a Python that has TRL. The last line is one JSON object (Speed).
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

from bench.training.plan import Plan, Speed, peak_mib
from bench.training.settings import settings
from slipway_train_torch.causal_lm import device


class Counting:
    """The trainer's collator, counting the tokens of every batch it makes."""

    def __init__(self, collator: Any) -> None:
        self._collator = collator
        self.batches: list[tuple[int, int]] = []
        """Loss-bearing and all tokens, in order; the trainer asks for a batch before it needs it."""

    def __call__(self, rows: list[dict[str, Any]]) -> Any:
        """Return a batch of `rows`."""
        batch = self._collator(rows)
        # The first token of a row is said by nobody, whatever its label.
        trained = sum(label != -100 for row in rows for label in row["labels"][1:])
        self.batches.append((trained, sum(len(row["input_ids"]) for row in rows)))
        return batch


class Clock(TrainerCallback):  # type: ignore[misc]
    """Notes when the first step begins and the last one ends."""

    def __init__(self, counting: Counting, pieces: int) -> None:
        self.counting = counting
        self.pieces = pieces
        self.began = self.ended = 0.0
        self.steps = 0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Start with the first step."""
        self.began = self.began or time.monotonic()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Count a step."""
        self.ended = time.monotonic()
        self.steps += 1
        trained = self.tokens()[0]
        seconds = self.ended - self.began
        print(f"      TRL: step {self.steps}, {trained / seconds:.0f} tokens/s", file=sys.stderr, flush=True)

    def tokens(self) -> tuple[int, int]:
        """Return loss-bearing and all tokens of the steps done."""
        done = self.counting.batches[: self.steps * self.pieces]
        return sum(trained for trained, _ in done), sum(tokens for _, tokens in done)


def main() -> None:
    """Run the command line."""
    plan = Plan.read(Path(sys.argv[1]))
    base, dataset, out = map(Path, sys.argv[2:5])
    chosen = settings(sys.argv[5], plan.batch_size)
    steps = int(sys.argv[6]) if len(sys.argv) > 6 else -1
    half = device.choose("Auto").precision == "BF16"
    lines = (dataset / "train.jsonl").read_text(encoding="utf-8").splitlines()
    with tempfile.TemporaryDirectory() as scratch:
        trainer = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16 if half else torch.float32),
            args=config(plan, scratch, half, steps, chosen),
            train_dataset=Dataset.from_list([json.loads(line) for line in lines]),
            processing_class=AutoTokenizer.from_pretrained(base),
            peft_config=LoraConfig(
                r=plan.rank, lora_alpha=2 * plan.rank, target_modules="all-linear", task_type="CAUSAL_LM"
            ),
        )
        trainer.data_collator = counting = Counting(trainer.data_collator)
        clock = Clock(counting, chosen["gradient_accumulation_steps"])
        trainer.add_callback(clock)
        trainer.train()
        trainer.save_model(str(out))
    trained, tokens = clock.tokens()
    versions = {name: importlib.metadata.version(name) for name in ("trl", "transformers", "peft", "torch")}
    print(json.dumps(asdict(Speed(trained, tokens, clock.ended - clock.began, peak_mib(), versions))))


def config(plan: Plan, scratch: str, half: bool, steps: int, chosen: dict[str, Any]) -> SFTConfig:
    """Return the trainer's arguments: the plan's numbers, nothing that costs time without being asked for."""
    arguments: dict[str, Any] = {
        "output_dir": scratch,
        "use_cpu": True,
        "bf16": half,
        "activation_checkpointing": False,
        "max_length": plan.max_tokens,
        "num_train_epochs": plan.epochs,
        "max_steps": steps,
        "learning_rate": float(plan.learning_rate),
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "optim": "adamw_torch_fused",
        "seed": plan.seed,
        "logging_strategy": "no",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }
    return SFTConfig(**(arguments | chosen))


if __name__ == "__main__":
    main()
