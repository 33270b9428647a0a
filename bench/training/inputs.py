"""Which model and which rows do both trainers get? The blueprint assistant's, made once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from bench.training.plan import Plan
from e2e.setup import cache, tools
from slipway.api.dataset import Rows
from slipway.contract.dataset import CARD, DatasetCard
from slipway.contract.job import PrepareDataset
from slipway.contract.result import Prepared
from slipway_data.prepare import prepare

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "blueprint-assistant"
PACKAGES = tuple(REPOSITORY / part for part in ("operator", "images/common", "images/data", "images/train-torch"))
BUCKET = "slipway"


@dataclass(frozen=True)
class Inputs:
    """Folders that both trainers read."""

    base: Path
    """Safetensors in 32 bits, with the tokenizer."""
    dataset: Path
    """A prepared dataset, and beside its splits train.jsonl and validation.jsonl: the same rows as token ids."""


def environment(threads: int | None) -> dict[str, str]:
    """Return the environment of everything that computes: the training image's, with the CPU alone.

    Without a number of threads, it is that of a program for a GPU.
    """
    on_cpu = {} if threads is None else {"OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": ""}
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (REPOSITORY, *PACKAGES))),
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
        "TQDM_DISABLE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "PYTHONWARNINGS": "ignore::FutureWarning",
    } | on_cpu


def collected(plan: Plan, torch: Path) -> Inputs:
    """Return model and rows of `plan`, made where they are missing; `torch` is the Python that has torch."""
    encode = REPOSITORY / "bench" / "training" / "encode.py"

    def run(*arguments: str | Path) -> None:
        command = [torch, "-m", "bench.training.encode", *arguments]
        subprocess.run(list(map(str, command)), env=environment(plan.threads), cwd=REPOSITORY, check=True)

    def make_base(out: Path) -> None:
        model = example("base-model", cache.root() / "models", [])
        run("base", model, out)

    base = cache.stored("bench-base", cache.content_key(EXAMPLE / "base-model", encode), make_base)

    def make_rows(out: Path) -> None:
        made = prepared(plan, out)
        run("rows", base, made, str(plan.max_tokens))

    sources = (EXAMPLE / "dataset", EXAMPLE / "dataset.yaml", REPOSITORY / "images/data", Path(__file__), encode)
    numbers = f"{plan.rows} {plan.held_out} {plan.characters} {plan.max_tokens}"
    dataset = cache.stored("bench-rows", cache.content_key(*sources, base.name, numbers), make_rows)
    return Inputs(base, dataset)


def example(part: str, target: Path, more: list[str]) -> Path:
    """Run the example's `collect.py` of `part` into `target`; return the file or folder it brought."""
    with tempfile.TemporaryDirectory() as folder:
        npm = Path(folder, "npm")
        npm.write_text(f'#!/bin/sh\nexec {" ".join(tools.npm())} "$@"\n', encoding="utf-8")
        npm.chmod(0o755)
        command = [sys.executable, str(EXAMPLE / part / "collect.py"), str(target), *more]
        told = os.environ | {"PATH": f"{folder}:{os.environ.get('PATH', '/usr/bin:/bin')}"}
        said = subprocess.run(command, env=told, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Path(said.strip()) if part == "base-model" else target


def prepared(plan: Plan, out: Path) -> Path:
    """Prepare the example's Dataset, with longer conversations, and write the rows of `plan` into `out`."""
    spec = yaml.safe_load((EXAMPLE / "dataset.yaml").read_text(encoding="utf-8"))["spec"]
    for step in spec["steps"]:
        if "filter" in step:
            step["filter"]["maxCharacters"] = plan.characters
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        example("dataset", Path(scratch, BUCKET, "raw/blueprints"), [])
        job = PrepareDataset.model_validate(
            {"namespace": "bench", "name": "blueprints", "store": {"endpoint": f"file://{scratch}", "bucket": BUCKET}}
            | {name: spec[name] for name in ("source", "schema", "steps", "split", "quality")}
        )
        made = prepare(job)
        assert isinstance(made, Prepared)
        whole = Path(scratch, made.artifact.uri.removeprefix("s3://"))
        counts = {}
        # Both splits that are not trained on are of other files than the rows that are.
        for split, wanted, parts in (
            ("train", plan.rows, ("train",)),
            ("validation", plan.held_out, ("validation", "test")),
        ):
            kept = chosen((row for part in parts for row in rows(whole, part)), wanted, split)
            (out / split).mkdir()
            pq.write_table(pa.Table.from_pylist(kept), out / split / "00000.parquet")
            counts[split] = len(kept)
    card = DatasetCard(schema_="Chat", rows=Rows(**counts), recipe="sha256:" + "0" * 64)
    (out / CARD).write_text(json.dumps(card.dump()) + "\n", encoding="utf-8")
    return out


def rows(folder: Path, split: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a split of a prepared dataset."""
    for file in sorted((folder / split).glob("*.parquet")):
        yield from pq.read_table(file).to_pylist()


def chosen(found: Iterator[dict[str, Any]], wanted: int, split: str) -> list[dict[str, Any]]:
    """Return `wanted` rows, the same ones each time; a run over fewer would not be the one asked for."""
    order = sorted(found, key=lambda row: hashlib.sha256(row["id"].encode()).hexdigest())
    if len(order) < wanted:
        raise SystemExit(
            f"there are {len(order)} rows for the {split} split, {wanted} are asked for: lower that number"
        )
    return sorted(order[:wanted], key=lambda row: str(row["id"]))
