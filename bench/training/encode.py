"""How do the example's model and rows become what both trainers read? Run by the Python that has torch.

python -m bench.training.encode base MODEL.gguf OUT
python -m bench.training.encode rows BASE DATASET MAX_TOKENS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer

from slipway_train_torch.causal_lm import base, data
from slipway_train_torch.causal_lm.device import Device


def write_base(model: Path, out: Path) -> None:
    """Write the weights of a GGUF file, dequantised, and its tokenizer into `out`."""
    with_weights, tokenizer = base.load(model.parent, "the base model", Device(torch.device("cpu"), torch.float32))
    with_weights.save_pretrained(out)
    tokenizer.save_pretrained(out)


def write_rows(model: Path, dataset: Path, max_tokens: int) -> None:
    """Write train.jsonl and validation.jsonl beside the splits of `dataset`: ids, and labels."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    for split in data.load(dataset, tokenizer, max_tokens):
        if split.untrained:
            raise SystemExit(f"{len(split.untrained)} rows of {split.name} train on nothing: raise --max-tokens")
        with (dataset / f"{split.name}.jsonl").open("w", encoding="utf-8") as file:
            for row in split.examples:
                # What TRL takes as it is: -100 bears no loss.
                labels = [token if said else -100 for token, said in zip(row.ids, row.trained, strict=True)]
                file.write(json.dumps({"input_ids": row.ids, "labels": labels}) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "base":
        write_base(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        write_rows(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
