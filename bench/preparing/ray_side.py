"""What does Ray Data make of the plan? `python -m bench.preparing.ray_side PLAN TEXT OUT`

Run by a Python that has Ray; no cluster: it starts one of its own on as many cores as the plan says. The filter, the
redaction and the signatures are Slipway's functions in map_batches. Equal bands come together in the driver: they are a
few bytes a row, and the processes that a groupby starts were seen to take longer than the work. Cleaned rows lie on
disk between, as with datatrove. The last line is one JSON object: seconds, and the folder of the rows kept.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.data

from bench.preparing.cleaned import bands, cleaned
from bench.preparing.clusters import superfluous
from bench.preparing.plan import Plan

BATCH_ROWS = 64


def clean(plan: Plan, rows: pa.Table) -> pa.Table:
    """Return the rows that the filter lets through, with private text replaced, and their bands."""
    texts = [cleaned(plan, text) for text in rows["completion"].to_pylist()]
    found = [(id, text) for id, text in zip(rows["id"].to_pylist(), texts, strict=True) if text is not None]
    drawn = [bands(plan, text) for _, text in found]
    columns = [[id for id, _ in found], [text for _, text in found], drawn]
    return pa.table(columns, schema=pa.schema({"id": pa.string(), "text": pa.string(), "bands": pa.list_(pa.int64())}))


def pairs(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield every row that shares a band with one before, beside the first that has it."""
    first: dict[int, str] = {}
    for row in rows:
        for band in row["bands"]:
            if (other := first.setdefault(band, row["id"])) != row["id"]:
                yield row["id"], other


def without(dropped: set[str], rows: pa.Table) -> pa.Table:
    """Return the rows that are not dropped."""
    return rows.filter(pa.array([id not in dropped for id in rows["id"].to_pylist()], pa.bool_()))


def run(plan: Plan, text: Path, out: Path) -> None:
    """Do the plan: the rows kept are in `out/kept`."""
    as_told = {"batch_format": "pyarrow", "batch_size": BATCH_ROWS, "zero_copy_batch": True}
    rows = ray.data.read_json(str(text)).map_batches(partial(clean, plan), **as_told)
    rows.write_parquet(str(out / "clean"))
    drawn = ray.data.read_parquet(str(out / "clean"), columns=["id", "bands"])
    dropped = superfluous(pairs(drawn.iter_rows()))
    whole = ray.data.read_parquet(str(out / "clean"), columns=["id", "text"])
    whole.map_batches(partial(without, dropped), batch_format="pyarrow", batch_size=None).write_parquet(
        str(out / "kept")
    )


def main() -> None:
    """Run the command line."""
    plan, text, out = Plan.read(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
    begun = time.monotonic()
    ray.init(num_cpus=plan.workers, include_dashboard=False, log_to_driver=False, _temp_dir=str(out.parent / "ray"))
    run(plan, text, out)
    print(json.dumps({"seconds": time.monotonic() - begun, "folder": str(out / "kept")}), flush=True)


if __name__ == "__main__":
    main()
