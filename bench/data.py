"""How fast is raw text filtered, redacted and deduplicated, beside datatrove? `python -m bench.data`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import corpus, report
from bench.corpus import Corpus
from bench.memory import Used, measured
from e2e.setup import cache
from e2e.setup.progress import say

LOCK = report.REPOSITORY / "requirements" / "bench-datatrove.lock"
SIDE = report.REPOSITORY / "bench" / "datatrove_side.py"
LIMIT_SECONDS = 900.0
GOAL = 1.5
STEPS: list[dict[str, Any]] = [
    {"parse": {"as": "JSONL"}},
    {"filter": {"minCharacters": 40, "maxCharacters": 200_000, "minAlphanumericPercent": 40}},
    {"redact": {"kinds": ["Email", "IPAddress"]}},
    {"deduplicate": {"method": "MinHash", "similarityPercent": 85}},
]
"""What datatrove has too. It knows no secrets, so none are looked for; bench/datatrove_side.py has the same filter."""


@dataclass(frozen=True)
class Run:
    """What one side used, and how many rows it left."""

    used: Used
    kept: int

    def figures(self, rows: int) -> dict[str, float]:
        """Return rows per second, of the rows that went in, and peak memory."""
        return {"rows_per_s": round(rows / self.used.seconds, 1), "peak_mib": round(self.used.peak_mib, 1)}


def main() -> None:
    """Collect a corpus, run both sides on it, and publish what they took."""
    parser = argparse.ArgumentParser(prog="python -m bench.data", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200, help="size of the corpus (10^6 bytes, default 200)")
    given = parser.parse_args()
    folder = report.REPOSITORY / "out" / "bench" / "data"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    python = python_with_datatrove()
    places = [*corpus.roots(), *sorted((python.parents[1] / "lib").glob("python3*/site-packages"))]
    text = corpus.collect(folder / "store" / "bench" / "raw", given.megabytes * 10**6, places)
    say(f"{text.rows} documents, {text.bytes / 1e6:.0f} MB of text")
    cores = len(os.sched_getaffinity(0))
    ours = slipway(text, folder, cores)
    say(f"Slipway: {ours.used.seconds:.1f} s, {ours.used.peak_mib:.0f} MiB, {ours.kept} rows left")
    theirs = datatrove(text, folder, cores, python)
    say(f"datatrove: {theirs.used.seconds:.1f} s, {theirs.used.peak_mib:.0f} MiB, {theirs.kept} rows left")
    shutil.rmtree(folder)
    publish(text, ours, theirs, cores)


def slipway(text: Corpus, folder: Path, cores: int) -> Run:
    """Run the data image's own program, as in a pod, on a store in a folder."""
    store = folder / "store"
    job = {
        "type": "PrepareDataset",
        "namespace": "bench",
        "name": "data",
        "store": {"endpoint": f"file://{store}", "bucket": "bench"},
        "source": {"objectStore": {"uri": "s3://bench/raw/"}},
        "schema": "Completion",
        "steps": STEPS,
        "split": {"groupBy": "Row"},
        "quality": {"maxRejectedPercent": 100},
    }
    (folder / "job.json").write_text(json.dumps(job))
    scratch = folder / "scratch"
    scratch.mkdir()
    environment = os.environ | {
        "SLIPWAY_JOB": str(folder / "job.json"),
        "SLIPWAY_TERMINATION_LOG": str(folder / "result.json"),
        "OMP_NUM_THREADS": str(cores),
        "TMPDIR": str(scratch),
    }
    used = measured([sys.executable, "-m", "slipway_data"], folder / "slipway.log", environment, LIMIT_SECONDS)
    rows = json.loads((folder / "result.json").read_text())["rows"]
    return Run(used, rows["train"] + rows["validation"] + rows["test"])


def datatrove(text: Corpus, folder: Path, cores: int, python: Path) -> Run:
    """Run datatrove's passes, with as many processes as there are cores."""
    work = folder / "datatrove"
    work.mkdir()
    command = [str(python), str(SIDE), str(text.folder), str(work), str(cores)]
    used = measured(command, folder / "datatrove.log", os.environ, LIMIT_SECONDS)
    return Run(used, int(json.loads((work / "result.json").read_text())["rows"]))


def publish(text: Corpus, ours: Run, theirs: Run, cores: int) -> None:
    """Write the table and print the figures as one JSON object, the last line."""
    rows = [
        report.Row("Seconds", ours.used.seconds, [theirs.used.seconds], f"{GOAL} times ahead"),
        report.Row("Peak memory, MiB", ours.used.peak_mib, [theirs.used.peak_mib]),
    ]
    of = f"{text.rows} documents, {text.bytes / 1e6:.0f} MB; {cores} processes each"
    left = f"Rows left: Slipway {ours.kept}, datatrove {theirs.kept}."
    words = f"{report.table(['datatrove'], rows)}\n\nOn {report.machine()}. {of}. {left}"
    result: Mapping[str, Any] = {
        **ours.figures(text.rows),
        "datatrove": theirs.figures(text.rows),
        "ratio": round(theirs.used.seconds / ours.used.seconds, 2),
        "rows": text.rows,
        "megabytes": round(text.bytes / 1e6, 1),
        "kept": {"slipway": ours.kept, "datatrove": theirs.kept},
    }
    report.publish("bench-data", words, result)


def python_with_datatrove() -> Path:
    """Return the interpreter of an environment of its own, made from its lock where it is missing."""

    def make(folder: Path) -> None:
        say("making the environment with datatrove (about a minute, cached afterwards) ...")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        uv = Path(sys.executable).with_name("uv")
        python = str(folder / "bin" / "python")
        command = [str(uv), "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(LOCK)]
        subprocess.run(command, env=os.environ | {"UV_CACHE_DIR": str(cache.root() / "uv")}, check=True)

    return cache.stored("venv-datatrove", cache.content_key(LOCK), make) / "bin" / "python"


if __name__ == "__main__":
    main()
