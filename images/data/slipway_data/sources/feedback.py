"""Which files of records are there on a model's answers?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from slipway.api.dataset_feedback import FeedbackSource
from slipway.contract import feedback
from slipway.contract.job import PrepareDataset
from slipway_data.raw import RawFile
from slipway_pod.errors import BadData
from slipway_pod.store import open_uri


def files(source: FeedbackSource, job: PrepareDataset) -> Iterator[RawFile]:
    """Yield the files of `source`; raise BadData (NoFiles) when there are none."""
    uri = source.uri or feedback.folder(job.store, job.namespace, source.model or "")
    bucket, prefix = open_uri(job.store, uri)
    count = 0
    for stored in bucket.list(prefix):
        if stored.key.endswith((".jsonl", ".jsonl.gz")):
            count += 1
            path = stored.key.removeprefix(prefix)
            yield RawFile(path, partial(bucket.stream, stored.key, stored.bytes), stored.identity)
    if not count:
        raise BadData(
            "NoFiles",
            f"source.feedback: no file *.jsonl or *.jsonl.gz lies below {uri}: let the application write what users "
            "say there, or correct model or uri",
        )
