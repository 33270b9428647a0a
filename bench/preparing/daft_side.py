"""What does Daft make of the plan? `python -m bench.preparing.daft_side PLAN TEXT OUT`

Run by a Python that has Daft. The filter and the redaction are Slipway's functions, as a function of Daft's in
processes of its own; words are set apart by the plan's pattern, signatures, bands and groups are Daft's own. Cleaned
rows lie on disk between, as with datatrove; the clusters of connected rows are found here. The last line is one JSON
object: seconds, and the folder of the rows kept.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import daft
from daft import DataType, Expression, col, lit
from daft.functions import chunk, list_count, minhash

from bench.preparing.cleaned import cleaned
from bench.preparing.clusters import superfluous
from bench.preparing.plan import Plan


def clean(plan: Plan, text: Expression) -> Expression:
    """Return texts after the filter and the redaction, null where left out: as many processes as the plan says."""

    @daft.cls(use_process=True, max_concurrency=plan.workers)
    class Cleaner:
        @daft.method(return_dtype=DataType.string())  # type: ignore[untyped-decorator]
        def __call__(self, text: str) -> str | None:
            return cleaned(plan, text)

    return Cleaner()(text)


def signature(plan: Plan, text: Expression) -> Expression:
    """Return the signatures of texts: Daft takes for a word what is between two spaces."""
    apart = text.regexp_replace(r"([^\w\s])", " $1 ").regexp_replace(r"\s+", " ")
    hashes = plan.peer_bands * plan.peer_band_size
    return minhash(apart, num_hashes=hashes, ngram_size=plan.words, hash_function="xxhash")


def run(plan: Plan, text: Path, out: Path) -> None:
    """Do the plan: the rows kept are in `out/kept`."""
    rows = daft.read_json(f"{text}/*.jsonl").select("id", clean(plan, col("completion")).alias("text"))
    rows = rows.where(col("text").not_null()).with_column("drawn", signature(plan, col("text")))
    rows.write_parquet(str(out / "clean"))
    drawn = daft.read_parquet(f"{out}/clean/*.parquet")
    bands = drawn.select("id", chunk(col("drawn"), plan.peer_band_size).alias("band"))
    bands = bands.with_column("place", lit(list(range(plan.peer_bands)))).explode("band", "place")
    found = bands.groupby("place", "band").agg(col("id").min().alias("one"), col("id").list_agg().alias("other"))
    found = found.select("one", "other").where(list_count(col("other")) > 1).explode("other").distinct()
    told = found.to_pydict()
    dropped = superfluous(zip(told["one"], told["other"], strict=True))
    lost = daft.from_pydict({"id": sorted(dropped)})
    drawn.select("id", "text").join(lost, on="id", how="anti").write_parquet(str(out / "kept"))


def main() -> None:
    """Run the command line."""
    plan, text, out = Plan.read(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
    begun = time.monotonic()
    run(plan, text, out)
    print(json.dumps({"seconds": time.monotonic() - begun, "folder": str(out / "kept")}), flush=True)


if __name__ == "__main__":
    main()
