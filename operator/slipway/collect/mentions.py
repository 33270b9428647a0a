"""What do the objects of a cluster mention?

Every address and every digest in them counts, wherever it stands: a field that this release does not know, or a message
that tells where an artefact lies, keeps it as well as `spec.artifact` does. So nothing is lost by reading too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from slipway.api.trainingjob_status import ENDED
from slipway.contract.garbage import InUse
from slipway.plan import Manifest

KINDS: Final = ("Dataset", "TrainingJob", "ModelVersion", "Rollout", "ControllerRevision")
"""Whatever may name an artefact. A ControllerRevision is what a Rollout keeps of a revision that it may return to."""
REVISIONS: Final = ("stable", "candidate")
"""Of a Rollout's status. Its history, and what it remembers of versions that failed, keep nothing."""

_URI = re.compile(r"s3://[^\s\"'`,;()<>]+")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def in_use(objects: Iterable[Manifest], now: str) -> InUse:
    """Return what `objects` mention, as of `now`."""
    uris: set[str] = set()
    digests: set[str] = set()
    datasets: set[str] = set()
    unfinished: list[str] = []
    count = 0
    for found in objects:
        count += 1
        for text in _texts(_relevant(found)):
            uris.update(_URI.findall(text))
            digests.update(_DIGEST.findall(text))
        if found["kind"] == "Dataset":
            datasets.add(f"{found['metadata']['namespace']}/{found['metadata']['name']}")
        if found["kind"] == "TrainingJob" and (found.get("status") or {}).get("state") not in ENDED:
            unfinished.append(str(found["metadata"]["creationTimestamp"]))
    return InUse(
        read=now,
        objects=count,
        uris=tuple(sorted(uris)),
        digests=tuple(sorted(digests)),
        datasets=tuple(sorted(datasets)),
        unfinished_since=min(unfinished, default=None),
    )


def _relevant(found: Manifest) -> Any:
    if found["kind"] != "Rollout":
        return [found.get("spec"), found.get("status"), found.get("data")]
    status = found.get("status") or {}
    return [found.get("spec"), *(status.get(name) for name in REVISIONS)]


def _texts(value: Any) -> Iterator[str]:
    """Yield every string in `value` (JSON)."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
