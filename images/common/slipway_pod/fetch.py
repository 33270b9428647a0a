"""How do artefacts get into a serving pod before its engine starts?"""

from __future__ import annotations

from pathlib import Path

from slipway.contract.job import Fetch
from slipway_pod import artifact, run, trust


def fetch(job: Fetch) -> None:
    """Bring every artefact of `job` to its folder, signatures checked where they are demanded, digests always."""
    trust.to_serve(job)
    for item in job.items:
        artifact.fetch(item.artifact, Path(item.target), job.store)


if __name__ == "__main__":
    run.main(fetch, Fetch)
