"""What does Slipway's data pod make of the plan? `python -m bench.preparing.slipway_side PLAN STORE`

The pod's own function, whole, on a store that is a folder with the text below slipway/raw; what it publishes is a
Dataset with its report. The last line is one JSON object: seconds, and the folder of the train split.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench.preparing.plan import Plan
from slipway.contract.job import PrepareDataset
from slipway.contract.result import Prepared

BUCKET = "slipway"


def job(plan: Plan, store: Path) -> PrepareDataset:
    """Return the job that does `plan` on a store in `store`."""
    shape = {
        "minCharacters": plan.min_characters,
        "maxCharacters": plan.max_characters,
        "maxLineCharacters": plan.max_line_characters,
        "minAlphanumericPercent": plan.min_alphanumeric_percent,
    }
    return PrepareDataset.model_validate(
        {
            "namespace": "bench",
            "name": "text",
            "store": {"endpoint": f"file://{store}", "bucket": BUCKET},
            "source": {"objectStore": {"uri": f"s3://{BUCKET}/raw/"}},
            "schema": "Completion",
            "steps": [
                {"parse": {"as": "JSONL"}},
                {"filter": shape},
                {"redact": {"kinds": ["Email", "IPAddress"]}},
                {"deduplicate": {"method": "MinHash", "similarityPercent": plan.similarity_percent}},
            ],
            "split": {"trainPercent": 100, "validationPercent": 0, "testPercent": 0},
            # What the filter leaves out is what was asked for.
            "quality": {"maxRejectedPercent": 100},
        }
    )


def main() -> None:
    """Run the command line."""
    # Here, since worker processes read this module too, and those of the pod read nothing but their own work.
    from slipway_data.prepare import prepare

    store = Path(sys.argv[2])
    told = job(Plan.read(Path(sys.argv[1])), store)
    begun = time.monotonic()
    result = prepare(told)
    seconds = time.monotonic() - begun
    assert isinstance(result, Prepared)
    print(json.dumps({"seconds": seconds, "folder": str(store / result.artifact.uri.removeprefix("s3://") / "train")}))


if __name__ == "__main__":
    main()
