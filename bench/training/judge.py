"""How well do the results know the held-out rows? `python -m bench.training.judge BASE DATASET ADAPTER…`

Transformers and peft alone, row by row: neither trainer's code. The last line is a JSON list: the base model's
loss, then each adapter's, in nats per loss-bearing token.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM


def loss(model: Any, rows: list[dict[str, Any]]) -> float:
    """Return the mean over all loss-bearing tokens of `rows`."""
    total, count = 0.0, 0
    for row in rows:
        ids = torch.tensor([row["input_ids"]])
        said = torch.tensor(row["labels"][1:]) != -100
        with torch.no_grad():
            logits = model(input_ids=ids, use_cache=False).logits[0, :-1].float()
        total += torch.nn.functional.cross_entropy(logits[said], ids[0, 1:][said], reduction="sum").item()
        count += int(said.sum())
    return total / count


def main() -> None:
    """Run the command line."""
    base, dataset, *adapters = map(Path, sys.argv[1:])
    lines = (dataset / "validation.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    found = [loss(model, rows)]
    for adapter in adapters:
        adapted = PeftModel.from_pretrained(model, str(adapter)).eval()
        found.append(loss(adapted, rows))
        model = adapted.unload()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
