"""How does datatrove filter, redact and deduplicate? Run by an interpreter that has it: CORPUS WORK WORKERS.

As its own example does it, with what is fastest of what it offers: xxHash, the filtered text written once in the pass
that draws the signatures, no compression between passes. 16 buckets of 8 hashes are what Slipway uses at 85 percent.
"""

# mypy: ignore-errors

from __future__ import annotations

import json
import sys
from pathlib import Path

BUCKETS, HASHES = 16, 8


def wanted(document: object) -> bool:
    """Tell what `filter: {minCharacters: 40, maxCharacters: 200000, minAlphanumericPercent: 40}` keeps."""
    text = document.text
    if not 40 <= len(text) <= 200_000:
        return False
    shown = "".join(text.split())
    return sum(map(str.isalnum, shown)) * 100 >= 40 * len(shown)


def main(corpus: str, work: str, workers: int) -> None:
    """Run the passes over `corpus` and print how many documents are left."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
    )
    from datatrove.pipeline.filters import LambdaFilter
    from datatrove.pipeline.formatters import PIIFormatter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.hashing import HashConfig
    from datatrove.utils.typeshelper import Languages

    tasks = len(list(Path(corpus).glob("*.jsonl")))
    config = MinhashConfig(
        n_grams=5,
        num_buckets=BUCKETS,
        hashes_per_bucket=HASHES,
        hash_config=HashConfig(precision=64, hash_fc="xxhash"),
    )

    def run(name: str, count: int, *steps: object) -> None:
        executor = LocalPipelineExecutor(
            pipeline=list(steps), tasks=count, workers=workers, logging_dir=f"{work}/logs/{name}", skip_completed=False
        )
        executor.run()

    run(
        "signatures",
        tasks,
        JsonlReader(corpus, text_key="completion", id_key="prompt"),
        LambdaFilter(wanted),
        PIIFormatter(remove_emails=True, remove_ips=True, only_remove_public_ips=False),
        JsonlWriter(f"{work}/filtered", output_filename="${rank}.jsonl", compression=None),
        MinhashDedupSignature(output_folder=f"{work}/signatures", config=config, language=Languages.english),
    )
    run(
        "buckets",
        BUCKETS,
        MinhashDedupBuckets(input_folder=f"{work}/signatures", output_folder=f"{work}/buckets", config=config),
    )
    run(
        "clusters",
        1,
        MinhashDedupCluster(input_folder=f"{work}/buckets", output_folder=f"{work}/removed", config=config),
    )
    run(
        "filter",
        tasks,
        JsonlReader(f"{work}/filtered"),
        MinhashDedupFilter(input_folder=f"{work}/removed"),
        JsonlWriter(f"{work}/kept", output_filename="${rank}.jsonl", compression=None),
    )
    kept = sum(1 for file in Path(f"{work}/kept").glob("*.jsonl") for _ in file.open("rb"))
    Path(f"{work}/result.json").write_text(json.dumps({"rows": kept}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
